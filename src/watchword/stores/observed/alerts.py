"""Keep alerts in SQL: one of a key, whoever raises it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT is compiled for SQLite too

from watchword.model.alerts import Alert
from watchword.model.records import Event
from watchword.stores import schema
from watchword.stores.observed.execution import Execution
from watchword.stores.sql import Plan

__all__ = ["SqlAlerts", "alert_from", "alert_row"]

_alert = schema.alert

_ADD: Final = (
    insert(_alert).values({column.name: bindparam(column.name) for column in _alert.c}).on_conflict_do_nothing()
)
_SWAP: Final = (
    update(_alert)
    .where(_alert.c.id == bindparam("which"), _alert.c.version == bindparam("stored"))
    .values({column.name: bindparam(f"new_{column.name}") for column in _alert.c if column.name != "id"})
)
_FIND: Final = select(_alert).where(_alert.c.id == bindparam("which"))
_WAITING: Final = (
    select(_alert)
    .where(_alert.c.told_at.is_(None), _alert.c.next_try <= bindparam("now"))
    .order_by(_alert.c.next_try, _alert.c.id)
    .limit(bindparam("at_most"))
)
_OLD: Final = (
    select(_alert.c.id)
    .where(_alert.c.acknowledged_at < bindparam("before"))
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_FORGET: Final = delete(_alert).where(_alert.c.id.in_(_OLD))


@cache
def _page(after: bool, open_only: bool) -> Select[Any]:
    statement = select(_alert)
    if after:
        last = select(_alert.c.at).where(_alert.c.id == bindparam("after")).scalar_subquery()
        earlier = and_(_alert.c.at == last, _alert.c.id < bindparam("after"))
        statement = statement.where(or_(_alert.c.at < last, earlier))
    if open_only:
        statement = statement.where(_alert.c.acknowledged_at.is_(None))
    return statement.order_by(_alert.c.at.desc(), _alert.c.id.desc()).limit(bindparam("at_most"))


def alert_row(alert: Alert) -> dict[str, Any]:
    """Return the column values of an alert."""
    detail = json.dumps(dict(alert.detail), separators=(",", ":"), allow_nan=False)
    return {name: getattr(alert, name) for name in Alert.__dataclass_fields__} | {"detail": detail}


def alert_from(row: Sequence[Any]) -> Alert:
    """Return the alert of a row: the columns in the order of the table."""
    values = dict(zip((column.name for column in _alert.c), row, strict=True))
    return Alert(**{**values, "detail": MappingProxyType(json.loads(values["detail"]))})


def _adding(alert: Alert) -> Plan[bool]:
    result = yield _ADD, alert_row(alert)
    return result.rowcount == 1


def _adding_all(alerts: Sequence[Alert]) -> Plan[list[Alert]]:
    added = []
    for alert in sorted(alerts, key=lambda alert: alert.key):  # in one order for all writers
        result = yield _ADD, alert_row(alert)
        if result.rowcount == 1:
            added.append(alert)
    return added


def _swapping(new: Alert) -> Plan[bool]:
    row = {f"new_{name}": value for name, value in alert_row(new).items() if name != "id"}
    result = yield _SWAP, {"which": new.id, "stored": new.version - 1, **row}
    return result.rowcount == 1


def _forgetting(before: int, at_most: int) -> Plan[int]:
    result = yield _FORGET, {"before": before, "at_most": at_most}
    return result.rowcount


class SqlAlerts:
    """Implement AlertRecords over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def add(self, alert: Alert) -> bool:
        """Keep it; False when there is one with its key."""
        return await self._execution.carry_out(_adding(alert))

    async def add_all(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Keep many in one transaction; return those that are kept: no other has their key."""
        return await self._execution.carry_out(_adding_all(alerts)) if alerts else []

    async def swap(self, new: Alert, event: Event | None = None) -> bool:
        """Replace version ``new.version - 1``, with ``event`` in the same transaction; False when it lost."""
        return await self._execution.carry_out(_swapping(new), *([] if event is None else [event]))

    async def alert(self, id: str) -> Alert | None:
        """Return one."""
        rows = await self._execution.rows(_FIND, {"which": id})
        return alert_from(rows[0]) if rows else None

    async def page(self, *, after: str = "", limit: int = 100, open_only: bool = False) -> list[Alert]:
        """Return a page, the newest first; ``after`` is the id of the last one of the page before."""
        parameters = {"at_most": limit, **({"after": after} if after else {})}
        return [alert_from(row) for row in await self._execution.rows(_page(bool(after), open_only), parameters)]

    async def waiting(self, now: int, limit: int = 100) -> list[Alert]:
        """Return those that a receiver still has to be told, whose ``next_try`` has come."""
        rows = await self._execution.rows(_WAITING, {"now": now, "at_most": limit})
        return [alert_from(row) for row in rows]

    async def forget(self, before: int, at_most: int) -> int:
        """Forget acknowledged ones of before then; return how many."""
        return await self._execution.carry_out(_forgetting(before, at_most))
