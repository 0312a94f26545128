"""Bars add up to what they are drawn from, and stay within their picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchword.server.pages.charts import HEIGHT, WIDTH, chart_of

names = st.sampled_from(["accepted", "refused", "broken", "a", "b", "c", "d", "e", "f", "g"])
counts = st.lists(st.tuples(st.integers(0, 599), names, st.integers(1, 10**9)), max_size=60)


@given(counts)
def test_every_count_is_drawn_once(rows: list[tuple[int, str, int]]) -> None:
    chart = chart_of(rows, since=0, until=600, grain=60)
    assert len(chart.bars) == 10
    assert sum(bar.total for bar in chart.bars) == chart.total == sum(count for *_, count in rows)
    assert sum(part.number for bar in chart.bars for part in bar.parts) == chart.total
    assert len(chart.series) <= 8
    assert chart.top == max((bar.total for bar in chart.bars), default=0)


@given(counts)
def test_bars_stand_on_the_ground_and_fit(rows: list[tuple[int, str, int]]) -> None:
    for bar in chart_of(rows, since=0, until=600, grain=60).bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH + 0.01
        tops = [part.y for part in bar.parts]
        assert tops == sorted(tops, reverse=True)
        assert all(part.y >= -0.5 and part.y + part.height <= HEIGHT + 0.5 for part in bar.parts)


def test_an_order_comes_first_then_the_largest() -> None:
    rows = [(0, "b", 1), (0, "a", 5), (0, "refused", 1)]
    chart = chart_of(rows, since=0, until=60, grain=60, order=("accepted", "refused"))
    assert chart.series == (("refused", 1), ("a", 5), ("b", 1))


def test_what_is_outside_is_left_out() -> None:
    chart = chart_of([(-1, "a", 1), (60, "a", 1), (59, "a", 1)], since=0, until=60, grain=60)
    assert (chart.total, len(chart.bars)) == (1, 1)


def test_nothing_is_an_empty_picture() -> None:
    chart = chart_of([], since=0, until=120, grain=60)
    assert (chart.total, chart.top, chart.series) == (0, 0, ())
    assert all(bar.parts == () for bar in chart.bars)
