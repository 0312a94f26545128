"""Granting and redeeming codes without HTTP; over HTTP it is tested in tests/server/oauth/test_authorize.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from tests.house import house as house_of
from tests.lifecycle.oauth.grants.stage import Stage, error, members
from tests.lifecycle.oauth.test_asking import FIELDS, KNOWN, VERIFIER
from watchword.app import Watchword
from watchword.codec.passwords.hashing import Cost
from watchword.lifecycle.families import Families
from watchword.lifecycle.oauth.asking import Ask
from watchword.lifecycle.oauth.codes import Granted
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Unavailable
from watchword.model.verdict import Principal, Rejection


def in_house(url: str, work: Callable[[Watchword], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        house = Watchword(url, root_key="A" * 43, password_cost=Cost(memory=64, passes=1))
        await house.start()
        try:
            await work(house)
        finally:
            await house.stop()

    asyncio.run(run())


async def granted(house: Watchword) -> tuple[str, Credential]:
    """Return a code and its client."""
    for name in ("user:alice", "service:app"):
        await house.lifecycle.add_subject(name, by="t")
    options = {"grants": ["authorization_code"], "redirect_uris": [KNOWN[0]], "first_party": True}
    await house.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="t", scopes=("a",), options=options)
    (client,) = await house.store.credentials(kind=Kind.OAUTH_CLIENT)
    session = await house.lifecycle.issue(Kind.SESSION, "user:alice", by="t", scopes=("a",))
    who = Principal("user:alice", "session", session.credential.id, frozenset({"a"}), ("pwd",), 1)
    ask = house.oauth.judge.judge({**FIELDS, "client_id": client.id}, client, house.clock())
    assert isinstance(ask, Ask)
    return await house.oauth.codes.grant(ask, who), client


def race(url: str) -> None:
    async def work(house: Watchword) -> None:
        code, client = await granted(house)
        redeem = house.oauth.codes.redeem
        found = await asyncio.gather(*(redeem(code, client, KNOWN[0], VERIFIER) for _ in range(100)))
        (won,) = [each for each in found if isinstance(each, Granted)]
        family = await house.lifecycle.show(won.refreshed.family.id)
        assert sum(isinstance(each, Rejection) for each in found) == 99
        assert family.state(house.clock()) is State.REVOKED

    in_house(url, work)


def test_100_uses_have_one_winner_whose_family_ends_sqlite(tmp_path: Path) -> None:
    race(f"sqlite:///{tmp_path}/w.db")


@pytest.mark.postgres
def test_100_uses_have_one_winner_whose_family_ends_postgresql(postgres_url: str) -> None:
    race(postgres_url)


def test_must_4_a_replay_before_there_is_a_family_ends_it_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever replays finds nothing to revoke yet: the first use looks for word of them once it has written."""

    async def work(house: Watchword) -> None:
        code, client = await granted(house)
        begin = house.families.start

        async def late(*given: Any, **more: Any) -> Any:
            assert isinstance(await house.oauth.codes.redeem(code, client, KNOWN[0], VERIFIER), Rejection)
            return await begin(*given, **more)

        monkeypatch.setattr(Families, "start", lambda _, *given, **more: late(*given, **more))
        await house.oauth.codes.redeem(code, client, KNOWN[0], VERIFIER)
        (family,) = await house.store.credentials(kind=Kind.REFRESH)
        assert family.state(house.clock()) is State.REVOKED

    in_house(f"sqlite:///{tmp_path}/w.db", work)


@pytest.mark.parametrize("order", ["ended, then begun", "listed, begun, ended"])
def test_no_family_survives_that_everything_ends_while_its_code_is_redeemed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    async def work(house: Watchword) -> None:
        code, client = await granted(house)

        async def redeem() -> Granted | Rejection:
            return await house.oauth.codes.redeem(code, client, KNOWN[0], VERIFIER)

        if order == "ended, then begun":
            begin = house.families.start

            async def late(*given: Any, **more: Any) -> Any:
                await house.sessions.end_everything("user:alice", by="t")
                return await begin(*given, **more)

            monkeypatch.setattr(Families, "start", lambda _, *given, **more: late(*given, **more))
            found = await redeem()
            assert isinstance(found, Rejection)
            assert found.reason.code == "revoked"
        else:
            commit, calls = house.lifecycle._commit, iter(range(100))

            async def slow(*changes: Any) -> bool:
                if next(calls) == 0:
                    assert isinstance(await redeem(), Granted)
                return await commit(*changes)

            monkeypatch.setattr(house.lifecycle, "_commit", slow)
            await house.sessions.end_everything("user:alice", by="t")
            assert next(calls) > 1
        (family,) = await house.store.credentials(kind=Kind.REFRESH)
        assert family.state(house.clock()) is State.REVOKED

    in_house(f"sqlite:///{tmp_path}/w.db", work)


def test_a_replay_that_could_not_revoke_leaves_it_to_the_next_one() -> None:
    """One of many at once revokes; if that breaks, the code's next use after a moment does."""

    async def work(opened: House) -> None:
        stage = await Stage.of(opened)
        code = await stage.code()
        given = members(await stage.redeemed(code))
        lifecycle = opened.watchword.lifecycle
        revoke, lifecycle.revoke = lifecycle.revoke, broken  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await stage.redeemed(code)
        lifecycle.revoke = revoke  # type: ignore[method-assign]
        opened.clock.now += 6
        assert error(await stage.redeemed(code)) == "invalid_grant"
        assert error(await stage.refreshed(given["refresh_token"])) == "invalid_grant"

    async def run() -> None:
        async with house_of("memory:") as opened:
            await work(opened)

    asyncio.run(run())


async def broken(*_: Any, **__: Any) -> None:
    raise Unavailable("the store is gone")
