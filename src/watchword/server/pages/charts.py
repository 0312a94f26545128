"""Draw counts over time as stacked bars: numbers for an SVG, whose colours the stylesheet gives, and for its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

__all__ = ["HEIGHT", "WIDTH", "Bar", "Chart", "Part", "chart_of"]

WIDTH: Final = 720
HEIGHT: Final = 160
_GAP: Final = 0.22  # of a bar's room
_MOST: Final = 8  # series that have a colour of their own; what is rarer is drawn as one


class Part(NamedTuple):
    """Be one series' share of a bar: where it is drawn, and what it stands for."""

    series: int
    number: int
    y: float
    height: float


class Bar(NamedTuple):
    """Be one stretch of time: ``start`` in Unix seconds, its parts from the ground up."""

    start: int
    x: float
    width: float
    total: int
    parts: tuple[Part, ...]


class Chart(NamedTuple):
    """Hold a whole chart; ``series`` are names with their sums, in the order of colours."""

    grain: int
    series: tuple[tuple[str, int], ...]
    bars: tuple[Bar, ...]
    top: int

    @property
    def total(self) -> int:
        """Return the sum of everything."""
        return sum(count for _, count in self.series)


def chart_of(
    counts: Iterable[tuple[int, str, int]], *, since: int, until: int, grain: int, order: Sequence[str] = ()
) -> Chart:
    """Return the chart of (start, series, count): a bar for each ``grain`` seconds of ``[since, until)``.

    Series come in the ``order`` given, others after them, the largest first.
    """
    first = since // grain * grain
    starts = range(first, max(until, first + 1), grain)
    found: dict[int, Counter[str]] = {start: Counter() for start in starts}
    sums: Counter[str] = Counter()
    for at, name, count in counts:
        bar = found.get(at // grain * grain)
        if bar is not None:
            bar[name] += count
            sums[name] += count
    names = _ordered(sums, order)
    shown, rest = names[:_MOST], names[_MOST:]
    if rest:
        shown = [*shown[: _MOST - 1], "…"]
        _fold(found.values(), sums, names[_MOST - 1 :])
    top = max((bar.total() for bar in found.values()), default=0)
    room = WIDTH / len(starts)
    bars = tuple(_bar(start, place * room, room, found[start], shown, top) for place, start in enumerate(starts))
    return Chart(grain, tuple((name, sums[name]) for name in shown), bars, top)


def _ordered(sums: Counter[str], order: Sequence[str]) -> list[str]:
    others = sorted((name for name in sums if name not in order), key=lambda name: (-sums[name], name))
    return [*(name for name in order if name in sums), *others]


def _fold(bars: Iterable[Counter[str]], sums: Counter[str], names: Sequence[str]) -> None:
    for counter in (*bars, sums):
        counter["…"] = sum(counter.pop(name, 0) for name in names)


def _bar(start: int, x: float, room: float, counts: Counter[str], names: Sequence[str], top: int) -> Bar:
    parts: list[Part] = []
    ground = float(HEIGHT)
    for place, name in enumerate(names):
        height = counts[name] / top * HEIGHT if top else 0.0
        if height:
            ground -= height
            parts.append(Part(place, counts[name], round(ground, 1), round(height, 1)))
    gap = room * _GAP
    return Bar(start, round(x + gap / 2, 2), round(room - gap, 2), counts.total(), tuple(parts))
