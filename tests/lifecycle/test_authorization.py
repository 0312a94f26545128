"""The code flow's decisions without HTTP; over HTTP they are tested in tests/server/oauth/test_authorize.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import URIS
from tests.server.oauth.test_authorize import HOSTILE
from watchword.app import Watchword
from watchword.codec.oidc import challenge_of
from watchword.codec.passwords.hashing import Cost
from watchword.lifecycle.authorization import Ask, Granted, Refusal, fresh_enough, judged, registered
from watchword.lifecycle.families import Families
from watchword.model.credential import Credential, Kind, State
from watchword.model.verdict import Principal, Rejection

KNOWN = ("https://app.example/cb", "http://127.0.0.1/native", "http://[::1]:8080/v6", "com.example.app:/cb")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CLIENT = Credential(
    "cli_x",
    Kind.OAUTH_CLIENT,
    "service:app",
    1,
    scopes=frozenset({"a", "b"}),
    detail={"client_id": "cli_x", "grants": ["authorization_code"], "redirect_uris": list(KNOWN), "first_party": True},
)
FIELDS = {
    "client_id": "cli_x",
    "redirect_uri": KNOWN[0],
    "response_type": "code",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


def test_registered_redirect_uris() -> None:
    for uri in (*KNOWN, "http://127.0.0.1:1/native", "http://127.0.0.1:65535/native", "http://[::1]/v6"):
        assert registered(uri, KNOWN), uri
    for uri in (*HOSTILE, *URIS):
        assert not registered(uri, KNOWN), uri


@pytest.mark.parametrize("extra", [{}, {"prompt": "none"}, {"scope": "no such"}, {"response_type": "x"}], ids=str)
def test_cve_2026_7504_no_answer_goes_to_a_hostile_place(extra: dict[str, str]) -> None:
    assert len(set(URIS)) > 150
    for uri in URIS:
        found = judged({**FIELDS, **extra, "redirect_uri": uri}, CLIENT, "https://api.example", 10.0)
        assert found == Refusal("invalid_redirect_uri", "the redirect URI is not one of this client's"), uri


@given(st.text(max_size=60))
def test_nothing_else_is_registered(uri: str) -> None:
    assert registered(uri, KNOWN) is (uri in KNOWN)


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "scope", "state", "nonce", "prompt", "max_age"]), st.text(max_size=50))
)
def test_no_request_breaks_and_none_leads_elsewhere(change: dict[str, str]) -> None:
    found = judged({**FIELDS, **change}, CLIENT, "https://api.example", 10.0)
    assert found.redirect_uri in ("", KNOWN[0])
    if isinstance(found, Ask):
        assert found.redirect_uri


def test_without_a_scope_the_client_gets_its_own() -> None:
    found = judged(FIELDS, CLIENT, "https://api.example", 10.0)
    assert isinstance(found, Ask)
    assert found.scopes == {"a", "b"}


def test_an_expired_client_is_none() -> None:
    from dataclasses import replace

    found = judged(FIELDS, replace(CLIENT, expires_at=5), "https://api.example", 10.0)
    assert isinstance(found, Refusal)
    assert found.redirect_uri == ""


@pytest.mark.parametrize(
    ("ask", "at", "asked_at", "fresh"),
    [
        ({}, 0, None, True),
        ({"max_age": "10"}, 95, None, True),
        ({"max_age": "10"}, 80, None, False),
        ({"max_age": "0"}, 99, 99.0, True),
        ({"max_age": "0"}, 99, None, False),
        ({"max_age": "10"}, 80, 90.0, False),
        ({"prompt": "login"}, 99, None, False),
        ({"prompt": "login"}, 99, 99.0, True),
        ({"prompt": "login"}, 98, 99.0, False),
        ({"prompt": "select_account"}, 98, None, False),
        ({"prompt": "login", "max_age": "5"}, 99, 99.0, True),
    ],
)
def test_freshness(ask: dict[str, str], at: float, asked_at: float | None, fresh: bool) -> None:
    found = judged({**FIELDS, **ask}, CLIENT, "https://api.example", 10.0)
    assert isinstance(found, Ask)
    assert fresh_enough(found, at, 100.0, asked_at) is fresh


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
    ask = judged({**FIELDS, "client_id": client.id}, client, "x", house.clock())
    assert isinstance(ask, Ask)
    return await house.authorizations.grant(ask, who), client


def race(url: str) -> None:
    async def work(house: Watchword) -> None:
        code, client = await granted(house)
        redeem = house.authorizations.redeem
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


@pytest.mark.parametrize("order", ["ended, then begun", "listed, begun, ended"])
def test_no_family_survives_that_everything_ends_while_its_code_is_redeemed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    async def work(house: Watchword) -> None:
        code, client = await granted(house)

        async def redeem() -> Granted | Rejection:
            return await house.authorizations.redeem(code, client, KNOWN[0], VERIFIER)

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
