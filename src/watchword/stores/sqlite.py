"""Keep everything in SQLite: one machine, any number of threads and processes.

Statements run inline: no method ever suspends, for a thread hop costs more than a read. Two files: what must survive
power loss (WAL, synchronous=FULL), and beside it the short-lived values (synchronous=NORMAL), so that frequent small
writes never wait for the disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from sqlalchemy import Executable

from watchword.model.alerts import AlertRecords
from watchword.model.credential import Credential, Kind
from watchword.model.evidence import CheckpointRecords, Flaw
from watchword.model.ports import Clock, Unavailable
from watchword.model.records import Change, Event, FeedEntry, Packed, Subject
from watchword.model.usage import Observed, UsageRecords
from watchword.stores import schema, sql
from watchword.stores.chain import POSITIONS, Batch, Chain, flatten
from watchword.stores.claims import ClaimLog, taken
from watchword.stores.creation import create_or_check
from watchword.stores.observed.adding import observed_plan
from watchword.stores.observed.alerts import SqlAlerts
from watchword.stores.observed.checkpoints import SqlCheckpoints, walked
from watchword.stores.observed.usage import SqlUsage
from watchword.stores.rows import credential_from, feed_entry_from, storable, subject_from
from watchword.stores.sqlite_file import SAFE, SqliteFile

__all__ = ["SqliteStore"]

T = TypeVar("T")

_PAGE: Final = 100


class SqliteStore:
    """Implement Records, AuditLog, Feed and Ephemeral in two files; ":memory:" keeps both in memory.

    ``safe_for_workers`` is False where SQLite is so old that several connections can corrupt a WAL database
    (before 3.51.3), and for ":memory:". Open it in the process that uses it: a connection does not survive a fork.
    """

    inline = True

    def __init__(self, path: str | Path, *, clock: Clock = time.time) -> None:
        self.path: str = str(path)
        self.safe_for_workers: bool = SAFE and self.path != ":memory:"
        self.lasting: bool = self.path != ":memory:"
        self.state: Path | None = Path(self.path) if self.lasting else None
        self._clock = clock
        self.usage: UsageRecords = SqlUsage(self)
        self.alerts: AlertRecords = SqlAlerts(self)
        self.checkpoints: CheckpointRecords = SqlCheckpoints(self)
        self.alone: bool = False  # set before the first claim: no other process claims here
        self._claims: ClaimLog | None = None
        self._patient = True  # until others were waited for in vain, as while a server before this one ends
        self._durable = SqliteFile(self.path, synchronous="FULL")
        self._ephemeral = SqliteFile(_beside(self.path), synchronous="NORMAL")
        self._chaining = threading.Lock()
        self._chain = Chain()
        self._until_pruning = sql.PRUNE_EVERY
        self._forgotten = 0.0  # claims that ended by then may be unknown
        self._entries: Callable[[tuple[Any, ...]], list[Any]] = _not_open

    async def open(self) -> None:
        """Connect; give an empty database its tables. Raise SchemaOutdated, or Unavailable when it cannot be used."""
        self._durable.open(lambda connection: create_or_check(connection, schema.durable))
        self._ephemeral.open(schema.ephemeral.create_all)
        self._entries = self._durable.reading(sql.FEED_ENTRIES, ("after", "now"))

    def _opened_claims(self) -> ClaimLog:
        """Open the file of claims when the first one is made: a process that makes none leaves it to who does."""
        with self._chaining:
            if self._entries is _not_open:
                raise Unavailable("SQLite: the store is not open")
            if self._claims is None:
                patient, self._patient = self._patient, False
                self._claims = ClaimLog(f"{self.state}-claims", clock=self._clock, alone=self.alone, patient=patient)
                self._patient = True
            return self._claims

    async def close(self) -> None:
        """Close the connections."""
        if self._claims is not None:
            self._claims.close()
            self._claims = None
        self._entries = _not_open
        self._durable.close()
        self._ephemeral.close()

    async def __aenter__(self) -> SqliteStore:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def credential(self, id: str) -> Credential | None:
        """Return the credential with this public id."""
        rows = self._durable.read(sql.FIND_CREDENTIAL, {"id": id}) if storable(id) else ()
        return credential_from(rows[0]) if rows else None

    async def credential_by(self, lookup: bytes) -> Credential | None:
        """Return the credential whose ``lookup`` digest this is."""
        rows = self._durable.read(sql.FIND_CREDENTIAL_BY, {"lookup": lookup})
        return credential_from(rows[0]) if rows else None

    async def credentials(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        """Return a page ordered by id, strictly after ``after``."""
        page = sql.credentials_page_of(kind, subject, after, limit)
        return [credential_from(row) for row in self._durable.read(*page)] if page else []

    async def subject(self, name: str) -> Subject | None:
        """Return the subject of this name."""
        rows = self._durable.read(sql.FIND_SUBJECT, {"name": name}) if storable(name) else ()
        return subject_from(rows[0]) if rows else None

    async def subjects(self, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Subject]:
        """Return a page ordered by name, strictly after ``after``."""
        page = sql.subjects_page_of(prefix, after, limit)
        return [subject_from(row) for row in self._durable.read(*page)] if page else []

    async def write(self, *changes: Change) -> bool:
        """Apply all changes in one transaction, or none: False when an Add, a Swap or a Drop lost."""
        records, published, events = sql.parted(changes)
        now = int(self._clock())
        if not events:
            return self._durable.run(sql.write_plan(records, published, (), now))
        return self._chained(events, lambda batches: sql.write_plan(records, published, batches, now))

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of a statement that changes nothing."""
        return self._durable.read(statement, parameters, spoilt=True)

    async def carry_out(self, plan: sql.Plan[T], *events: Event) -> T:
        """Carry out a plan in one transaction, with its audit events; roll back when it returns False or fails."""
        if events:
            return self._chained(events, lambda batches: sql.then_append(plan, batches))
        return self._durable.run(plan)

    async def used(self, seen: Mapping[str, int]) -> None:
        """Set ``last_used_at`` where that is later; no version change."""
        if seen:
            self._durable.run(sql.used_plan(seen))

    def entries(self, after: int) -> list[FeedEntry]:
        """Return the entries above ``after`` that have not ended, in order."""
        rows = self._entries((after, int(self._clock())))
        return [feed_entry_from(row) for row in rows] if rows else []

    async def append(self, events: Sequence[Event] | Packed, observed: Observed | None = None) -> None:
        """Append a batch and what was observed in it, all or nothing, chained to the one before."""
        if events or observed:
            more = observed_plan(observed) if observed else None
            self._chained(events, lambda batches: sql.append_plan(batches, more))

    async def events(self, *, since: float = 0.0, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        """Return (position, event) pairs in order, positions strictly after ``after``."""
        found: list[tuple[int, Event]] = []
        start = after // POSITIONS
        while len(found) < limit:
            bounds = {"start": start, "since": since, "at_most": _PAGE}
            rows = self._durable.read(sql.EVENT_BATCHES, bounds, spoilt=True)
            pairs = (pair for at, last, text in rows for pair in flatten(at, last, text, since, after))
            found += islice(pairs, limit - len(found))
            if len(rows) < _PAGE:
                break
            start = rows[-1][0] + 1
        return found

    async def verify_audit(self) -> list[Flaw]:
        """Walk the chains of all writers and return what is wrong with them."""
        return await walked(self)

    def claim(self, key: bytes, until: float) -> bool:
        """Return True to exactly one caller for this key until ``until``; survives a restart."""
        if self.state is not None:  # a file of claims is four times as fast as a table of them
            return (self._claims or self._opened_claims()).claim(key, until)
        now = self._pruned()
        if until <= now:
            return False
        if until <= self._forgotten:
            raise Unavailable("SQLite: the clock is behind claims that are already forgotten")
        changed, _ = self._ephemeral.change(sql.CLAIM, {"key": sql.claim_key(key), "until": until, "now": now})
        return changed == 1

    def claimed(self, key: bytes) -> bool:
        """Return whether a key is claimed, without claiming it."""
        if self.state is not None:
            return taken(f"{self.state}-claims", key, self._clock())
        return bool(self._ephemeral.read(sql.CLAIMED, {"key": sql.claim_key(key), "now": self._clock()}))

    async def put(self, key: str, value: bytes, until: float) -> None:
        """Keep a value."""
        self._pruned()
        self._ephemeral.change(sql.PUT, {"key": sql.value_key(key), "value": value, "until": until})

    async def get(self, key: str) -> bytes | None:
        """Return the value if it has not expired."""
        rows = self._ephemeral.read(sql.GET, {"key": sql.value_key(key), "now": self._clock()})
        return rows[0][0] if rows else None

    async def take(self, key: str) -> bytes | None:
        """Return the value to exactly one caller and forget it."""
        _, rows = self._ephemeral.change(sql.TAKE, {"key": sql.value_key(key)})
        return rows[0][0] if rows and rows[0][1] > self._clock() else None

    def _chained(self, events: Sequence[Event] | Packed, plan: Callable[[Sequence[Batch]], sql.Plan[T]]) -> T:
        with self._chaining:
            before = self._chain.going_on(self._clock())
            batches, after = before.extended(events)
            self._chain = Chain()  # whether a failed commit took place cannot be told: go on with a new chain
            outcome = self._durable.run(plan(batches))
            self._chain = before if sql.lost(outcome) else after
            return outcome

    def _pruned(self) -> float:
        """Return the time, and now and then forget some of what has expired."""
        now = self._clock()
        self._until_pruning -= 1
        if self._until_pruning <= 0:
            self._until_pruning = sql.PRUNE_EVERY
            self._ephemeral.change(sql.PRUNE_VALUES, {"now": now})
            self._forget(self._ephemeral.change(sql.PRUNE_CLAIMS, {"now": now})[1])
        return now

    async def forget(self, at_most: int) -> int:
        """Forget at most so many values, and as many claims, that have ended; return how many."""
        bounds = {"now": self._clock(), "at_most": at_most}
        values, _ = self._ephemeral.change(sql.FORGET_VALUES, bounds)
        if self.state is not None:
            if self._claims is not None:
                self._claims.forget()
            return values
        _, ended = self._ephemeral.change(sql.FORGET_CLAIMS, bounds)
        self._forget(ended)
        return values + len(ended)

    def _forget(self, ended: list[Any]) -> None:
        with self._chaining:
            self._forgotten = max([self._forgotten, *(row[0] for row in ended)])


def _beside(path: str) -> str:
    """Return where the short-lived values are kept: "watchword.db" has "watchword-ephemeral.db" beside it."""
    if path == ":memory:":
        return path
    file = Path(path)
    return str(file.with_name(f"{file.stem}-ephemeral{file.suffix or '.db'}"))


def _not_open(parameters: tuple[Any, ...]) -> list[Any]:
    raise Unavailable("SQLite: the store is not open")
