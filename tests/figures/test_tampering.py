"""Whatever is done to the audit by who can write to the database, but has no root key, is found. None is invented."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.figures.tampering import (
    DEEDS,
    Database,
    PostgresDatabase,
    SqliteDatabase,
    put_back,
    rewritten,
    taken,
)
from tests.house import House, house
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.operations.checkpoints import CheckpointRules, Proof
from watchword.model.credential import Kind
from watchword.model.evidence import Checkpoint
from watchword.model.records import Event
from watchword.stores import sqlite_file
from watchword.stores.opening import open_store
from watchword.upkeep import Upkeep

DAY = 86400
TAMPERINGS = 200


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have chores be done when a test does them, not by a thread meanwhile."""
    monkeypatch.setattr(Upkeep, "start", lambda self: None)


async def prove(made: House, against: Checkpoint | None = None) -> Proof:
    return await made.watchword.operations.checkpoints.prove(against)


async def lived(made: House, url: str) -> None:
    """Have several writers write, keys turn over, checkpoints be signed; leave something unsigned."""
    checkpoints = made.watchword.operations.checkpoints
    checkpoints.rules = CheckpointRules(every=0)
    others = [open_store(url, clock=made.clock) for _ in range(2)]
    for store in others:
        await store.open()
    for n in range(24):
        writer = [made.watchword.store, *others][n % 3]
        made.clock.now += 60
        events = [
            Event(made.clock(), "decide", "accepted", subject="user:alice", reference=f"{n}-{m}") for m in range(3)
        ]
        await writer.append(events)
        if n in (5, 11, 15, 20):
            await checkpoints.sign()
        if n == 11:
            await made.watchword.signing.rotate(by="test")
    for store in others:
        await store.close()


async def _tampered(made: House, database: Database, url: str, count: int, seed: int) -> None:
    await lived(made, url)
    assert (await prove(made)).flaws == ()
    there = whole = await taken(database)
    done = looks = 0
    for number in itertools.count():
        if done == count:
            break
        chance = random.Random(seed * 10_000 + number)
        deed = DEEDS[number % len(DEEDS)]
        tables = whole.copy()
        deed(tables, chance)
        if (tables.audit, tables.heads, tables.checkpoints) == (whole.audit, whole.heads, whole.checkpoints):
            continue  # nothing was altered: that is no tampering
        done += 1
        await put_back(database, tables, there)
        there = tables
        flaws = (await prove(made)).flaws
        assert flaws, f"{deed.__name__} of seed {seed}, {number} was not found"
        assert _told(flaws, tables.aimed), f"{deed.__name__} {number}: {tables.aimed} {flaws}"
        if done % 8 == 0:
            looks += 1
            await put_back(database, whole, there)
            there = whole
            assert (await prove(made)).flaws == (), "something was invented"
    await put_back(database, whole)
    assert (await prove(made)).flaws == ()
    print(f"{done} of {count} tamperings found, none invented in {looks + 2} looks at what was whole")


def _told(flaws: Any, aimed: set[tuple[str, int]]) -> bool:
    """Tell whether a flaw says where it was: the batch or its neighbour, or a checkpoint and what it was about."""
    near = {(writer, number + more) for writer, number in aimed for more in (-1, 0, 1)}
    return any((each.writer, each.number) in near or not each.writer for each in flaws)


def test_two_hundred_tamperings_of_sqlite_are_all_found_and_none_is_invented(tmp_path: Path) -> None:
    """Figure: all found, none invented."""
    url = f"sqlite:///{tmp_path}/w.db"

    async def play() -> None:
        async with house(url, root_key=new_root_key()) as made:
            connection = sqlite_file._dbapi.connect(str(tmp_path / "w.db"), isolation_level=None)
            try:
                await _tampered(made, SqliteDatabase(connection), url, TAMPERINGS, random.randrange(10**6))
            finally:
                connection.close()

    asyncio.run(play())


async def _tampered_postgres(url: str, count: int) -> None:
    import asyncpg

    async with house(url, root_key=new_root_key()) as made:
        connection = await asyncpg.connect(url)
        try:
            await _tampered(made, PostgresDatabase(connection), url, count, random.randrange(10**6))
        finally:
            await connection.close()


@pytest.mark.postgres
def test_three_of_each_tampering_of_postgres_are_all_found_and_none_is_invented(postgres_url: str) -> None:
    """The short form of ``make soak``'s."""
    asyncio.run(_tampered_postgres(postgres_url, 3 * len(DEEDS)))


@pytest.mark.soak
@pytest.mark.postgres
def test_five_hundred_tamperings_of_postgres_are_all_found_and_none_is_invented(postgres_url: str) -> None:
    """Figure: all found, none invented."""
    asyncio.run(_tampered_postgres(postgres_url, 500))


