"""Write counts in SQL: added to what is there, rolled up when they are old, forgotten when they are too old."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Delete, Executable, Select, Table, bindparam, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT is compiled for SQLite too

from watchword.model.usage import Grain, Observed, Part, Point, Tally
from watchword.stores import schema
from watchword.stores.observed.folding import COARSER, DAYS_KEPT, coarser, coarser_parts, coarser_points
from watchword.stores.sql import Plan

__all__ = ["forgotten_origins", "observed_plan", "rolled_parts", "rolled_traffic", "rolled_usage"]

_usage, _traffic, _part, _origin = schema.usage, schema.traffic, schema.part, schema.origin
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
_ADD_PART: Final = _adding(_part)
_SEE: Final = _seeing()


def observed_plan(observed: Observed) -> Plan[None]:
    """Add what was observed, in one order for all writers."""
    rows: dict[str, list[dict[str, Any]]] = {
        "usage": _minutes(Tally._fields, observed.tallies),
        "traffic": _minutes(Point._fields, observed.points),
        "part": _minutes(Part._fields, observed.parts),
        "origin": [each._asdict() for each in sorted(observed.origins)],
    }
    statements = {"usage": _ADD_USAGE, "traffic": _ADD_TRAFFIC, "part": _ADD_PART, "origin": _SEE}
    for name, values in rows.items():
        for start in range(0, len(values), _AT_ONCE):
            yield statements[name], values[start : start + _AT_ONCE]


def _minutes(fields: tuple[str, ...], counts: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    names, grain = ("grain", *fields), Grain.MINUTE.value
    return [dict(zip(names, (grain, *each), strict=True)) for each in sorted(counts)]


def _old(table: Table, *columns: str) -> Select[Any]:
    """Find some that are old. Of two processes that ask at once each takes others, and neither waits."""
    wanted = [table.c[name] for name in columns]
    old = select(*wanted).where(table.c.grain == bindparam("of"), table.c.start < bindparam("before"))
    return old.order_by(table.c.start).limit(bindparam("at_most")).with_for_update(skip_locked=True)


def _taking(table: Table) -> Delete:
    keys = table.primary_key.columns
    return delete(table).where(*(column == bindparam(f"its_{column.name}") for column in keys))


_OLD_USAGE: Final = _old(_usage, *Tally._fields)
_OLD_TRAFFIC: Final = _old(_traffic, *Point._fields)
_TAKE_USAGE: Final = _taking(_usage)
_TAKE_TRAFFIC: Final = _taking(_traffic)
_HELD: Final = (
    select(_usage.c.credential, _usage.c.start, func.count())
    .where(_usage.c.grain == bindparam("of"))
    .where(_usage.c.start.in_(bindparam("starts", expanding=True)))
    .where(_usage.c.credential.in_(bindparam("credentials", expanding=True)))
    .group_by(_usage.c.credential, _usage.c.start)
)
_FIRST_PART: Final = (
    select(func.min(_part.c.start))
    .where(_part.c.kind == bindparam("its_kind"), _part.c.grain == bindparam("of"))
    .where(_part.c.start < bindparam("before"))
)
_TAKE_PARTS: Final = (
    delete(_part)
    .where(_part.c.kind == bindparam("its_kind"), _part.c.grain == bindparam("of"))
    .where(_part.c.start >= bindparam("since"), _part.c.start < bindparam("until"))
    .returning(_part.c.start, _part.c.kind, _part.c.name, _part.c.verdict, _part.c.decisions)
)
_OLD_ORIGINS: Final = (
    select(_origin.c.credential, _origin.c.network)
    .where(_origin.c.last_at < bindparam("before"))
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_TAKE_ORIGIN: Final = _taking(_origin)


def rolled_usage(grain: Grain, before: int, at_most: int) -> Plan[int]:
    """Add at most so many counts of before then to the coarser ones; forget them where there are none coarser."""
    found = yield _OLD_USAGE, {"of": grain.value, "before": before, "at_most": at_most}
    old = [Tally._make(row) for row in found]
    if not old:
        return 0
    yield _TAKE_USAGE, [_its({"grain": grain.value, **each._asdict()}) for each in old]
    into = COARSER.get(grain)
    if into is not None:
        starts = sorted({each.start - each.start % into for each in old})
        credentials = sorted({each.credential for each in old})
        rows: Any = yield _HELD, {"of": into.value, "starts": starts, "credentials": credentials}
        held = {(row[0], row[1]): row[2] for row in rows}
        added = [{"grain": into.value, **each._asdict()} for each in coarser(old, into, held)]
        yield _ADD_USAGE, added
    return len(old)


def rolled_traffic(grain: Grain, before: int, at_most: int) -> Plan[int]:
    """Do the same to everybody's counts."""
    found = yield _OLD_TRAFFIC, {"of": grain.value, "before": before, "at_most": at_most}
    old = [Point._make(row) for row in found]
    if not old:
        return 0
    yield _TAKE_TRAFFIC, [_its({"grain": grain.value, **each._asdict()}) for each in old]
    into = COARSER.get(grain)
    if into is not None:
        yield _ADD_TRAFFIC, [{"grain": into.value, **each._asdict()} for each in coarser_points(old, into)]
    return len(old)


def rolled_parts(kind: str, grain: Grain, before: int) -> Plan[int]:
    """Add minutes' counts by names of a kind up to one hour, or hours' to one day: the largest of all are named."""
    of = {"its_kind": kind, "of": grain.value}
    first = (yield _FIRST_PART, {**of, "before": before}).scalar()
    if first is None:
        return 0
    into = COARSER.get(grain, Grain.DAY)
    begun = first - first % into
    taken = yield _TAKE_PARTS, {**of, "since": begun, "until": begun + into}  # of two at once, one gets them
    old = [Part._make(row) for row in taken]
    if old and grain in COARSER:
        yield _ADD_PART, [{"grain": into.value, **each._asdict()} for each in coarser_parts(old, into)]
    return len(old)


def forgotten_origins(now: int, at_most: int) -> Plan[int]:
    """Forget networks from which nothing has come for as long as counts are kept."""
    found = yield _OLD_ORIGINS, {"before": now - DAYS_KEPT * Grain.DAY, "at_most": at_most}
    old: Sequence[Any] = found.all()
    if old:
        yield _TAKE_ORIGIN, [{"its_credential": credential, "its_network": network} for credential, network in old]
    return len(old)


def _its(row: dict[str, Any]) -> dict[str, Any]:
    return {f"its_{name}": value for name, value in row.items() if name != "decisions"}
