"""Keep everything in memory: for tests and for throw-away servers. Nothing survives the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import islice
from pathlib import Path
from sys import getsizeof
from types import TracebackType
from typing import Final, TypeAlias, TypeVar

from watchword.model.alerts import AlertRecords
from watchword.model.credential import Credential, Kind
from watchword.model.evidence import CheckpointRecords, Flaw
from watchword.model.ports import Clock, Unavailable
from watchword.model.records import Add, Change, Drop, Event, FeedEntry, Packed, Publish, Record, Subject, Swap
from watchword.model.usage import Observed
from watchword.stores.observed.alerts_memory import MemoryAlerts
from watchword.stores.observed.checkpoints_memory import MemoryCheckpoints
from watchword.stores.observed.memory_log import MemoryLog
from watchword.stores.observed.usage_memory import MemoryUsage
from watchword.stores.rows import check, credential_from, credential_row, subject_from, subject_row

__all__ = ["MemoryStore"]

_K = TypeVar("_K")
_V = TypeVar("_V")
_Key: TypeAlias = tuple[type[Subject] | type[Credential], str]

_PRUNED_AT_ONCE: Final = 4  # more than came meanwhile, or what ends would pile up
_FEW: Final = 1024
_ROOM: Final = 64 * _FEW  # bytes of a table that few have
_ROOM_EACH: Final = 1024  # bytes: a dict that has just grown has a tenth of that for each
_EXPIRED: Final = (b"", float("-inf"))


class MemoryStore:
    """Implement Records, AuditLog, Feed and Ephemeral, thread safe; no method ever suspends."""

    safe_for_workers = False
    inline = True
    lasting = False
    state: Path | None = None

    def __init__(self, *, clock: Clock = time.time) -> None:
        self._clock = clock
        self.usage: MemoryUsage = MemoryUsage()
        self._lock = threading.Lock()
        self._records: dict[_Key, Record] = {}
        self._ids: dict[bytes, str] = {}  # by lookup
        self._feed: list[FeedEntry] = []
        self._sequence = 0
        self._log = MemoryLog(self._lock, clock)
        self.alerts: AlertRecords = MemoryAlerts(self._log)
        self.checkpoints: CheckpointRecords = MemoryCheckpoints(self._log)
        self._values: dict[str, tuple[bytes, float]] = {}
        self._value_ends: list[tuple[float, str]] = []  # a heap; what was taken or replaced stays in it until its end
        self._claims: dict[bytes, float] = {}
        self._claim_ends: list[tuple[float, bytes]] = []
        self._forgotten = 0.0  # claims that ended by then may be unknown

    async def open(self) -> None:
        """Do nothing: there is nothing to open."""

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    async def __aenter__(self) -> MemoryStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def credential(self, id: str) -> Credential | None:
        """Return the credential with this public id."""
        record = self._records.get((Credential, id))
        return record if isinstance(record, Credential) else None

    async def credential_by(self, lookup: bytes) -> Credential | None:
        """Return the credential whose ``lookup`` digest this is."""
        with self._lock:
            id = self._ids.get(lookup)
        return None if id is None else await self.credential(id)

    async def credentials(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        """Return a page ordered by id, strictly after ``after``."""
        with self._lock:
            found = [
                each
                for each in self._records.values()
                if isinstance(each, Credential)
                and each.id > after
                and kind in (None, each.kind)
                and subject in (None, each.subject)
            ]
        return sorted(found, key=lambda each: each.id)[:limit]

    async def subject(self, name: str) -> Subject | None:
        """Return the subject of this name."""
        record = self._records.get((Subject, name))
        return record if isinstance(record, Subject) else None

    async def subjects(self, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Subject]:
        """Return a page ordered by name, strictly after ``after``."""
        with self._lock:
            found = [
                each
                for each in self._records.values()
                if isinstance(each, Subject) and each.name > after and each.name.startswith(prefix)
            ]
        return sorted(found, key=lambda each: each.name)[:limit]

    async def write(self, *changes: Change) -> bool:
        """Apply all changes, or none: False when an Add, a Swap or a Drop lost."""
        for change in changes:
            if not isinstance(change, Event):
                check(change if isinstance(change, Publish) else _record(change))
        with self._lock:
            staged = _Staged(self._records, self._ids)
            for change in changes:
                if isinstance(change, Add | Swap | Drop) and not staged.apply(change):
                    return False
            self._log.chain([change for change in changes if isinstance(change, Event)])
            staged.commit()
            self._publish([change for change in changes if isinstance(change, Publish)])
        return True

    async def used(self, seen: Mapping[str, int]) -> None:
        """Set ``last_used_at`` where that is later; no version change."""
        with self._lock:
            for id, at in seen.items():
                record = self._records.get((Credential, id))
                if isinstance(record, Credential) and (record.last_used_at is None or record.last_used_at < at):
                    self._records[Credential, id] = replace(record, last_used_at=at)

    def entries(self, after: int) -> list[FeedEntry]:
        """Return the entries above ``after`` that have not ended, in order."""
        if after >= self._sequence:
            return []
        now = int(self._clock())
        with self._lock:
            return [entry for entry in self._feed if entry.sequence > after and entry.until >= now]

    async def append(self, events: Sequence[Event] | Packed, observed: Observed | None = None) -> None:
        """Append a batch and what was observed in it, all or nothing."""
        with self._lock:
            self._log.chain(events)
            if observed is not None:
                self.usage.add(observed)

    async def events(self, *, since: float = 0.0, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        """Return (position, event) pairs in order, positions strictly after ``after``."""
        return list(islice(self._log.events(since, after), limit))

    async def verify_audit(self) -> list[Flaw]:
        """Return what is wrong with the audit log."""
        return await self.checkpoints.flaws()

    def claim(self, key: bytes, until: float) -> bool:
        """Return True to exactly one caller for this key until ``until``.

        Raise Unavailable when the clock was set back so far that it is not known any more whether the key was taken.
        """
        now = self._clock()
        with self._lock:
            self._prune(now, _PRUNED_AT_ONCE)
            if until <= now or self._claims.get(key, now) > now:
                return False
            if until <= self._forgotten:
                raise Unavailable("the clock is behind claims that are already forgotten")
            self._claims[key] = until
            heappush(self._claim_ends, (until, key))
            return True

    def claimed(self, key: bytes) -> bool:
        """Return whether a key is claimed, without claiming it."""
        return self._claims.get(key, 0.0) > self._clock()

    async def put(self, key: str, value: bytes, until: float) -> None:
        """Keep a value."""
        with self._lock:
            self._prune(self._clock(), _PRUNED_AT_ONCE)
            self._values[key] = value, until
            heappush(self._value_ends, (until, key))
            if len(self._value_ends) > 2 * len(self._values) + _FEW:
                self._value_ends = [(end, each) for each, (_, end) in self._values.items()]
                heapify(self._value_ends)

    async def get(self, key: str) -> bytes | None:
        """Return the value if it has not expired."""
        value, until = self._values.get(key, _EXPIRED)
        return value if until > self._clock() else None

    async def take(self, key: str) -> bytes | None:
        """Return the value to exactly one caller and forget it."""
        with self._lock:
            value, until = self._values.pop(key, _EXPIRED)
        return value if until > self._clock() else None

    def _publish(self, published: Sequence[Publish]) -> None:
        if not published:
            return
        now = int(self._clock())
        self._feed = [entry for entry in self._feed if entry.until >= now]
        for change in published:
            self._feed.append(FeedEntry(self._sequence + 1, change.topic, change.key, change.at, change.until))
            self._sequence += 1

    async def forget(self, at_most: int) -> int:
        """Forget at most so many values and claims that have ended, where few have the feed's, too; return how many."""
        with self._lock:
            now = self._clock()
            done = self._prune(now, at_most)
            if done < at_most:  # else those of the last revocations would lie between what is given back
                self._feed = [entry for entry in self._feed if entry.until >= now]
            self._records, self._ids = _fitting(self._records), _fitting(self._ids)
            return done

    def _prune(self, now: float, at_most: int) -> int:
        """Forget what ended first, and give back its room."""
        done = 0
        while done < at_most and self._value_ends and self._value_ends[0][0] <= now:
            until, name = heappop(self._value_ends)
            if self._values.get(name, _EXPIRED)[1] == until:
                del self._values[name]
            done += 1
        while done < at_most and self._claim_ends and self._claim_ends[0][0] <= now:
            until, key = heappop(self._claim_ends)
            if self._claims.get(key) == until:
                del self._claims[key]
            self._forgotten = max(self._forgotten, until)
            done += 1
        if done:
            self._values, self._claims = _fitting(self._values), _fitting(self._claims)
        return done


