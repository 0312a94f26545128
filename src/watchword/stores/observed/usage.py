"""Keep counts of decisions in SQL: added in the transaction of the audit batch that they were counted from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Executable, Select, Table, bindparam, case, select
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT is compiled for SQLite too

from watchword.model.usage import Grain, Observed, Origin, Point, Tally
from watchword.stores import schema
from watchword.stores.observed.execution import Execution
from watchword.stores.sql import Plan

__all__ = ["SqlUsage", "observed_plan", "points_of"]

_usage, _traffic, _origin = schema.usage, schema.traffic, schema.origin
_AT_ONCE: Final = 500


def _adding(table: Table) -> Executable:
    """Add the count to the row's, or begin the row."""
    adding = insert(table).values({column.name: bindparam(column.name) for column in table.c})
    keys = list(table.primary_key.columns)
    return adding.on_conflict_do_update(
        index_elements=keys, set_={"decisions": table.c.decisions + adding.excluded["decisions"]}
    )


def _seeing() -> Executable:
    adding = insert(_origin).values({column.name: bindparam(column.name) for column in _origin.c})
    first, last, given = _origin.c.first_at, _origin.c.last_at, adding.excluded
    return adding.on_conflict_do_update(
        index_elements=list(_origin.primary_key.columns),
        set_={
            "first_at": case((given["first_at"] < first, given["first_at"]), else_=first),
            "last_at": case((given["last_at"] > last, given["last_at"]), else_=last),
        },
    )


_ADD_USAGE: Final = _adding(_usage)
_ADD_TRAFFIC: Final = _adding(_traffic)
_SEE: Final = _seeing()
_TRAFFIC: Final = (
    select(_traffic.c.start, _traffic.c.scheme, _traffic.c.verdict, _traffic.c.decisions)
    .where(_traffic.c.grain == bindparam("grain"))
    .where(_traffic.c.start >= bindparam("since"), _traffic.c.start < bindparam("until"))
    .order_by(_traffic.c.start, _traffic.c.scheme, _traffic.c.verdict)
)
_ORIGINS: Final = (
    select(_origin)
    .where(_origin.c.credential == bindparam("credential"))
    .order_by(_origin.c.last_at.desc(), _origin.c.network)
    .limit(bindparam("at_most"))
)


def points_of(tallies: Iterable[Tally]) -> list[Point]:
    """Return everybody's counts, added up."""
    sums: Counter[tuple[int, str, str]] = Counter()
    for each in tallies:
        sums[each.start, each.scheme, each.verdict] += each.decisions
    return [Point(*key, count) for key, count in sorted(sums.items())]


def observed_plan(observed: Observed) -> Plan[None]:
    """Add what was observed, in one order for all writers."""
    rows: dict[str, list[dict[str, Any]]] = {
        "usage": [{"grain": Grain.MINUTE.value, **each._asdict()} for each in sorted(observed.tallies)],
        "traffic": [{"grain": Grain.MINUTE.value, **each._asdict()} for each in points_of(observed.tallies)],
        "origin": [each._asdict() for each in sorted(observed.origins)],
    }
    statements = {"usage": _ADD_USAGE, "traffic": _ADD_TRAFFIC, "origin": _SEE}
    for name, values in rows.items():
        for start in range(0, len(values), _AT_ONCE):
            yield statements[name], values[start : start + _AT_ONCE]


@cache
def _tallies(credential: bool, subject: bool) -> Select[Any]:
    columns = [_usage.c[name] for name in Tally._fields]
    statement = (
        select(*columns)
        .where(_usage.c.grain == bindparam("grain"))
        .where(_usage.c.start >= bindparam("since"), _usage.c.start < bindparam("until"))
    )
    if credential:
        statement = statement.where(_usage.c.credential == bindparam("credential"))
    if subject:
        statement = statement.where(_usage.c.subject == bindparam("subject"))
    return statement.order_by(*columns[:-1]).limit(bindparam("at_most"))


class SqlUsage:
    """Implement UsageRecords over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def tallies(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = "", limit: int = 1000
    ) -> list[Tally]:
        """Return counts that start in ``[since, until)``, by time."""
        parameters: dict[str, Any] = {"grain": int(grain), "since": since, "until": until, "at_most": limit}
        parameters |= {"credential": credential} if credential else {}
        parameters |= {"subject": subject} if subject else {}
        rows = await self._rows(_tallies(bool(credential), bool(subject)), parameters)
        return [Tally(*row) for row in rows]

    async def traffic(self, *, grain: int, since: int, until: int) -> list[Point]:
        """Return everybody's counts that start in ``[since, until)``, by time."""
        rows = await self._rows(_TRAFFIC, {"grain": int(grain), "since": since, "until": until})
        return [Point(*row) for row in rows]

    async def origins(self, credential: str, *, limit: int = 100) -> list[Origin]:
        """Return where a credential was used from, latest first."""
        rows = await self._rows(_ORIGINS, {"credential": credential, "at_most": limit})
        return [Origin(*row) for row in rows]

    async def _rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
        return await self._execution.rows(statement, parameters)
