"""Hand the audit on to somebody else, from where it was left: no event is lost, and each has its position."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from watchword.lifecycle.operations.checkpoints.statements import digest_of
from watchword.model.evidence import Checkpoint, CheckpointRecords
from watchword.model.ports import AuditLog, Clock
from watchword.model.records import Event

__all__ = ["Deliver", "HandingOn", "Log", "value_of"]

_TURN: Final = 5.0  # seconds that one worker hands on, while the others wait
_PAGE: Final = 500
_SIGNED: Final = ":signed"
_TAKEN: Final = ":taken"  # until when, in milliseconds

Deliver: TypeAlias = Callable[[Sequence[dict[str, Any]]], Awaitable[None]]
"""Give events away. Raise Unavailable when they were not taken: they come again."""


class Log(AuditLog, Protocol):
    """Keep the audit, checkpoints of it, and how far who has read."""

    @property
    def checkpoints(self) -> CheckpointRecords:
        """Return what was signed of the audit."""
        ...


def value_of(position: int, event: Event) -> dict[str, Any]:
    """Return an event as JSON says it; ``position`` names it: who gets it twice knows it by that."""
    return {"position": position, **event._asdict()}


def _signed(checkpoint: Checkpoint) -> dict[str, Any]:
    said = {"at": checkpoint.at, "action": "checkpoint", "outcome": "done", "number": checkpoint.number}
    return {**said, "digest": digest_of(checkpoint.statement), "statement": checkpoint.statement}


class HandingOn:
    """Give every event, and every signed checkpoint, to ``deliver`` at least once, in order, by one worker at a time.

    Where it was left is kept in the store under ``name``: it moves when the events were taken, never before.
    """

    def __init__(self, log: Log, name: str, deliver: Deliver, clock: Clock) -> None:
        self._log = log
        self._name = name
        self._deliver = deliver
        self._clock = clock
        self._until = float("-inf")

    async def turn(self) -> int:
        """Hand on what there is; return how many events that was. Raise Unavailable when nobody takes them."""
        count = 0
        while await self._waits():
            held = self._holds()
            if not held and not await self._taken():
                break
            if held:  # else another may have gone on a moment ago: look again
                count += await self._events() + await self._checkpoints()
        return count

    async def _waits(self) -> bool:
        """Tell whether there is anything to hand on: an idle worker writes nothing."""
        records = self._log.checkpoints
        if await self._log.events(after=await records.cursor(self._name), limit=1):
            return True
        return bool(await records.page(await records.cursor(self._name + _SIGNED), 1))

    def _holds(self) -> bool:
        return 0 < self._until - self._clock() <= _TURN

    async def _taken(self) -> bool:
        """Take the next turn, in the store; False where another worker has it."""
        records, name = self._log.checkpoints, self._name + _TAKEN
        now = self._clock()
        before, until = await records.cursor(name), int((now + _TURN) * 1000)
        if 0 < before - now * 1000 <= _TURN * 1000 or not await records.move(name, before, until):
            return False
        self._until = now + _TURN
        return True

    async def _events(self) -> int:
        records = self._log.checkpoints
        after = await records.cursor(self._name)
        page = await self._log.events(after=after, limit=_PAGE)
        if page:
            await self._deliver([value_of(*each) for each in page])
            await records.move(self._name, after, page[-1][0])
        return len(page)

    async def _checkpoints(self) -> int:
        records, name = self._log.checkpoints, self._name + _SIGNED
        after = await records.cursor(name)
        page = await records.page(after, 50)
        if page:
            await self._deliver([_signed(each) for each in page])
            await records.move(name, after, page[-1].number)
        return len(page)
