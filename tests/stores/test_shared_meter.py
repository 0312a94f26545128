"""Processes of one machine share their limits in a file (reliability rows 11, 13, 51)."""

from __future__ import annotations

import multiprocessing
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from watchword.model.ports import Unavailable
from watchword.model.verdict import Rate
from watchword.stores import shared_meter
from watchword.stores.meter import LeasedMeter
from watchword.stores.shared_meter import SharedMeter
from watchword.testing.meters import FixedClock, MeterSuite

FORK = multiprocessing.get_context("fork")
MINUTE = Rate(600, 60)


class TestSharedMeter(MeterSuite):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.made = 0

    def make(self, clock: FixedClock) -> SharedMeter:  # type: ignore[override]
        self.made += 1
        return SharedMeter(self.folder / f"{self.made}-meter.db", clock)


def _offer(path: Path, leased: bool, barrier: Barrier, out: Connection) -> None:
    shared = SharedMeter(path)
    meter = LeasedMeter(shared) if leased else shared
    barrier.wait(10)
    out.send(sum(meter.admit("k", 1, MINUTE) == 0.0 for _ in range(1000)))


@pytest.mark.parametrize("leased", [True, False])
def test_two_processes_admit_the_limit_together(tmp_path: Path, leased: bool) -> None:
    """600/min, 2,000 offered."""
    barrier = FORK.Barrier(2)
    workers = []
    for _ in range(2):
        here, there = FORK.Pipe(duplex=False)
        worker = FORK.Process(target=_offer, args=(tmp_path / "x-meter.db", leased, barrier, there))
        worker.start()
        workers.append((worker, here))
    started = time.monotonic()
    admitted = sum(here.recv() for _, here in workers)
    for worker, _ in workers:
        worker.join(10)
        assert worker.exitcode == 0
    assert 600 <= admitted <= 630 + 10 * max(0.0, time.monotonic() - started - 1)


def _spend_one(meter: SharedMeter, out: Connection) -> None:
    out.send(meter.admit("k", 1, Rate(2, 60)))


def test_fork_leaves_the_parents_connection_alone(tmp_path: Path) -> None:
    meter = SharedMeter(tmp_path / "x-meter.db")
    assert meter.admit("k", 1, Rate(2, 60)) == 0.0
    here, there = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_spend_one, args=(meter, there))
    child.start()
    assert here.recv() == 0.0
    child.join(10)
    assert meter.admit("k", 1, Rate(2, 60)) > 0


def test_race_of_threads_admits_the_limit(tmp_path: Path) -> None:
    meter = SharedMeter(tmp_path / "x-meter.db", FixedClock())
    admitted: list[float] = []

    def run() -> None:
        admitted.extend(retry for retry in (meter.admit("k", 1, Rate(100, 60)) for _ in range(50)) if not retry)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 100


def test_garbage_in_place_of_the_file_is_unavailable_until_discarded(tmp_path: Path) -> None:
    path = tmp_path / "x-meter.db"
    path.write_bytes(b"not a database, and long enough to be noticed" * 100)
    meter = SharedMeter(path)
    with pytest.raises(Unavailable):
        meter.admit("k", 1, MINUTE)
    with pytest.raises(Unavailable):
        meter.hit("k", 0, MINUTE)
    SharedMeter.discard(path)
    assert meter.admit("k", 1, MINUTE) == 0.0


def test_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        SharedMeter(tmp_path / "missing" / "x-meter.db").admit("k", 1, MINUTE)


def test_file_locked_by_another_is_unavailable_in_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_meter, "_BUSY", 0.05)
    meter = SharedMeter(tmp_path / "x-meter.db")
    meter.admit("k", 1, MINUTE)
    other = shared_meter.driver.connect(tmp_path / "x-meter.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(Unavailable, match="locked"):
        meter.admit("k", 1, MINUTE)
    assert time.monotonic() - started < 1
    other.execute("ROLLBACK")
    assert meter.admit("k", 1, MINUTE) == 0.0
    other.close()


def test_full_allowances_are_deleted(tmp_path: Path) -> None:
    clock = FixedClock()
    meter = SharedMeter(tmp_path / "x-meter.db", clock)
    for number in range(3000):
        meter.admit(f"garbage {number}", 1, Rate(1, 1))
    for number in range(20):
        clock.now += 11
        meter.admit(f"fresh {number}", 1, Rate(1, 1))
    assert meter._connection.execute("SELECT count(*) FROM meter").fetchone()[0] <= 2


def test_a_flood_of_names_does_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More names in ten seconds than are forgotten at least."""
    monkeypatch.setattr(shared_meter, "_PRUNE_ROWS", 100)
    clock = FixedClock()
    meter = SharedMeter(tmp_path / "x-meter.db", clock)
    for turn in range(5):
        for number in range(1000):
            meter.admit(f"garbage {turn} {number}", 1, Rate(1, 1))
        clock.now += 11
    meter.admit("fresh", 1, Rate(1, 1))
    assert meter._connection.execute("SELECT count(*) FROM meter").fetchone()[0] <= 1001
