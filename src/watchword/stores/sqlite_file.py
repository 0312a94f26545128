"""Execute statements on one SQLite database: reads on a connection of their own, writes one at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from operator import itemgetter
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, Executable, StaticPool, create_engine, event
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from watchword.model.ports import Unavailable
from watchword.stores.sql import Plan, lost

__all__ = ["SAFE", "SqliteFile"]

T = TypeVar("T")
Parameters = Mapping[str, Any]


def _driver() -> ModuleType:
    try:
        import pysqlite3
    except ImportError:  # no wheel for this platform: Python's own, whatever its age
        import sqlite3

        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


_dbapi: Final[Any] = _driver()
_dialect: Final = SQLiteDialect_pysqlite(dbapi=_dbapi)
_BUSY: Final = 5.0  # seconds to wait for another process's write

SAFE: Final[bool] = _dbapi.sqlite_version_info >= (3, 51, 3)
"""False where two connections that write and checkpoint together can corrupt a WAL database (before 3.51.3)."""


class _Prepared(NamedTuple):
    """Hold a statement compiled once."""

    text: str
    names: tuple[str, ...]
    constants: Parameters

    def bound(self, parameters: Parameters) -> tuple[Any, ...]:
        return tuple(parameters[name] if name in parameters else self.constants[name] for name in self.names)

    def all_bound(self, rows: Sequence[Parameters]) -> Iterable[tuple[Any, ...]]:
        """Bind rows that have the same names: all at once where nothing else is bound, for there may be thousands."""
        if len(self.names) > 1 and rows[0].keys() >= set(self.names):
            return map(itemgetter(*self.names), rows)
        return map(self.bound, rows)


@cache
def _prepared(statement: Any) -> _Prepared:
    compiled = statement.compile(dialect=_dialect)
    return _Prepared(str(compiled), tuple(compiled.positiontup or ()), compiled.params)


class SqliteFile:
    """Own the connections to one database file, or to one in memory (":memory:"). Thread safe; nothing suspends."""

    def __init__(self, path: str, *, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._in_memory = path == ":memory:"
        self._writing = threading.RLock()
        # In memory there is but one connection, so that a read must not see a half-done write.
        self._reading = self._writing if self._in_memory else threading.RLock()
        self._writer: Any = None
        self._reader: Any = None
        self._engine: Engine | None = None

    def open(self, prepare: Callable[[Connection], None]) -> None:
        """Connect, create the file for its owner alone, and run ``prepare`` in one transaction."""
        with self._writing:
            if self._engine is not None:
                return
            try:
                self._engine = self._connected()
                with self._engine.begin() as connection:
                    prepare(connection)
            except BaseException as error:
                self.close()
                if isinstance(error, _dbapi.Error | SQLAlchemyError | OSError):
                    raise _unavailable(error) from None
                raise

    def close(self) -> None:
        """Close the connections. Does nothing when they are closed."""
        with self._reading, self._writing:
            engine, self._engine = self._engine, None
            if engine is not None:
                engine.dispose()
            for connection in (self._reader, self._writer):
                if connection is not None:
                    with suppress(_dbapi.Error):
                        connection.close()
            self._reader = self._writer = None

    def read(self, statement: Executable, parameters: Parameters, *, spoilt: bool = False) -> list[Any]:
        """Return all rows; where ``spoilt``, also those whose text is no UTF-8, with U+FFFD instead of what is none."""
        text, bound = _bind(statement, parameters)
        with self._reading:
            try:
                return self._reader.execute(text, bound).fetchall()  # type: ignore[no-any-return]
            except (_dbapi.Error, AttributeError) as error:
                if not spoilt or "UTF-8" not in str(error):
                    raise _unavailable(error) from None
            self._reader.text_factory = _replacing
            try:
                return self._reader.execute(text, bound).fetchall()  # type: ignore[no-any-return]
            except _dbapi.Error as error:
                raise _unavailable(error) from None
            finally:
                self._reader.text_factory = str

    def reading(self, statement: Executable, names: tuple[str, ...]) -> Callable[[tuple[Any, ...]], list[Any]]:
        """Return a function that runs this statement: for what is asked so often that binding by name costs too much.

        ``names`` is the order in which it takes the parameters.
        """
        prepared = _prepared(statement)
        if prepared.names != names:
            raise ValueError(f"the statement takes {prepared.names}")
        text, lock, execute, failures = prepared.text, self._reading, self._reader.execute, _dbapi.Error

        def read(bound: tuple[Any, ...]) -> list[Any]:
            with lock:
                try:
                    return execute(text, bound).fetchall()  # type: ignore[no-any-return]
                except failures as error:
                    raise _unavailable(error) from None

        return read

    def change(self, statement: Executable, parameters: Parameters) -> tuple[int, list[Any]]:
        """Run one statement that is its own transaction; return how many rows it changed and what it returns."""
        text, bound = _bind(statement, parameters)
        with self._writing:
            try:
                cursor = self._writer.execute(text, bound)
                rows = cursor.fetchall()
                return cursor.rowcount, rows
            except (_dbapi.Error, AttributeError) as error:
                raise _unavailable(error) from None

    def run(self, plan: Plan[T]) -> T:
        """Carry out the plan in one transaction, durable on return; roll back when it returns False or fails."""
        with self._writing:
            if self._engine is None:
                raise Unavailable("SQLite: the store is not open")
            try:
                with self._engine.connect() as connection, connection.begin() as transaction:
                    outcome = _carry_out(plan, connection, self._writer)
                    if lost(outcome):
                        transaction.rollback()
                    return outcome
            except (SQLAlchemyError, _dbapi.Error) as error:
                raise _unavailable(error) from None

    def _connected(self) -> Engine:
        if not self._in_memory:
            # The files that SQLite puts beside it (-wal, -shm) take over the mode.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._writer = self._connection()
        self._reader = self._writer if self._in_memory else self._connection()
        writer = self._writer
        engine = create_engine(
            "sqlite://", module=_dbapi, creator=lambda: writer, poolclass=StaticPool, hide_parameters=True
        )
        # Take the write lock at once: a transaction that reads first and locks later fails under contention.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine

    def _connection(self) -> Any:
        connection = _dbapi.connect(self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            if not self._in_memory:
                _use_wal(connection)
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA trusted_schema=OFF")
        except BaseException:
            connection.close()
            raise
        return connection


def _replacing(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _bind(statement: Executable, parameters: Parameters) -> tuple[str, tuple[Any, ...]]:
    prepared = _prepared(statement)
    return prepared.text, prepared.bound(parameters)


def _carry_out(plan: Plan[T], connection: Connection, writer: Any) -> T:
    try:
        step = next(plan)
        while True:
            statement, parameters = step
            if isinstance(parameters, list):  # rows of text and numbers, whose result nobody looks at
                prepared = _prepared(statement)
                try:
                    writer.executemany(prepared.text, prepared.all_bound(parameters))
                except _dbapi.IntegrityError as error:
                    step = plan.throw(IntegrityError(prepared.text, None, error))
                else:
                    step = plan.send(None)  # type: ignore[arg-type]
                continue
            try:
                result = connection.execute(statement, parameters)
            except DBAPIError as error:
                step = plan.throw(error)
            else:
                step = plan.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _use_wal(connection: Any) -> None:
    """Switch to WAL. While another process does the same, SQLite answers "locked" without waiting."""
    deadline = time.monotonic() + _BUSY
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except _dbapi.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                raise Unavailable("SQLite: this file system cannot hold a WAL database")
            return


def _unavailable(error: BaseException) -> Unavailable:
    """Say what failed, without parameters: SQLite's own messages name tables and columns, never values."""
    if isinstance(error, AttributeError):
        return Unavailable("SQLite: the store is not open")
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, _dbapi.Error):
        return Unavailable(f"SQLite: {type(cause).__name__}: {cause}")
    return Unavailable(
        f"SQLite: {type(cause).__name__}" + (f": {cause.strerror}" if isinstance(cause, OSError) else "")
    )
