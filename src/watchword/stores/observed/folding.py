"""Add counts up: alike ones to one, finer ones to coarser ones, and those of too many names to few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from watchword.audit.counting import REST
from watchword.model.usage import Grain, Part, Point, Share, Tallies, Tally

__all__ = [
    "COARSER",
    "DAYS_KEPT",
    "MOST",
    "Held",
    "checked",
    "coarser",
    "coarser_parts",
    "coarser_points",
    "first_of",
    "horizons",
    "parts_of",
    "shares",
]

DAYS_KEPT: Final = 90
_MINUTES_KEPT: Final = 2 * Grain.HOUR
_HOURS_KEPT: Final = 7 * Grain.DAY
COARSER: Final[Mapping[Grain, Grain]] = {Grain.MINUTE: Grain.HOUR, Grain.HOUR: Grain.DAY}

MOST: Final = 200
"""Counts that one credential may have in an hour or a day; what comes on top has its route and network left unsaid."""

NAMED: Final = 300
"""Names of a kind that everybody's counts of an hour or a day have."""

KINDS: Final = ("route", "network", "reason", "credential", "subject")
"""Of what there are counts by name alone."""

Held: TypeAlias = Mapping[tuple[str, int], int]
"""How many counts there are already, by credential and start."""


def horizons(now: int) -> tuple[tuple[Grain, int], ...]:
    """Return before when counts of each grain are old: only whole hours, and whole days, are added up."""
    hour, day = Grain.HOUR.value, Grain.DAY.value
    return (
        (Grain.MINUTE, (now - _MINUTES_KEPT) // hour * hour),
        (Grain.HOUR, (now - _HOURS_KEPT) // day * day),
        (Grain.DAY, now // day * day - DAYS_KEPT * day),
    )


def coarser(tallies: Iterable[Tally], grain: int, held: Held, most: int = MOST) -> list[Tally]:
    """Return the counts by ``grain`` seconds, in order. Where a credential has ``most`` by then, few names are kept."""
    sums: Counter[tuple[int, str, str, str, str, str, str, str]] = Counter()
    for each in tallies:
        sums[(each.start - each.start % grain, *each[1:8])] += each.decisions
    there: Counter[tuple[str, int]] = Counter()
    found: Counter[tuple[int, str, str, str, str, str, str, str]] = Counter()
    for key, count in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])):
        start, credential = key[0], key[1]
        many = held.get((credential, start), 0) + there[credential, start]
        named = key if many < most else (*key[:4], key[4] if many < 2 * most else REST, REST, *key[6:])
        if named not in found:
            there[credential, start] += 1
        found[named] += count
    return [Tally(*key, count) for key, count in sorted(found.items())]


def first_of(tallies: Sequence[Tally], limit: int, *, cut: bool = False) -> Tallies:
    """Return the first ``limit`` of them; whole where that is all, and nothing was ``cut`` off before."""
    found = Tallies(tallies[:limit])
    found.whole = len(tallies) <= limit and not cut
    return found


def coarser_points(points: Iterable[Point], grain: int) -> list[Point]:
    """Return everybody's counts by ``grain`` seconds, in order."""
    sums: Counter[tuple[int, str, str]] = Counter()
    for each in points:
        sums[each.start - each.start % grain, each.scheme, each.verdict] += each.decisions
    return [Point(*key, count) for key, count in sorted(sums.items())]


def coarser_parts(parts: Iterable[Part], grain: int, most: int = NAMED) -> list[Part]:
    """Return everybody's counts by name and ``grain`` seconds, in order; only so many names of a kind stay."""
    sums: Counter[tuple[int, str, str, str]] = Counter()
    sizes: Counter[tuple[int, str, str]] = Counter()
    for each in parts:
        start = each.start - each.start % grain
        sums[start, each.kind, each.name, each.verdict] += each.decisions
        sizes[start, each.kind, each.name] += each.decisions
    there: Counter[tuple[int, str]] = Counter()
    kept: set[tuple[int, str, str]] = set()
    for key, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        there[key[:2]] += 1
        if there[key[:2]] <= most:
            kept.add(key)
    found: Counter[tuple[int, str, str, str]] = Counter()
    for (start, kind, name, verdict), count in sums.items():
        found[start, kind, name if (start, kind, name) in kept else REST, verdict] += count
    return [Part(*key, count) for key, count in sorted(found.items())]


def checked(by: str) -> str:
    """Return a name that counts can be told apart by. Raise ValueError for any other."""
    if by not in Tally._fields[1:-1]:
        raise ValueError(f"counts are told apart by {', '.join(Tally._fields[1:-1])}")
    return by


def shares(rows: Iterable[Sequence[Any]], *, each_once: bool) -> list[Share]:
    """Return shares, the largest first, of (name, verdict, scheme, decisions).

    Without ``each_once`` a decision that two credentials proved together is in there twice, and counts once.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for name, verdict, scheme, decisions in rows:
        found[name, verdict, scheme] += decisions
    sums: Counter[tuple[str, str]] = Counter()
    for (name, verdict, scheme), decisions in found.items():
        sums[name, verdict] += decisions if each_once else decisions // parts_of(scheme)
    return [Share(*key, count) for key, count in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))]


def counted_once(rows: Iterable[Sequence[Any]], *, each_once: bool) -> list[Point]:
    """Return points of (start, scheme, verdict, decisions); ``each_once`` as in ``shares``."""
    return [
        Point(start, scheme, verdict, decisions if each_once else decisions // parts_of(scheme))
        for start, scheme, verdict, decisions in rows
    ]


def parts_of(scheme: str) -> int:
    """Return how many credentials a scheme such as "jwt via api-key" takes, and so how many counts a decision has."""
    return 1 + scheme.count(" & ") + scheme.count(" via ")
