"""Checkpoints: what is signed, when, by which of several workers, and what is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.house import Clock, House, house
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.operations.checkpoints import CheckpointRules, Checkpoints
from watchword.model.credential import Kind
from watchword.model.records import Event
from watchword.stores.sqlite import SqliteStore
from watchword.upkeep import Upkeep

DAY = 86400


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have chores be done when a test does them, not by a thread meanwhile."""
    monkeypatch.setattr(Upkeep, "start", lambda self: None)


@asynccontextmanager
async def opened(tmp_path: Path, where: str = "sqlite") -> AsyncIterator[House]:
    async with house("memory:" if where == "memory" else f"sqlite:///{tmp_path}/w.db", root_key=new_root_key()) as made:
        yield made


def both(test: Any) -> Any:
    """Run a test on SQLite and in memory."""

    @pytest.mark.parametrize("where", ["sqlite", "memory"])
    def run(tmp_path: Path, where: str) -> None:
        async def play() -> None:
            async with opened(tmp_path, where) as made:
                await test(made)

        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def write(made: House, batches: int = 3) -> None:
    for n in range(batches):
        event = Event(made.clock(), "decide", "accepted", subject="user:alice", reference=str(n))
        await made.watchword.store.append([event])


def desk(made: House) -> Checkpoints:
    return made.watchword.operations.checkpoints


@both
async def test_what_was_written_is_signed_once(made: House) -> None:
    await write(made)
    await desk(made).sign()
    await write(made, 4)
    (checkpoint,) = await desk(made).sign()
    assert await desk(made).sign() == []
    assert checkpoint == await desk(made).last()
    proof = await desk(made).prove()
    assert (proof.flaws, proof.checkpoints, proof.held, proof.unsigned) == ((), 2, 2, 0)
    assert [span.count for span in proof.spans][-1] == 4
    assert proof.covered == (await made.watchword.store.checkpoints.links(0))[-1].position


@both
async def test_a_chore_signs_when_it_is_time(made: House) -> None:
    await desk(made).run()
    first = await desk(made).last()
    assert first is not None
    await write(made)
    made.clock.now += 60
    await desk(made).run()
    assert await desk(made).last() == first, "it is not due yet"
    assert (await desk(made).prove()).unsigned == 3
    made.clock.now += 900
    await desk(made).run()
    assert (await desk(made).prove()).unsigned == 0
    made.clock.now += 901
    await desk(made).run()
    assert (await desk(made).last()).number == 2, "nothing new, nothing to sign"


@both
async def test_of_many_workers_one_signs(made: House) -> None:
    await desk(made).sign()
    await write(made, 5)
    others = [Checkpoints(made.watchword.store, made.watchword.sealer, made.clock) for _ in range(4)]
    signed = await asyncio.gather(*(each.sign() for each in others))
    assert sum(map(len, signed)) == 1
    proof = await desk(made).prove()
    assert (proof.flaws, proof.checkpoints) == ((), 2)


@both
async def test_what_a_retired_key_signed_still_holds(made: House) -> None:
    await write(made)
    await desk(made).sign()
    await made.watchword.signing.rotate(by="test")
    made.clock.now += 4 * DAY
    assert [key for key in await made.watchword.lifecycle.page(kind=Kind.SIGNING_KEY) if key.refusal(made.clock())]
    await desk(made).sign()
    proof = await desk(made).prove()
    assert (proof.flaws, proof.held) == ((), 2)


@both
async def test_what_a_leaked_key_signed_needs_one_after_it(made: House) -> None:
    await write(made)
    await desk(made).sign()
    (key,) = await made.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)
    await made.watchword.lifecycle.revoke(key.id, reason="found", by="test", leaked=True)
    (flaw,) = (await desk(made).prove()).flaws
    assert (flaw.writer, flaw.number) == ("", 1)
    assert "leaked" in str(flaw)
    made.clock.now += 30
    await desk(made).run()
    assert (await desk(made).prove()).flaws == ()


