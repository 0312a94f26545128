"""Chain audit batches, so that an edited, dropped or reordered event is found.

One batch is one row. Each writer (one opened store) has a chain of its own; a batch's digest is
SHA-256(digest of the one before || its own content), and the writer's head says where its chain ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from watchword.codec.events import packed, unpack
from watchword.model.records import Event, Packed

__all__ = ["LARGEST_BATCH", "POSITIONS", "Batch", "Chain", "Flaw", "Head", "Verification", "flatten"]

POSITIONS = 100_000
"""A position is the batch's position times this, plus the event's index in the batch."""

LARGEST_BATCH = 10_000
_GENESIS = bytes(32)


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
            chain = Chain(chain.writer, batch.number, batch.digest)
        return batches, chain

    def _batch(self, part: Packed) -> Batch:
        first, last = float(part.first_at), float(part.last_at)
        unsigned = Batch(0, self.writer, self.number + 1, first, last, part.count, part.text, self.digest, b"")
        return replace(unsigned, digest=unsigned.computed())


def flatten(position: int, text: str, since: float, after: int) -> Iterator[tuple[int, Event]]:
    """Yield (position, event) of one batch, strictly after ``after`` and not before ``since``."""
    for place, event in enumerate(unpack(text), position * POSITIONS):
        if place > after and event.at >= since:
            yield place, event


@dataclass(frozen=True, slots=True)
class Flaw:
    """Say what is wrong with the audit log, and where; ``position`` is 0 where a batch is missing at the end."""

    position: int
    writer: str
    number: int
    problem: str

    def __str__(self) -> str:
        return f"audit batch {self.position} (writer {self.writer}, number {self.number}): {self.problem}"


class Verification:
    """Walk the batches of all writers in order of position, then compare with the heads."""

    def __init__(self) -> None:
        self.flaws: list[Flaw] = []
        self._ends: dict[str, Chain] = {}

    def take(self, batches: Iterable[Batch]) -> None:
        """Check these batches, which follow those taken before."""
        for batch in batches:
            end = self._ends.get(batch.writer) or Chain(batch.writer)
            for problem in _problems(batch, end):
                self.flaws.append(Flaw(batch.position, batch.writer, batch.number, problem))
            self._ends[batch.writer] = Chain(batch.writer, batch.number, batch.digest)

    def finish(self, heads: Iterable[Head]) -> list[Flaw]:
        """Return every flaw, now that all batches were taken."""
        known = {head.writer: head for head in heads}
        for writer in sorted(self._ends.keys() | known.keys()):
            end, head = self._ends.get(writer, Chain(writer)), known.get(writer)
            if head is None:
                self.flaws.append(Flaw(0, writer, end.number, "the writer's head is missing"))
            elif (head.number, head.digest) != (end.number, end.digest):
                self.flaws.append(Flaw(0, writer, head.number, f"the chain ends at number {end.number}"))
        return self.flaws


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
