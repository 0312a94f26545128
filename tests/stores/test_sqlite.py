"""Hold SQLite to what every store must do, and to what it alone promises."""

from __future__ import annotations

import asyncio
import timeit
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stores import racer
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Add, Event, Publish, Topic
from watchword.stores import sqlite_file
from watchword.stores.opening import open_store
from watchword.stores.sqlite import SqliteStore
from watchword.stores.sqlite_file import SAFE
from watchword.sync import run_sync
from watchword.testing.stores import AuditLogSuite, EphemeralSuite, FeedSuite, RecordsSuite, settled


class TestSqliteStore(RecordsSuite, FeedSuite, AuditLogSuite, EphemeralSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "watchword.db"

    @asynccontextmanager
    async def store(self) -> AsyncIterator[SqliteStore]:
        async with SqliteStore(self.path) as store:
            yield store


class TestSqliteStoreInMemory(RecordsSuite, FeedSuite, AuditLogSuite, EphemeralSuite):
    @asynccontextmanager
    async def store(self) -> AsyncIterator[SqliteStore]:
        async with SqliteStore(":memory:") as store:
            yield store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'watchword.db'}"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "watchword.db")
    run_sync(store.open())
    yield store
    run_sync(store.close())


KEY = Credential("key_1", Kind.API_KEY, "service:x", 1, lookup=b"digest", secret=b"canary-secret")


def test_no_verb_suspends(opened: SqliteStore) -> None:
    assert run_sync(opened.write(Add(KEY), Publish(Topic.KEYS, "", 1, 2**40), Event(1.0, "issue", "done")))
    assert run_sync(opened.credential_by(b"digest")) == KEY
    assert isinstance(opened.entries(0), list)
    assert len(opened.entries(0)) == 1
    assert run_sync(settled(opened.claim(b"nonce", 2**40)))


def test_asking_the_feed_for_nothing_new_is_cheap(opened: SqliteStore) -> None:
    run_sync(opened.write(*(Publish(Topic.TOKEN, f"{n}", 1, 2**40) for n in range(1000))))
    fastest = min(timeit.repeat(lambda: opened.entries(1000), number=100, repeat=20)) / 100
    assert fastest < 20e-6  # about 4e-6 on an idle machine


def test_files_are_for_their_owner_alone(tmp_path: Path, opened: SqliteStore) -> None:
    run_sync(opened.write(Add(KEY)))
    run_sync(opened.put("code", b"v", 2**40))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files if file.suffix == ".db"] == ["watchword-ephemeral.db", "watchword.db"]
    assert not any(file.stat().st_mode & 0o077 for file in files)


def test_durable_writes_wait_for_the_disk(opened: SqliteStore) -> None:
    def pragma(file: Any, connection: str, name: str) -> Any:
        return getattr(file, connection).execute(f"PRAGMA {name}").fetchone()[0]

    for connection in ("_writer", "_reader"):
        assert pragma(opened._durable, connection, "journal_mode") == "wal"
        assert pragma(opened._durable, connection, "synchronous") == 2  # FULL
        assert pragma(opened._durable, connection, "foreign_keys") == 1
        assert pragma(opened._durable, connection, "busy_timeout") == 5000
    assert pragma(opened._ephemeral, "_writer", "synchronous") == 1  # NORMAL


def test_several_workers_need_an_sqlite_that_keeps_a_wal_database_whole(tmp_path: Path) -> None:
    """SQLite before 3.51.3: two connections that write and checkpoint together can corrupt the file."""
    assert (sqlite_file._dbapi.sqlite_version_info >= (3, 51, 3)) == SAFE
    assert SqliteStore(tmp_path / "watchword.db").safe_for_workers is SAFE
    assert SqliteStore(":memory:").safe_for_workers is False


def test_values_survive_a_restart_and_a_claim_too(tmp_path: Path) -> None:
    async def before() -> None:
        async with SqliteStore(tmp_path / "w.db") as store:
            assert await settled(store.claim(b"nonce", 2**40))
            await store.put("code", b"v", 2**40)
            assert await store.write(Add(KEY), Publish(Topic.KEYS, "", 1, 2**40), Event(1.0, "issue", "done"))

    async def after() -> None:
        async with SqliteStore(tmp_path / "w.db") as store:
            assert not await settled(store.claim(b"nonce", 2**40))
            assert await store.take("code") == b"v"
            assert await store.credential("key_1") == KEY
            assert len(store.entries(0)) == len(await store.events()) == 1
            await store.append([Event(2.0, "decide", "accepted")])
            assert await store.verify_audit() == []

    asyncio.run(before())
    asyncio.run(after())


