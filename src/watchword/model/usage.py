"""Count what was decided, by minute, hour and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

__all__ = ["Grain", "Observed", "Origin", "Part", "Point", "Share", "Tallies", "Tally", "UsageRecords"]


class Grain(IntEnum):
    """Name the lengths of time that are counted over, in seconds."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86400


class Tally(NamedTuple):
    """Count alike decisions of one stretch of time.

    ``start`` is a Unix second, a multiple of the grain; ``credential`` and ``subject`` are empty where nobody was
    proved or named; ``route`` is the path as it was configured ("GET /orders/{id}"); ``network`` is the caller's
    (IPv4 /24, IPv6 /48); ``verdict`` is "accepted", "refused" or "broken", ``reason`` the code of a refusal, and
    "public" where the public was let in. "…" stands for the rest where there are too many to name. Where two
    credentials together proved somebody, each has a tally of its own for the same decisions.
    """

    start: int
    credential: str
    subject: str
    scheme: str
    route: str
    network: str
    verdict: str
    reason: str
    decisions: int


class Tallies(list[Tally]):
    """List counts by time; ``whole`` says whether these are all that were asked for, and each in full."""

    whole: bool = True


class Point(NamedTuple):
    """Count everybody's decisions of one stretch of time by scheme and verdict, each decision once."""

    start: int
    scheme: str
    verdict: str
    decisions: int


class Part(NamedTuple):
    """Count everybody's decisions of one stretch of time that fell to one name.

    ``kind`` says of what the name is: "route", "network", "reason", "credential" or "subject". Only the largest are
    named; the rest is "…". Of two credentials that proved somebody together each has the decision.
    """

    start: int
    kind: str
    name: str
    verdict: str
    decisions: int


class Origin(NamedTuple):
    """Say since when a credential has been used from a network; times are Unix seconds."""

    credential: str
    network: str
    first_at: int
    last_at: int


class Share(NamedTuple):
    """Say how many decisions fell to one name: a credential, a subject, a route, a network, a scheme, a reason."""

    name: str
    verdict: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Observed:
    """Hold what one batch of decisions says: counts by the minute, and where credentials were used.

    ``fresh`` are those of ``origins`` that this process had not seen before; the store may know them all the same.
    """

    tallies: Sequence[Tally] = ()
    origins: Sequence[Origin] = ()
    points: Sequence[Point] = ()
    parts: Sequence[Part] = ()
    fresh: Sequence[Origin] = ()


class UsageRecords(Protocol):
    """Keep counts. What is added comes with the audit batch that it was counted from, in one transaction.

    A question for a grain is answered from that and the finer ones, added up: what is recent is still kept by the
    minute. Times are Unix seconds; ``since`` is put back to where its grain begins.
    """

    async def tallies(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = "", limit: int = 1000
    ) -> Tallies:
        """Return counts that start in ``[since, until)``, by time, of one credential or subject where it is said.

        Where neither is said there may be millions: then the first ones are looked at, and the last of them may be told
        in part. ``whole`` is False where there are more than ``limit``, or than were looked at.
        """
        ...

    async def traffic(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = ""
    ) -> list[Point]:
        """Return counts by scheme and verdict that start in ``[since, until)``, by time: everybody's, or one's."""
        ...

    async def origins(self, credential: str, *, limit: int = 100) -> list[Origin]:
        """Return where a credential was used from, latest first."""
        ...

    async def busiest(
        self, since: int, until: int, by: str, limit: int = 10, *, credential: str = "", subject: str = ""
    ) -> list[Share]:
        """Return to whom or what most decisions fell; ``by`` is a field of ``Tally``. All grains are added up.

        Of everybody the largest names are known, and "…" is the rest.
        """
        ...

    async def roll_up(self, now: int, at_most: int = 1000) -> int:
        """Add up what is old into coarser counts, forget what is too old; return how many rows that took away."""
        ...
