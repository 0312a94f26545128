"""Sign what is due, cut off what is old: a chore of every worker, of which one wins."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from watchword.codec.secrets import Sealer
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.lifecycle.operations.checkpoints.keys import CheckpointKeys
from watchword.lifecycle.operations.checkpoints.proving import Proof, Proving
from watchword.lifecycle.operations.checkpoints.statements import Statement, digest_of, key_named, signed
from watchword.model.evidence import Checkpoint, CheckpointRecords, Cut, Link, Span
from watchword.model.ports import Clock, Records
from watchword.model.records import Event

__all__ = ["CheckpointRules", "Checkpoints", "Watched"]

logger: logging.Logger = logging.getLogger("watchword")

_LOOK: Final = 10.0  # seconds between two looks
_REST: Final = 3600.0  # seconds after a cut was refused
_PAGE: Final = 1000
_MOST_ROWS: Final = 5_000  # of one statement
_MOST_EVENTS: Final = 200_000
_CUT_AT_ONCE: Final = 3  # statements: a cut must not keep writers waiting
_MOST_WRITERS: Final = 60  # of one statement: a JWS of 16 KiB holds no more
_AT_ONCE: Final = 10  # statements in a row


class Watched(Records, Protocol):
    """Keep records, and checkpoints of the audit."""

    @property
    def checkpoints(self) -> CheckpointRecords:
        """Return what was signed of the audit."""
        ...


@dataclass(frozen=True, slots=True)
class CheckpointRules:
    """Say how often the log is signed (0: never), and for how long it is kept (0: for good). Seconds."""

    every: int = 900
    keep: int = 400 * 86400


async def _nothing(told: str) -> None:
    """Tell nobody."""


class Checkpoints:
    """Sign statements over the audit, one after another over all workers; prove the log by them; cut it off.

    Each says what it follows, so none can be left out. A statement is about batches that are in the log for good:
    positions are given in the order of commits.
    """

    def __init__(self, store: Watched, sealer: Sealer, clock: Clock) -> None:
        self._records = store.checkpoints
        self._keys = CheckpointKeys(store, sealer)
        self._proving = Proving(self._records, self._keys)
        self._clock = clock
        self._next = self._next_cut = float("-inf")
        self._seen: tuple[int, str] = (0, "")
        self.rules: CheckpointRules = CheckpointRules()
        self.warn: Callable[[str], Awaitable[object]] = _nothing

    async def run(self) -> None:
        """Do what is due. Call it every now and then, from as many workers as there are."""
        now = self._clock()
        if 0 < self._next - now <= _LOOK:
            return
        self._next = now + _LOOK
        if self.rules.every:
            await self._sign(now, anyway=False)
        if self.rules.keep and not 0 < self._next_cut - now <= _REST:
            await self._cut_old(now)

    async def sign(self) -> list[Checkpoint]:
        """Sign all that is not yet signed; return the new statements, none when there is nothing new."""
        return await self._sign(self._clock(), anyway=True)

    async def close(self) -> None:
        """Sign what is left before the process ends."""
        if self.rules.every:
            await self.sign()

    async def last(self) -> Checkpoint | None:
        """Return the newest one that a key of ours signed."""
        found = await self._latest()
        return None if found is None else found[0]

    async def public_key(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return the key that proves it, as a JWK (RFC 7517), {} when it is not ours."""
        known = await self._keys.known(key_named(checkpoint))
        return {} if known is None else known.key.public_jwk()

    async def prove(self, against: Checkpoint | None = None) -> Proof:
        """Return what is wrong with the audit and its checkpoints; see ``Proof``."""
        return await self._proving.prove(against)

    async def _latest(self) -> tuple[Checkpoint, Statement, int, str] | None:
        """Return the newest that holds with what it says, then number and digest of the newest there is."""
        newest = await self._records.latest()
        if not newest:
            await self._compare(0, "")
            return None
        number, name = newest[0].number, digest_of(newest[0].statement)
        await self._compare(number, name)
        for checkpoint in newest:
            statement = await self._keys.opened(checkpoint)
            if statement is not None:
                return checkpoint, statement, number, name
            await self._wrong(f"checkpoint {checkpoint.number} is not what was signed")
        return None

    async def _wrong(self, told: str) -> None:
        logger.error("%s; see `watchword audit --verify`", told)
        await self.warn(told)

    async def _compare(self, number: int, name: str) -> None:
        """Notice, while this process lives, that statements were taken away."""
        before, self._seen = self._seen, (number, name)
        kept = await self._records.page(before[0] - 1, 1) if before[0] else []
        replaced = bool(kept) and kept[0].number == before[0] and digest_of(kept[0].statement) != before[1]
        if number < before[0] or replaced:
            logger.error("checkpoint %d of the audit was removed or replaced", before[0])
            await self.warn(f"checkpoint {before[0]} was removed or replaced")

    async def _sign(self, now: float, *, anyway: bool) -> list[Checkpoint]:
        made: list[Checkpoint] = []
        while len(made) < _AT_ONCE or anyway:
            latest = await self._latest()
            number, previous = await self._place() if latest is None else latest[2:]
            end = latest[1].span.end if latest else 0
            whole = await self._records.links(end + _MOST_ROWS - 1, 1)  # positions have few gaps
            if not (anyway or whole or await self._due(latest, now)):
                break
            links = await self._links(end)
            if not links:
                break
            span = _span(links, number + 1, int(now), end)
            cut_by = latest[1].cut_by if latest else 0
            checkpoint = signed(Statement(span, previous, cut_by), await self._keys.signing(now))
            if await self._records.add(checkpoint):
                self._seen = checkpoint.number, digest_of(checkpoint.statement)
                made.append(checkpoint)
        return made

    async def _place(self) -> tuple[int, str]:
        """Return number and digest of the newest, where none holds."""
        newest = await self._records.latest(1)
        return (newest[0].number, digest_of(newest[0].statement)) if newest else (0, "")

    async def _due(self, latest: tuple[Checkpoint, Statement, int, str] | None, now: float) -> bool:
        if latest is None or not 0 <= now - latest[0].at < self.rules.every:
            return True
        known = await self._keys.known(key_named(latest[0]))
        return known is None or known.leaked

    async def _links(self, after: int) -> list[Link]:
        """Return the batches of the next statement."""
        found: list[Link] = []
        events, writers = 0, set[str]()
        while page := await self._records.links(after, _PAGE):
            for link in page:
                events += link.events
                writers.add(link.writer)
                if len(writers) > _MOST_WRITERS:
                    return found
                found.append(link)
                if len(found) >= _MOST_ROWS or events >= _MOST_EVENTS:
                    return found
            after = page[-1].position
        return found

    async def _cut_old(self, now: float) -> None:
        """Remove what is older than is kept, up to a statement, if it is what was signed."""
        self._next_cut = now + _REST
        latest = await self._latest()
        if latest is None:
            return
        _, statement, number, previous = latest
        cut = await self._cut_by(statement.cut_by)
        if statement.cut_by and cut is None:
            logger.error(
                "the audit is not cut off: checkpoint %d, which says where it begins, is gone", statement.cut_by
            )
            return
        found = await self._old(cut, int(now) - max(self.rules.keep, 86400), statement.span.number)
        if found is None:
            return
        spans, new, ended = found
        if await self._records.flaws(spans, cut, new.position):
            logger.error("the audit is not cut off: what would be removed was altered; see `watchword audit --verify`")
            await self.warn("what would be removed was altered")
            return
        end = statement.span.end
        span = Span(number + 1, int(now), end, end, 0, sha256().digest())
        checkpoint = signed(Statement(span, previous, span.number, new), await self._keys.signing(now))
        count = sum(each.count for each in spans)
        detail = f"{count} batches up to position {new.position}, signed as checkpoint {new.base}"
        event = Event(now, "cut", "done", subject=CA_SUBJECT, actor=CA_SUBJECT, detail=detail)
        await self._records.cut(checkpoint, new, ended, event)
        self._next_cut = now + _LOOK  # there may be more

    async def _cut_by(self, number: int) -> Cut | None:
        kept = await self._records.page(number - 1, 1) if number else []
        statement = await self._keys.opened(kept[0]) if kept and kept[0].number == number else None
        return None if statement is None else statement.cut

    async def _old(self, cut: Cut | None, before: int, newest: int) -> tuple[list[Span], Cut, dict[str, int]] | None:
        """Return the statements that are old, the cut after the last of them, and who wrote no more after it.

        The newest statement always stays: the log would else not say any more whether anything followed.
        """
        spans: list[Span] = []
        ends = dict(cut.ends) if cut is not None else {}
        rows, after = 0, cut.base if cut is not None else 0
        for checkpoint in await self._records.page(after, _CUT_AT_ONCE):
            statement = await self._keys.opened(checkpoint)
            if statement is None:
                await self._wrong(f"the audit is not cut off: checkpoint {checkpoint.number} is not what was signed")
                break
            if checkpoint.at > before or checkpoint.number >= newest:
                break
            spans.append(statement.span)
            ends |= statement.span.ends
            rows += statement.span.count
        if not rows:
            return None
        heads = await self._records.heads()
        ended = {writer: number for writer, (number, _) in ends.items() if heads.get(writer) == number}
        going_on = {writer: end for writer, end in ends.items() if writer not in ended}
        return spans, Cut(spans[-1].end, spans[-1].number, going_on), ended


def _span(links: list[Link], number: int, at: int, start: int) -> Span:
    seen = sha256()
    for link in links:
        seen.update(link.position.to_bytes(8, "big", signed=True) + link.digest)
    ends = {link.writer: (link.number, link.digest) for link in links}
    return Span(number, at, start, links[-1].position, len(links), seen.digest(), ends)
