"""Be whoever can write to the database, but has no root key: take its tables, alter them, put them back."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Protocol, TypeAlias

from watchword.codec.jose import SigningKey
from watchword.lifecycle.operations.checkpoints.statements import TYPE
from watchword.stores.chain import Batch

__all__ = ["DEEDS", "PostgresDatabase", "SqliteDatabase", "Tables", "rewritten"]

_COLUMNS = {
    "audit": ("position", "writer", "number", "first_at", "last_at", "count", "events", "previous", "digest"),
    "audit_writer": ("writer", "number", "digest"),
    "checkpoint": ("number", "at", "statement"),
}


@dataclass
class Tables:
    """Hold the audit as the database does; ``signed`` is the last position that a checkpoint is about."""

    audit: list[Batch]
    heads: dict[str, tuple[int, bytes]]
    checkpoints: list[tuple[int, int, str]]
    signed: int = 0
    aimed: set[tuple[str, int]] = field(default_factory=set)  # (writer, number) of what was altered

    def copy(self) -> Tables:
        return Tables(list(self.audit), dict(self.heads), list(self.checkpoints), self.signed)

    def chain(self, writer: str) -> list[int]:
        """Return where in ``audit`` the batches of a writer are."""
        return [place for place, each in enumerate(self.audit) if each.writer == writer]

    def pick(self, chance: random.Random, *, signed: bool = False) -> int:
        """Choose a batch: one that a checkpoint is about where ``signed``."""
        places = [place for place, each in enumerate(self.audit) if not signed or each.position <= self.signed]
        return chance.choice(places)

    def aim(self, *places: int) -> None:
        self.aimed |= {(self.audit[place].writer, self.audit[place].number) for place in places}


class Database(Protocol):
    async def rows(self, table: str) -> list[Any]: ...

    async def put(self, table: str, rows: list[tuple[Any, ...]]) -> None: ...


async def taken(database: Database) -> Tables:
    """Read the tables."""
    audit = [Batch(*row) for row in await database.rows("audit")]
    heads = {writer: (number, bytes(digest)) for writer, number, digest in await database.rows("audit_writer")}
    checkpoints = [tuple(row) for row in await database.rows("checkpoint")]
    payload = checkpoints[-1][2].split(".")[1]
    signed = json.loads(base64.urlsafe_b64decode(payload + "=="))["to"]
    return Tables(sorted(audit, key=lambda each: each.position), heads, checkpoints, signed)


async def put_back(database: Database, tables: Tables, instead: Tables | None = None) -> None:
    """Write the tables, where they are not as ``instead``, which is there, has them."""
    names = _COLUMNS["audit"]
    if instead is None or tables.audit != instead.audit:
        await database.put("audit", [tuple(getattr(each, name) for name in names) for each in tables.audit])
    if instead is None or tables.heads != instead.heads:
        await database.put("audit_writer", [(writer, *end) for writer, end in tables.heads.items()])
    if instead is None or tables.checkpoints != instead.checkpoints:
        await database.put("checkpoint", list(tables.checkpoints))


class SqliteDatabase:
    """Be another connection to the file."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, table: str) -> list[Any]:
        return self._connection.execute(f"SELECT {', '.join(_COLUMNS[table])} FROM {table} ORDER BY 1").fetchall()  # type: ignore[no-any-return]  # noqa: S608

    async def put(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(_COLUMNS[table]))
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(_COLUMNS[table])}) VALUES ({marks})", rows)  # noqa: S608
        self._connection.execute("COMMIT")


class PostgresDatabase:
    """Be another connection to the server."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, table: str) -> list[Any]:
        found = await self._connection.fetch(f"SELECT {', '.join(_COLUMNS[table])} FROM {table} ORDER BY 1")  # noqa: S608
        return [tuple(row) for row in found]

    async def put(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join(f"${place}" for place in range(1, len(_COLUMNS[table]) + 1))
        async with self._connection.transaction():
            await self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
            text = f"INSERT INTO {table} ({', '.join(_COLUMNS[table])}) VALUES ({marks})"  # noqa: S608
            await self._connection.executemany(text, rows)


def rewritten(tables: Tables, writer: str) -> None:
    """Number a writer's batches anew, compute every digest anew, and move the head: as good a forgery as there is."""
    places = tables.chain(writer)
    if not places:
        tables.heads.pop(writer, None)
        return
    first = tables.audit[places[0]]
    number, previous = first.number, first.previous
    for place in places:
        batch = replace(tables.audit[place], number=number, previous=previous)
        tables.audit[place] = batch = replace(batch, digest=batch.computed())
        number, previous = number + 1, batch.digest
    tables.heads[writer] = (number - 1, previous)


