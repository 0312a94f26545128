"""Find whose credentials are refused lately: an index of refusals alone answers, however much is accepted meanwhile."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, select

from watchword.model.usage import Grain, UsageRecords
from watchword.stores import schema
from watchword.stores.observed.execution import Execution

__all__ = ["Refusals", "SqlRefusals", "WalkedRefusals", "refusals_of"]

_usage = schema.usage
_ROWS: Final = 2_000  # counts that are looked at, the newest of them
_NEWEST: Final = (
    select(_usage.c.credential, _usage.c.decisions)
    .where(schema.REFUSED, _usage.c.start >= bindparam("since"))
    .order_by(_usage.c.start.desc())
    .limit(_ROWS)
)


class Refusals(Protocol):
    """Find whose credentials are refused."""

    async def most(self, since: int, limit: int) -> list[tuple[str, int]]:
        """Return credentials and how often each was refused since then (Unix seconds), the most refused first."""
        ...


def refusals_of(store: Any) -> Refusals:
    """Return what finds them in a store: by its index where it has one, else by walking all counts."""
    return SqlRefusals(store) if hasattr(store, "rows") else WalkedRefusals(store.usage)


class SqlRefusals:
    """Implement Refusals over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def most(self, since: int, limit: int) -> list[tuple[str, int]]:
        """Return the most refused of the newest counts."""
        return _most(await self._execution.rows(_NEWEST, {"since": since}), limit)


class WalkedRefusals:
    """Implement Refusals over any UsageRecords: for small ones."""

    def __init__(self, usage: UsageRecords) -> None:
        self._usage = usage

    async def most(self, since: int, limit: int) -> list[tuple[str, int]]:
        """Return the most refused of all counts."""
        found = await self._usage.tallies(grain=Grain.DAY, since=since, until=1 << 62, limit=100_000)
        rows = [(each.credential, each.decisions) for each in found if each.verdict != "accepted" and each.credential]
        return _most(rows, limit)


def _most(rows: Any, limit: int) -> list[tuple[str, int]]:
    sums: Counter[str] = Counter()
    for credential, decisions in rows:
        if credential != "…":  # stands for those that there were too many of to name
            sums[credential] += decisions
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
