"""Hold every statement, once for SQLite and PostgreSQL, and what a transaction does, step by step.

A plan is a generator: it yields (statement, parameters), is sent the cursor result, and returns the outcome;
False rolls back. So only the executing differs between the synchronous and the asynchronous store.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import (
    CursorResult,
    Delete,
    Executable,
    Select,
    Table,
    Update,
    bindparam,
    case,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT is compiled for SQLite too
from sqlalchemy.exc import IntegrityError

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Change, Drop, Event, Publish, Record, Subject, Swap
from watchword.stores import schema
from watchword.stores.chain import Batch, Head
from watchword.stores.rows import check, credential_row, prefix_end, publish_row, storable, subject_row

__all__ = [
    "APPEND_BATCH",
    "CLAIM",
    "EVENT_BATCHES",
    "FEED_ENTRIES",
    "FIND_CREDENTIAL",
    "FIND_CREDENTIALS_BY",
    "FIND_CREDENTIAL_BY",
    "FIND_SUBJECT",
    "FORGET_CLAIMS",
    "FORGET_VALUES",
    "GET",
    "HEADS",
    "MARK_USED",
    "NEXT_BATCHES",
    "PRUNE_CLAIMS",
    "PRUNE_EVERY",
    "PRUNE_VALUES",
    "PUT",
    "TAKE",
    "Plan",
    "append_plan",
    "claim_key",
    "credentials_page_of",
    "lost",
    "parted",
    "subjects_page_of",
    "then_append",
    "used_plan",
    "value_key",
    "write_plan",
]

T = TypeVar("T")
Parameters: TypeAlias = "Mapping[str, Any] | Sequence[Mapping[str, Any]]"
_Change: TypeAlias = Add | Swap | Drop
Plan: TypeAlias = Generator[tuple[Executable, Parameters], CursorResult[Any], T]

PRUNE_EVERY = 64
"""Short-lived rows that a process adds before it forgets some that have ended."""

_PRUNED_AT_ONCE = 4 * PRUNE_EVERY  # more than came meanwhile, or what ends would pile up
_USED_AT_ONCE = 500
_FEW = 8

_subject, _credential, _feed, _audit = schema.subject, schema.credential, schema.feed, schema.audit
_writer, _value, _claim = schema.audit_writer, schema.value, schema.claim


def _adding(table: Table) -> Executable:
    return insert(table).values({column.name: bindparam(column.name) for column in table.c}).on_conflict_do_nothing()


def _swapping(table: Table) -> Update:
    (key,) = table.primary_key.columns
    statement = update(table).where(key == bindparam("which"), table.c.version == bindparam("stored"))
    new: dict[str, Any] = {column.name: bindparam(f"new_{column.name}") for column in table.c if column is not key}
    if "last_used_at" in new:  # it moves without a new version: never back
        given, kept = bindparam("new_last_used_at", type_=table.c.last_used_at.type), table.c.last_used_at
        new["last_used_at"] = case((or_(given.is_(None), kept > given), kept), else_=given)
    return statement.values(new)


def _pruning(table: Table, ended: Any, at_most: Any = _PRUNED_AT_ONCE) -> Delete:
    (key,) = table.primary_key.columns
    # Of two processes that prune at once, each takes other rows and neither waits (SQLite knows one writer anyway).
    ending = select(key).where(ended).limit(at_most).with_for_update(skip_locked=True)
    return delete(table).where(key.in_(ending))


FIND_CREDENTIAL = select(_credential).where(_credential.c.id == bindparam("id"))
FIND_CREDENTIAL_BY = select(_credential).where(_credential.c.lookup == bindparam("lookup"))
FIND_CREDENTIALS_BY = select(_credential).where(_credential.c.lookup.in_(bindparam("lookups", expanding=True)))
FIND_SUBJECT = select(_subject).where(_subject.c.name == bindparam("name"))
MARK_USED = (
    update(_credential)
    .where(_credential.c.id == bindparam("which"))
    .where(or_(_credential.c.last_used_at.is_(None), _credential.c.last_used_at < bindparam("seen")))
    .values(last_used_at=bindparam("seen", type_=_credential.c.last_used_at.type))
)
FEED_ENTRIES = (
    select(_feed)
    .where(_feed.c.sequence > bindparam("after"), _feed.c.until >= bindparam("now"))
    .order_by(_feed.c.sequence)
)
EVENT_BATCHES = (
    select(_audit.c.position, _audit.c.last_at, _audit.c.events)
    .where(_audit.c.position >= bindparam("start"), _audit.c.last_at >= bindparam("since"))
    .order_by(_audit.c.position)
    .limit(bindparam("at_most"))
)
NEXT_BATCHES = (
    select(_audit)
    .where(_audit.c.position >= bindparam("start"))
    .order_by(_audit.c.position)
    .limit(bindparam("at_most"))
)
HEADS = select(_writer)
APPEND_BATCH = insert(_audit).values(
    {column.name: bindparam(column.name) for column in _audit.c if column.name != "position"}
)
GET = select(_value.c.value).where(_value.c.key == bindparam("key"), _value.c.until > bindparam("now"))
TAKE = delete(_value).where(_value.c.key == bindparam("key")).returning(_value.c.value, _value.c.until)
PRUNE_VALUES = _pruning(_value, _value.c.until <= bindparam("now"))
PRUNE_CLAIMS = _pruning(_claim, _claim.c.until <= bindparam("now")).returning(_claim.c.until)

FORGET_VALUES = _pruning(_value, _value.c.until <= bindparam("now"), bindparam("at_most"))
FORGET_CLAIMS = _pruning(_claim, _claim.c.until <= bindparam("now"), bindparam("at_most")).returning(_claim.c.until)


def _dropping(table: Table) -> Delete:
    (key,) = table.primary_key.columns
    return delete(table).where(key == bindparam("which"), table.c.version == bindparam("stored"))


_ADD = {Subject: _adding(_subject), Credential: _adding(_credential)}
_SWAP = {Subject: _swapping(_subject), Credential: _swapping(_credential)}
# Locked in the order in which every writer takes them. SQLite locks the whole file, and knows no such clause.
_VERSIONS = (
    select(_credential.c.id, _credential.c.version)
    .where(_credential.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_credential.c.id)
    .with_for_update()
)
_DROP = {Subject: _dropping(_subject), Credential: _dropping(_credential)}
_PUBLISH = insert(_feed).values({name: bindparam(name) for name in ("topic", "key", "at", "until")})
_PRUNE_FEED = _pruning(_feed, _feed.c.until < bindparam("now"), bindparam("at_most"))


def _replacing(table: Table, *, unless: Any = None) -> Executable:
    (key,) = table.primary_key.columns
    adding = insert(table).values({column.name: bindparam(column.name) for column in table.c})
    others = {column.name: adding.excluded[column.name] for column in table.c if column is not key}
    return adding.on_conflict_do_update(index_elements=[key], set_=others, where=unless)


PUT = _replacing(_value)
CLAIM = _replacing(_claim, unless=_claim.c.until <= bindparam("now"))
CLAIMED = select(_claim.c.until).where(_claim.c.key == bindparam("key"), _claim.c.until > bindparam("now"))
_MOVE_HEAD = _replacing(_writer)


@cache
def _credentials_page(kind: bool, subject: bool) -> Select[Any]:
    statement = select(_credential).where(_credential.c.id > bindparam("after"))
    if kind:
        statement = statement.where(_credential.c.kind == bindparam("kind"))
    if subject:
        statement = statement.where(_credential.c.subject == bindparam("subject"))
    return statement.order_by(_credential.c.id).limit(bindparam("at_most"))


@cache
def _subjects_page(bounded: bool) -> Select[Any]:
    statement = select(_subject).where(_subject.c.name > bindparam("after"), _subject.c.name >= bindparam("start"))
    if bounded:
        statement = statement.where(_subject.c.name < bindparam("end"))
    return statement.order_by(_subject.c.name).limit(bindparam("at_most"))


def credentials_page_of(
    kind: Kind | None, subject: str | None, after: str, limit: int
) -> tuple[Executable, Mapping[str, Any]] | None:
    """Return the statement and its parameters, or None when nothing can be found."""
    if not storable(subject or "", after):
        return None
    parameters: dict[str, Any] = {"after": after, "at_most": limit}
    if kind is not None:
        parameters["kind"] = kind.value
    if subject is not None:
        parameters["subject"] = subject
    return _credentials_page(kind is not None, subject is not None), parameters


def subjects_page_of(prefix: str, after: str, limit: int) -> tuple[Executable, Mapping[str, Any]] | None:
    """Return the statement and its parameters, or None when nothing can be found."""
    if not storable(prefix, after):
        return None
    end = prefix_end(prefix)
    parameters: dict[str, Any] = {"after": after, "start": prefix, "at_most": limit}
    if end is not None:
        parameters["end"] = end
    return _subjects_page(end is not None), parameters


def claim_key(key: bytes) -> bytes:
    """Return the key under which a claim is stored: of one size whatever callers send."""
    return sha256(key).digest()


def value_key(key: str) -> bytes:
    """Return the key under which an ephemeral value is stored."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def parted(changes: Iterable[Change]) -> tuple[list[_Change], list[Publish], list[Event]]:
    """Part the changes by kind, the records in one order for all writers so that no two wait for each other.

    Raise ValueError when some store could not hold one.
    """
    records: list[_Change] = []
    published: list[Publish] = []
    events: list[Event] = []
    for change in changes:
        if isinstance(change, Event):
            events.append(change)
        elif isinstance(change, Publish):
            check(change)
            published.append(change)
        else:
            check(_record(change))
            records.append(change)
    records.sort(key=_place)
    return records, published, events