Deed: TypeAlias = Callable[[Tables, random.Random], None]


def _edited(batch: Batch, chance: random.Random) -> Batch:
    """Change who did something, or when, so that it still reads."""
    text = batch.events.replace("user:alice", "user:mallo" if chance.random() < 0.5 else "user:bobby")
    return replace(batch, events=text)


def edit_a_field(tables: Tables, chance: random.Random) -> None:
    place = tables.pick(chance)
    batch = tables.audit[place]
    tables.aim(place)
    name = chance.choice(["writer", "number", "first_at", "last_at", "count", "events", "previous", "digest"])
    old = getattr(batch, name)
    new: Any = old + 100 if isinstance(old, int | float) else None  # writer and number together are unique
    if isinstance(old, str):
        at = chance.randrange(len(old))
        new = old[:at] + chance.choice([c for c in "abcdef01" if c != old[at]]) + old[at + 1 :]
    elif isinstance(old, bytes):
        at = chance.randrange(len(old))
        new = old[:at] + bytes([old[at] ^ chance.randrange(1, 256)]) + old[at + 1 :]
    tables.audit[place] = replace(batch, **{name: new})


def edit_an_event(tables: Tables, chance: random.Random) -> None:
    place = tables.pick(chance)
    tables.aim(place)
    tables.audit[place] = _edited(tables.audit[place], chance)


def edit_and_digest(tables: Tables, chance: random.Random) -> None:
    """Compute the digest of the one batch anew, too."""
    inside = [place for place, each in enumerate(tables.audit) if tables.heads[each.writer][0] > each.number]
    place = chance.choice(inside)
    tables.aim(place)
    batch = _edited(tables.audit[place], chance)
    tables.audit[place] = replace(batch, digest=batch.computed())


def remove_some(tables: Tables, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 4)):
        place = tables.pick(chance)
        tables.aim(place)
        del tables.audit[place]


