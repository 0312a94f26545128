"""Chain audit batches, so that an edited, dropped or reordered event is found.

One batch is one row. Each writer (one opened store) has a chain of its own; a batch's digest is
SHA-256(digest of the one before || its own content), and the writer's head says where its chain ends. Whoever can write
to the database could write it all anew: that is what signed checkpoints are for (``lifecycle/operations``).
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from watchword.codec.events import packed, unpack
from watchword.model.evidence import Cut, Flaw, Span
from watchword.model.records import Event, Packed

__all__ = ["LARGEST_BATCH", "POSITIONS", "Batch", "Chain", "Flaw", "Head", "Verification", "flatten"]

POSITIONS = 100_000
"""A position is the batch's position times this, plus the event's index in the batch."""

LARGEST_BATCH = 10_000
_GENESIS = bytes(32)
_IDLE = 43_200.0  # seconds after which nobody goes on with a chain: one that was removed as a whole must not grow
_UNPLACED = -1  # no batch lies before where the log begins
_LATEST = 1 << 37  # Unix seconds: no time of a batch is as late
_TYPES: tuple[tuple[str, type, Any], ...] = (
    ("writer", str, "?"),
    ("number", int, 0),
    ("first_at", float, 0.0),
    ("last_at", float, 0.0),
    ("count", int, 0),
    ("events", str, ""),
    ("previous", bytes, b""),
    ("digest", bytes, b""),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold consecutive events of one writer; ``position`` is 0 until the store gives one."""

    position: int
    writer: str
    number: int
    first_at: float
    last_at: float
    count: int
    events: str
    previous: bytes
    digest: bytes

    def computed(self) -> bytes:
        """Return the digest that the content must have."""
        content = (
            f"{self.writer}\n{self.number}\n{self.first_at!r}\n{self.last_at!r}\n{self.count}\n{self.events}".encode()
        )
        return sha256(self.previous + content).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """Say where one writer's chain ends."""

    writer: str
    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """Hold the end of this writer's chain; a new value for each state, kept only once it is committed."""

    writer: str = field(default_factory=lambda: secrets.token_hex(16))
    number: int = 0
    digest: bytes = _GENESIS
    at: float = 0.0  # Unix second of the last append

    def going_on(self, now: float) -> Chain:
        """Return the chain to append to at ``now``: this one, or a new one where it has rested for long."""
        return Chain(at=now) if self.number and not -60 < now - self.at < _IDLE else replace(self, at=now)

    def extended(self, events: Sequence[Event] | Packed) -> tuple[list[Batch], Chain]:
        """Return the batches to append and the chain after them."""
        if isinstance(events, Packed):
            parts = [events]
        else:
            starts = range(0, len(events), LARGEST_BATCH)
            parts = [packed(events[start : start + LARGEST_BATCH]) for start in starts]
        batches: list[Batch] = []
        chain = self
        for part in parts:
            batch = chain._batch(part)
            batches.append(batch)
            chain = Chain(chain.writer, batch.number, batch.digest, self.at)
        return batches, chain

    def _batch(self, part: Packed) -> Batch:
        first, last = float(part.first_at), float(part.last_at)
        unsigned = Batch(0, self.writer, self.number + 1, first, last, part.count, part.text, self.digest, b"")
        return replace(unsigned, digest=unsigned.computed())


def flatten(position: int, last_at: Any, text: Any, since: float, after: int) -> Iterator[tuple[int, Event]]:
    """Yield (position, event) of one batch, strictly after ``after`` and not before ``since``.

    A batch that somebody spoilt is one event that says so: whoever reads the log goes on behind it.
    """
    try:
        events = unpack(text)
    except ValueError:
        at = last_at if isinstance(last_at, float) and 0 <= last_at < _LATEST else 0.0
        events = [Event(at, "unreadable", "broken", detail=f"batch {position}: see `watchword audit --verify`")]
    for place, event in enumerate(events, position * POSITIONS):
        if place > after and event.at >= since:
            yield place, event


