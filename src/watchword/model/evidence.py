"""What proves that the audit was not altered: signed statements over its chains, and what was found wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from watchword.model.records import Event

__all__ = ["Checkpoint", "CheckpointRecords", "Cut", "Flaw", "Link", "Span"]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Say what is wrong with the audit log, and where.

    ``position`` is 0 where a batch is missing at the end, ``at`` (Unix seconds) where its time is not known. Without a
    ``writer`` it is a checkpoint that is wrong, and ``number`` is the checkpoint's.
    """

    position: int
    writer: str
    number: int
    problem: str
    at: float = 0.0

    def __str__(self) -> str:
        if not self.writer:
            return f"checkpoint {self.number}: {self.problem}"
        return f"audit batch {self.position} (writer {self.writer}, number {self.number}): {self.problem}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Keep one signed statement (a JWS), numbered from 1; ``at`` is when it was signed (Unix seconds)."""

    number: int
    at: int
    statement: str


class Link(NamedTuple):
    """Name one batch: where it is, whose it is, how many events are in it, and the digest that it has."""

    position: int
    writer: str
    number: int
    events: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """Say what a statement holds the log to: all that lies after ``start`` up to ``end``, both positions of batches.

    ``digest`` is over positions and digests of the batches there; ``ends`` the last number and digest of each writer
    that wrote there.
    """

    number: int
    at: int
    start: int
    end: int
    count: int
    digest: bytes
    ends: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """Say up to which batch the log was removed, and where the chains of those go on that write still.

    ``base`` is the number of the checkpoint that the removed ends with: what came before it was removed as well.
    """

    position: int
    base: int
    ends: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)


class CheckpointRecords(Protocol):
    """Keep checkpoints durably, and say what there is to be signed."""

    async def add(self, checkpoint: Checkpoint) -> bool:
        """Keep it; False when there is one of its number."""
        ...

    async def latest(self, limit: int = 50) -> list[Checkpoint]:
        """Return the newest, the newest first."""
        ...

    async def page(self, after: int = 0, limit: int = 200) -> list[Checkpoint]:
        """Return those with a number above ``after``, by number."""
        ...

    async def links(self, after: int, limit: int = 1000) -> list[Link]:
        """Return the batches behind position ``after``, by position."""
        ...

    async def heads(self) -> dict[str, int]:
        """Return the number of each writer's last batch."""
        ...

    async def cut(self, checkpoint: Checkpoint, cut: Cut, ended: Mapping[str, int], event: Event) -> bool:
        """Keep it, and remove all before ``cut`` with the heads of those who ``ended`` there, in one transaction.

        False, and nothing is done, when there is a checkpoint of its number or one of the ended wrote again.
        """
        ...

    async def flaws(self, spans: Sequence[Span] = (), cut: Cut | None = None, until: int | None = None) -> list[Flaw]:
        """Walk all chains (up to position ``until``: without their ends) and return what is wrong with them."""
        ...

    async def cursor(self, name: str) -> int:
        """Return how far ``name`` has read: 0 at first."""
        ...

    async def move(self, name: str, before: int, after: int) -> bool:
        """Note how far ``name`` has read; False when that was not ``before``."""
        ...
