"""Keep signed checkpoints in SQL, cut the audit off where one allows it, and walk its chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Executable, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT is compiled for SQLite too

from watchword.model.evidence import Checkpoint, Cut, Flaw, Link, Span
from watchword.model.records import Event
from watchword.stores import schema, sql
from watchword.stores.chain import Batch, Head, Verification
from watchword.stores.observed.execution import Execution
from watchword.stores.sql import Plan

__all__ = ["SqlCheckpoints", "walked"]

_checkpoint, _audit, _writer, _cursor = schema.checkpoint, schema.audit, schema.audit_writer, schema.cursor
_PAGE: Final = 100
_FIRST: Final = -(2**63)  # a batch that somebody put before all others is looked at, too
_LAST: Final = 2**63 - 1

_ADD: Final = (
    insert(_checkpoint)
    .values({column.name: bindparam(column.name) for column in _checkpoint.c})
    .on_conflict_do_nothing(index_elements=[_checkpoint.c.number])
)
_LATEST: Final = select(_checkpoint).order_by(_checkpoint.c.number.desc()).limit(bindparam("at_most"))
_BY_NUMBER: Final = (
    select(_checkpoint)
    .where(_checkpoint.c.number > bindparam("after"))
    .order_by(_checkpoint.c.number)
    .limit(bindparam("at_most"))
)
_LINKS: Final = (
    select(_audit.c.position, _audit.c.writer, _audit.c.number, _audit.c.count, _audit.c.digest)
    .where(_audit.c.position > bindparam("after"))
    .order_by(_audit.c.position)
    .limit(bindparam("at_most"))
)
_CUT_OFF: Final = delete(_audit).where(_audit.c.position <= bindparam("until"))
_END_WRITER: Final = delete(_writer).where(
    _writer.c.writer == bindparam("which"), _writer.c.number == bindparam("last")
)
_FORGET: Final = delete(_checkpoint).where(_checkpoint.c.number < bindparam("base"))
_CURSOR: Final = select(_cursor.c.position).where(_cursor.c.name == bindparam("which"))
_BEGIN: Final = (
    insert(_cursor)
    .values(name=bindparam("which"), position=bindparam("after"))
    .on_conflict_do_nothing(index_elements=[_cursor.c.name])
)
_MOVE: Final = (
    update(_cursor)
    .where(_cursor.c.name == bindparam("which"), _cursor.c.position == bindparam("before"))
    .values(position=bindparam("after"))
)


def _row(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"number": checkpoint.number, "at": checkpoint.at, "statement": checkpoint.statement}


def _checkpoint_of(row: Sequence[Any]) -> Checkpoint:
    """Return what a row says; where it is of another type, which SQLite takes, it says nothing that was signed."""
    number, at, statement = row
    return Checkpoint(number, at if isinstance(at, int) else 0, statement if isinstance(statement, str) else "")


def _changing(statement: Executable, parameters: Mapping[str, Any]) -> Plan[bool]:
    result = yield statement, parameters
    return result.rowcount == 1


def _cutting(checkpoint: Checkpoint, cut: Cut, ended: Mapping[str, int]) -> Plan[bool]:
    result = yield _ADD, _row(checkpoint)
    if result.rowcount != 1:
        return False
    for writer, number in sorted(ended.items()):
        result = yield _END_WRITER, {"which": writer, "last": number}
        if result.rowcount != 1:
            return False
    yield _CUT_OFF, {"until": cut.position}
    yield _FORGET, {"base": cut.base}
    return True


class SqlCheckpoints:
    """Implement CheckpointRecords over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def add(self, checkpoint: Checkpoint) -> bool:
        """Keep it; False when there is one of its number."""
        return await self._execution.carry_out(_changing(_ADD, _row(checkpoint)))

    async def latest(self, limit: int = 50) -> list[Checkpoint]:
        """Return the newest, the newest first."""
        return [_checkpoint_of(row) for row in await self._execution.rows(_LATEST, {"at_most": limit})]

    async def page(self, after: int = 0, limit: int = 200) -> list[Checkpoint]:
        """Return those with a number above ``after``, by number."""
        rows = await self._execution.rows(_BY_NUMBER, {"after": after, "at_most": limit})
        return [_checkpoint_of(row) for row in rows]

    async def links(self, after: int, limit: int = 1000) -> list[Link]:
        """Return the batches behind position ``after``, by position."""
        return [Link(*row) for row in await self._execution.rows(_LINKS, {"after": after, "at_most": limit})]

    async def heads(self) -> dict[str, int]:
        """Return the number of each writer's last batch."""
        return {row[0]: row[1] for row in await self._execution.rows(sql.HEADS, {})}

    async def cut(self, checkpoint: Checkpoint, cut: Cut, ended: Mapping[str, int], event: Event) -> bool:
        """Keep it, and remove all before ``cut`` with the heads of those who ended there, in one transaction."""
        return await self._execution.carry_out(_cutting(checkpoint, cut, ended), event)

    async def flaws(self, spans: Sequence[Span] = (), cut: Cut | None = None, until: int | None = None) -> list[Flaw]:
        """Walk all chains (up to position ``until``: without their ends) and return what is wrong with them."""
        return await walked(self._execution, spans, cut, until)

    async def cursor(self, name: str) -> int:
        """Return how far ``name`` has read: 0 at first."""
        rows = await self._execution.rows(_CURSOR, {"which": name})
        return int(rows[0][0]) if rows else 0

    async def move(self, name: str, before: int, after: int) -> bool:
        """Note how far ``name`` has read; False when that was not ``before``."""
        if await self._execution.carry_out(_changing(_MOVE, {"which": name, "before": before, "after": after})):
            return True
        return before == 0 and await self._execution.carry_out(_changing(_BEGIN, {"which": name, "after": after}))


async def walked(
    execution: Execution, spans: Sequence[Span] = (), cut: Cut | None = None, until: int | None = None
) -> list[Flaw]:
    """Walk the chains of all writers and return what is wrong with them."""
    verification, start = Verification(spans, cut or Cut(0, 0)), _FIRST
    for heads_due in (True, False):  # what came while the heads were read is walked as well
        while rows := await execution.rows(sql.NEXT_BATCHES, {"start": start, "at_most": _PAGE}):
            batches = [Batch(*row) for row in rows if until is None or row[0] <= until]
            verification.take(batches)
            start = min(rows[-1][0] + 1, _LAST)
            if len(batches) < len(rows) or rows[-1][0] == _LAST:
                break
        if until is not None:
            break
        if heads_due:
            verification.heads([Head(*row) for row in await execution.rows(sql.HEADS, {})])
    return verification.finish(until=until)
