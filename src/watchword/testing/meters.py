"""Hold every meter to the same behaviour: bursts up to the count, then evenly, and never more."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Final, TypeVar

from watchword.model.ports import Allowance, Clock, Meter, Soon
from watchword.model.verdict import Rate

__all__ = ["FixedClock", "MeterSuite"]

T = TypeVar("T")

_START: Final = 1_800_000_000.0
_EPSILON: Final = 1e-3


class FixedClock:
    """Tell a time that only a test moves (Unix seconds)."""

    def __init__(self, now: float = _START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class MeterSuite(ABC):
    """Test one meter: inherit, and return a new one, empty, from ``make``.

    ``lease`` is how many admissions the meter may hold back or bring forward, 0 for an exact one.
    """

    lease: int = 0

    @abstractmethod
    def make(self, clock: Clock) -> Meter:
        """Return an empty meter that tells the time by ``clock``."""

    def settle(self, value: Soon[T]) -> T:
        """Return the value, awaited where it is not there yet."""
        return asyncio.run(_finish(value)) if isawaitable(value) else value

    def spend(self, meter: Meter, rate: Rate, times: int, key: str = "k") -> int:
        """Hit ``times`` times and return how many were admitted."""
        return sum(self.settle(meter.hit(key, 1, rate)).admitted for _ in range(times))

    def test_burst_is_the_count_and_not_one_more(self) -> None:
        clock = FixedClock()
        for rate in (Rate(1, 1), Rate(3, 1), Rate(7, 60), Rate(600, 60), Rate(1000, 3600), Rate(999, 7)):
            assert self.spend(self.make(clock), rate, rate.count + 20) == rate.count

    def test_after_the_burst_room_comes_back_evenly(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(60, 60)
        assert self.spend(meter, rate, 100) == 60
        for _ in range(20):
            clock.now += 1.001
            assert self.spend(meter, rate, 3) == 1

    def test_idle_key_gets_its_whole_burst_back_and_no_more(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(10, 60)
        assert self.spend(meter, rate, 20) == 10
        clock.now += 60.01
        assert self.spend(meter, rate, 20) == 10
        clock.now += 6000
        assert self.spend(meter, rate, 20) == 10

    def test_steady_rate_is_never_refused(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(60, 60)
        for _ in range(300):
            assert self.settle(meter.hit("k", 1, rate)).admitted
            clock.now += 1.0001

    def test_overload_gets_the_burst_and_the_even_flow(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(50, 10)
        admitted = 0
        for _ in range(400):
            admitted += self.spend(meter, rate, 2)
            clock.now += 0.05
        assert 149 - self.lease <= admitted <= 149 + self.lease  # the burst, and five a second for 19.95 s

    def test_keys_do_not_touch_each_other(self) -> None:
        meter, rate = self.make(FixedClock()), Rate(2, 60)
        assert self.spend(meter, rate, 5, "a") == 2
        assert self.spend(meter, rate, 5, "b") == 2
        assert self.spend(meter, rate, 5, "A") == 2
        assert self.spend(meter, rate, 5, "a'\"; --\x00é") == 2

    def test_retry_after_is_when_a_retry_is_admitted(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(6, 60)
        assert self.spend(meter, rate, 6) == 6
        refused = self.settle(meter.hit("k", 1, rate))
        assert not refused.admitted
        assert refused.remaining == 0
        assert abs(refused.retry_after - 10) < _EPSILON
        clock.now += refused.retry_after - 0.01
        assert not self.settle(meter.hit("k", 1, rate)).admitted
        clock.now += 0.011
        assert self.settle(meter.hit("k", 1, rate)).admitted

    def test_allowance_tells_what_is_left(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(6, 60)
        first = self.settle(meter.hit("k", 1, rate))
        assert first == Allowance(True, 5, 0.0, first.reset_after)
        assert abs(first.reset_after - 10) < _EPSILON
        assert [self.settle(meter.hit("k", 1, rate)).remaining for _ in range(6)] == [4, 3, 2, 1, 0, 0]

    def test_cost_counts(self) -> None:
        meter, rate = self.make(FixedClock()), Rate(10, 60)
        assert self.settle(meter.hit("k", 7, rate)).remaining == 3
        assert not self.settle(meter.hit("k", 4, rate)).admitted
        assert self.settle(meter.hit("k", 3, rate)).admitted
        assert not self.settle(meter.hit("k", 1, rate)).admitted

    def test_cost_above_the_count_is_never_admitted(self) -> None:
        clock = FixedClock()
        meter = self.make(clock)
        for cost in (11, 1000, 10**6):
            assert not self.settle(meter.hit("k", cost, Rate(10, 60))).admitted
            clock.now += 10_000
        assert self.settle(meter.hit("k", 10, Rate(10, 60))).admitted

    def test_cost_nothing_only_looks(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(3, 60)
        for _ in range(10):
            assert self.settle(meter.hit("k", 0, rate)).admitted
        assert self.spend(meter, rate, 5) == 3
        look = self.settle(meter.hit("k", 0, rate))
        assert not look.admitted
        assert abs(look.retry_after - 20) < _EPSILON
        clock.now += 20.01
        assert self.settle(meter.hit("k", 0, rate)).admitted
        assert self.spend(meter, rate, 5) == 1

    def test_refused_hits_do_not_push_the_end_away(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(5, 10)
        assert self.spend(meter, rate, 500) == 5
        clock.now += 10.01
        assert self.spend(meter, rate, 500) == 5

    def test_clock_set_back_by_an_hour_locks_nobody_out(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(5, 10)
        assert self.spend(meter, rate, 10) == 5
        clock.now -= 3600
        assert self.spend(meter, rate, 10) == 5
        clock.now += 2.01
        assert self.spend(meter, rate, 10) == 1

    def test_clock_set_back_a_little_gives_nothing_away(self) -> None:
        clock = FixedClock()
        meter, rate = self.make(clock), Rate(5, 10)
        assert self.spend(meter, rate, 10) == 5
        clock.now -= 30
        assert self.spend(meter, rate, 10) == 0


async def _finish(value: Awaitable[T]) -> T:
    return await value