def remove_the_beginning(tables: Tables, chance: random.Random) -> None:
    count = chance.randrange(1, len(tables.audit) // 2)
    tables.aim(*range(count))
    del tables.audit[:count]


def remove_the_end(tables: Tables, chance: random.Random) -> None:
    count = chance.randrange(1, len(tables.audit) // 2)
    tables.aim(*range(len(tables.audit) - count, len(tables.audit)))
    del tables.audit[-count:]


def remove_the_end_and_move_heads(tables: Tables, chance: random.Random) -> None:
    """Cut so much off that what was signed is among it."""
    keep = chance.randrange(1, sum(each.position <= tables.signed for each in tables.audit))
    tables.aim(*range(keep, len(tables.audit)))
    gone = {each.writer for each in tables.audit[keep:]}
    del tables.audit[keep:]
    for writer in gone:
        places = tables.chain(writer)
        if places:
            tables.heads[writer] = (tables.audit[places[-1]].number, tables.audit[places[-1]].digest)
        else:
            del tables.heads[writer]


def remove_everything(tables: Tables, chance: random.Random) -> None:
    tables.aim(*range(len(tables.audit)))
    tables.audit.clear()
    if chance.random() < 0.5:
        tables.heads.clear()


def swap_two(tables: Tables, chance: random.Random) -> None:
    """Swap the places of two batches of one writer, or of two writers."""
    places = [place for place, each in enumerate(tables.audit) if each.position <= tables.signed]
    one, other = chance.sample(places, 2)
    tables.aim(one, other)
    first, second = tables.audit[one], tables.audit[other]
    tables.audit[one] = replace(second, position=first.position)
    tables.audit[other] = replace(first, position=second.position)


def swap_what_two_say(tables: Tables, chance: random.Random) -> None:
    one, other = chance.sample(range(len(tables.audit)), 2)
    tables.aim(one, other)
    first, second = tables.audit[one], tables.audit[other]
    tables.audit[one] = replace(first, events=second.events, count=second.count)
    tables.audit[other] = replace(second, events=first.events, count=first.count)


def move_one(tables: Tables, chance: random.Random) -> None:
    place = tables.pick(chance, signed=True)
    tables.aim(place)
    far = chance.choice([-5, 0, 10_000])
    tables.audit[place] = replace(tables.audit[place], position=far)
    tables.audit.sort(key=lambda each: each.position)


def repeat_one(tables: Tables, chance: random.Random) -> None:
    batch = tables.audit[tables.pick(chance)]
    number = tables.heads[batch.writer][0] + 1
    tables.aimed.add((batch.writer, number))
    tables.audit.append(replace(batch, position=tables.audit[-1].position + 1, number=number))


def forge_before_the_beginning(tables: Tables, chance: random.Random) -> None:
    """Put a chain of one's own before all others."""
    model = tables.audit[tables.pick(chance)]
    batch = replace(
        _edited(model, chance), position=chance.choice([0, -7]), writer="f" * 32, number=1, previous=bytes(32)
    )
    batch = replace(batch, digest=batch.computed())
    tables.audit.insert(0, batch)
    tables.heads[batch.writer] = (1, batch.digest)
    tables.aim(0)


def drop_a_head(tables: Tables, chance: random.Random) -> None:
    writer = chance.choice(sorted(tables.heads))
    tables.aimed.add((writer, tables.heads.pop(writer)[0]))


def move_a_head(tables: Tables, chance: random.Random) -> None:
    writer = chance.choice(sorted(tables.heads))
    number, digest = tables.heads[writer]
    tables.aimed.add((writer, number))
    tables.heads[writer] = (number + chance.choice([-1, 1]), digest)


def rewrite_an_event(tables: Tables, chance: random.Random) -> None:
    """Edit what was signed, compute every digest after it anew, move the head."""
    place = tables.pick(chance, signed=True)
    tables.aim(place)
    tables.audit[place] = _edited(tables.audit[place], chance)
    rewritten(tables, tables.audit[place].writer)


def rewrite_without_one(tables: Tables, chance: random.Random) -> None:
    """Remove a batch, number those after it anew, compute every digest, move the head, close the gap in positions."""
    place = tables.pick(chance, signed=True)
    tables.aim(place)
    writer = tables.audit.pop(place).writer
    if chance.random() < 0.5:
        for after in range(place, len(tables.audit)):
            tables.audit[after] = replace(tables.audit[after], position=tables.audit[after].position - 1)
    first = next((each for each in tables.audit if each.writer == writer), None)
    if first is not None and first.number == 2:
        at = tables.audit.index(first)
        tables.audit[at] = replace(first, number=1, previous=bytes(32))
    rewritten(tables, writer)


def rewrite_in_another_order(tables: Tables, chance: random.Random) -> None:
    place = tables.pick(chance, signed=True)
    writer = tables.audit[place].writer
    places = [each for each in tables.chain(writer) if tables.audit[each].position <= tables.signed]
    one, other = chance.sample(places, 2) if len(places) > 1 else (places[0], places[0])
    if one == other:
        rewrite_an_event(tables, chance)
        return
    tables.aim(one, other)
    first, second = tables.audit[one], tables.audit[other]
    content = ("events", "count", "first_at", "last_at")
    tables.audit[one] = replace(first, **{name: getattr(second, name) for name in content})
    tables.audit[other] = replace(second, **{name: getattr(first, name) for name in content})
    rewritten(tables, writer)


def rewrite_a_writer_away(tables: Tables, chance: random.Random) -> None:
    """Remove all that a writer wrote, and its head."""
    writer = tables.audit[tables.pick(chance, signed=True)].writer
    tables.aim(*tables.chain(writer))
    tables.audit = [each for each in tables.audit if each.writer != writer]
    del tables.heads[writer]


def remove_a_checkpoint(tables: Tables, chance: random.Random) -> None:
    place = chance.randrange(len(tables.checkpoints) - 1)
    tables.aimed.add(("", tables.checkpoints.pop(place)[0]))


def edit_a_checkpoint(tables: Tables, chance: random.Random) -> None:
    place = chance.randrange(len(tables.checkpoints))
    number, at, statement = tables.checkpoints[place]
    tables.aimed.add(("", number))
    if chance.random() < 0.2:
        tables.checkpoints[place] = (number, at + 1, statement)
        return
    spot = chance.randrange(10, len(statement) - 3)  # the last character of a signature has bits that say nothing
    other = chance.choice([c for c in "ABCDEFGHabcdefgh" if c != statement[spot]])
    tables.checkpoints[place] = (number, at, statement[:spot] + other + statement[spot + 1 :])


def swap_checkpoints(tables: Tables, chance: random.Random) -> None:
    one, other = chance.sample(range(len(tables.checkpoints)), 2)
    first, second = tables.checkpoints[one], tables.checkpoints[other]
    tables.checkpoints[one] = (first[0], *second[1:])
    tables.checkpoints[other] = (second[0], *first[1:])
    tables.aimed |= {("", first[0]), ("", second[0])}


def _claims(statement: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "=="))
    return claims


def _kid(statement: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(statement.split(".", maxsplit=1)[0] + "=="))["kid"])


