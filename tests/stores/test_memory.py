"""Hold the store in memory to what every store must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from watchword.model.ports import Unavailable
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
