"""Keep counts of decisions in memory."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TypeAlias

from watchword.model.usage import Grain, Observed, Origin, Point, Tally
from watchword.stores.observed.usage import points_of

__all__ = ["MemoryUsage"]

_Key: TypeAlias = tuple[int, int, str, str, str, str, str, str, str]  # the grain, then a tally but its count


class MemoryUsage:
    """Implement UsageRecords in memory, thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[_Key] = Counter()
        self._origins: dict[tuple[str, str], Origin] = {}

    def add(self, observed: Observed) -> None:
        """Add what was observed."""
        with self._lock:
            for each in observed.tallies:
                self._counts[(Grain.MINUTE.value, *each[:-1])] += each.decisions
            for seen in observed.origins:
                key = seen.credential, seen.network
                known = self._origins.get(key, seen)
                first, last = min(known.first_at, seen.first_at), max(known.last_at, seen.last_at)
                self._origins[key] = Origin(*key, first, last)

    def _from(self, grain: int, since: int, until: int) -> list[Tally]:
        with self._lock:
            rows = list(self._counts.items())
        return sorted(Tally(*key[1:], count) for key, count in rows if key[0] == grain and since <= key[1] < until)

    async def tallies(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = "", limit: int = 1000
    ) -> list[Tally]:
        """Return counts that start in ``[since, until)``, by time."""
        found = self._from(grain, since, until)
        return [each for each in found if credential in ("", each.credential) and subject in ("", each.subject)][:limit]

    async def traffic(self, *, grain: int, since: int, until: int) -> list[Point]:
        """Return everybody's counts that start in ``[since, until)``, by time."""
        return points_of(self._from(grain, since, until))

    async def origins(self, credential: str, *, limit: int = 100) -> list[Origin]:
        """Return where a credential was used from, latest first."""
        with self._lock:
            found = [each for each in self._origins.values() if each.credential == credential]
        return sorted(found, key=lambda each: (-each.last_at, each.network))[:limit]
