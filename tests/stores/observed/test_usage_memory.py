"""Hold the counts in memory to what they promise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from watchword.stores.memory import MemoryStore
from watchword.testing.stores import UsageSuite


class TestMemoryUsage(UsageSuite):
    @asynccontextmanager
    async def store(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore() as store:
            yield store