def sign_with_another_key(tables: Tables, chance: random.Random) -> None:
    """Rewrite an event and sign every statement after it anew, with a key of one's own under the server's name."""
    rewrite_an_event(tables, chance)
    key = SigningKey.generate(kid=_kid(tables.checkpoints[-1][2]))
    previous, made = "", []
    for number, at, statement in tables.checkpoints:
        claims = _claims(statement)
        inside = [each for each in tables.audit if claims["from"] < each.position <= claims["to"]]
        seen = sha256(b"".join(each.position.to_bytes(8, "big", signed=True) + each.digest for each in inside))
        claims |= {"digest": seen.hexdigest(), "previous": previous}
        claims["ends"] = {each.writer: [each.number, each.digest.hex()] for each in inside}
        text = key.sign(claims, TYPE)
        made.append((number, at, text))
        previous = sha256(text.encode()).hexdigest()
    tables.checkpoints = made


def fake_a_cut(tables: Tables, chance: random.Random) -> None:
    """Remove the beginning and say, signed by oneself, that it was too old."""
    base = chance.randrange(1, len(tables.checkpoints) - 1)
    claims = _claims(tables.checkpoints[base][2])
    gone = [place for place, each in enumerate(tables.audit) if each.position <= claims["to"]]
    tables.aim(*gone)
    ends = {tables.audit[place].writer: tables.audit[place] for place in gone}
    going_on = {each.writer for each in tables.audit[len(gone) :]}
    del tables.audit[: len(gone)]
    for writer in ends.keys() - going_on:
        del tables.heads[writer]
    del tables.checkpoints[:base]
    last = tables.checkpoints[-1]
    key = SigningKey.generate(kid=_kid(last[2]))
    told = {writer: [end.number, end.digest.hex()] for writer, end in ends.items() if writer in going_on}
    cut = {"to": claims["to"], "base": base + 1, "ends": told}
    said = {
        **_claims(last[2]),
        "number": last[0] + 1,
        "from": tables.signed,
        "to": tables.signed,
        "rows": 0,
        "ends": {},
    }
    said |= {"digest": sha256().hexdigest(), "previous": sha256(last[2].encode()).hexdigest(), "cut_by": last[0] + 1}
    tables.checkpoints.append((last[0] + 1, last[1], key.sign({**said, "cut": cut}, TYPE)))


def remove_what_a_cut_would(tables: Tables, chance: random.Random) -> None:
    """Remove the beginning with its checkpoints, without a word."""
    base = chance.randrange(1, len(tables.checkpoints) - 1)
    claims = _claims(tables.checkpoints[base][2])
    tables.audit = [each for each in tables.audit if each.position > claims["to"]]
    del tables.checkpoints[:base]
    tables.aimed.add(("", 1))


DEEDS: list[Deed] = [
    edit_a_field,
    edit_a_field,
    edit_an_event,
    edit_and_digest,
    remove_some,
    remove_the_beginning,
    remove_the_end,
    remove_the_end_and_move_heads,
    remove_everything,
    swap_two,
    swap_what_two_say,
    move_one,
    repeat_one,
    forge_before_the_beginning,
    drop_a_head,
    move_a_head,
    rewrite_an_event,
    rewrite_an_event,
    rewrite_without_one,
    rewrite_in_another_order,
    rewrite_a_writer_away,
    remove_a_checkpoint,
    edit_a_checkpoint,
    swap_checkpoints,
    sign_with_another_key,
    fake_a_cut,
    remove_what_a_cut_would,
]