def _record(change: _Change) -> Record:
    return change.record if isinstance(change, Add) else change.new if isinstance(change, Swap) else change.old


def _place(change: _Change) -> tuple[str, str]:
    record = _record(change)
    return ("subject", record.name) if isinstance(record, Subject) else ("credential", record.id)


def _row(record: Record) -> dict[str, Any]:
    return subject_row(record) if isinstance(record, Subject) else credential_row(record)


def _step(change: _Change) -> tuple[Executable, Parameters]:
    if isinstance(change, Add):
        return _ADD[type(change.record)], _row(change.record)
    if isinstance(change, Drop):
        old = change.old
        key = old.name if isinstance(old, Subject) else old.id
        return _DROP[type(old)], {"which": key, "stored": old.version}
    return _SWAP[type(change.new)], _swapped(change.new)


def _swapped(record: Record) -> dict[str, Any]:
    row = _row(record)
    key = row.pop("name" if isinstance(record, Subject) else "id")
    return {"which": key, "stored": record.version - 1, **{f"new_{name}": value for name, value in row.items()}}


def _is_unique_violation(error: IntegrityError) -> bool:
    return getattr(error.orig, "sqlstate", "") == "23505" or "UNIQUE constraint failed" in str(error.orig)


def write_plan(
    records: Sequence[_Change], published: Sequence[Publish], batches: Sequence[Batch], now: int
) -> Plan[bool]:
    """Apply all, or return False when an Add, a Swap or a Drop lost."""
    many, few = _alike(records)
    try:
        if many and not (yield from _swapped_together(many)):
            return False
        for change in few:
            result = yield _step(change)
            if result.rowcount != 1:
                return False
    except IntegrityError as error:
        if _is_unique_violation(error):  # a Swap to another credential's lookup
            return False
        raise
    rows = [publish_row(entry) for entry in published]
    if len(rows) > _FEW:  # those of a leaked list: together they take a tenth of the time
        yield _PUBLISH, rows
    else:
        for row in rows:
            yield _PUBLISH, row
    if published:
        yield _PRUNE_FEED, {"now": now, "at_most": max(_PRUNED_AT_ONCE, 4 * len(published))}
    yield from append_plan(batches)
    return True


