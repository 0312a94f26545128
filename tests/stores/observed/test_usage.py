"""Hold the counts in SQLite and PostgreSQL to what they promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from watchword.model.records import Event
from watchword.model.usage import Observed, Point, Tally
from watchword.stores.observed import usage
from watchword.stores.postgres import PostgresStore
from watchword.stores.sqlite import SqliteStore
from watchword.stores.sqlite_file import _bind
from watchword.testing.stores import UsageSuite


class TestSqliteUsage(UsageSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "watchword.db"

    @asynccontextmanager
    async def store(self) -> AsyncIterator[SqliteStore]:
        async with SqliteStore(self.path) as store:
            yield store


@pytest.mark.postgres
class TestPostgresUsage(UsageSuite):
    threads = False

    @pytest.fixture(autouse=True)
    def database(self, postgres_url: str) -> None:
        self.url = postgres_url

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PostgresStore]:
        async with PostgresStore(self.url) as store:
            yield store


TALLY = Tally(60, "key_1", "service:billing", "api-key", "GET /", "192.0.2.0/24", "accepted", "", 1)


def test_two_servers_that_roll_up_at_once_do_it_once(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "watchword.db"
        async with SqliteStore(path) as first, SqliteStore(path) as second:
            tallies = [TALLY._replace(start=n * 60) for n in range(300)]
            await first.append(
                [Event(1.0, "decide", "accepted")], Observed(tallies, (), [Point(0, "x", "accepted", 300)])
            )
            now = 30 * 86400
            while await first.usage.roll_up(now, 20) + await second.usage.roll_up(now, 20):
                pass
            found = await second.usage.tallies(grain=86400, since=0, until=now)
            assert [each.decisions for each in found] == [300]

    asyncio.run(play())


@pytest.mark.parametrize(
    ("asked", "indexes"),
    [
        ({"credential": "key_1"}, {"usage": "PRIMARY KEY"}),
        ({"subject": "user:alice"}, {"usage": "ix_usage_subject"}),
        ({}, {"usage": "ix_usage_grain_start", "traffic": "PRIMARY KEY", "part": "PRIMARY KEY"}),
    ],
)
def test_each_question_has_its_index(tmp_path: Path, asked: dict[str, str], indexes: dict[str, str]) -> None:
    """Ten million counts behind it must not be walked through."""

    async def play() -> list[str]:
        async with SqliteStore(tmp_path / "watchword.db") as store:
            read, plans = store._durable.read, []

            def explained(statement: Any, parameters: Any, **more: Any) -> Any:
                text, bound = _bind(statement, parameters)
                plans.extend(store._durable._reader.execute(f"EXPLAIN QUERY PLAN {text}", bound).fetchall())
                return read(statement, parameters, **more)

            store._durable.read = explained  # type: ignore[method-assign]
            await store.usage.tallies(grain=3600, since=3600, until=7200, **asked)
            await store.usage.traffic(grain=3600, since=3600, until=7200, **asked)
            for by in ("route", "scheme"):
                await store.usage.busiest(3600, 7200, by, **asked)
            return [plan[3] for plan in plans if plan[3].startswith(("SEARCH", "SCAN"))]

    plans = [plan for plan in asyncio.run(play()) if not plan.startswith("SCAN anon_")]
    assert {plan.split()[1] for plan in plans} == set(indexes)
    for plan in plans:
        assert plan.startswith("SEARCH"), plans
        assert indexes[plan.split()[1]] in plan, plans


def test_counts_beyond_those_that_are_looked_at_are_not_called_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many counts of minutes make few of hours: fewer than were asked for, and yet not all."""
    monkeypatch.setattr(usage, "_FIRST", 50)
    usage._first_tallies.cache_clear()

    async def play(count: int) -> tuple[int, bool]:
        async with SqliteStore(tmp_path / f"{count}.db") as store:
            await store.append((), Observed([TALLY._replace(start=n * 60) for n in range(count)]))
            found = await store.usage.tallies(grain=3600, since=0, until=2**40)
            return len(found), found.whole

    try:
        assert asyncio.run(play(50)) == (1, True)
        assert asyncio.run(play(51)) == (1, False)
    finally:
        usage._first_tallies.cache_clear()
