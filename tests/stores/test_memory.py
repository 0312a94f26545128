"""Hold the store in memory to what every store must do."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Add, Drop, Publish, Topic
from watchword.stores.memory import MemoryStore
from watchword.testing.stores import AuditLogSuite, EphemeralSuite, FeedSuite, RecordsSuite


class TestMemoryStore(RecordsSuite, FeedSuite, AuditLogSuite, EphemeralSuite):
    @asynccontextmanager
    async def store(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore() as store:
            yield store


def test_a_clock_that_jumps_an_hour_ahead_and_back_frees_no_claim() -> None:
    now = [1_800_000_000.0]
    store = MemoryStore(clock=lambda: now[0])
    assert store.claim(b"a signature", now[0] + 600)
    now[0] += 3600
    for number in range(2000):  # enough for what has ended to be forgotten
        assert store.claim(b"%d" % number, now[0] + 600)
    now[0] -= 3600
    with pytest.raises(Unavailable, match="clock"):
        store.claim(b"a signature", now[0] + 600)
    assert store.claim(b"a later one", now[0] + 601)


def test_entries_of_the_feed_that_ended_are_forgotten_where_nothing_more_is_published() -> None:
    async def play() -> None:
        now = [1_800_000_000.0]
        async with MemoryStore(clock=lambda: now[0]) as store:
            until = int(now[0]) + 60
            for number in range(100):
                await store.write(Publish(Topic.CREDENTIAL, f"key_{number}", int(now[0]), until + number))
            now[0] = until + 50
            await store.forget(1_000)
            assert len(store._feed) == 50
            assert [each.key for each in store._feed] == [f"key_{number}" for number in range(50, 100)]

    asyncio.run(play())


def test_the_room_of_values_claims_and_records_that_ended_is_given_back() -> None:
    many, now = 3_000, [1_800_000_000.0]

    async def fill(store: MemoryStore) -> None:
        for number in range(many):
            await store.put(f"code:{number}", b"a value", now[0] + 60)
            assert store.claim(b"%d" % number, now[0] + 60)
        for number in range(many):
            record = Credential(f"ses_{number}", Kind.SESSION, "user:alice", 1, lookup=b"%d" % number)
            assert await store.write(Add(record))
        assert await store.write(*map(Drop, await store.credentials(kind=Kind.SESSION, limit=many)))

    async def empty(store: MemoryStore) -> None:
        now[0] += 3600
        while await store.forget(1_000):
            pass

    async def play() -> None:
        store = MemoryStore(clock=lambda: now[0])
        before = _held()
        await fill(store)
        full = _held() - before
        await empty(store)
        left = _held() - before
        assert full > 1_000_000, full
        assert left < 30_000, left

    tracemalloc.start()
    try:
        asyncio.run(play())
    finally:
        tracemalloc.stop()


def _held() -> int:
    """Return the bytes that Python's objects take."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