def on_sqlite(test: Callable[[House, Database, str], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/w.db"

        async def play() -> None:
            async with house(url, root_key=new_root_key()) as made:
                connection = sqlite_file._dbapi.connect(str(tmp_path / "w.db"), isolation_level=None)
                try:
                    await test(made, SqliteDatabase(connection), url)
                finally:
                    connection.close()

        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@on_sqlite
async def test_a_rewritten_tail_that_nobody_signed_is_not_found_until_its_writer_goes_on(
    made: House, database: Database, url: str
) -> None:
    """What cannot be found, and what brings it to light: docs/audit.md says so."""
    await lived(made, url)
    tables = await taken(database)
    writer = tables.audit[-1].writer
    place = tables.chain(writer)[-1]
    tables.audit[place] = replace(tables.audit[place], events=tables.audit[place].events.replace("alice", "malla"))
    rewritten(tables, writer)
    await put_back(database, tables)
    assert (await prove(made)).flaws == ()
    whole = await taken(database)
    own = next(iter(writer for writer in whole.heads if writer == made.watchword.store._chain.writer))
    place = whole.chain(own)[-1]
    whole.audit[place] = replace(whole.audit[place], events=whole.audit[place].events.replace("alice", "malla"))
    rewritten(whole, own)
    await put_back(database, whole)
    await made.watchword.store.append([Event(made.clock(), "decide", "accepted")])
    assert any("does not follow" in flaw.problem for flaw in (await prove(made)).flaws)


@on_sqlite
async def test_removed_last_checkpoints_are_found_by_one_that_was_kept_elsewhere(
    made: House, database: Database, url: str
) -> None:
    await lived(made, url)
    kept = await made.watchword.operations.checkpoints.last()
    assert kept is not None
    tables = await taken(database)
    places = [place for place, each in enumerate(tables.audit) if each.position <= tables.signed]
    tables.checkpoints = tables.checkpoints[:1]
    tables.audit[places[-1]] = replace(
        tables.audit[places[-1]], events=tables.audit[places[-1]].events.replace("alice", "malla")
    )
    rewritten(tables, tables.audit[places[-1]].writer)
    await put_back(database, tables)
    assert (await prove(made)).flaws == ()
    (flaw,) = (await prove(made, kept)).flaws
    assert (flaw.number, flaw.problem) == (kept.number, "is not the one that was kept elsewhere")
    forged = replace(kept, statement=kept.statement[:-4] + "AAAA")
    assert any("not signed by a key of ours" in flaw.problem for flaw in (await prove(made, forged)).flaws)


@on_sqlite
async def test_a_public_key_in_the_database_vouches_for_nothing(made: House, database: Database, url: str) -> None:
    """Replace the public half in the record, and sign with the private one that belongs to it."""
    from tests.figures.tampering import sign_with_another_key

    await lived(made, url)
    tables = await taken(database)
    sign_with_another_key(tables, random.Random(7))
    await put_back(database, tables)
    for key in await made.watchword.lifecycle.page(kind=Kind.SIGNING_KEY):
        detail = {**key.detail, "public_jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}}
        from watchword.model.records import Swap

        assert await made.watchword.store.write(Swap(key.changed(detail=detail)))
    problems = {flaw.problem for flaw in (await prove(made)).flaws}
    assert "was altered" in problems


@on_sqlite
async def test_a_statement_of_another_past_does_not_fit_in(made: House, database: Database, url: str) -> None:
    """One that was signed and taken away comes back for its successor, which covered more."""
    await lived(made, url)
    checkpoints = made.watchword.operations.checkpoints
    await checkpoints.sign()
    before = await taken(database)
    shorter = replace(before, checkpoints=before.checkpoints[:-1])
    await put_back(database, shorter)
    for _ in range(2):
        await made.watchword.store.append([Event(made.clock(), "decide", "accepted", subject="user:alice")])
        await checkpoints.sign()
    tables = await taken(database)
    place = len(before.checkpoints) - 1
    assert tables.checkpoints[place][0] == before.checkpoints[place][0]
    tables.checkpoints[place] = before.checkpoints[place]
    await put_back(database, tables)
    (flaw,) = (await prove(made)).flaws
    assert (flaw.number, flaw.problem) == (tables.checkpoints[place + 1][0], "does not follow the one before it")


@on_sqlite
async def test_after_old_batches_were_cut_off_nothing_is_invented_and_all_is_found(
    made: House, database: Database, url: str
) -> None:
    await lived(made, url)
    checkpoints = made.watchword.operations.checkpoints
    made.clock.now += 2 * DAY
    await made.watchword.store.append([Event(made.clock(), "decide", "accepted", subject="user:alice")])
    await checkpoints.sign()
    checkpoints.rules = CheckpointRules(every=0, keep=DAY)
    await checkpoints.run()
    proof = await prove(made)
    assert proof.flaws == ()
    assert proof.begins > 0
    whole = await taken(database)
    for deed in (rewrite_one, forget_the_cut, cut_one_more, bring_one_back):
        tables = whole.copy()
        deed(tables)
        await put_back(database, tables)
        assert (await prove(made)).flaws, deed.__name__
    await put_back(database, whole)
    assert (await prove(made)).flaws == ()


def rewrite_one(tables: Any) -> None:
    place = next(place for place, each in enumerate(tables.audit) if each.position <= tables.signed)
    tables.audit[place] = replace(tables.audit[place], events=tables.audit[place].events.replace("alice", "malla"))
    tables.audit[place] = replace(tables.audit[place], last_at=1.0)
    rewritten(tables, tables.audit[place].writer)


def forget_the_cut(tables: Any) -> None:
    tables.checkpoints.pop()


def cut_one_more(tables: Any) -> None:
    gone = tables.audit.pop(0)
    if not tables.chain(gone.writer):
        del tables.heads[gone.writer]


def bring_one_back(tables: Any) -> None:
    batch = replace(tables.audit[0], position=1, writer="e" * 32, number=1, previous=bytes(32))
    batch = replace(batch, digest=batch.computed())
    tables.audit.insert(0, batch)
    tables.heads[batch.writer] = (1, batch.digest)