@both
async def test_what_is_old_is_removed_as_a_whole_and_the_rest_still_proved(made: House) -> None:
    store = made.watchword.store
    for _ in range(6):
        await write(made)
        await desk(made).sign()
        made.clock.now += DAY
    rows = len(await store.checkpoints.links(0))
    desk(made).rules = CheckpointRules(every=0, keep=int(3.5 * DAY))
    await desk(made).run()
    proof = await desk(made).prove()
    assert proof.flaws == ()
    assert proof.begins > 0
    left = await store.checkpoints.links(0)
    assert left[0].position == proof.begins + 1
    assert len(left) < rows
    (cut,) = [event for _, event in await store.events() if event.action == "cut"]
    assert "position" in cut.detail
    assert cut.actor == "service:watchword"
    await desk(made).sign()
    made.clock.now += 2 * DAY
    await desk(made).run()
    again = await desk(made).prove()
    assert again.flaws == ()
    assert again.begins > proof.begins


@both
async def test_a_writer_that_rested_for_a_day_begins_anew(made: House) -> None:
    """Its head may have been removed with all that it wrote."""
    await write(made)
    await desk(made).sign()
    heads = await made.watchword.store.checkpoints.heads()
    made.clock.now += DAY
    await write(made)
    assert len(await made.watchword.store.checkpoints.heads()) == len(heads) + 1
    assert (await desk(made).prove()).flaws == ()


def test_what_was_altered_is_not_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with opened(tmp_path) as made:
            warned: list[str] = []

            async def warn(text: str) -> None:
                warned.append(text)

            desk(made).warn = warn
            await write(made)
            await desk(made).sign()
            made.clock.now += 3 * DAY
            await write(made)
            await desk(made).sign()
            made.watchword.store._durable._writer.execute("UPDATE audit SET count = 7 WHERE position = 2")
            desk(made).rules = CheckpointRules(every=0, keep=DAY)
            rows = len(await made.watchword.store.checkpoints.links(0))
            await desk(made).run()
            assert len(await made.watchword.store.checkpoints.links(0)) == rows
            assert warned

    asyncio.run(play())
    assert "was altered" in caplog.text


def test_a_process_notices_that_statements_were_taken_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with opened(tmp_path) as made:
            await write(made)
            await desk(made).sign()
            await write(made)
            await desk(made).sign()
            made.watchword.store._durable._writer.execute("DELETE FROM checkpoint WHERE number = 2")
            made.clock.now += 60
            await desk(made).run()

    asyncio.run(play())
    assert "checkpoint 2 of the audit was removed or replaced" in caplog.text


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("INSERT INTO checkpoint VALUES (7, 1, 'a.b.c')", "checkpoint 7 is not what was signed"),
        (
            "UPDATE checkpoint SET statement = x'00' WHERE number = 1",
            "not cut off: checkpoint 1 is not what was signed",
        ),
    ],
)
def test_a_process_says_what_it_finds_that_nobody_signed(tmp_path: Path, deed: str, told: str) -> None:
    async def play() -> None:
        async with opened(tmp_path) as made:
            for _ in range(3):
                await write(made)
                await desk(made).sign()
                made.clock.now += DAY
            made.watchword.store._durable._writer.execute(deed)
            desk(made).rules = CheckpointRules(every=900, keep=DAY)
            await write(made)
            await desk(made).run()
            alerts = await made.watchword.operations.alerts.page()
            assert any(told in alert.key for alert in alerts)
            assert {alert.rule for alert in alerts} == {"audit"}
            assert (await desk(made).prove()).flaws

    asyncio.run(play())


def test_a_process_signs_before_it_ends(tmp_path: Path) -> None:
    async def play() -> None:
        async with opened(tmp_path) as made:
            await made.issue()
        async with SqliteStore(tmp_path / "w.db", clock=Clock()) as store:
            rows = await store.checkpoints.links(0)
            assert rows
            assert await store.checkpoints.latest() != []

    asyncio.run(play())
