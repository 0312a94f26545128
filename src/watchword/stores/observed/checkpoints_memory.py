"""Keep signed checkpoints in memory, beside the audit that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchword.model.evidence import Checkpoint, Cut, Flaw, Link, Span
from watchword.model.records import Event
from watchword.stores.chain import Verification
from watchword.stores.observed.memory_log import MemoryLog

__all__ = ["MemoryCheckpoints"]


class MemoryCheckpoints:
    """Implement CheckpointRecords in memory, thread safe."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._kept: dict[int, Checkpoint] = {}
        self._cursors: dict[str, int] = {}

    async def add(self, checkpoint: Checkpoint) -> bool:
        """Keep it; False when there is one of its number."""
        with self._log.lock:
            return self._kept.setdefault(checkpoint.number, checkpoint) is checkpoint

    async def latest(self, limit: int = 50) -> list[Checkpoint]:
        """Return the newest, the newest first."""
        with self._log.lock:
            return [self._kept[number] for number in sorted(self._kept, reverse=True)[:limit]]

    async def page(self, after: int = 0, limit: int = 200) -> list[Checkpoint]:
        """Return those with a number above ``after``, by number."""
        with self._log.lock:
            return [self._kept[number] for number in sorted(self._kept) if number > after][:limit]

    async def links(self, after: int, limit: int = 1000) -> list[Link]:
        """Return the batches behind position ``after``, by position."""
        with self._log.lock:
            found = [each for each in self._log.batches if each.position > after][:limit]
        return [Link(each.position, each.writer, each.number, each.count, each.digest) for each in found]

    async def heads(self) -> dict[str, int]:
        """Return the number of each writer's last batch."""
        with self._log.lock:
            return {head.writer: head.number for head in self._log.ends.values()}

    async def cut(self, checkpoint: Checkpoint, cut: Cut, ended: Mapping[str, int], event: Event) -> bool:
        """Keep it, and remove all before ``cut`` with the heads of those who ended there, at once."""
        log = self._log
        with log.lock:
            wrote = any(log.ends[writer].number != number for writer, number in ended.items())
            if checkpoint.number in self._kept or wrote:
                return False
            log.batches[:] = [each for each in log.batches if each.position > cut.position]
            for writer in ended:
                del log.ends[writer]
            self._kept = {number: kept for number, kept in self._kept.items() if number >= cut.base}
            self._kept[checkpoint.number] = checkpoint
            log.chain([event])
        return True

    async def flaws(self, spans: Sequence[Span] = (), cut: Cut | None = None, until: int | None = None) -> list[Flaw]:
        """Walk all chains (up to position ``until``: without their ends) and return what is wrong with them."""
        verification = Verification(spans, cut)
        with self._log.lock:
            batches, heads = list(self._log.batches), list(self._log.ends.values())
        verification.take(each for each in batches if until is None or each.position <= until)
        return verification.finish(heads if until is None else None, until)

    async def cursor(self, name: str) -> int:
        """Return how far ``name`` has read: 0 at first."""
        return self._cursors.get(name, 0)

    async def move(self, name: str, before: int, after: int) -> bool:
        """Note how far ``name`` has read; False when that was not ``before``."""
        with self._log.lock:
            if self._cursors.get(name, 0) != before:
                return False
            self._cursors[name] = after
            return True
