"""Hold PostgreSQL to what every store must do, and to what it alone promises."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.postgres import PostgresServer
from tests.stores import racer
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Add, Event, Publish, Topic
from watchword.stores.postgres import PostgresStore
from watchword.testing.stores import AuditLogSuite, EphemeralSuite, FeedSuite, RecordsSuite

pytestmark = pytest.mark.postgres


class TestPostgresStore(RecordsSuite, FeedSuite, AuditLogSuite, EphemeralSuite):
    threads = False

    @pytest.fixture(autouse=True)
    def database(self, postgres_url: str) -> None:
        self.url = postgres_url

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PostgresStore]:
        async with PostgresStore(self.url) as store:
            yield store


KEY = Credential("key_1", Kind.API_KEY, "service:x", 1, lookup=b"digest", secret=b"canary-secret")


def _publish(key: str) -> Publish:
    return Publish(Topic.TOKEN, key, 1, 2**40)


async def _wait_for_a_lock(postgres: PostgresServer, url: str) -> None:
    """Return once some session of this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(5):
        while postgres.execute(waiting, url=url) == "0":
            await asyncio.sleep(0.01)


def test_no_entry_appears_behind_one_already_read(postgres: PostgresServer, postgres_url: str) -> None:
    """The first transaction draws the lower number but commits last: the second must wait for it."""

    async def play() -> None:
        async with PostgresStore(postgres_url) as first, PostgresStore(postgres_url) as second:
            blocker = await asyncpg.connect(postgres_url)
            transaction = blocker.transaction()
            await transaction.start()
            # The first store's audit batch, which follows its feed entry, has to wait for this row.
            await blocker.execute(
                "INSERT INTO audit (writer, number, first_at, last_at, count, events, previous, digest)"
                " VALUES ($1, 1, 0, 0, 0, '[]', '', '')",
                first._chain.writer,
            )
            early = asyncio.create_task(first.write(_publish("early"), Event(1.0, "revoke", "done")))
            await _wait_for_a_lock(postgres, postgres_url)
            late = asyncio.create_task(second.write(_publish("late")))
            await asyncio.sleep(0.1)
            assert not early.done()
            assert not late.done()
            assert await second.entries(0) == []
            await transaction.rollback()
            await blocker.close()
            assert await early
            assert await late
            entries = await second.entries(0)
            assert [each.key for each in entries] == ["early", "late"]
            assert entries[0].sequence < entries[1].sequence

    asyncio.run(play())


def test_a_hung_server_is_left_within_two_seconds_and_found_again() -> None:
    async def ask(store: PostgresStore) -> float:
        start = time.monotonic()
        with pytest.raises(Unavailable):
            await store.credential("key_1")
        return time.monotonic() - start

    async def play(server: PostgresServer) -> None:
        url = server.create_database()
        async with PostgresStore(url, connections=3) as store:
            assert await store.write(Add(KEY), Event(1.0, "issue", "done"))
            server.suspend()
            waits = await asyncio.gather(*(ask(store) for _ in range(20)))
            assert max(waits) < 2.5
            server.resume()
            assert await store.credential("key_1") == KEY
            await store.append([Event(2.0, "decide", "accepted")])
            await asyncio.gather(*(store.credential("key_1") for _ in range(50)))
            sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert 2 <= int(server.execute(sessions, url=url)) <= 4  # this very session, and at most three
            server.kill()
            assert await ask(store) < 1
            server.start()
            assert await store.credential("key_1") == KEY
            await store.append([Event(3.0, "decide", "accepted")])
            assert await store.verify_audit() == []

    with PostgresServer(fsync=True) as server:
        asyncio.run(play(server))


@pytest.mark.parametrize("verb", ["open", "write"])
def test_errors_hold_neither_passwords_nor_values(postgres: PostgresServer, postgres_url: str, verb: str) -> None:
    async def play() -> None:
        if verb == "open":
            wrong = postgres_url.replace("watchword:", "watchword:canary", 1)
            await PostgresStore(wrong).open()
        async with PostgresStore(postgres_url) as store:
            postgres.execute("ALTER TABLE credential ADD CHECK (length(secret) < 5)", url=postgres_url)
            await store.write(Add(KEY))

    with pytest.raises(Unavailable) as caught:
        asyncio.run(play())
    shown = "".join(traceback.format_exception(caught.value))
    assert "canary" not in shown
    assert "digest" not in shown
    assert str(caught.value) in ("PostgreSQL: InvalidPasswordError 28P01", "PostgreSQL: CheckViolationError 23514")


def test_a_store_that_was_not_opened_is_broken_not_empty() -> None:
    async def play() -> None:
        store = PostgresStore("postgresql://watchword@127.0.0.1:1/absent")
        for verb in (store.credential("x"), store.entries(0), store.write(Add(KEY)), store.claim(b"x", 2**40)):
            with pytest.raises(Unavailable, match="not open"):
                await verb
        with pytest.raises(Unavailable, match="ConnectionRefusedError"):
            await store.open()

    asyncio.run(play())


@pytest.mark.parametrize(
    "url", ["postgresql://u:canary@host:port/x", "postgresql://u:canary@[/x", "postgresql://u:canary@h/x?a=b"]
)
def test_a_url_that_the_driver_cannot_read_is_not_echoed(url: str) -> None:
    with pytest.raises(Unavailable, match="PostgreSQL") as caught:
        asyncio.run(PostgresStore(url).open())
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_cancelled_caller_breaks_nothing(postgres_url: str) -> None:
    async def play() -> None:
        async with PostgresStore(postgres_url, connections=2) as store:
            for delay in (0.0, 0.0005, 0.001, 0.002, 0.004):
                task = asyncio.create_task(store.append([Event(delay, "decide", "accepted")]))
                await asyncio.sleep(delay)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await store.append([Event(9.0, "decide", "accepted")])
            assert (await store.events())[-1][1].at == 9.0
            assert await store.verify_audit() == []

    asyncio.run(play())


def test_two_processes_race(postgres_url: str) -> None:
    asyncio.run(racer.check_races(postgres_url))


def test_a_clock_that_jumps_an_hour_ahead_and_back_frees_no_claim(postgres_url: str) -> None:
    now = [1_800_000_000.0]

    async def play() -> None:
        async with PostgresStore(postgres_url, clock=lambda: now[0]) as store:
            assert await store.claim(b"a signature", now[0] + 600)
            now[0] += 3600
            for number in range(300):  # enough for what has ended to be forgotten
                assert await store.claim(b"%d" % number, now[0] + 600)
            now[0] -= 3600
            with pytest.raises(Unavailable, match="clock"):
                await store.claim(b"a signature", now[0] + 600)

    asyncio.run(play())


def test_what_has_ended_is_forgotten_faster_than_it_comes(postgres: PostgresServer, postgres_url: str) -> None:
    """Every signed request leaves a claim here: a million of them must not be there for good."""

    async def come() -> None:
        now = [1_000_000.0]
        async with PostgresStore(postgres_url, clock=lambda: now[0]) as store:
            for number in range(1000):
                now[0] += 1
                assert await store.claim(f"nonce {number}".encode(), now[0] + 0.5)
                await store.put(f"link {number}", b"v", now[0])

    asyncio.run(come())
    for count in ("SELECT count(*) FROM claim", "SELECT count(*) FROM value"):
        assert int(postgres.execute(count, url=postgres_url)) < 300
