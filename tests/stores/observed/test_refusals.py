"""Whose credentials are refused lately, in every store alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from watchword.model.records import Event
from watchword.model.usage import Observed, Tally
from watchword.stores.memory import MemoryStore
from watchword.stores.observed.refusals import SqlRefusals, WalkedRefusals, refusals_of
from watchword.stores.sqlite import SqliteStore

DAY = 86400


def tally(start: int, credential: str, verdict: str, decisions: int) -> Tally:
    return Tally(start, credential, "service:x", "api-key", "GET /", "192.0.2.0/24", verdict, "revoked", decisions)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_most_refused_comes_first(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "a.db") as store:
            rows = [
                tally(10 * DAY, "key_a", "accepted", 99),
                tally(10 * DAY, "key_a", "refused", 2),
                tally(11 * DAY, "key_a", "refused", 1),
                tally(10 * DAY, "key_b", "refused", 5),
                tally(10 * DAY, "key_c", "broken", 3),
                tally(10 * DAY, "", "refused", 50),
                tally(10 * DAY, "…", "refused", 50),
                tally(2 * DAY, "key_d", "refused", 50),
            ]
            await store.append([Event(1.0, "decide", "refused")], Observed(rows))
            refusals = refusals_of(store)
            assert isinstance(refusals, WalkedRefusals if kind == "memory" else SqlRefusals)
            assert await refusals.most(9 * DAY, 10) == [("key_b", 5), ("key_a", 3), ("key_c", 3)]
            assert await refusals.most(9 * DAY, 1) == [("key_b", 5)]
            assert await refusals.most(30 * DAY, 10) == []

    asyncio.run(work())


def test_an_index_of_refusals_answers(tmp_path: Path) -> None:
    async def work() -> None:
        async with SqliteStore(tmp_path / "a.db") as store:
            from sqlalchemy import text

            plan = "EXPLAIN QUERY PLAN SELECT credential, decisions FROM usage WHERE verdict != 'accepted'"
            plan += " AND credential != '' AND start >= 5 ORDER BY start DESC LIMIT 9"
            assert [row[-1] for row in await store.rows(text(plan), {})] == [
                "SEARCH usage USING INDEX ix_usage_refused (start>?)"
            ]

    asyncio.run(work())
