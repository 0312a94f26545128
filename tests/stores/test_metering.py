"""Which meter fits a store and the processes that share it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.house import Clock
from watchword.model.verdict import Rate
from watchword.stores.memory import MemoryStore
from watchword.stores.meter import LeasedMeter, MemoryMeter
from watchword.stores.metering import meter_of
from watchword.stores.sqlite import SqliteStore


def test_one_process_counts_in_memory(tmp_path: Path) -> None:
    assert isinstance(meter_of(MemoryStore(), None, Clock()), MemoryMeter)
    assert isinstance(meter_of(SqliteStore(tmp_path / "x.db"), 1, Clock()), MemoryMeter)


def test_processes_that_may_be_several_share_a_file(tmp_path: Path) -> None:
    clock = Clock()

    async def play() -> None:
        async with SqliteStore(tmp_path / "x.db") as store:
            meters = [meter_of(store, None, clock) for _ in range(2)]
            assert all(isinstance(meter, LeasedMeter) for meter in meters)
            admitted = 0
            for number in range(40):
                allowance = meters[number % 2].hit("k", 1, Rate(10, 3600))
                admitted += (await allowance if asyncio.iscoroutine(allowance) else allowance).admitted  # type: ignore[union-attr]
            assert 10 <= admitted <= 11  # a lease may bring one forward
        assert [path.name for path in tmp_path.iterdir() if "meter" in path.name]

    asyncio.run(play())
