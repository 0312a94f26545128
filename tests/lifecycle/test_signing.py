"""Signing keys turn over by themselves: published before use, one winner, never without a key, no valid token lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house import House, accepted, bearing, house, reason
from watchword import Allow, Principal, run_sync
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.signing import LONGEST_LIFE, KeySchedule, begin_signing, in_use
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Unavailable
from watchword.model.records import Swap
from watchword.model.verdict import Rejection

DAY = 86400
EVERY = 90 * DAY


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"


@asynccontextmanager
async def opened_at(url: str, **options: Any) -> AsyncIterator[House]:
    async with house(url, root_key=new_root_key(), key_rotation=EVERY, **options) as opened:
        upkeep = opened.watchword._upkeep
        upkeep._chores = {name: do for name, do in upkeep._chores.items() if "signing" not in name}
        yield opened


def play(test: Callable[[House], Coroutine[Any, Any, None]], url: str = "memory:", **options: Any) -> None:
    async def run() -> None:
        async with opened_at(url, **options) as opened:
            await test(opened)

    asyncio.run(run())


async def keys(opened: House) -> dict[State, list[Credential]]:
    found: dict[State, list[Credential]] = {}
    for key in await opened.watchword.lifecycle.page(kind=Kind.SIGNING_KEY, limit=10_000):
        found.setdefault(key.state(opened.clock()), []).append(key)
    return found


async def heard(opened: House) -> None:
    """Have the house read its feed."""
    await opened.decide("jwt", bearing(b"Bearer x"))


async def token(opened: House) -> bytes:
    if await opened.watchword.store.subject("user:alice") is None:
        await opened.watchword.lifecycle.add_subject("user:alice", by="x")
    who = Principal("user:alice", "session", "ses_1", frozenset(), ("pwd",), 1000)
    family = (await opened.watchword.families.start(who, by="x")).family
    return b"Bearer " + opened.watchword.tokens.for_family(family).text.encode()


def published(opened: House) -> set[str]:
    return {key["kid"] for key in opened.watchword.keys.jwks()["keys"]}


def test_a_key_lives_through_publication_use_and_retirement(url: str) -> None:
    async def test(opened: House) -> None:
        clock, signing, own = opened.clock, opened.watchword.signing, opened.watchword.keys
        (first,) = (await keys(opened))[State.ACTIVE]
        began = clock.now
        clock.now = began + EVERY - DAY - 1
        await signing.run()
        assert len(await keys(opened)) == 1
        clock.now += 1
        await signing.run()
        await heard(opened)
        (second,) = (await keys(opened))[State.PENDING]
        assert (second.replaces, second.not_before) == (first.id, began + EVERY)
        assert published(opened) == {first.id, second.id}  # a day before it signs
        assert own.signing_key().kid == first.id
        clock.now = began + EVERY - 1
        await signing.run()
        last = await token(opened)
        clock.now += 1
        assert own.signing_key().kid == second.id  # at its time, whether or not anybody has looked
        accepted(await opened.decide("jwt", bearing(last)))
        await signing.run()
        await heard(opened)
        states = await keys(opened)
        assert [each.id for each in states[State.ACTIVE]] == [second.id]
        assert [each.id for each in states[State.RETIRING]] == [first.id]
        accepted(await opened.decide("jwt", bearing(last)))
        clock.now += LONGEST_LIFE
        assert published(opened) == {first.id, second.id}
        clock.now += 61
        assert published(opened) == {second.id}
        await signing.run()
        assert set(await keys(opened)) == {State.ACTIVE, State.RETIRED}
        acts = [(e.action, e.credential) for e in await opened.events() if e.scheme == Kind.SIGNING_KEY]
        assert acts == [("issue", first.id), ("rotate", first.id), ("retire", first.id)]

    play(test, url)


def test_no_token_is_lost_over_a_year_of_turns() -> None:
    async def test(opened: House) -> None:
        clock = opened.clock
        held: list[tuple[float, bytes]] = []
        for _ in range(365 * 2):
            clock.now += DAY / 2
            await opened.watchword.signing.run()
            await heard(opened)
            held = [(ends, each) for ends, each in held if clock.now < ends]
            held.append((clock.now + LONGEST_LIFE, await token(opened)))
            for _, each in held:
                assert isinstance(await opened.decide("jwt", bearing(each)), Allow)
            assert len((await keys(opened))[State.ACTIVE]) == 1
        assert len(await opened.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)) == 5

    play(test, access_lifetime=LONGEST_LIFE, address_limit=None)


def test_after_a_long_sleep_the_next_key_is_still_published_first() -> None:
    async def test(opened: House) -> None:
        opened.clock.now += 3 * EVERY
        await opened.watchword.signing.run()
        (waiting,) = (await keys(opened))[State.PENDING]
        assert waiting.not_before == opened.clock.now + DAY

    play(test)


def test_never_means_never() -> None:
    async def test(opened: House) -> None:
        opened.watchword.signing._every = 0
        opened.clock.now += 100 * EVERY
        await opened.watchword.signing.run()
        assert {state: len(each) for state, each in (await keys(opened)).items()} == {State.ACTIVE: 1}

    play(test)


@pytest.mark.parametrize("step", ["announce", "retire", "begin"])
def test_of_a_hundred_workers_one_takes_the_step(url: str, step: str) -> None:
    async def test(opened: House) -> None:
        watchword, clock = opened.watchword, opened.clock
        (first,) = (await keys(opened))[State.ACTIVE]
        if step == "begin":
            clock.now += 1
            await watchword.store.write(Swap(first.changed(revoked_at=int(clock.now))))
        else:
            clock.now += EVERY - DAY
        if step == "retire":
            await watchword.signing.run()
            clock.now += DAY
        barrier = Barrier(10)
        workshop = watchword.lifecycle._workshop

        def work(_: int) -> None:
            barrier.wait(10)
            for _ in range(10):
                run_sync(KeySchedule(workshop, every=EVERY, clock=clock).run())

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(work, range(10)))
        counts = {state: len(each) for state, each in (await keys(opened)).items()}
        assert (
            counts
            == {
                "announce": {State.ACTIVE: 1, State.PENDING: 1},
                "retire": {State.ACTIVE: 1, State.RETIRING: 1},
                "begin": {State.ACTIVE: 1, State.REVOKED: 1},
            }[step]
        )

    play(test, url)


def test_a_first_start_of_many_makes_one_key(url: str) -> None:
    async def test(opened: House) -> None:
        workshop = opened.watchword.lifecycle._workshop
        for key in await opened.watchword.lifecycle.page(kind=Kind.SIGNING_KEY, limit=10_000):
            await opened.watchword.store.write(Swap(key.changed(revoked_at=1)))
        now = opened.clock.now
        await asyncio.gather(*(begin_signing(workshop, by="x", now=now) for _ in range(100)))
        assert len((await keys(opened))[State.ACTIVE]) == 1

    play(test, url)


@pytest.mark.parametrize("failing", [0, 1])
def test_a_step_that_breaks_leaves_a_key_that_signs_and_is_made_up_for(url: str, failing: int) -> None:
    async def test(opened: House) -> None:
        watchword, clock = opened.watchword, opened.clock
        before = await token(opened)
        write = watchword.store.write

        async def broken(*changes: Any) -> bool:
            raise Unavailable("killed here")

        clock.now += EVERY - DAY
        if failing == 1:
            await watchword.signing.run()
            clock.now += DAY
        watchword.store.write = broken  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await watchword.signing.run()
        watchword.store.write = write  # type: ignore[method-assign]
        await heard(opened)
        assert isinstance(await opened.decide("jwt", bearing(await token(opened))), Allow)
        assert reason(await opened.decide("jwt", bearing(before))) == "expired"  # its key is known
        await watchword.signing.run()
        assert len((await keys(opened))[State.ACTIVE]) == 1

    play(test, url)


def test_rotating_now_takes_the_published_key_or_makes_one() -> None:
    async def test(opened: House) -> None:
        watchword, clock = opened.watchword, opened.clock
        held = await token(opened)
        new, old = await watchword.signing.rotate(by="x", overlap=60)
        await heard(opened)
        assert old.retire_at == clock.now + LONGEST_LIFE + 60  # no shorter than a token may live
        assert watchword.keys.signing_key().kid == old.id  # until every node knows the new one
        clock.now += 5
        assert watchword.keys.signing_key().kid == new.id
        accepted(await opened.decide("jwt", bearing(held)))
        clock.now += EVERY - DAY
        await watchword.signing.run()
        (waiting,) = (await keys(opened))[State.PENDING]
        clock.now += 60
        newest, _ = await watchword.signing.rotate(by="x", overlap=10 * DAY)
        await heard(opened)
        assert newest.id == waiting.id
        assert watchword.keys.signing_key().kid == waiting.id  # published for long
        assert len((await keys(opened))[State.ACTIVE]) == 1

    play(test)


def test_rotating_now_has_one_winner_at_a_time(url: str) -> None:
    async def test(opened: House) -> None:
        outcomes = await asyncio.gather(
            *(opened.watchword.signing.rotate(by="x") for _ in range(20)), return_exceptions=True
        )
        assert all(not isinstance(each, BaseException) or isinstance(each, LifecycleError) for each in outcomes)
        assert len((await keys(opened))[State.ACTIVE]) == 1

    play(test, url)


def test_rotated_twice_in_a_moment_the_key_that_all_know_signs() -> None:
    async def test(opened: House) -> None:
        watchword, clock = opened.watchword, opened.clock
        first = watchword.keys.signing_key().kid
        clock.now += 60
        for _ in range(3):
            newest, _ = await watchword.signing.rotate(by="x")
            await heard(opened)
            assert watchword.keys.signing_key().kid == first
        clock.now += 5
        assert watchword.keys.signing_key().kid == newest.id

    play(test)


@pytest.mark.parametrize("waiting", [False, True])
def test_a_stolen_key_is_replaced_in_the_same_write_and_all_it_signed_is_void(waiting: bool) -> None:
    async def test(opened: House) -> None:
        watchword, clock = opened.watchword, opened.clock
        (stolen,) = (await keys(opened))[State.ACTIVE]
        if waiting:
            clock.now += EVERY - DAY
            await watchword.signing.run()
            await heard(opened)
        held = await token(opened)
        accepted(await opened.decide("jwt", bearing(held)))
        await watchword.lifecycle.revoke(stolen.id, reason="stolen", by="x", leaked=True)
        assert reason(await opened.decide("jwt", bearing(held))) == "unknown_key"
        states = await keys(opened)
        assert set(states) == {State.ACTIVE, State.LEAKED}
        assert len(states[State.ACTIVE]) == 1
        accepted(await opened.decide("jwt", bearing(await token(opened))))  # at once: the stolen one never signs again
        assert stolen.id not in published(opened)

    play(test)


def test_a_next_key_that_was_taken_back_is_made_anew() -> None:
    async def test(opened: House) -> None:
        watchword, clock = opened.watchword, opened.clock
        clock.now += EVERY - DAY
        await watchword.signing.run()
        (waiting,) = (await keys(opened))[State.PENDING]
        await watchword.lifecycle.revoke(waiting.id, reason="x", by="x")
        await watchword.signing.run()
        (other,) = (await keys(opened))[State.PENDING]
        assert other.id != waiting.id

    play(test)


def test_workers_take_part_by_themselves(url: str) -> None:
    """The task that writes the audit turns keys over, too."""

    async def run() -> None:
        async with house(url, root_key=new_root_key(), key_rotation=EVERY) as opened:
            opened.clock.now += EVERY - DAY
            async with asyncio.timeout(10):
                while State.PENDING not in await keys(opened):
                    await asyncio.sleep(0.02)

    asyncio.run(run())


def test_a_schedule_that_fails_breaks_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with house(url, root_key=new_root_key()) as opened:

            async def broken() -> None:
                raise RuntimeError("a secret")

            opened.watchword.signing.run = broken  # type: ignore[method-assign]
            opened.watchword.signing.due = 0
            async with asyncio.timeout(10):
                while "turned over" not in caplog.text:
                    await asyncio.sleep(0.02)
            await opened.key()
            assert "a secret" not in caplog.text

    asyncio.run(run())


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["run", "rotate", "revoke"])), max_size=8))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_exactly_one_key_signs(steps: list[tuple[int, str]]) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        for days, act in steps:
            opened.clock.now += days * 20 * DAY
            if act == "run":
                await watchword.signing.run()
            elif act == "rotate":
                await watchword.signing.rotate(by="x")
            else:
                await watchword.lifecycle.revoke(watchword.keys.signing_key().kid, reason="x", by="x")
            await heard(opened)
            held = await opened.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)
            used = in_use(held, opened.clock())
            assert used is not None
            outcome = await opened.decide("jwt", bearing(await token(opened)))
            assert not isinstance(outcome, Rejection)
            await watchword.signing.run()
            assert len((await keys(opened))[State.ACTIVE]) == 1

    play(test)


def test_keys_of_another_algorithm_turn_over_beside(url: str) -> None:
    """Many clients of OpenID know RS256 alone; access tokens go on being signed as before."""

    async def test(opened: House) -> None:
        clock, signing, own = opened.clock, opened.watchword.signing, opened.watchword.keys
        with pytest.raises(Unavailable):
            own.signing_key("ES256")
        await asyncio.gather(*(signing.provide("ES256") for _ in range(20)))
        await heard(opened)
        first, main = own.signing_key("ES256"), own.signing_key()
        assert (first.algorithm, main.algorithm) == ("ES256", "EdDSA")
        assert len(await keys(opened)) == 1
        assert len((await keys(opened))[State.ACTIVE]) == 2
        assert published(opened) == {first.kid, main.kid}
        clock.now += EVERY - DAY
        await signing.run()
        pending = (await keys(opened))[State.PENDING]
        assert sorted(key.detail["algorithm"] for key in pending) == ["ES256", "EdDSA"]
        clock.now += DAY
        await signing.run()
        await heard(opened)
        assert own.signing_key("ES256").kid != first.kid
        assert own.signing_key("ES256").algorithm == "ES256"
        assert {first.kid, main.kid} < published(opened)
        new, old = await signing.rotate(by="x", algorithm="ES256")
        assert {new.detail["algorithm"], old.detail["algorithm"]} == {"ES256"}

    play(test, url)


def test_a_revoked_key_of_another_algorithm_is_followed_by_one_of_the_same() -> None:
    async def test(opened: House) -> None:
        await opened.watchword.signing.provide("ES256")
        await heard(opened)
        kid, main = opened.watchword.keys.signing_key("ES256").kid, opened.watchword.keys.signing_key().kid
        await opened.watchword.lifecycle.revoke(kid, reason="stolen", by="x", leaked=True)
        await heard(opened)
        assert opened.watchword.keys.signing_key("ES256").kid not in (kid, main)
        assert opened.watchword.keys.signing_key().kid == main
        assert kid not in published(opened)

    play(test)
