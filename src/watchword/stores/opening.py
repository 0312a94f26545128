"""Open the store that a URL names."""

from __future__ import annotations

import time
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol
from urllib.parse import unquote

from watchword.model.alerts import AlertRecords
from watchword.model.evidence import CheckpointRecords, Flaw
from watchword.model.ports import AuditLog, Clock, Ephemeral, Feed, Records
from watchword.model.usage import UsageRecords
from watchword.stores.memory import MemoryStore

__all__ = ["Store", "open_store"]

_FORMS: Final = {
    "memory": "memory:",
    "sqlite": "sqlite:///watchword.db (relative) or sqlite:////var/lib/watchword.db (absolute)",
    "postgresql": "postgresql://user:password@host/database",
}


class Store(Records, AuditLog, Feed, Ephemeral, Protocol):
    """Keep everything in one place."""

    @property
    def safe_for_workers(self) -> bool:
        """Tell whether several processes may share it."""
        ...

    @property
    def inline(self) -> bool:
        """Tell whether its verbs answer without an event loop."""
        ...

    @property
    def lasting(self) -> bool:
        """Tell whether it outlives the process."""
        ...

    @property
    def state(self) -> Path | None:
        """Return the stem of the files that the machine's processes share besides it, None when they share nothing."""
        ...

    @property
    def usage(self) -> UsageRecords:
        """Return the counts of decisions."""
        ...

    @property
    def alerts(self) -> AlertRecords:
        """Return what looked like a leak."""
        ...

    @property
    def checkpoints(self) -> CheckpointRecords:
        """Return what was signed of the audit."""
        ...

    async def open(self) -> None:
        """Connect; give an empty database its tables. Raise SchemaOutdated or Unavailable."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...

    async def forget(self, at_most: int) -> int:
        """Forget at most so many values and claims that have ended; return how many."""
        ...

    async def verify_audit(self) -> list[Flaw]:
        """Walk the audit chains of all writers and return what is wrong with them."""
        ...

    async def __aenter__(self) -> Store: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_store(url: str, *, clock: Clock = time.time) -> Store:
    """Return the store of ``url``, to be opened by ``await store.open()`` or ``async with``.

    ``memory:``, ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://user:password@host/database``
    (with libpq's parameters: ``?sslmode=verify-full``, ``?host=/run/postgresql``). Raise ValueError for any other;
    its text never holds the URL, which may hold a password.
    """
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "memory" and not rest.strip("/"):
        return MemoryStore(clock=clock)
    if colon and scheme == "sqlite":
        from watchword.stores.sqlite import SqliteStore

        return SqliteStore(sqlite_path(url), clock=clock)
    if colon and scheme == "postgresql" and rest.startswith("//"):
        from watchword.stores.postgres import PostgresStore

        return PostgresStore(url, clock=clock)
    raise ValueError(_advice(scheme if colon else ""))


def sqlite_path(url: str) -> str:
    """Return the path in an SQLite URL. Raise ValueError when it has none."""
    rest = url.removeprefix("sqlite:")
    if rest in ("", "//", "///", "///:memory:"):
        return ":memory:"
    if not rest.startswith("///") or "?" in rest or "#" in rest:
        raise ValueError(f"not an SQLite store URL: write {_FORMS['sqlite']}")
    return unquote(rest.removeprefix("///"))


def _advice(scheme: str) -> str:
    if scheme in _FORMS:
        return f"not a store URL: write {_FORMS[scheme]}"
    name = scheme.lower().partition("+")[0]
    near = ["postgresql"] if name in ("pg", "psql") else get_close_matches(name, _FORMS, n=1, cutoff=0.4)
    if near and scheme.isascii() and scheme.replace("+", "").isalnum() and len(scheme) < 20:
        return f"unknown store scheme {scheme!r}: did you mean {_FORMS[near[0]]}"
    return "unknown store scheme: write " + ", ".join(_FORMS.values())
