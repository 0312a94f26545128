"""Hold PostgreSQL to what every store must do, and to what it alone promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

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
