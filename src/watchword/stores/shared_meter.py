"""Count requests over the processes of one machine, in an SQLite file of its own: one atomic statement a hit."""

from __future__ import annotations

import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, Column, MetaData, String, Table, bindparam, case, delete, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from watchword.model.ports import Allowance, Clock, Unavailable
from watchword.model.verdict import Rate
from watchword.stores.meter import allowance

try:
    import pysqlite3 as driver
except ImportError:  # where it has no wheels
    import sqlite3 as driver

__all__ = ["SharedMeter"]

_NANO: Final = 1_000_000_000
_STRAY: Final = 60 * _NANO  # a TAT further ahead than any hit can put it comes from a clock set back
_BUSY: Final = 0.25  # seconds to wait for another process
_PRUNE_EVERY: Final = 10.0  # seconds
_PRUNE_ROWS: Final = 5000  # at least; twice as many as were spent meanwhile, so that no flood of names piles up

_meter: Final = Table(
    "meter",
    MetaData(),
    Column("key", String, primary_key=True),
    Column("tat", BigInteger, nullable=False),  # nanoseconds, so that additions are exact
    sqlite_with_rowid=False,
)
_key, _now, _spend, _latest, _stray = (
    bindparam(name, type_=_meter.c.key.type if name == "key" else _meter.c.tat.type)
    for name in ("key", "now", "spend", "latest", "stray")
)
_after: Final = case((_meter.c.tat < _now, _now), (_meter.c.tat > _stray, _now), else_=_meter.c.tat) + _spend
_dialect: Final = sqlite.dialect(paramstyle="named")


def _text(statement: Any) -> str:
    return str(statement.compile(dialect=_dialect))


_CREATE: Final = _text(CreateTable(_meter, if_not_exists=True))
_HIT: Final = _text(
    sqlite.insert(_meter)
    .values(key=_key, tat=_now + _spend)
    .on_conflict_do_update(index_elements=["key"], set_={"tat": _after}, where=_after <= _latest)
    .returning(_meter.c.tat)
)
_LOOK: Final = _text(select(_meter.c.tat).where(_meter.c.key == _key))
_PRUNE: Final = (
    delete(_meter)
    .where(_meter.c.key.in_(select(_meter.c.key).where(_meter.c.tat < _now).limit(bindparam("at_most"))))
    .compile(dialect=_dialect)
)


class SharedMeter:
    """Count in the SQLite file ``path``, which is disposable: nothing in it need survive a loss of power.

    ``clock`` must be one for all processes (Unix seconds). Safe for threads and across ``fork``. What cannot be
    read or written raises Unavailable. Whoever starts the processes calls ``discard`` first.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Clock = time.time) -> None:
        self.clock = clock
        self._path = os.fspath(path)
        self._guard = threading.Lock()
        self._connection: Any = None
        self._prune_at = 0.0
        self._spent = 0
        _meters.add(self)

    @staticmethod
    def discard(path: str | os.PathLike[str]) -> None:
        """Delete the file while no process uses it: a loss of power may have left it unreadable."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{os.fspath(path)}{suffix}").unlink(missing_ok=True)

    def admit(self, key: str, cost: int, rate: Rate) -> float:
        """Spend ``cost`` and return 0.0, or return the seconds until a retry helps. Cost 0 asks about cost 1."""
        return self.spend(key, cost, rate)[0]

    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        """Spend ``cost`` if there is room and tell what is left."""
        return allowance(*self.spend(key, cost, rate), rate)

    def spend(self, key: str, cost: int, rate: Rate) -> tuple[float, float]:
        """Return seconds until a retry helps (0.0: spent) and until full again."""
        if not self._guard.acquire(timeout=2 * _BUSY):
            raise Unavailable("meter: too many threads wait for it")
        try:
            if self._connection is None:
                self._open()
            return self._spend(key, cost, rate)
        except (driver.Error, OSError) as error:
            raise Unavailable(f"meter: {error}") from error
        finally:
            self._guard.release()

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _spend(self, key: str, cost: int, rate: Rate) -> tuple[float, float]:
        seconds = rate.seconds * _NANO
        step = seconds // rate.count
        now = int(self.clock() * _NANO)
        latest, stray = now + seconds, now + 2 * seconds + _STRAY
        execute = self._connection.execute
        if 0 < cost <= rate.count:
            spend = {"key": key, "now": now, "spend": cost * step, "latest": latest, "stray": stray}
            row = execute(_HIT, spend).fetchone()
            self._spent += 1
            if now >= self._prune_at:
                at_most = max(_PRUNE_ROWS, 2 * self._spent)
                execute(str(_PRUNE), _PRUNE.construct_params({"now": now, "at_most": at_most}))
                self._prune_at, self._spent = now + _PRUNE_EVERY * _NANO, 0
            if row is not None:
                return 0.0, (row[0] - now) / _NANO
        row = execute(_LOOK, {"key": key}).fetchone()
        tat = now if row is None or not now <= row[0] <= stray else row[0]
        retry = tat + (cost or 1) * step - latest
        if cost:  # refused: never 0.0, even if it was let go in between
            retry = max(retry, 1)
        return max(0, retry) / _NANO, (tat - now) / _NANO

    def _open(self) -> None:
        connection = driver.connect(self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(_CREATE)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _after_fork(self) -> None:
        """Leave the parent's connection alone, open as it is: closing it here would write to the parent's file."""
        self._guard = threading.Lock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None


def _use_wal(connection: Any) -> None:
    """Switch to WAL; SQLite does not itself wait for a process that is doing the same."""
    deadline = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except driver.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _after_fork_in_child() -> None:
    for meter in list(_meters):
        meter._after_fork()


_inherited: list[Any] = []
_meters: weakref.WeakSet[SharedMeter] = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork_in_child)
