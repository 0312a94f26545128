"""What people let applications do, and take back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from watchword.app import Watchword
from watchword.codec.passwords.hashing import Cost
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.authorization.consents import Consents, Wish, assured, covers
from watchword.model.credential import Credential, Kind, State
from watchword.model.verdict import Principal

READ, BOTH = frozenset({"orders:read"}), frozenset({"orders:read", "orders:write"})


def a_client(**detail: Any) -> Credential:
    given = {"client_id": "cli_x", "client_name": "Tally", **detail}
    return Credential("cli_x", Kind.OAUTH_CLIENT, "service:app", 1, detail=given)


def in_house(work: Callable[[Watchword, Consents], Coroutine[Any, Any, None]], url: str = "memory:") -> None:
    async def run() -> None:
        house = Watchword(url, root_key="A" * 43, password_cost=Cost(memory=64, passes=1))
        await house.start()
        try:
            await house.lifecycle.add_subject("user:alice", by="t")
            await house.lifecycle.add_subject("user:bob", by="t")
            await work(house, Consents(house.store, house.lifecycle, clock=house.clock))
        finally:
            await house.stop()

    asyncio.run(run())


def test_a_consent_is_remembered_for_one_person_one_client_and_its_scopes() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        client = a_client()
        assert await consents.of("user:alice", "cli_x") is None
        given = await consents.give("user:alice", client, Wish(READ), by="user:alice")
        assert given.id.startswith("cns_")
        held = await consents.of("user:alice", "cli_x")
        assert held == given
        assert await consents.of("user:bob", "cli_x") is None
        assert await consents.of("user:alice", "cli_y") is None
        assert covers(held, Wish(READ))
        assert covers(held, Wish(frozenset()))
        assert not covers(held, Wish(BOTH))
        assert not covers(held, Wish(READ, ("https://api.example",)))
        assert not covers(held, Wish(READ, (), ({"type": "payment"},)))
        assert not covers(None, Wish(frozenset()))

    in_house(work)


def test_more_is_added_and_what_was_declined_is_not_asked_again() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        client = a_client()
        first = await consents.give("user:alice", client, Wish(READ), declined={"orders:write"}, by="user:alice")
        assert covers(first, Wish(BOTH))
        assert first.scopes == READ
        more = await consents.give("user:alice", client, Wish(BOTH, ("https://api.example",)), by="user:alice")
        assert (more.id, more.scopes, more.detail["declined"]) == (first.id, BOTH, [])
        assert covers(more, Wish(READ, ("https://api.example",)))
        (view,) = await consents.listed("user:alice")
        assert (view.id, view.client, view.name) == (first.id, "cli_x", "Tally")
        assert view.scopes == ("orders:read", "orders:write")

    in_house(work)


def test_what_is_agreed_to_is_for_one_resource_at_a_time() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        client, api, other = a_client(), ("https://api.example",), ("https://other.example",)
        await consents.give("user:alice", client, Wish(READ, api), by="user:alice")
        given = await consents.give("user:alice", client, Wish(BOTH - READ, other), by="user:alice")
        assert covers(given, Wish(READ, api))
        assert covers(given, Wish(BOTH - READ, other))
        for wish in (Wish(BOTH, api), Wish(READ, other), Wish(READ, api + other), Wish(READ), Wish(frozenset())):
            assert not covers(given, wish), wish
        (view,) = await consents.listed("user:alice")
        assert view.resources == api + other

    in_house(work)


def test_what_is_declined_later_is_allowed_no_more() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        client, api = a_client(), ("https://api.example",)
        await consents.give("user:alice", client, Wish(BOTH, api), by="user:alice")
        await consents.give("user:alice", client, Wish(BOTH), by="user:alice")
        less = await consents.give("user:alice", client, Wish(READ), declined=BOTH - READ, by="user:alice")
        assert less.scopes == READ
        assert covers(less, Wish(BOTH))  # as before: nobody is asked for it each time
        assert covers(less, Wish(BOTH, api))
        assert not covers(less, Wish(BOTH - READ))  # but nobody gets a token for nothing
        again = await consents.give("user:alice", client, Wish(BOTH), by="user:alice")
        assert (again.id, again.scopes) == (less.id, BOTH)
        assert not covers(again, Wish(BOTH, api))

    in_house(work)


def test_100_givers_leave_one_consent(tmp_path: Path) -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        async def give(number: int) -> Credential | None:
            try:
                return await consents.give("user:alice", a_client(), Wish(frozenset({f"s{number}"})), by="user:alice")
            except LifecycleError:  # kept changing: nothing was given, and that is said
                return None

        given = [each for each in await asyncio.gather(*(give(each) for each in range(100))) if each]
        (kept,) = await house.store.credentials(kind=Kind.CONSENT)
        assert given
        assert {each.id for each in given} == {kept.id}
        assert kept.scopes == frozenset().union(*(each.scopes for each in given))

    in_house(work, f"sqlite:///{tmp_path}/w.db")


async def begun(house: Watchword, subject: str, client: str) -> str:
    who = Principal(subject, "session", "", READ, ("pwd",), 1)
    return (await house.families.start(who, by=client, more={"client": client})).family.id


def test_must_7_withdrawing_ends_what_the_client_has_of_this_person_and_nothing_else() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        given = await consents.give("user:alice", a_client(), Wish(READ), by="user:alice")
        mine = [await begun(house, "user:alice", "cli_x") for _ in range(3)]
        others = [await begun(house, "user:alice", "cli_y"), await begun(house, "user:bob", "cli_x")]
        with pytest.raises(LifecycleError):
            await consents.withdraw(given.id, subject="user:bob", by="user:bob")
        with pytest.raises(LifecycleError):
            await consents.withdraw(mine[0], subject="user:alice", by="user:alice")
        await consents.withdraw(given.id, subject="user:alice", by="user:alice")
        await consents.withdraw(given.id, subject="user:alice", by="user:alice")  # again: nothing more happens
        now = house.clock()
        reading = house.watch.sync(now)
        if reading is not None:
            await reading
        for id in mine:
            assert (await house.lifecycle.show(id)).state(now) is State.REVOKED
            assert house.revocations.token_void("jti", "user:alice", now, id)
        for id in others:
            assert (await house.lifecycle.show(id)).state(now) is State.ACTIVE
        assert await consents.of("user:alice", "cli_x") is None
        assert await consents.listed("user:alice") == []

    in_house(work)


def test_after_a_withdrawal_another_consent_can_be_given() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        first = await consents.give("user:alice", a_client(), Wish(BOTH), by="user:alice")
        await house.lifecycle.revoke(first.id, reason="test", by="operator")
        second = await consents.give("user:alice", a_client(), Wish(READ), by="user:alice")
        assert second.id != first.id
        assert second.scopes == READ  # nothing is left of the first
        assert await consents.of("user:alice", "cli_x") == second

    in_house(work)


def test_the_last_use_is_the_last_of_its_tokens() -> None:
    async def work(house: Watchword, consents: Consents) -> None:
        given = await consents.give("user:alice", a_client(), Wish(READ), by="user:alice")
        family = await begun(house, "user:alice", "cli_x")
        await house.store.used({family: given.created_at + 500})
        (view,) = await consents.listed("user:alice")
        assert view.last_used_at == given.created_at + 500

    in_house(work)


@pytest.mark.parametrize(
    ("detail", "uri", "sure"),
    [
        ({"public": False}, "http://127.0.0.1/cb", True),
        ({"public": True}, "https://app.example/cb", True),
        ({"public": True}, "http://127.0.0.1:4711/cb", False),
        ({"public": True}, "http://[::1]/cb", False),
        ({"public": True}, "com.example.app:/cb", False),
        ({"auth_method": "none"}, "com.example.app:/cb", False),
        ({"auth_method": "private_key_jwt"}, "com.example.app:/cb", True),
    ],
    ids=str,
)
def test_rfc8252_8_6_whom_an_answer_reaches(detail: dict[str, Any], uri: str, sure: bool) -> None:
    client = a_client()
    assert assured(replace(client, detail={**client.detail, **detail}), uri) is sure
