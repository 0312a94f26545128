"""Hold the store in memory to what every store must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from watchword.stores.memory import MemoryStore
from watchword.testing.stores import AuditLogSuite, EphemeralSuite, FeedSuite, RecordsSuite


class TestMemoryStore(RecordsSuite, FeedSuite, AuditLogSuite, EphemeralSuite):
    @asynccontextmanager
    async def store(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore() as store:
            yield store
