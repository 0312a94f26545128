"""Counts as values."""

from __future__ import annotations

from watchword.model.usage import Grain, Observed, Origin, Point, Share, Tally


def test_each_grain_is_a_part_of_the_next() -> None:
    minute, hour, day = Grain
    assert (hour % minute, day % hour, int(minute)) == (0, 0, 60)


def test_what_is_observed_is_nothing_at_first() -> None:
    assert Observed() == Observed((), (), (), ())


def test_counts_are_ordered_by_time_first() -> None:
    late, early = (Tally(at, "a", "", "", "", "", "accepted", "", 9) for at in (60, 0))
    assert sorted([late, early]) == [early, late]
    assert sorted([Point(60, "a", "", 1), Point(0, "z", "", 1)])[0].start == 0
    assert Tally._fields[:2] == ("start", "credential")
    assert Origin("a", "n", 1, 2).last_at == Share("a", "accepted", 2).decisions == 2
