"""Answer who used what, when and from where; add old counts up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watchword.model.ports import Clock
from watchword.model.usage import Grain, Origin, Point, Share, Tallies, UsageRecords

__all__ = ["KEPT", "Picture", "Usage", "grain_of"]

KEPT: Final = 90 * Grain.DAY
"""Seconds that counts are kept."""

_ROWS: Final = 1_000
_PAUSE: Final = 60.0  # seconds after nothing was left to add up
_SHARE: Final = 4  # of the time that a step takes, so many go by until the next
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold what there is to say of a stretch of time: of everybody, of one credential, or of one subject.

    ``points`` are by ``grain`` from ``since`` to ``until`` (Unix seconds), the shares largest first.
    """

    since: int
    until: int
    grain: Grain
    points: Sequence[Point]
    routes: Sequence[Share]
    networks: Sequence[Share]
    reasons: Sequence[Share]
    credentials: Sequence[Share]
    origins: Sequence[Origin]

    def decisions(self, verdict: str = "") -> int:
        """Return how many there were, of one verdict where it is said."""
        return sum(each.decisions for each in self.points if verdict in ("", each.verdict))

    def series(self, verdict: str = "") -> list[tuple[int, int]]:
        """Return (start, decisions) for each stretch of the grain, also where there was nothing."""
        sums: dict[int, int] = {}
        for each in self.points:
            if verdict in ("", each.verdict):
                sums[each.start] = sums.get(each.start, 0) + each.decisions
        begun = self.since - self.since % self.grain
        return [(start, sums.get(start, 0)) for start in range(begun, self.until, self.grain)]


def grain_of(seconds: int) -> Grain:
    """Return by what a stretch of time is told: as fine as counts of its beginning are still kept."""
    if seconds <= 2 * Grain.HOUR:
        return Grain.MINUTE
    return Grain.HOUR if seconds <= 7 * Grain.DAY else Grain.DAY


class Usage:
    """Read the counts and keep them few. ``run`` is done now and then."""

    def __init__(self, records: UsageRecords, clock: Clock = time.time) -> None:
        self._records = records
        self._clock = clock
        self._due = float("-inf")

    async def tallies(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = "", limit: int = 1000
    ) -> Tallies:
        """Return counts that start in ``[since, until)``, by time."""
        return await self._records.tallies(
            grain=grain, since=since, until=until, credential=credential, subject=subject, limit=limit
        )

    async def traffic(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = ""
    ) -> list[Point]:
        """Return counts by scheme and verdict that start in ``[since, until)``, by time."""
        return await self._records.traffic(
            grain=grain, since=since, until=until, credential=credential, subject=subject
        )

    async def origins(self, credential: str, *, limit: int = 100) -> list[Origin]:
        """Return from which networks a credential was used, latest first."""
        return await self._records.origins(credential, limit=limit)

    async def busiest(
        self, since: int, until: int, by: str, limit: int = 10, *, credential: str = "", subject: str = ""
    ) -> list[Share]:
        """Return to whom or what most decisions fell; ``by`` is a field of ``Tally``. Raise ValueError for another."""
        return await self._records.busiest(since, until, by, limit, credential=credential, subject=subject)

    async def picture(
        self, seconds: int, *, grain: Grain | None = None, credential: str = "", subject: str = "", shown: int = _SHOWN
    ) -> Picture:
        """Return what there is to say of the last so many seconds."""
        until = int(self._clock()) + 1
        since = until - 1 - seconds
        by = grain or grain_of(seconds)
        since -= since % by  # the first stretch is shown whole
        whose = {"credential": credential, "subject": subject}
        shares = {
            name: await self._records.busiest(since, until, name, shown, credential=credential, subject=subject)
            for name in ("route", "network", "reason", "credential")
            if not (name == "credential" and credential)
        }
        return Picture(
            since,
            until,
            by,
            await self._records.traffic(grain=by, since=since, until=until, **whose),
            shares["route"],
            shares["network"],
            [each for each in shares["reason"] if each.name],
            shares.get("credential", ()),
            await self._records.origins(credential, limit=shown) if credential else (),
        )

    async def run(self) -> None:
        """Add up and forget a bit of what is old, where that is due."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _PAUSE  # also where it breaks
            if await self._records.roll_up(int(self._clock()), _ROWS):
                self._due = now + (1 + _SHARE) * (time.monotonic() - now)