def _alike(records: Sequence[_Change]) -> tuple[Sequence[Swap], Sequence[_Change]]:
    """Return the swaps of credentials, where they are many and each is of another one, and all other changes."""
    swaps = [each for each in records if isinstance(each, Swap) and isinstance(each.new, Credential)]
    if len(swaps) <= _FEW or len({each.new.id for each in swaps if isinstance(each.new, Credential)}) < len(swaps):
        return (), records
    return swaps, [each for each in records if not (isinstance(each, Swap) and isinstance(each.new, Credential))]


def _swapped_together(swaps: Sequence[Swap]) -> Plan[bool]:
    """Swap many credentials, as those of a leaked list, in two statements; return False when one of them lost.

    What many rows at once changed is not told, so their versions are looked at first, under locks that nobody passes.
    """
    rows = [_swapped(swap.new) for swap in swaps]
    stored = {row["which"]: row["stored"] for row in rows}
    found = yield _VERSIONS, {"ids": list(stored)}
    if {row.id: row.version for row in found} != stored:
        return False
    yield _SWAP[Credential], rows
    return True


def append_plan(batches: Sequence[Batch], more: Plan[None] | None = None) -> Plan[None]:
    """Append to the audit log, move the writer's head, and do ``more`` in the same transaction."""
    for batch in batches:
        row = {
            "writer": batch.writer,
            "number": batch.number,
            "first_at": batch.first_at,
            "last_at": batch.last_at,
            "count": batch.count,
            "events": batch.events,
            "previous": batch.previous,
            "digest": batch.digest,
        }
        yield APPEND_BATCH, [row]
    if batches:
        head = Head(batches[-1].writer, batches[-1].number, batches[-1].digest)
        yield _MOVE_HEAD, [{"writer": head.writer, "number": head.number, "digest": head.digest}]
    if more is not None:
        yield from more


def then_append(plan: Plan[T], batches: Sequence[Batch]) -> Plan[T]:
    """Do what ``plan`` does and, where it won, append to the audit log in the same transaction."""
    outcome = yield from plan
    if not lost(outcome):
        yield from append_plan(batches)
    return outcome


def lost(outcome: object) -> bool:
    """Tell whether a plan's outcome says to roll back."""
    return outcome is False


def used_plan(seen: Mapping[str, int]) -> Plan[None]:
    """Mark credentials as used, in one order for all writers."""
    rows = [{"which": id, "seen": at} for id, at in sorted(seen.items())]
    for start in range(0, len(rows), _USED_AT_ONCE):
        yield MARK_USED, rows[start : start + _USED_AT_ONCE]
