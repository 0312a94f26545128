"""Find credentials by when they end, the next one first: of each kind apart, so that an index answers."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, select

from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records
from watchword.stores import schema
from watchword.stores.observed.execution import Execution
from watchword.stores.rows import credential_from

__all__ = ["Ending", "SqlEnding", "WalkedEnding", "ending_of"]

_credential = schema.credential
_PAGE: Final = 500
_NEXT: Final = (
    select(_credential)
    .where(_credential.c.kind == bindparam("kind"), _credential.c.revoked_at.is_(None))
    .where(_credential.c.expires_at >= bindparam("since"), _credential.c.expires_at < bindparam("until"))
    .order_by(_credential.c.expires_at, _credential.c.id)
    .limit(bindparam("at_most"))
)


class Ending(Protocol):
    """Find credentials by when they end."""

    async def ending(self, kinds: Iterable[Kind], *, since: int, until: int, limit: int = 100) -> list[Credential]:
        """Return unrevoked ones that expire in ``[since, until)`` (Unix seconds), the next one first."""
        ...


def ending_of(store: Any) -> Ending:
    """Return what finds them in a store: by its index where it has one, else by walking all of a kind."""
    return SqlEnding(store) if hasattr(store, "rows") else WalkedEnding(store)


class SqlEnding:
    """Implement Ending over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def ending(self, kinds: Iterable[Kind], *, since: int, until: int, limit: int = 100) -> list[Credential]:
        """Return unrevoked ones that expire in ``[since, until)``, the next one first."""
        found: list[Credential] = []
        for kind in kinds:
            bounds = {"kind": kind.value, "since": since, "until": until, "at_most": limit}
            found += [credential_from(row) for row in await self._execution.rows(_NEXT, bounds)]
        return nsmallest(limit, found, key=_place)


class WalkedEnding:
    """Implement Ending over any Records, page by page: for small stores."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def ending(self, kinds: Iterable[Kind], *, since: int, until: int, limit: int = 100) -> list[Credential]:
        """Return unrevoked ones that expire in ``[since, until)``, the next one first."""
        found: list[Credential] = []
        for kind in kinds:
            after = ""
            while page := await self._records.credentials(kind=kind, after=after, limit=_PAGE):
                found += [each for each in page if each.revoked_at is None and _within(each, since, until)]
                after = page[-1].id
        return nsmallest(limit, found, key=_place)


def _within(record: Credential, since: int, until: int) -> bool:
    return record.expires_at is not None and since <= record.expires_at < until


def _place(record: Credential) -> tuple[int, str]:
    return record.expires_at or 0, record.id