def test_what_was_readable_in_the_values_is_not_in_the_file(tmp_path: Path, opened: SqliteStore) -> None:
    run_sync(opened.put("code:canary-code", b"v", 2**40))
    run_sync(settled(opened.claim(b"canary-nonce", 2**40)))
    assert not any(b"canary" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_closed_store_is_broken_not_empty(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "w.db")
    for _ in range(2):
        for verb in (
            lambda: run_sync(store.credential("key_1")),
            lambda: store.entries(0),
            lambda: run_sync(store.write(Add(KEY))),
            lambda: run_sync(store.append([Event(1.0, "decide", "accepted")])),
            lambda: run_sync(settled(store.claim(b"nonce", 2**40))),
        ):
            with pytest.raises(Unavailable, match="not open"):
                verb()
        run_sync(store.open())
        run_sync(store.close())


def test_a_place_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but long enough to be taken for one\n" * 100)
    for path in ("absent/w.db", "text.db", "."):
        with pytest.raises(Unavailable, match="SQLite"):
            run_sync(SqliteStore(tmp_path / path).open())


def test_a_full_disk_acknowledges_nothing_and_passes(opened: SqliteStore) -> None:
    writer = opened._durable._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count={pages + 2}")
    big = replace(KEY, secret=b"canary-secret" * 10_000)
    with pytest.raises(Unavailable, match="full") as caught:
        run_sync(opened.write(Add(big), Event(1.0, "issue", "done")))
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert run_sync(opened.credential("key_1")) is None
    writer.execute("PRAGMA max_page_count=1000000")
    assert run_sync(opened.write(Add(big), Event(1.0, "issue", "done")))
    assert run_sync(opened.verify_audit()) == []


def test_a_lock_held_by_another_is_unavailable(tmp_path: Path, opened: SqliteStore) -> None:
    opened._durable._writer.execute("PRAGMA busy_timeout=20")
    other = sqlite_file._dbapi.connect(str(tmp_path / "watchword.db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        run_sync(opened.write(Add(KEY)))
    assert run_sync(opened.credential("key_1")) is None  # readers go on
    other.execute("ROLLBACK")
    other.close()
    assert run_sync(opened.write(Add(KEY)))


def test_two_processes_race(url: str) -> None:
    asyncio.run(racer.check_races(url))


def test_what_was_acknowledged_survives_a_kill(url: str) -> None:
    acknowledged: list[str] = []
    for crash in range(3):
        process = racer.start(url, "hurry", f"{crash}")
        racer.go(process)
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(20)]
        process.kill()
        rest, _ = process.communicate()
        acknowledged += [line for line in rest.split("\n")[:-1] if line]
    store = open_store(url)
    run_sync(store.open())
    names = {each.name for each in run_sync(store.subjects(limit=100_000))}
    assert len(acknowledged) >= 60
    assert names >= set(acknowledged)
    audited = [event.subject for _, event in run_sync(store.events(limit=100_000))]
    assert sorted(audited) == sorted(names)  # never one without the other
    assert run_sync(store.verify_audit()) == []
    run_sync(store.close())


def test_a_clock_that_jumps_an_hour_ahead_and_back_frees_no_claim(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    for path in (":memory:", str(tmp_path / "watchword.db")):  # a table of claims, and a file of them
        store = SqliteStore(path, clock=lambda: now[0])
        run_sync(store.open())
        assert store.claim(b"a signature", now[0] + 600)
        now[0] += 3600
        for number in range(600):  # enough for what has ended to be forgotten
            assert store.claim(b"%d" % number, now[0] + 600)
        now[0] -= 3600
        with pytest.raises(Unavailable, match="clock"):
            store.claim(b"a signature", now[0] + 600)
        run_sync(store.close())


def test_what_has_ended_is_forgotten_faster_than_it_comes(opened: SqliteStore) -> None:
    """A million links that nobody opened must not be there for good."""
    for number in range(2000):
        run_sync(opened.put(f"link {number}", b"v", 1.0))
    with opened._ephemeral._writing:
        (left,) = opened._ephemeral._writer.execute("SELECT count(*) FROM value").fetchone()
    assert left < 300


def test_a_write_forgets_more_of_the_feed_than_it_adds(opened: SqliteStore) -> None:
    """Who logs in a thousand times and out everywhere must not leave a thousand entries each time."""
    for _ in range(4):
        assert run_sync(opened.write(*(Publish(Topic.CREDENTIAL, f"ses_{n}", 1, 2) for n in range(700))))
    with opened._durable._writing:
        (left,) = opened._durable._writer.execute("SELECT count(*) FROM feed").fetchone()
    assert left == 0
