"""Count the decisions of one process since it began, from what each flush of the audit says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from watchword.model.usage import Observed
from watchword.stores.observed.folding import parts_of

__all__ = ["Counters", "Kind", "Snapshot", "added"]

Kind: TypeAlias = tuple[str, str, str]
"""Scheme, verdict, reason."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Say how one process stands: decisions by kind, notes that wait for the log, when it last read the feed."""

    decisions: Counter[Kind] = field(default_factory=Counter)
    waiting: int = 0
    feed_read_at: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        counts = [[*kind, count] for kind, count in sorted(self.decisions.items())]
        return {"decisions": counts, "waiting": self.waiting, "feed_read_at": self.feed_read_at}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Snapshot:
        """Return what was written. Raise KeyError, TypeError or ValueError for anything else."""
        counts: Counter[Kind] = Counter()
        for scheme, verdict, reason, count in value["decisions"]:
            counts[str(scheme), str(verdict), str(reason)] += int(count)
        return cls(counts, int(value["waiting"]), float(value["feed_read_at"]))


def added(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return what all processes did together; the feed is as old as the one that read it longest ago."""
    decisions: Counter[Kind] = Counter()
    waiting, read = 0, float("inf")
    for each in snapshots:
        decisions.update(each.decisions)
        waiting += each.waiting
        read = min(read, each.feed_read_at)
    return Snapshot(decisions, waiting, read)


class Counters:
    """Observe the audit: few kinds, whatever callers send."""

    def __init__(self) -> None:
        self._named: Counter[Kind] = Counter()  # once for each credential that a decision took

    async def observe(self, observed: Observed) -> None:
        """Count what a flush says."""
        for each in observed.tallies:
            self._named[each.scheme, each.verdict, each.reason] += each.decisions

    def decisions(self) -> Counter[Kind]:
        """Return decisions by scheme, verdict and reason, each once."""
        return Counter({kind: count // parts_of(kind[0]) for kind, count in list(self._named.items())})
