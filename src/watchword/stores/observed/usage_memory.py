"""Keep counts of decisions in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeAlias

from watchword.model.usage import Grain, Observed, Origin, Part, Point, Share, Tallies, Tally
from watchword.stores.observed.folding import (
    COARSER,
    DAYS_KEPT,
    KINDS,
    checked,
    coarser,
    coarser_parts,
    coarser_points,
    counted_once,
    first_of,
    horizons,
    shares,
)

__all__ = ["MemoryUsage"]

_Key: TypeAlias = tuple[int, int, str, str, str, str, str, str, str]  # the grain, then a tally but its count
_PointKey: TypeAlias = tuple[int, int, str, str]
_EVER: Final = 2**62


class MemoryUsage:
    """Implement UsageRecords in memory, thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[_Key] = Counter()
        self._traffic: Counter[_PointKey] = Counter()
        self._parts: Counter[tuple[int, int, str, str, str]] = Counter()  # the grain, then a part but its count
        self._origins: dict[tuple[str, str], Origin] = {}

    def add(self, observed: Observed) -> None:
        """Add what was observed."""
        with self._lock:
            self._add(Grain.MINUTE, observed.tallies)
            self._add_points(Grain.MINUTE, observed.points)
            self._add_parts(Grain.MINUTE, observed.parts)
            for seen in observed.origins:
                key = seen.credential, seen.network
                known = self._origins.get(key, seen)
                first, last = min(known.first_at, seen.first_at), max(known.last_at, seen.last_at)
                self._origins[key] = Origin(*key, first, last)

    def _add(self, grain: Grain, tallies: Iterable[Tally]) -> None:
        for each in tallies:
            self._counts[(grain.value, *each[:-1])] += each.decisions

    def _add_points(self, grain: Grain, points: Iterable[Point]) -> None:
        for each in points:
            self._traffic[(grain.value, *each[:-1])] += each.decisions

    def _add_parts(self, grain: Grain, parts: Iterable[Part]) -> None:
        for each in parts:
            self._parts[(grain.value, *each[:-1])] += each.decisions

    def _found(self, grain: int, since: int, until: int, credential: str = "", subject: str = "") -> list[Tally]:
        with self._lock:
            return [
                Tally(*key[1:], count)
                for key, count in self._counts.items()
                if key[0] <= grain
                and since <= key[1] < until
                and credential in ("", key[2])
                and subject in ("", key[3])
            ]

    async def tallies(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = "", limit: int = 1000
    ) -> Tallies:
        """Return counts that start in ``[since, until)``, by time."""
        found = self._found(Grain(grain), since - since % grain, until, credential, subject)
        return first_of(coarser(found, grain, {}, most=_EVER), limit)

    async def traffic(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = ""
    ) -> list[Point]:
        """Return counts by scheme and verdict that start in ``[since, until)``, by time: everybody's, or one's."""
        begun = since - since % grain
        if credential or subject:
            tallies = self._found(Grain(grain), begun, until, credential, subject)
            points = [Point(each.start, each.scheme, each.verdict, each.decisions) for each in tallies]
            return counted_once(coarser_points(points, grain), each_once=bool(credential))
        with self._lock:
            rows = list(self._traffic.items())
        found = (Point(*key[1:], count) for key, count in rows if key[0] <= Grain(grain) and begun <= key[1] < until)
        return coarser_points(found, grain)

    async def origins(self, credential: str, *, limit: int = 100) -> list[Origin]:
        """Return where a credential was used from, latest first."""
        with self._lock:
            found = [each for each in self._origins.values() if each.credential == credential]
        return sorted(found, key=lambda each: (-each.last_at, each.network))[:limit]

    async def busiest(
        self, since: int, until: int, by: str, limit: int = 10, *, credential: str = "", subject: str = ""
    ) -> list[Share]:
        """Return to whom or what most decisions fell."""
        if checked(by) in KINDS and not credential and not subject:
            return shares(self._named(by, since, until), each_once=True)[:limit]
        if not credential and not subject:
            place = 2 if by == "scheme" else 3
            with self._lock:
                points = [
                    (key[place], key[3], key[2], n) for key, n in self._traffic.items() if since <= key[1] < until
                ]
            return shares(points, each_once=True)[:limit]
        place = Tally._fields.index(by)
        found = self._found(Grain.DAY, since, until, credential, subject)
        found_rows = ((each[place], each.verdict, each.scheme, each.decisions) for each in found)
        return shares(found_rows, each_once=by == "credential" or bool(credential))[:limit]

    def _named(self, kind: str, since: int, until: int) -> list[tuple[str, str, str, int]]:
        with self._lock:
            rows = list(self._parts.items())
        return [(key[3], key[4], "", count) for key, count in rows if key[2] == kind and since <= key[1] < until]

    async def roll_up(self, now: int, at_most: int = 1000) -> int:
        """Add up what is old into coarser counts, forget what is too old; return how many rows that took away."""
        done = 0
        with self._lock:
            for grain, before in horizons(now):
                done += self._roll(grain, before, at_most) + self._roll_points(grain, before, at_most)
                done += sum(self._roll_parts(kind, grain, before) for kind in KINDS)
            gone = [key for key, each in self._origins.items() if each.last_at < now - DAYS_KEPT * Grain.DAY][:at_most]
            for place in gone:
                del self._origins[place]
        return done + len(gone)

    def _roll(self, grain: Grain, before: int, at_most: int) -> int:
        old = sorted((key for key in self._counts if key[0] == grain and key[1] < before), key=lambda key: key[1])
        taken = [Tally(*key[1:], self._counts.pop(key)) for key in old[:at_most]]
        into = COARSER.get(grain)
        if taken and into is not None:
            held = Counter((key[2], key[1]) for key in self._counts if key[0] == into)
            self._add(into, coarser(taken, into, held))
        return len(taken)

    def _roll_points(self, grain: Grain, before: int, at_most: int) -> int:
        old = sorted((key for key in self._traffic if key[0] == grain and key[1] < before), key=lambda key: key[1])
        taken = [Point(*key[1:], self._traffic.pop(key)) for key in old[:at_most]]
        into = COARSER.get(grain)
        if into is not None:
            self._add_points(into, coarser_points(taken, into))
        return len(taken)

    def _roll_parts(self, kind: str, grain: Grain, before: int) -> int:
        old = [key for key in self._parts if key[2] == kind and key[0] == grain and key[1] < before]
        if not old:
            return 0
        into = COARSER.get(grain, Grain.DAY)
        first = min(key[1] for key in old)
        until = first - first % into + into
        taken = [Part(*key[1:], self._parts.pop(key)) for key in old if key[1] < until]
        if grain in COARSER:
            self._add_parts(into, coarser_parts(taken, into))
        return len(taken)
