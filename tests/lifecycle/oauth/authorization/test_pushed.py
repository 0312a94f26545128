"""Pushed requests without HTTP: RFC 9126."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from watchword.lifecycle.oauth.authorization.pushed import LIFE, PATIENCE, Pushed
from watchword.stores.opening import open_store

FIELDS = {"client_id": "cli_x", "redirect_uri": "https://app.example/cb", "state": "é"}


class Now:
    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def test_rfc9126_2_2_a_request_uri_is_the_clients_and_short_lived() -> None:
    async def run() -> None:
        now = Now()
        store = open_store("memory:", clock=now)
        await store.open()
        pushed = Pushed(store, now)
        uri = await pushed.push("cli_x", FIELDS)
        assert uri.startswith("urn:ietf:params:oauth:request_uri:")
        found = await pushed.look(uri, "cli_x", None)
        assert found is not None
        assert found.fields == FIELDS
        assert await pushed.look(uri, "cli_y", None) is None
        now.at += LIFE - 1
        came = now.at
        assert await pushed.look(uri, "cli_x", None) == found
        now.at += 1
        assert await pushed.look(uri, "cli_x", None) is None  # nobody may come with it any more
        assert await pushed.look(uri, "cli_x", came) == found  # who came in time is logging in
        now.at += PATIENCE
        assert await pushed.look(uri, "cli_x", came) is None
        await store.close()

    asyncio.run(run())


def test_what_is_no_request_uri_of_ours() -> None:
    async def run() -> None:
        store = open_store("memory:")
        await store.open()
        pushed = Pushed(store, lambda: 1_000_000.0)
        uri = await pushed.push("cli_x", FIELDS)
        for other in ("", uri[:-1], uri + "x", uri.upper(), uri.removeprefix("urn:"), "https://evil.example/request"):
            assert await pushed.look(other, "cli_x", None) is None
            assert await pushed.take(other) is False
        await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/w.db"])
def test_rfc9126_4_one_answer_of_a_hundred_spends_it(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        store = open_store(url.format(tmp_path))
        await store.open()
        import time

        pushed = Pushed(store, time.time)
        uri = await pushed.push("cli_x", FIELDS)
        won = await asyncio.gather(*(pushed.take(uri) for _ in range(100)))
        assert sum(won) == 1
        assert await pushed.look(uri, "cli_x", None) is None
        await store.close()

    asyncio.run(run())
