"""Keep counts of decisions in SQL: added in the transaction of the audit batch that they were counted from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Executable,
    Select,
    Table,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union_all,
)

from watchword.model.usage import Grain, Origin, Point, Share, Tallies, Tally
from watchword.stores import schema
from watchword.stores.observed.adding import (
    forgotten_origins,
    observed_plan,
    rolled_parts,
    rolled_traffic,
    rolled_usage,
)
from watchword.stores.observed.execution import Execution
from watchword.stores.observed.folding import KINDS, checked, coarser, counted_once, first_of, horizons, shares
from watchword.stores.rows import storable

__all__ = ["SqlUsage", "observed_plan"]

_usage, _traffic, _part, _origin = schema.usage, schema.traffic, schema.part, schema.origin
_GROUPS: Final = 5_000  # kinds of decisions that are looked at for what is busiest


_ORIGINS: Final = (
    select(_origin)
    .where(_origin.c.credential == bindparam("credential"))
    .order_by(_origin.c.last_at.desc(), _origin.c.network)
    .limit(bindparam("at_most"))
)


_FIRST: Final = 5_000  # counts of each grain that are looked at where nobody's are asked for


def _begun(start: ColumnElement[int], grain: Grain) -> ColumnElement[int]:
    """Return where the stretch of time begins that a start is in."""
    # A literal: PostgreSQL takes two parameters for two, and then groups by another expression than it selects.
    return (start - start % literal_column(str(grain.value))).label("begun")


def _finer(table: Table, grain: Grain) -> ColumnElement[bool]:
    return table.c.grain.in_([literal_column(str(each.value)) for each in Grain if each <= grain])


def _summed(table: Table) -> ColumnElement[int]:
    return cast(func.sum(table.c.decisions), BigInteger)


def _between(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.start >= bindparam("since"), table.c.start < bindparam("until")


@cache
def _tallies(grain: Grain, credential: bool, subject: bool) -> Select[Any]:
    begun, columns = _begun(_usage.c.start, grain), [_usage.c[name] for name in Tally._fields[1:-1]]
    statement = select(begun, *columns, _summed(_usage)).where(_finer(_usage, grain), *_between(_usage))
    statement = _of(statement, credential, subject).group_by(begun, *columns).order_by(begun, *columns)
    return statement.limit(bindparam("at_most"))


@cache
def _traffic_of(grain: Grain, credential: bool, subject: bool) -> Select[Any]:
    table = _usage if credential or subject else _traffic
    begun, columns = _begun(table.c.start, grain), (table.c.scheme, table.c.verdict)
    statement = select(begun, *columns, _summed(table)).where(_finer(table, grain), *_between(table))
    return _of(statement, credential, subject).group_by(begun, *columns).order_by(begun, *columns)


_PARTS: Final = (
    select(_part.c.name, _part.c.verdict, literal_column("''"), _summed(_part))
    .where(_part.c.kind == bindparam("kind"), _finer(_part, Grain.DAY), *_between(_part))
    .group_by(_part.c.name, _part.c.verdict)
)


@cache
def _first_tallies(grain: Grain) -> CompoundSelect[Any]:
    """Return the first counts of each grain as they are kept, each by the index: so many may come."""
    columns = [_usage.c[name] for name in ("grain", *Tally._fields)]
    firsts = []
    for each in Grain:
        if each <= grain:
            found = select(*columns).where(_usage.c.grain == literal_column(str(each.value)), *_between(_usage))
            firsts.append(select(found.order_by(_usage.c.start).limit(_FIRST + 1).subquery()))
    return union_all(*firsts)


@cache
def _busiest(by: str, credential: bool, subject: bool) -> Select[Any]:
    table = _usage if credential or subject else _traffic
    columns = (table.c[by].label("name"), table.c.verdict.label("outcome"), table.c.scheme.label("way"))
    total = _summed(table).label("total")
    statement = select(*columns, total).where(_finer(table, Grain.DAY), *_between(table))
    statement = _of(statement, credential, subject).group_by(*columns)
    return statement.order_by(total.desc(), *columns).limit(_GROUPS)


def _of(statement: Select[Any], credential: bool, subject: bool) -> Select[Any]:
    if credential:
        statement = statement.where(_usage.c.credential == bindparam("credential"))
    return statement.where(_usage.c.subject == bindparam("subject")) if subject else statement


class SqlUsage:
    """Implement UsageRecords over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def tallies(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = "", limit: int = 1000
    ) -> Tallies:
        """Return counts that start in ``[since, until)``, by time."""
        if not storable(credential, subject):
            return Tallies()
        bounds = {"since": since - since % grain, "until": until}
        if not credential and not subject:
            rows = await self._rows(_first_tallies(Grain(grain)), bounds)
            looked = Counter(row[0] for row in rows)
            kept = [Tally._make(row[1:]) for row in rows]
            return first_of(
                coarser(kept, grain, {}, most=len(kept)), limit, cut=max(looked.values(), default=0) > _FIRST
            )
        statement = _tallies(Grain(grain), bool(credential), bool(subject))
        rows = await self._rows(statement, {**bounds, "at_most": limit + 1} | _named(credential, subject))
        return first_of([Tally._make(row) for row in rows], limit)

    async def traffic(
        self, *, grain: int, since: int, until: int, credential: str = "", subject: str = ""
    ) -> list[Point]:
        """Return counts by scheme and verdict that start in ``[since, until)``, by time: everybody's, or one's."""
        if not storable(credential, subject):
            return []
        statement = _traffic_of(Grain(grain), bool(credential), bool(subject))
        bounds = {"since": since - since % grain, "until": until} | _named(credential, subject)
        return counted_once(await self._rows(statement, bounds), each_once=bool(credential) or not subject)

    async def origins(self, credential: str, *, limit: int = 100) -> list[Origin]:
        """Return where a credential was used from, latest first."""
        if not storable(credential):
            return []
        rows = await self._rows(_ORIGINS, {"credential": credential, "at_most": limit})
        return [Origin(*row) for row in rows]

    async def busiest(
        self, since: int, until: int, by: str, limit: int = 10, *, credential: str = "", subject: str = ""
    ) -> list[Share]:
        """Return to whom or what most decisions fell."""
        if not storable(credential, subject):
            return []
        bounds, one = {"since": since, "until": until}, bool(credential or subject)
        if checked(by) in KINDS and not one:
            rows = await self._rows(_PARTS, {**bounds, "kind": by})
            return shares(rows, each_once=True)[:limit]
        statement = _busiest(by, bool(credential), bool(subject))
        rows = await self._rows(statement, bounds | _named(credential, subject))
        return shares(rows, each_once=by == "credential" or bool(credential) or not one)[:limit]

    async def roll_up(self, now: int, at_most: int = 1000) -> int:
        """Add up what is old into coarser counts, forget what is too old; return how many rows that took away."""
        done = 0
        for grain, before in horizons(now):
            for plan in (rolled_usage, rolled_traffic):
                done += await self._execution.carry_out(plan(grain, before, at_most))
            for kind in KINDS:
                done += await self._execution.carry_out(rolled_parts(kind, grain, before))
        return done + await self._execution.carry_out(forgotten_origins(now, at_most))

    async def _rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
        return await self._execution.rows(statement, parameters)


def _named(credential: str, subject: str) -> dict[str, Any]:
    given = {"credential": credential, "subject": subject}
    return {name: text for name, text in given.items() if text}
