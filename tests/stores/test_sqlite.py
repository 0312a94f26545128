"""Hold SQLite to what every store must do, and to what it alone promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from watchword.stores.sqlite import SqliteStore
from watchword.testing.stores import AuditLogSuite, EphemeralSuite, FeedSuite, RecordsSuite


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
