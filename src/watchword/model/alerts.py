"""Say that something looks like a leak, and keep it until somebody has looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from watchword.model.records import Event

__all__ = ["Alert", "AlertRecords"]


@dataclass(frozen=True, slots=True)
class Alert:
    """Record one alert. ``key`` is what makes two the same: of alerts with one key only the first is kept.

    Times are Unix seconds. ``told_at`` is when every receiver had it. ``detail`` never holds a secret.
    """

    id: str  # "alr_…"
    at: int
    rule: str
    severity: str  # "high", "medium", "low"
    key: str
    credential: str = ""
    subject: str = ""
    address: str = ""
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    told_at: int | None = None
    tries: int = 0
    next_try: int = 0
    version: int = 1

    def changed(self, **fields: Any) -> Alert:
        """Return the next version with ``fields`` changed, to be swapped for this one."""
        return replace(self, version=self.version + 1, **fields)


class AlertRecords(Protocol):
    """Keep alerts durably."""

    async def add(self, alert: Alert) -> bool:
        """Keep it; False when there is one with its key."""
        ...

    async def add_all(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Keep many in one transaction; return those that are kept: no other has their key."""
        ...

    async def swap(self, new: Alert, event: Event | None = None) -> bool:
        """Replace version ``new.version - 1``, with ``event`` in the same transaction; False when it lost."""
        ...

    async def alert(self, id: str) -> Alert | None:
        """Return one."""
        ...

    async def page(self, *, after: str = "", limit: int = 100, open_only: bool = False) -> list[Alert]:
        """Return a page, the newest first; ``after`` is the id of the last one of the page before."""
        ...

    async def waiting(self, now: int, limit: int = 100) -> list[Alert]:
        """Return those that a receiver still has to be told, whose ``next_try`` has come."""
        ...

    async def forget(self, before: int, at_most: int) -> int:
        """Forget acknowledged ones of before then; return how many."""
        ...
