"""Keep the audit's batches in memory, chained as they are in a database."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from watchword.model.ports import Clock
from watchword.model.records import Event, Packed
from watchword.stores.chain import POSITIONS, Batch, Chain, Head, flatten

__all__ = ["MemoryLog"]


class MemoryLog:
    """Hold batches by position, and where each writer's chain ends. All of it changes under ``lock`` alone."""

    def __init__(self, lock: threading.Lock, clock: Clock) -> None:
        self.lock = lock
        self.batches: list[Batch] = []
        self.ends: dict[str, Head] = {}
        self._clock = clock
        self._chain = Chain()
        self._position = 0

    def chain(self, events: Sequence[Event] | Packed) -> None:
        """Append to the log; the lock is held. Raise ValueError where an event cannot be kept."""
        batches, chain = self._chain.going_on(self._clock()).extended(events)
        for batch in batches:
            self._position += 1
            self.batches.append(replace(batch, position=self._position))
        if batches:
            self._chain = chain
            self.ends[chain.writer] = Head(chain.writer, chain.number, chain.digest)

    def events(self, since: float, after: int) -> Iterator[tuple[int, Event]]:
        """Yield (position, event) pairs in order, strictly after ``after`` and not before ``since``."""
        first = self.batches[0].position if self.batches else 1
        for batch in self.batches[max(after // POSITIONS - first, 0) :]:
            yield from flatten(batch.position, batch.last_at, batch.events, since, after)
