"""Prove that the audit is what was signed, or say what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from watchword.lifecycle.operations.checkpoints.keys import CheckpointKeys, Known
from watchword.lifecycle.operations.checkpoints.statements import Statement, digest_of, key_named, opened
from watchword.model.evidence import Checkpoint, CheckpointRecords, Cut, Flaw, Span

__all__ = ["Proof", "Proving"]

_PAGE = 500
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Proof:
    """Say what is wrong with the audit (nothing: it is whole), and how far signed statements reach.

    ``held`` of ``checkpoints`` hold; the last of them was signed at ``covered_at`` and reaches up to batch ``covered``;
    ``unsigned`` batches came after it, which have the chain alone. ``begins`` is where old ones were cut off.
    """

    flaws: Sequence[Flaw] = ()
    checkpoints: int = 0
    held: int = 0
    covered: int = 0
    covered_at: int = 0
    unsigned: int = 0
    begins: int = 0
    spans: Sequence[Span] = field(default=(), repr=False)


@dataclass(slots=True)
class _Reading:
    """Hold what was read of the checkpoints so far."""

    flaws: list[Flaw] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    count: int = 0
    last: Checkpoint | None = None
    leaked: set[int] = field(default_factory=set)


class Proving:
    """Read every statement, hold them to one another, then the log to them."""

    def __init__(self, checkpoints: CheckpointRecords, keys: CheckpointKeys) -> None:
        self._checkpoints = checkpoints
        self._keys = keys

    async def prove(self, against: Checkpoint | None = None) -> Proof:
        """Return what is wrong; ``against`` is a statement that was kept elsewhere and must be among ours."""
        for _ in range(_TRIES):
            reading = await self._read(against)
            cut = _cut(reading.statements)
            spans = _following(reading, cut)
            flaws = await self._checkpoints.flaws(spans, cut)
            if not flaws and not reading.flaws:
                break
            again = await self._read(against)  # old batches may have been cut off meanwhile: then nothing is missing
            if again.flaws == reading.flaws and _cut(again.statements) == cut:
                break
        last = spans[-1] if spans else None
        end = last.end if last else (cut.position if cut else 0)
        return Proof(
            tuple(reading.flaws) + tuple(flaws),
            reading.count,
            len(reading.statements),
            end,
            last.at if last else 0,
            await self._behind(end),
            cut.position if cut else 0,
            spans,
        )

    async def _behind(self, position: int) -> int:
        count = 0
        while page := await self._checkpoints.links(position, 1000):
            count += len(page)
            position = page[-1].position
        return count

    async def _read(self, against: Checkpoint | None) -> _Reading:
        reading, known = _Reading(), dict[str, Known | None]()
        after = -1
        while page := await self._checkpoints.page(after, _PAGE):
            for checkpoint in page:
                kid = key_named(checkpoint)
                if kid not in known:
                    known[kid] = await self._keys.known(kid)
                _take(reading, checkpoint, known[kid])
            after = page[-1].number
        _begin(reading)
        if reading.statements and reading.statements[-1].span.number in reading.leaked:
            why = "was signed by a key that leaked, and none after it: it proves nothing"
            reading.flaws.append(Flaw(0, "", reading.statements[-1].span.number, why))
        if against is not None:
            reading.flaws += await self._compared(reading, against)
        return reading

    async def _compared(self, reading: _Reading, against: Checkpoint) -> list[Flaw]:
        if await self._keys.opened(against) is None:
            return [Flaw(0, "", against.number, "the one that was kept elsewhere is not signed by a key of ours")]
        cut = _cut(reading.statements)
        if cut is not None and against.number < cut.base:
            return []
        kept = await self._checkpoints.page(against.number - 1, 1)
        if kept and kept[0] == against:
            return []
        return [Flaw(0, "", against.number, "is not the one that was kept elsewhere", against.at)]


def _take(reading: _Reading, checkpoint: Checkpoint, known: Known | None) -> None:
    """Hold a checkpoint to its signature and to the one before it."""
    before, number = reading.last, checkpoint.number
    reading.count, reading.last = reading.count + 1, checkpoint
    if before is not None and number != before.number + 1:
        gap = f"and those up to {number - 1} are missing" if number > before.number + 2 else "is missing"
        reading.flaws.append(Flaw(0, "", before.number + 1, gap, before.at))
    statement = None if known is None else opened(checkpoint, known.key)
    if statement is None:
        why = "was altered" if known is not None else "is not signed by a key of ours"
        reading.flaws.append(Flaw(0, "", number, why, checkpoint.at))
        return
    follows = before is not None and before.number == number - 1
    if follows and before is not None and statement.previous != digest_of(before.statement):
        reading.flaws.append(Flaw(0, "", number, "does not follow the one before it", checkpoint.at))
    if known is not None and known.leaked:
        reading.leaked.add(number)
    reading.statements.append(statement)


def _begin(reading: _Reading) -> None:
    """Hold the first to what may be the first: number 1, or the one that a cut names."""
    if not reading.statements:
        return
    cut, first = _cut(reading.statements), reading.statements[0].span.number
    wanted = 1 if cut is None else cut.base
    if first > wanted and not any(flaw.number == wanted for flaw in reading.flaws):
        gap = "is missing" if first == wanted + 1 else f"and those up to {first - 1} are missing"
        reading.flaws.append(Flaw(0, "", wanted, gap))
    if reading.statements[-1].cut_by and cut is None:
        reading.flaws.append(Flaw(0, "", reading.statements[-1].cut_by, "is missing: it says where the log begins"))


def _cut(statements: Sequence[Statement]) -> Cut | None:
    """Return the cut that is in force."""
    return next((each.cut for each in reversed(statements) if each.cut is not None), None)


def _following(reading: _Reading, cut: Cut | None) -> list[Span]:
    """Return the spans that do not overlap, behind the cut."""
    end, found = cut.position if cut is not None else 0, []
    for statement in reading.statements:
        if statement.span.start >= end and statement.span.end >= statement.span.start:
            found.append(statement.span)
            end = statement.span.end
    return found
