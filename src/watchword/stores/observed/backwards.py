"""Read the audit from its end: what happened last is what operators look for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, select

from watchword.model.ports import AuditLog
from watchword.model.records import Event
from watchword.stores import schema
from watchword.stores.chain import POSITIONS, flatten
from watchword.stores.observed.execution import Execution

__all__ = ["Backwards", "SqlBackwards", "WalkedBackwards", "backwards_of"]

_audit = schema.audit
_AT_ONCE: Final = 20
_PAGE: Final = 1000
_LATEST: Final = 1 << 62
_BEFORE: Final = (
    select(_audit.c.position, _audit.c.last_at, _audit.c.events)
    .where(_audit.c.position <= bindparam("start"))
    .order_by(_audit.c.position.desc())
    .limit(bindparam("at_most"))
)


class Backwards(Protocol):
    """Read events, the newest first."""

    def events(self, before: int = 0) -> AsyncIterator[tuple[int, Event]]:
        """Yield (position, event) pairs strictly before a position, 0 for the end of the log."""
        ...


def backwards_of(store: Any) -> Backwards:
    """Return what reads a store's audit backwards: by its index where it has one, else by walking all of it."""
    return SqlBackwards(store) if hasattr(store, "rows") else WalkedBackwards(store)


class SqlBackwards:
    """Implement Backwards over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def events(self, before: int = 0) -> AsyncIterator[tuple[int, Event]]:
        """Yield (position, event) pairs strictly before a position, 0 for the end of the log."""
        limit = before or _LATEST
        start, at_once = limit // POSITIONS, 1
        while True:
            rows = await self._execution.rows(_BEFORE, {"start": start, "at_most": at_once})
            for position, last_at, text in rows:
                for pair in reversed(list(flatten(position, last_at, text, 0.0, 0))):
                    if pair[0] < limit:
                        yield pair
            if len(rows) < at_once:
                return
            start, at_once = rows[-1][0] - 1, _AT_ONCE


class WalkedBackwards:
    """Implement Backwards over any AuditLog: for small ones."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def events(self, before: int = 0) -> AsyncIterator[tuple[int, Event]]:
        """Yield (position, event) pairs strictly before a position, 0 for the end of the log."""
        found: list[tuple[int, Event]] = []
        while page := await self._log.events(after=found[-1][0] if found else 0, limit=_PAGE):
            found += page
        for pair in reversed(found):
            if not before or pair[0] < before:
                yield pair