class _Staged:
    """Hold the changes of one write until all of them have won."""

    def __init__(self, records: dict[_Key, Record], ids: dict[bytes, str]) -> None:
        self._records, self._ids = records, ids
        self._new_records: dict[_Key, Record | None] = {}
        self._new_ids: dict[bytes, str | None] = {}

    def apply(self, change: Add | Swap | Drop) -> bool:
        """Return whether the change wins over what is stored and staged."""
        record = _stored(_record(change))
        key = _key(record)
        old = self._new_records[key] if key in self._new_records else self._records.get(key)
        if isinstance(change, Drop):
            return self._drop(key, old, record.version)
        if (old is not None) if isinstance(change, Add) else (old is None or old.version != record.version - 1):
            return False
        if isinstance(record, Credential):
            before = old if isinstance(old, Credential) else None
            if not self._look_up(record, before):
                return False
            if before and before.last_used_at is not None and before.last_used_at > (record.last_used_at or 0):
                record = replace(record, last_used_at=before.last_used_at)
        self._new_records[key] = record
        return True

    def commit(self) -> None:
        """Make the changes visible."""
        for key, record in self._new_records.items():
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record
        for lookup, id in self._new_ids.items():
            if id is None:
                self._ids.pop(lookup, None)
            else:
                self._ids[lookup] = id

    def _drop(self, key: _Key, old: Record | None, version: int) -> bool:
        if old is None or old.version != version:
            return False
        self._new_records[key] = None
        if isinstance(old, Credential) and old.lookup is not None:
            self._new_ids[old.lookup] = None
        return True

    def _look_up(self, record: Credential, old: Credential | None) -> bool:
        if old is not None and old.lookup is not None and old.lookup != record.lookup:
            self._new_ids[old.lookup] = None
        if record.lookup is None:
            return True
        holder = self._new_ids[record.lookup] if record.lookup in self._new_ids else self._ids.get(record.lookup)
        self._new_ids[record.lookup] = record.id
        return holder in (None, record.id)


def _fitting(table: dict[_K, _V]) -> dict[_K, _V]:
    """Return the same in less room where most of it is empty: what is taken out of a dict makes it no smaller."""
    return dict(table) if getsizeof(table) > _ROOM + _ROOM_EACH * len(table) else table


def _key(record: Record) -> _Key:
    return (Subject, record.name) if isinstance(record, Subject) else (Credential, record.id)


def _record(change: Add | Swap | Drop) -> Record:
    return change.record if isinstance(change, Add) else change.new if isinstance(change, Swap) else change.old


def _stored(record: Record) -> Record:
    """Return the record as a database would give it back: JSON alone survives in ``detail``."""
    if isinstance(record, Subject):
        return subject_from(tuple(subject_row(record).values()))
    return credential_from(tuple(credential_row(record).values()))
