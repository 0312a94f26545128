"""The suite finds faults: each of these meters is wrong in one way."""

from __future__ import annotations

import pytest

from watchword.model.ports import Allowance
from watchword.model.verdict import Rate
from watchword.stores.meter import MemoryMeter
from watchword.testing.meters import FixedClock, MeterSuite


class OneMore:
    def __init__(self, clock: FixedClock) -> None:
        self.inner = MemoryMeter(clock)

    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        return self.inner.hit(key, cost, Rate(rate.count + 1, rate.seconds))


class OneKey(OneMore):
    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        return self.inner.hit("", cost, rate)


class SpendingLooks(OneMore):
    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        return self.inner.hit(key, cost or 1, rate)


class Suspending(OneMore):
    async def hit(self, key: str, cost: int, rate: Rate) -> Allowance:  # type: ignore[override]
        return self.inner.hit(key, cost, rate)


def suite(kind: type[OneMore]) -> MeterSuite:
    class Suite(MeterSuite):
        def make(self, clock: FixedClock) -> OneMore:  # type: ignore[override]
            return kind(clock)

    return Suite()


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (OneMore, "test_burst_is_the_count_and_not_one_more"),
        (OneKey, "test_keys_do_not_touch_each_other"),
        (SpendingLooks, "test_cost_nothing_only_looks"),
    ],
)
def test_wrong_meter_fails(kind: type[OneMore], test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(suite(kind), test)()


def test_meter_that_suspends_is_awaited() -> None:
    suite(Suspending).test_cost_counts()


def test_suite_without_a_meter_says_so() -> None:
    with pytest.raises(TypeError, match="make"):
        MeterSuite()  # type: ignore[abstract]
