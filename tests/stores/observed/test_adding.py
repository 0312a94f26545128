"""Counts and their audit batch are written together or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from watchword.model.ports import Unavailable
from watchword.model.records import Event
from watchword.model.usage import Observed, Origin, Point, Tally
from watchword.stores.observed.adding import observed_plan
from watchword.stores.sqlite import SqliteStore

TALLY = Tally(60, "key_1", "service:billing", "api-key", "GET /", "192.0.2.0/24", "accepted", "", 1)
EVENT = Event(1.0, "decide", "accepted")


def test_rows_come_in_one_order_for_all_writers() -> None:
    tallies = [TALLY._replace(credential=f"key_{n}") for n in (3, 1, 2)]
    points = [Point(60, scheme, "accepted", 1) for scheme in ("jwt", "api-key")]
    origins = [Origin("key_2", "n", 1, 2), Origin("key_1", "n", 1, 2)]
    plan: Any = observed_plan(Observed(tallies, origins, points))
    steps = list(plan)
    assert [[row.get("credential", row.get("scheme")) for row in rows] for _, rows in steps] == [
        ["key_1", "key_2", "key_3"],
        ["api-key", "jwt"],
        ["key_1", "key_2"],
    ]


def test_many_rows_come_in_parts() -> None:
    plan: Any = observed_plan(Observed([TALLY._replace(credential=f"key_{n}") for n in range(1200)]))
    assert [len(rows) for _, rows in plan] == [500, 500, 200]


def test_a_batch_whose_counts_cannot_be_written_is_not_written_either(tmp_path: Path) -> None:
    async def play() -> None:
        async with SqliteStore(tmp_path / "watchword.db") as store:
            store._durable._writer.execute("DROP TABLE traffic")
            with pytest.raises(Unavailable):
                await store.append([EVENT], Observed([TALLY], (), [Point(60, "api-key", "accepted", 1)]))
            assert await store.events() == []
            assert await store.usage.tallies(grain=60, since=0, until=120) == []
            assert await store.verify_audit() == []

    asyncio.run(play())
