"""Keep alerts in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchword.model.alerts import Alert
from watchword.model.records import Event
from watchword.stores.observed.alerts import alert_from, alert_row
from watchword.stores.observed.memory_log import MemoryLog

__all__ = ["MemoryAlerts"]


class MemoryAlerts:
    """Implement AlertRecords in memory, thread safe."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._kept: dict[str, Alert] = {}
        self._keys: set[str] = set()

    async def add(self, alert: Alert) -> bool:
        """Keep it; False when there is one with its key."""
        with self._log.lock:
            if alert.key in self._keys or alert.id in self._kept:
                return False
            self._keys.add(alert.key)
            self._kept[alert.id] = _stored(alert)
            return True

    async def add_all(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Keep many; return those that are kept: no other has their key."""
        return [alert for alert in alerts if await self.add(alert)]

    async def swap(self, new: Alert, event: Event | None = None) -> bool:
        """Replace version ``new.version - 1``, with ``event`` at once; False when another version is stored."""
        with self._log.lock:
            old = self._kept.get(new.id)
            if old is None or old.version != new.version - 1:
                return False
            self._kept[new.id] = _stored(new)
            if event is not None:
                self._log.chain([event])
            return True

    async def alert(self, id: str) -> Alert | None:
        """Return one."""
        return self._kept.get(id)

    async def page(self, *, after: str = "", limit: int = 100, open_only: bool = False) -> list[Alert]:
        """Return a page, the newest first; ``after`` is the id of the last one of the page before."""
        found = self._where(lambda each: not open_only or each.acknowledged_at is None)
        found.sort(key=lambda each: (each.at, each.id), reverse=True)
        if after:
            last = self._kept.get(after)
            found = [each for each in found if last is not None and (each.at, each.id) < (last.at, last.id)]
        return found[:limit]

    async def waiting(self, now: int, limit: int = 100) -> list[Alert]:
        """Return those that a receiver still has to be told, whose ``next_try`` has come."""
        found = self._where(lambda each: each.told_at is None and each.next_try <= now)
        return sorted(found, key=lambda each: (each.next_try, each.id))[:limit]

    async def forget(self, before: int, at_most: int) -> int:
        """Forget acknowledged ones of before then; return how many."""
        old = self._where(lambda each: each.acknowledged_at is not None and each.acknowledged_at < before)[:at_most]
        with self._log.lock:
            for each in old:
                del self._kept[each.id]
                self._keys.discard(each.key)
        return len(old)

    def _where(self, wanted: Callable[[Alert], bool]) -> list[Alert]:
        with self._log.lock:
            return [each for each in self._kept.values() if wanted(each)]


def _stored(alert: Alert) -> Alert:
    """Return the alert as a database would give it back."""
    return alert_from(tuple(alert_row(alert).values()))
