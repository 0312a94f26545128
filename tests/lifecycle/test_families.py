"""Refresh token families: one winner, reuse ends all, strangers end nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house import House, bearing, house, reason
from watchword import Allow, Deny, Principal, Rejection, Watchword, run_sync
from watchword.codec.secrets import new_root_key, new_secret
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.authorization.consents import Wish
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Swap
from watchword.model.verdict import Rate

WHO = Principal("user:alice", "session", "ses_1", frozenset({"a", "b"}), ("pwd", "otp"), 1000)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"


def play(test: Callable[[House], Coroutine[Any, Any, None]], url: str = "memory:", **options: Any) -> None:
    async def run() -> None:
        async with house(url, root_key=new_root_key(), **options) as opened:
            await opened.watchword.lifecycle.add_subject("user:alice", by="x")
            await test(opened)

    asyncio.run(run())


def won(outcome: Refreshed | Rejection) -> Refreshed:
    assert isinstance(outcome, Refreshed), outcome
    return outcome


def test_each_use_gives_the_next_token(url: str) -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        current = await families.start(WHO, by="user:alice", scopes=["a"])
        first = current.family
        seen = {current.token}
        for generation in range(1, 6):
            opened.clock.now += 10
            current = won(await families.redeem(current.token))
            assert (current.family.id, current.family.scopes) == (first.id, frozenset({"a"}))
            assert current.family.detail["generation"] == generation
            assert current.family.expires_at == first.expires_at  # the end does not move
            seen.add(current.token)
        assert len(seen) == 6
        assert current.token not in repr(current)

    play(test, url)


def test_must_6_cve_2026_1035_a_hundred_concurrent_uses_have_one_winner(url: str) -> None:
    async def test(opened: House) -> None:
        token = (await opened.watchword.families.start(WHO, by="x")).token
        barrier = Barrier(10)

        def run(_: int) -> list[Refreshed | Rejection]:
            barrier.wait(10)
            return [run_sync(opened.watchword.families.redeem(token)) for _ in range(10)]

        with ThreadPoolExecutor(10) as pool:
            outcomes = [each for share in pool.map(run, range(10)) for each in share]
        winners = [each for each in outcomes if isinstance(each, Refreshed)]
        assert len(winners) == 1
        assert {reason(each) for each in outcomes if isinstance(each, Rejection)} == {"replayed"}
        second = won(await opened.watchword.families.redeem(winners[0].token))  # the race did no harm
        assert reason(await opened.watchword.families.redeem(token)) == "replayed"
        assert reason(await opened.watchword.families.redeem(second.token)) == "revoked"

    play(test, url)


def test_must_6_an_ancestor_used_again_ends_the_family_and_its_tokens(url: str) -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        start = await families.start(WHO, by="x")
        second = won(await families.redeem(start.token))
        third = won(await families.redeem(second.token))
        access = bearing(b"Bearer " + opened.watchword.tokens.for_family(third.family).text.encode())
        assert isinstance(await opened.decide("jwt", access), Allow)
        assert reason(await families.redeem(start.token)) == "replayed"
        assert reason(await families.redeem(third.token)) == "revoked"
        assert reason(await opened.decide("jwt", access)) == "revoked"
        acts = [e.action for e in await opened.events() if e.credential == start.family.id and e.action != "decide"]
        assert acts == ["issue", "refresh", "refresh", "revoke"]

    play(test, url)


def test_a_stranger_cannot_end_a_family() -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        current = won(await families.redeem((await families.start(WHO, by="x")).token))
        family, proof, _, _ = current.token.split(".")
        other = (await families.start(WHO, by="x")).token
        for forged in (
            f"{family}.{new_secret('')}.0.{new_secret('')}",
            f"{family}.{other.split('.')[1]}.0.{new_secret('')}",
            f"{family}..0.{new_secret('')}",
            f"{family}.{proof}.9.{new_secret('')}",
            f"{family}.{proof}.1.{new_secret('')}",
            f"rt_{new_secret('')}.{proof}.0.{new_secret('')}",
        ):
            assert reason(await families.redeem(forged)) == "unknown_credential"
        assert isinstance(await families.redeem(current.token), Refreshed)

    play(test)


def test_cve_2026_27840_no_prefix_of_a_token_is_one() -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        token = (await families.start(WHO, by="x")).token
        for cut in range(len(token)):
            assert isinstance(await families.redeem(token[:cut]), Rejection)
        for more in ("0", " ", "\n", ".x", "\0"):
            assert isinstance(await families.redeem(token + more), Rejection)
        assert isinstance(await families.redeem(token), Refreshed)

    play(test)


@given(st.text(max_size=300))
def test_any_text_is_refused_and_breaks_nothing(text: str) -> None:
    async def run() -> None:
        assert isinstance(await families.redeem(text), Rejection)
        assert await families.holder(text) is None

    families = Watchword(inline=True).families
    run_sync(run())


@pytest.mark.parametrize("spoilt", ["\ud800", "é", "\0", "🔑"])
def test_hostile_characters_beside_a_real_family_break_nothing(spoilt: str) -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        token = (await families.start(WHO, by="x")).token
        parts = token.split(".")
        for place in range(4):
            changed = ".".join(spoilt if number == place else part for number, part in enumerate(parts))
            assert isinstance(await families.redeem(changed), Rejection)
            assert isinstance(await families.redeem(token + spoilt), Rejection)
            assert await families.holder(changed) is None or place > 1
        assert isinstance(await families.redeem(token), Refreshed)

    play(test)


def test_a_client_that_lost_the_answer_gets_the_same_one_again(url: str) -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        start = await families.start(WHO, by="x")
        second = won(await families.redeem(start.token))
        for age in (2.0, 2.5, 4.9):
            opened.clock.now = float(second.family.detail["rotated_at"]) + age
            again = won(await families.redeem(start.token))
            assert again.token == second.token
            assert again.family.version == second.family.version
        third = won(await families.redeem(second.token))
        assert third.token != second.token
        acts = [(e.action, e.detail) for e in await opened.events() if e.credential == start.family.id]
        assert acts == [("issue", ""), ("refresh", ""), *[("refresh", "the same successor again")] * 3, ("refresh", "")]

    play(test, url, refresh_grace=5.0)


def test_who_comes_within_two_seconds_of_the_winner_is_told_to_come_again(url: str) -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        start = await families.start(WHO, by="x")
        second = won(await families.redeem(start.token))
        for age in (-0.5, 0.0, 1.99):
            opened.clock.now = float(second.family.detail["rotated_at"]) + age
            loser = await families.redeem(start.token)
            assert reason(loser) == "replayed"
            assert isinstance(loser, Rejection)
            assert loser.headers == ((b"retry-after", b"2"),)
        opened.clock.now += 1
        assert won(await families.redeem(start.token)).token == second.token

    play(test, url, refresh_grace=5.0)


def test_after_the_grace_the_predecessor_ends_the_family(url: str) -> None:
    async def test(opened: House) -> None:
        for age in (5.0, 60.0, -5.1):  # the last: a clock that was set back
            start = await opened.watchword.families.start(WHO, by="x")
            newest = won(await opened.watchword.families.redeem(start.token))
            opened.clock.now += age
            assert reason(await opened.watchword.families.redeem(start.token)) == "replayed"
            assert reason(await opened.watchword.families.redeem(newest.token)) == "revoked"

    play(test, url, refresh_grace=5.0)


def test_must_6_dot_1617_a_grandparent_has_no_grace() -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        start = await families.start(WHO, by="x")
        second = won(await families.redeem(start.token))
        third = won(await families.redeem(second.token))
        opened.clock.now += 2  # the grace of both has not ended
        assert reason(await families.redeem(start.token)) == "replayed"
        assert reason(await families.redeem(third.token)) == "revoked"
        assert reason(await families.redeem(second.token)) == "revoked"

    play(test, refresh_grace=5.0)


def test_must_6_dot_1816_a_grace_revives_nothing() -> None:
    async def test(opened: House) -> None:
        families, lifecycle = opened.watchword.families, opened.watchword.lifecycle

        async def rotated(**more: Any) -> tuple[str, str, str]:
            start = await families.start(WHO, by="x", **more)
            second = won(await families.redeem(start.token))
            opened.clock.now += 2
            assert won(await families.redeem(start.token)).token == second.token
            return start.family.id, start.token, second.token

        family, before, after = await rotated()
        await lifecycle.revoke(family, reason="logged out", by="x")
        assert reason(await families.redeem(before)) == "revoked"
        assert reason(await families.redeem(after)) == "revoked"

        login = await opened.issue(Kind.PASSWORD, "user:alice", options={"password": "correct horse battery staple"})
        _, before, after = await rotated(more={"login": login.credential.id})
        await lifecycle.revoke(login.credential.id, reason="stolen", by="x")
        assert {reason(await families.redeem(before)), reason(await families.redeem(after))} == {"revoked"}

        _, before, after = await rotated()
        await lifecycle.set_enabled("user:alice", False, by="x")
        assert {reason(await families.redeem(before)), reason(await families.redeem(after))} == {"revoked"}

    play(test, refresh_grace=5.0)


def test_a_grace_ends_with_the_family() -> None:
    async def test(opened: House) -> None:
        start = await opened.watchword.families.start(WHO, by="x")
        opened.clock.now += 98
        won(await opened.watchword.families.redeem(start.token))
        opened.clock.now += 2
        assert reason(await opened.watchword.families.redeem(start.token)) == "expired"

    play(test, refresh_grace=5.0, refresh_lifetime=100)


def test_without_a_grace_any_second_use_ends_the_family() -> None:
    async def test(opened: House) -> None:
        start = await opened.watchword.families.start(WHO, by="x")
        second = won(await opened.watchword.families.redeem(start.token))
        assert reason(await opened.watchword.families.redeem(start.token)) == "replayed"
        assert reason(await opened.watchword.families.redeem(second.token)) == "revoked"

    play(test, refresh_grace=0.0)


def test_whoever_reads_the_record_cannot_make_the_successor() -> None:
    async def test(opened: House) -> None:
        start = await opened.watchword.families.start(WHO, by="x")
        second = won(await opened.watchword.families.redeem(start.token))
        record = repr(second.family.detail) + repr(second.family.secret)
        for token in (start.token, second.token):
            assert token.rpartition(".")[2] not in record
        # the salt is on record, the token before is stolen: without the key it is another one
        other = Watchword(inline=True, root_key=new_root_key()).families
        detail = second.family.detail
        assert other._successor(start.family.id, start.token, 1, detail["salt"]) != second.token
        assert opened.watchword.families._successor(start.family.id, start.token, 1, detail["salt"]) == second.token

    play(test)


def test_another_change_of_the_record_is_no_race(url: str) -> None:
    async def test(opened: House) -> None:
        store, families = opened.watchword.store, opened.watchword.families
        start = await families.start(WHO, by="x")
        write, before = store.write, []

        async def interfered(*changes: Any) -> bool:
            if not before:
                before.append(1)
                assert await write(Swap(start.family.changed(limit=Rate(1, 60))))
            return await write(*changes)

        store.write = interfered  # type: ignore[method-assign]
        second = won(await families.redeem(start.token))
        assert second.family.limit == Rate(1, 60)

    play(test, url)


def test_a_family_bound_to_a_certificate_is_refreshed_over_its_connection_alone() -> None:
    async def test(opened: House) -> None:
        families, tokens = opened.watchword.families, opened.watchword.tokens
        start = await families.start(WHO, by="x", certificate=b"der")
        for other in (None, b"", b"another"):
            assert reason(await families.redeem(start.token, certificate=other)) == "unconfirmed"
        second = won(await families.redeem(start.token, certificate=b"der"))
        access = b"Bearer " + tokens.for_family(second.family).text.encode()
        for certificate, expected in ((b"der", Allow), (None, Deny), (b"another", Deny), (b"der", Allow)):
            assert isinstance(await opened.decide("jwt", bearing(access, certificate=certificate)), expected)
        opened.clock.now += 2  # a lost answer is given again to nobody else
        assert reason(await families.redeem(start.token)) == "unconfirmed"
        unbound = await families.start(WHO, by="x")
        assert isinstance(await families.redeem(unbound.token, certificate=b"der"), Refreshed)

    play(test, bind_tokens=True)


def test_a_family_ends_whatever_happens() -> None:
    async def test(opened: House) -> None:
        current = await opened.watchword.families.start(WHO, by="x")
        for _ in range(9):
            opened.clock.now += 10
            current = won(await opened.watchword.families.redeem(current.token))
        opened.clock.now += 10
        assert reason(await opened.watchword.families.redeem(current.token)) == "expired"

    play(test, refresh_lifetime=100)


def test_a_family_ends_with_the_password_that_began_it_also_by_itself() -> None:
    """A password for a week opened the door for a month, and one that was replaced went on being refreshed."""

    async def test(opened: House) -> None:
        lifecycle, families = opened.watchword.lifecycle, opened.watchword.families
        options, soon = {"password": "correct horse battery staple"}, int(opened.clock.now) + 60
        brief = await opened.issue(Kind.PASSWORD, "user:alice", options=options, expires_at=soon)
        family = await families.start(WHO._replace(credential=brief.credential.id), by="x")
        assert family.family.expires_at == soon
        assert opened.watchword.tokens.for_family(family.family).expires_in == 60
        opened.clock.now = soon
        assert isinstance(await families.redeem(family.token), Rejection)

        old = await opened.issue(Kind.PASSWORD, "user:alice", options=options)
        family = await families.start(WHO._replace(credential=old.credential.id), by="x")
        await lifecycle.rotate(old.credential.id, overlap=60, by="x", options={"password": "battery horse correct"})
        family = won(await families.redeem(family.token))
        opened.clock.now += 60
        assert reason(await families.redeem(family.token)) == "revoked"

    play(test)


def test_cve_2026_43983_a_disabled_person_cannot_refresh() -> None:
    async def test(opened: House) -> None:
        start = await opened.watchword.families.start(WHO, by="x")
        await opened.watchword.lifecycle.set_enabled("user:alice", False, by="x")
        assert reason(await opened.watchword.families.redeem(start.token)) == "revoked"

    play(test)


def test_cve_2020_15223_a_broken_store_is_no_refusal() -> None:
    async def test(opened: House) -> None:
        start = await opened.watchword.families.start(WHO, by="x")

        async def fail(*arguments: Any) -> None:
            raise Unavailable("down")

        keep = opened.watchword.store.write
        opened.watchword.store.write = fail  # type: ignore[method-assign,assignment]
        with pytest.raises(Unavailable):
            await opened.watchword.families.redeem(start.token)
        opened.watchword.store.write = keep  # type: ignore[method-assign]
        assert isinstance(await opened.watchword.families.redeem(start.token), Refreshed)

    play(test)


def test_the_holder_of_a_token_is_found_by_any_of_its_family() -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        start = await families.start(WHO, by="x")
        second = won(await families.redeem(start.token))
        for token in (start.token, second.token):
            holder = await families.holder(token)
            assert holder is not None
            assert holder.id == start.family.id
        assert await families.holder(second.token.replace(second.token.split(".")[1], new_secret(""))) is None

    play(test)


def test_fapi2_5_3_2_1_a_token_that_is_not_replaced_stays_the_only_one(url: str) -> None:
    async def test(opened: House) -> None:
        families = opened.watchword.families
        token = (await families.start(WHO, by="x")).token
        for _ in range(5):
            opened.clock.now += 100
            same = won(await families.redeem(token, rotate=False))
            assert same.token == token
            assert same.family.last_used_at == int(opened.clock.now)
        assert isinstance(
            await families.redeem(token[:-1] + ("y" if token[-1] == "x" else "x"), rotate=False), Rejection
        )
        await opened.watchword.lifecycle.revoke(same.family.id, reason="t", by="x")
        assert isinstance(await families.redeem(token, rotate=False), Rejection)

    play(test, url)


def test_must_7_nothing_is_refreshed_once_its_consent_is_withdrawn(url: str) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        consents = watchword.oauth.consents
        client = Credential("cli_x", Kind.OAUTH_CLIENT, "service:x", 1, detail={"client_id": "cli_x"})
        consent = await consents.give("user:alice", client, Wish(frozenset("a")), by="user:alice")
        more = {"client": "cli_x", "consent": consent.id}
        first = await watchword.families.start(WHO, by="cli_x", more=more)
        second = won(await watchword.families.redeem(first.token, client="cli_x"))
        # As by a write that did not see the family: what it rests on is looked at in any case.
        assert await watchword.store.write(Swap(consent.changed(revoked_at=int(opened.clock.now))))
        refused = await watchword.families.redeem(second.token, client="cli_x")
        assert reason(refused) == "revoked"
        gone = await watchword.families.start(WHO, by="cli_x", more={**more, "consent": "cns_nothing"})
        assert reason(await watchword.families.redeem(gone.token, client="cli_x")) == "revoked"

    play(test, url)
