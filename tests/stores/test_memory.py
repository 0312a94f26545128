"""Hold the store in memory to what every store must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from watchword.model.ports import Unavailable
from watchword.model.records import Publish, Topic
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
