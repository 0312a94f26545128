"""Keep everything in PostgreSQL: any number of machines.

The statements are those of SQLite (``sql``); what is added here are bounds in time and locks that keep an order:
sequence numbers are drawn before their transactions commit, so writers to the feed and to the audit log take turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Executable, bindparam, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from watchword.model.alerts import AlertRecords
from watchword.model.credential import Credential, Kind
from watchword.model.evidence import CheckpointRecords, Flaw
from watchword.model.ports import Clock, Unavailable
from watchword.model.records import Change, Event, FeedEntry, Packed, Subject
from watchword.model.usage import Observed, UsageRecords
from watchword.stores import schema, sql
from watchword.stores.chain import POSITIONS, Batch, Chain, flatten
from watchword.stores.creation import create_or_check
from watchword.stores.machine import shared_stem
from watchword.stores.observed.adding import observed_plan
from watchword.stores.observed.alerts import SqlAlerts
from watchword.stores.observed.checkpoints import SqlCheckpoints, walked
from watchword.stores.observed.usage import SqlUsage
from watchword.stores.rows import credential_from, feed_entry_from, storable, subject_from

__all__ = ["PostgresStore", "exclusive_connection"]

T = TypeVar("T")

_PAGE: Final = 100
_PATIENCE: Final = 1.8  # seconds for one verb
_PARTING: Final = 0.2  # seconds to say goodbye to a server that does not answer: two in all
_CREATION_PATIENCE: Final = 10
_SETTINGS: Final = {
    "application_name": "watchword",
    "lock_timeout": "2000",
    "statement_timeout": "2000",
    "idle_in_transaction_session_timeout": "5000",  # a stopped process must not keep the others waiting
}

# Numbers of advisory locks; taken in this order.
_CREATING: Final = 0x57_61_74_63_68_01
_FEEDING: Final = 0x57_61_74_63_68_02
_AUDITING: Final = 0x57_61_74_63_68_03
_LOCK: Final = select(func.pg_advisory_xact_lock(bindparam("number")))


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Part quickly: a hung server is left without waiting for its answer."""

    async def close(self, *, timeout: float | None = None) -> None:
        """Close, by force when the server has not answered after a moment."""
        await super().close(timeout=_PARTING)


