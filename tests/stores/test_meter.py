"""Meters admit the count and not more: one process, two processes, floods, broken files (reliability 13, 51, 52)."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.model.ports import Unavailable
from watchword.model.verdict import Rate
from watchword.stores.meter import LeasedMeter, MemoryMeter
from watchword.stores.shared_meter import SharedMeter
from watchword.testing.meters import FixedClock, MeterSuite

MINUTE = Rate(600, 60)


class TestMemoryMeter(MeterSuite):
    def make(self, clock: FixedClock) -> MemoryMeter:  # type: ignore[override]
        return MemoryMeter(clock)


class TestLeasedMeter(MeterSuite):
    lease = 1

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.made = 0

    def make(self, clock: FixedClock) -> LeasedMeter:  # type: ignore[override]
        self.made += 1
        return LeasedMeter(SharedMeter(self.folder / f"{self.made}-meter.db", clock))


class Counted:
    """Count the statements that a shared meter is asked for, and break on demand."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.inner = MemoryMeter(clock)
        self.asked = 0
        self.broken = False

    def spend(self, key: str, cost: int, rate: Rate) -> tuple[float, float]:
        self.asked += 1
        if self.broken:
            raise Unavailable("broken")
        answer = self.inner.hit(key, cost, rate)
        return answer.retry_after, answer.reset_after


def test_garbage_flood_leaves_nothing_behind() -> None:
    clock = FixedClock()
    meter = MemoryMeter(clock)
    rate = Rate(10, 60)
    meter.admit("warm", 1, rate)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(200_000):
            meter.admit(f"garbage {number}", 1, rate)
        clock.now += 60
        meter.admit("warm", 1, Rate(1, 1))
        clock.now += 61
        meter.admit("warm", 1, Rate(1, 1))
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(meter) == 1
    assert after - before < 2**20
    assert peak - before < 32 * 2**20


def test_flood_cannot_wash_out_an_exhausted_key() -> None:
    meter = MemoryMeter(FixedClock(), max_keys=1000)
    rate = Rate(5, 60)
    assert [meter.admit("guesser", 1, rate) == 0.0 for _ in range(6)] == [True] * 5 + [False]
    for number in range(20_000):
        meter.admit(f"garbage {number}", 1, rate)
    assert len(meter) <= 1000
    assert meter.admit("guesser", 1, rate) > 0


def test_key_that_is_used_outlives_the_generations() -> None:
    clock = FixedClock()
    meter = MemoryMeter(clock)
    rate = Rate(10, 10)
    admitted = 0
    for _ in range(1000):
        admitted += meter.admit("k", 1, rate) == 0.0
        clock.now += 0.1
    assert 109 <= admitted <= 110


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 50),
    st.sampled_from([1, 7, 60, 3600]),
    st.lists(st.tuples(st.integers(0, 4), st.floats(0, 3)), max_size=80),
)
def test_generations_change_nothing(count: int, seconds: int, hits: list[tuple[int, float]]) -> None:
    """The meter equals the algorithm in three lines that forgets nothing."""
    clock = FixedClock(0.0)
    meter, rate, step, tat = MemoryMeter(clock), Rate(count, seconds), seconds / count, 0.0
    for cost, wait in hits:
        clock.now += wait * step
        after = max(tat, clock.now) + (cost or 1) * step
        if abs(after - clock.now - seconds) < 1e-4:
            continue  # too close to the edge for floats to agree
        room = after <= clock.now + seconds
        assert (meter.admit("k", cost, rate) == 0.0) is room
        tat = after if room and cost else tat


def test_lease_usually_costs_no_statement() -> None:
    clock = FixedClock()
    shared = Counted(clock)
    meter = LeasedMeter(shared)
    for _ in range(600):
        assert meter.admit("k", 1, MINUTE) == 0.0
        clock.now += 0.001
    assert shared.asked < 60


def test_refusals_cost_no_statement() -> None:
    clock = FixedClock()
    shared = Counted(clock)
    meter = LeasedMeter(shared)
    while meter.admit("k", 1, MINUTE) == 0.0:
        pass
    asked = shared.asked
    for _ in range(1000):
        assert meter.admit("k", 1, MINUTE) > 0
    assert shared.asked <= asked + 1


def test_slow_caller_is_not_charged_for_leases_that_die() -> None:
    """One request in 1.01 s needs a tenth of the limit and gets all it asks for."""
    clock = FixedClock()
    meter = LeasedMeter(Counted(clock))
    rate = Rate(66, 60)
    for _ in range(600):
        assert meter.admit("k", 1, rate) == 0.0
        clock.now += 1.01


def test_unused_lease_dies_after_a_second() -> None:
    clock = FixedClock()
    shared = Counted(clock)
    meter = LeasedMeter(shared)
    for _ in range(18):
        meter.admit("k", 1, MINUTE)
    lease = meter._young["k"]
    assert 0 < lease.left <= 12
    clock.now += 1.0
    asked = shared.asked
    assert meter.admit("k", 1, MINUTE) == 0.0
    assert shared.asked == asked + 1
    assert lease.left == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 0.5), st.integers(1, 30)), min_size=10, max_size=60))
def test_two_leasing_workers_stay_within_five_percent(turns: list[tuple[int, float, int]]) -> None:
    clock = FixedClock()
    shared = Counted(clock)
    workers = [LeasedMeter(shared), LeasedMeter(shared)]
    rate, start, admitted = Rate(100, 60), clock.now, 0
    for worker, wait, hits in turns:
        clock.now += wait
        admitted += sum(workers[worker].admit("k", 1, rate) == 0.0 for _ in range(hits))
        assert admitted <= 105 + (clock.now - start) * 100 / 60


def test_flood_of_keys_does_not_grow_the_leases() -> None:
    clock = FixedClock()
    meter = LeasedMeter(Counted(clock))
    for number in range(50_000):
        meter.admit(f"garbage {number}", 1, MINUTE)
    assert len(meter._young) + len(meter._old) <= 2 * 16_384
    for _ in range(2):
        clock.now += 3
        meter.admit("k", 1, MINUTE)
    assert len(meter._young) + len(meter._old) == 1


def test_broken_share_is_unavailable_without_a_local_meter() -> None:
    shared = Counted(FixedClock())
    shared.broken = True
    with pytest.raises(Unavailable):
        LeasedMeter(shared).admit("k", 1, MINUTE)


def test_broken_share_leaves_each_process_its_own_limit() -> None:
    """Row 13: never unlimited, at most the limit times the processes; and it is asked again, but not every time."""
    clock = FixedClock()
    shared = Counted(clock)
    meter = LeasedMeter(shared, MemoryMeter(clock))
    shared.broken = True
    rate = Rate(10, 60)
    assert sum(meter.admit("k", 1, rate) == 0.0 for _ in range(500)) == 10
    assert shared.asked == 1
    shared.broken = False
    clock.now += 1.0
    assert meter.admit("k", 1, rate) == 0.0
    assert shared.asked == 2


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40)), max_size=60), st.integers(1, 5))
def test_a_limiter_says_what_admit_says(hits: list[tuple[str, float]], count: int) -> None:
    rate, clocks = Rate(count, 10), (FixedClock(), FixedClock())
    short, long = MemoryMeter(clocks[0]), MemoryMeter(clocks[1])
    limited = short.limiter(rate)
    for key, later in hits:
        for clock in clocks:
            clock.now += later
        assert limited(key) == long.admit(key, 1, rate)