class Verification:
    """Walk the batches of all writers in order of position, and compare with heads and signed statements.

    ``spans`` are statements that hold, by number; ``cut`` says where the log begins. Writers go on meanwhile: read
    heads after batches, then once more what came since (``heads``, then ``take``), and nothing is found that is not.
    """

    def __init__(self, spans: Sequence[Span] = (), cut: Cut | None = None) -> None:
        self.flaws: list[Flaw] = []
        self._begin = cut.position if cut is not None else _UNPLACED
        ends = cut.ends if cut is not None else {}
        self._ends: dict[str, Chain] = {writer: Chain(writer, *end) for writer, end in ends.items()}
        self._times: dict[str, float] = {}
        self._spans = deque(span for span in spans if span.start >= self._begin)
        self._seen, self._count = sha256(), 0
        self._heads: dict[str, Head] | None = None

    def take(self, batches: Iterable[Batch]) -> None:
        """Check these batches, which follow those taken before."""
        for row in batches:
            batch = _typed(row)
            self._pass(batch.position)
            end = self._ends.get(batch.writer) or Chain(batch.writer)
            if batch is not row:
                self._find(batch.position, batch.writer, batch.number, "holds what no batch holds", batch.last_at)
            for problem in _problems(batch, end):
                self._find(batch.position, batch.writer, batch.number, problem, batch.last_at)
            if batch.position <= self._begin:
                self._find(batch.position, batch.writer, batch.number, "lies before where the log was cut off")
            self._ends[batch.writer] = Chain(batch.writer, batch.number, batch.digest)
            self._times[batch.writer] = batch.last_at
            if self._spans and batch.position > self._spans[0].start:
                self._seen.update(placed(batch.position, batch.digest))
                self._count += 1
            if self._heads is not None:
                self._meet(batch.writer)

    def heads(self, heads: Iterable[Head]) -> None:
        """Take where the chains end, read after the batches that were taken so far."""
        self._heads, known = {}, {}
        for head in heads:
            if tuple(map(type, (head.writer, head.number, head.digest))) == (str, int, bytes):
                known[head.writer] = head
            else:
                self._find(0, str(head.writer) or "?", 0, "the writer's head holds what no head holds")
        for writer in sorted(self._ends.keys() - known.keys()):
            self._find(
                0, writer, self._ends[writer].number, "the writer's head is missing", self._times.get(writer, 0.0)
            )
        for head in known.values():
            end = self._ends.get(head.writer, Chain(head.writer))
            if head.number < end.number:
                self._off(head, end)
            else:
                self._heads[head.writer] = head
                self._meet(head.writer)

    def _meet(self, writer: str) -> None:
        """Compare with the writer's head where its number is reached."""
        head, end = (self._heads or {}).get(writer), self._ends.get(writer)
        if head is not None and end is not None and head.number <= end.number:
            if (head.number, head.digest) != (end.number, end.digest):
                self._off(head, end)
            del (self._heads or {})[writer]

    def _off(self, head: Head, end: Chain) -> None:
        at = self._times.get(head.writer, 0.0)
        self._find(
            0, head.writer, head.number, f"the chain ends at number {end.number}, otherwise than its head says", at
        )

    def finish(self, heads: Iterable[Head] | None = None, until: int | None = None) -> list[Flaw]:
        """Return every flaw, now that all batches were taken: all of them, or those up to position ``until``."""
        if heads is not None:
            self.heads(heads)
        for head in sorted((self._heads or {}).values(), key=lambda each: each.writer):
            self._off(head, self._ends.get(head.writer, Chain(head.writer)))
        self._pass(None, until)
        return self.flaws

    def _pass(self, position: int | None, until: int | None = None) -> None:
        """Hold what was taken to each statement that ends before ``position``, None: to all (up to ``until``)."""
        while self._spans and (position is None or position > self._spans[0].end):
            if until is not None and self._spans[0].end > until:
                return
            span = self._spans.popleft()
            for writer, (number, digest) in span.ends.items():
                end = self._ends.get(writer, Chain(writer))
                if (end.number, end.digest) != (number, digest):
                    problem = (
                        f"is not what checkpoint {span.number} says: it, or one before it, was rewritten or removed"
                    )
                    self._find(0, writer, number, problem, self._times.get(writer, 0.0))
            if (self._count, self._seen.digest()) != (span.count, span.digest):
                where = f"of positions {span.start + 1} to {span.end}, {span.count} batches"
                self._find(span.end, "", span.number, f"the log {where}, is not what was signed", span.at)
            self._seen, self._count = sha256(), 0

    def _find(self, position: int, writer: str, number: int, problem: str, at: float = 0.0) -> None:
        self.flaws.append(Flaw(position, writer, number, problem, at if 0 <= at < _LATEST else 0.0))


def _typed(batch: Batch) -> Batch:
    """Return the batch; with nothing instead of what is of another type, which SQLite takes from whoever writes it."""
    wrong = {name: nothing for name, kind, nothing in _TYPES if not isinstance(getattr(batch, name), kind)}
    return replace(batch, **wrong) if wrong else batch


def placed(position: int, digest: bytes) -> bytes:
    """Return what a signed statement says of one batch: where it is and what it is."""
    return position.to_bytes(8, "big", signed=True) + digest


def _problems(batch: Batch, end: Chain) -> Iterator[str]:
    if batch.number != end.number + 1:
        yield f"number {end.number + 1} was expected here: batches were dropped or reordered"
    if batch.previous != end.digest:
        yield "does not follow the batch before it"
    if batch.computed() != batch.digest:
        yield "was edited"
    try:
        if len(unpack(batch.events)) != batch.count:
            yield "holds another number of events than it says"
    except ValueError:
        yield "is unreadable"