class PostgresStore:
    """Implement Records, AuditLog, Feed and Ephemeral in one database, under one event loop.

    ``url`` is what libpq takes (``postgresql://user:password@host/database?sslmode=verify-full``). No verb takes
    longer than two seconds: what is not answered by then is Unavailable. At most ``connections`` are held.
    """

    safe_for_workers = True
    inline = False
    lasting = True

    def __init__(self, url: str, *, connections: int = 10, clock: Clock = time.time) -> None:
        self._url = url
        self.state: Path | None = shared_stem(url)
        self._connections = connections
        self._clock = clock
        self.usage: UsageRecords = SqlUsage(self)
        self.alerts: AlertRecords = SqlAlerts(self)
        self.checkpoints: CheckpointRecords = SqlCheckpoints(self)
        self._engine: AsyncEngine | None = None
        self._chain = Chain()
        self._chaining = asyncio.Lock()
        self._until_pruning = sql.PRUNE_EVERY
        self._forgotten = 0.0  # claims that ended by then may be unknown

    async def open(self) -> None:
        """Connect; give an empty database its tables. Raise SchemaOutdated, or Unavailable when it cannot be used."""
        if self._engine is not None:
            return
        self._engine = _engine(self._url, self._connections)
        try:
            async with self._transaction(_CREATION_PATIENCE) as connection:
                await connection.execute(_LOCK, {"number": _CREATING})
                await connection.run_sync(create_or_check, schema.durable, schema.ephemeral)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def __aenter__(self) -> PostgresStore:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def credential(self, id: str) -> Credential | None:
        """Return the credential with this public id."""
        rows = await self._read(sql.FIND_CREDENTIAL, {"id": id}) if storable(id) else ()
        return credential_from(rows[0]) if rows else None

    async def credential_by(self, lookup: bytes) -> Credential | None:
        """Return the credential whose ``lookup`` digest this is."""
        rows = await self._read(sql.FIND_CREDENTIAL_BY, {"lookup": lookup})
        return credential_from(rows[0]) if rows else None

    async def credentials_by(self, lookups: Sequence[bytes]) -> list[Credential]:
        """Return the credentials whose ``lookup`` digests these are, in no order: one question instead of hundreds."""
        return [credential_from(row) for row in await self._read(sql.FIND_CREDENTIALS_BY, {"lookups": list(lookups)})]

    async def credentials(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        """Return a page ordered by id, strictly after ``after``."""
        page = sql.credentials_page_of(kind, subject, after, limit)
        return [credential_from(row) for row in await self._read(*page)] if page else []

    async def subject(self, name: str) -> Subject | None:
        """Return the subject of this name."""
        rows = await self._read(sql.FIND_SUBJECT, {"name": name}) if storable(name) else ()
        return subject_from(rows[0]) if rows else None

    async def subjects(self, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Subject]:
        """Return a page ordered by name, strictly after ``after``."""
        page = sql.subjects_page_of(prefix, after, limit)
        return [subject_from(row) for row in await self._read(*page)] if page else []

    async def write(self, *changes: Change) -> bool:
        """Apply all changes in one transaction, or none: False when an Add, a Swap or a Drop lost."""
        records, published, events = sql.parted(changes)
        now = int(self._clock())
        locks = (_FEEDING,) if published else ()
        if not events:
            return await self._run(sql.write_plan(records, published, (), now), *locks)
        return await self._chained(
            events, lambda batches: sql.write_plan(records, published, batches, now), *locks, _AUDITING
        )

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of a statement that changes nothing."""
        return await self._read(statement, parameters)

    async def carry_out(self, plan: sql.Plan[T], *events: Event) -> T:
        """Carry out a plan in one transaction, with its audit events; roll back when it returns False or fails."""
        if events:
            return await self._chained(events, lambda batches: sql.then_append(plan, batches), _AUDITING)
        return await self._run(plan)

    async def used(self, seen: Mapping[str, int]) -> None:
        """Set ``last_used_at`` where that is later; no version change."""
        if seen:
            await self._run(sql.used_plan(seen))

    async def entries(self, after: int) -> list[FeedEntry]:
        """Return the entries above ``after`` that have not ended, in order."""
        rows = await self._read(sql.FEED_ENTRIES, {"after": after, "now": int(self._clock())})
        return [feed_entry_from(row) for row in rows]

    async def append(self, events: Sequence[Event] | Packed, observed: Observed | None = None) -> None:
        """Append a batch and what was observed in it, all or nothing, chained to the one before."""
        if events or observed:
            more = observed_plan(observed) if observed else None
            await self._chained(events, lambda batches: sql.append_plan(batches, more), _AUDITING)

    async def events(self, *, since: float = 0.0, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        """Return (position, event) pairs in order, positions strictly after ``after``."""
        found: list[tuple[int, Event]] = []
        start = after // POSITIONS
        while len(found) < limit:
            rows = await self._read(sql.EVENT_BATCHES, {"start": start, "since": since, "at_most": _PAGE})
            pairs = (pair for at, last, text in rows for pair in flatten(at, last, text, since, after))
            found += islice(pairs, limit - len(found))
            if len(rows) < _PAGE:
                break
            start = rows[-1][0] + 1
        return found

    async def verify_audit(self) -> list[Flaw]:
        """Walk the chains of all writers and return what is wrong with them."""
        return await walked(self)

    async def claim(self, key: bytes, until: float) -> bool:
        """Return True to exactly one caller for this key until ``until``; survives a restart."""
        now = await self._pruned()
        if until <= now:
            return False
        if until <= self._forgotten:
            raise Unavailable("PostgreSQL: the clock is behind claims that are already forgotten")
        changed, _ = await self._change(sql.CLAIM, {"key": sql.claim_key(key), "until": until, "now": now})
        return changed == 1

    async def claimed(self, key: bytes) -> bool:
        """Return whether a key is claimed, without claiming it."""
        return bool(await self._read(sql.CLAIMED, {"key": sql.claim_key(key), "now": self._clock()}))

    async def put(self, key: str, value: bytes, until: float) -> None:
        """Keep a value."""
        await self._pruned()
        await self._change(sql.PUT, {"key": sql.value_key(key), "value": value, "until": until})

    async def get(self, key: str) -> bytes | None:
        """Return the value if it has not expired."""
        rows = await self._read(sql.GET, {"key": sql.value_key(key), "now": self._clock()})
        return rows[0][0] if rows else None

    async def take(self, key: str) -> bytes | None:
        """Return the value to exactly one caller and forget it."""
        _, rows = await self._change(sql.TAKE, {"key": sql.value_key(key)})
        return rows[0][0] if rows and rows[0][1] > self._clock() else None

    async def _pruned(self) -> float:
        now = self._clock()
        self._until_pruning -= 1
        if self._until_pruning <= 0:
            self._until_pruning = sql.PRUNE_EVERY
            await self._change(sql.PRUNE_VALUES, {"now": now})
            _, ended = await self._change(sql.PRUNE_CLAIMS, {"now": now})
            self._forgotten = max([self._forgotten, *(row[0] for row in ended)])
        return now

    async def forget(self, at_most: int) -> int:
        """Forget at most so many values, and as many claims, that have ended; return how many."""
        bounds = {"now": self._clock(), "at_most": at_most}
        values, _ = await self._change(sql.FORGET_VALUES, bounds)
        _, ended = await self._change(sql.FORGET_CLAIMS, bounds)
        self._forgotten = max([self._forgotten, *(row[0] for row in ended)])
        return values + len(ended)

    async def _read(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
        async with self._connection() as connection:
            return (await connection.execute(statement, parameters)).all()

    async def _change(self, statement: Executable, parameters: Mapping[str, Any]) -> tuple[int, Sequence[Any]]:
        async with self._connection() as connection:
            result = await connection.execute(statement, parameters)
            return result.rowcount, result.all() if result.returns_rows else ()

    async def _chained(
        self, events: Sequence[Event] | Packed, plan: Callable[[Sequence[Batch]], sql.Plan[T]], *locks: int
    ) -> T:
        async with _patience(_PATIENCE), self._chaining:
            before = self._chain.going_on(self._clock())
            batches, after = before.extended(events)
            self._chain = Chain()  # whether a failed commit took place cannot be told: go on with a new chain
            outcome = await self._run(plan(batches), *locks)
            self._chain = before if sql.lost(outcome) else after
            return outcome

    async def _run(self, plan: sql.Plan[T], *locks: int) -> T:
        async with self._transaction(_PATIENCE) as connection:
            for number in locks:
                await connection.execute(_LOCK, {"number": number})
            outcome = await _carry_out(plan, connection)
            if sql.lost(outcome):
                await connection.rollback()
            return outcome

    @asynccontextmanager
    async def _transaction(self, patience: float) -> AsyncIterator[AsyncConnection]:
        if self._engine is None:
            raise Unavailable("PostgreSQL: the store is not open")
        async with _patience(patience), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection on which each statement is its own transaction."""
        if self._engine is None:
            raise Unavailable("PostgreSQL: the store is not open")
        async with _patience(_PATIENCE), self._engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    """Raise Unavailable when the block fails or lasts longer; its text holds neither values nor addresses."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None and error.orig.__cause__ is not None else error.orig
        raise Unavailable(
            f"PostgreSQL: {type(cause).__name__} {getattr(cause, 'sqlstate', None) or ''}".rstrip()
        ) from None
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise Unavailable(f"PostgreSQL: {type(error).__name__}") from None


@asynccontextmanager
async def exclusive_connection(url: str) -> AsyncIterator[AsyncConnection]:
    """Give a connection in a transaction that no other migration or creation shares, without bounds in time."""

    async def connect() -> Any:
        return await asyncpg.connect(url, timeout=_CREATION_PATIENCE)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, hide_parameters=True)
    try:
        async with engine.begin() as connection:
            await connection.execute(_LOCK, {"number": _CREATING})
            yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"PostgreSQL: {type(error).__name__}") from None
    finally:
        await engine.dispose()


def _engine(url: str, connections: int) -> AsyncEngine:
    bounds: dict[str, Any] = {
        "timeout": _PATIENCE,
        "command_timeout": _PATIENCE,
        "server_settings": _SETTINGS,
        "connection_class": _Connection,
    }

    async def connect() -> Any:
        try:
            return await asyncpg.connect(url, **bounds)
        except ValueError:  # its text may quote the URL
            raise Unavailable("PostgreSQL: the URL cannot be read") from None

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_PATIENCE,
        pool_pre_ping=True,
        hide_parameters=True,
    )


async def _carry_out(plan: sql.Plan[T], connection: AsyncConnection) -> T:
    try:
        step = next(plan)
        while True:
            try:
                result = await connection.execute(*step)
            except DBAPIError as error:
                step = plan.throw(error)
            else:
                step = plan.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
