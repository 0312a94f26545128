"""Look into one thing after another: bytes in blocks, and what is packed in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, TypeAlias

from watchword.codec.shapes import JWT, Hit, ends_at, hits
from watchword.codec.shapes.search import LONGEST
from watchword.scan.archives import BROKEN, Budget, NotHere, TooMuch, members, packed
from watchword.scan.finding import Finding, Unread

__all__ = ["Look", "Seen", "merged"]

Seen: TypeAlias = Finding | Unread

_BLOCK: Final = 4 << 20
_LATER_BYTES: Final = bytes(range(0x80, 0xC0))  # of a character in UTF-8, after its first (RFC 3629 section 3)
_IN_MEMORY: Final = 32 << 20  # bytes of a packed member that stay in memory; what is larger goes to a temporary file


class Look:
    """Look into streams. ``progress`` is told how many bytes more were read.

    Access tokens that have ended (``clock``, Unix seconds) open nothing, and are not found.
    """

    def __init__(
        self,
        budget: Callable[[], Budget] = Budget,
        *,
        progress: Callable[[int], None] = lambda count: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._budget = budget
        self._progress = progress
        self._clock = clock

    def into(self, path: str, stream: IO[bytes]) -> Iterator[Seen]:
        """Yield what is in a seekable stream, and in what is packed in it."""
        yield from self._into(path, stream, self._budget(), 0)

    def through(self, path: str, stream: IO[bytes], size: int) -> Iterator[Seen]:
        """Yield the same of a stream of so many bytes that is read but once."""
        budget, first = self._budget(), stream.read(_BLOCK)
        if size <= budget.size or not packed(first[:512]):
            yield from self._member(path, first, stream, budget, 0)
            return
        yield Unread(path, "it is packed, and larger than is looked into")
        yield from self._blocks(path, first, stream)

    def _into(self, path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Seen]:
        first = stream.read(_BLOCK)
        kind = packed(first[:512])
        if not kind:
            yield from self._blocks(path, first, stream)
            return
        inside: set[str] = set()
        whole = BytesIO(first) if len(first) < _BLOCK else stream
        for seen in self._members(kind, path, whole, budget, depth):
            if isinstance(seen, Finding):
                inside.add(seen.text)
            yield seen
        if whole is stream:
            stream.seek(len(first))
        for finding in self._blocks(path, first, stream):  # what lies behind it, or is only stored in it
            if finding.text not in inside:
                yield finding

    def _members(self, kind: str, path: str, whole: IO[bytes], budget: Budget, depth: int) -> Iterator[Seen]:
        if depth >= budget.depth:
            yield Unread(path, "it is packed in too many others")
            return
        try:
            whole.seek(0)
            for name, content in members(kind, path, whole, budget):
                inner = f"{path}!{name}"
                if content is None:
                    yield Unread(inner, "it is locked with a password", refused=False)
                    continue
                try:
                    yield from self._member(inner, content.read(_BLOCK), content, budget, depth + 1)
                except BROKEN as error:  # those after it may be whole
                    yield Unread(inner, _damaged(kind, error), refused=False)
        except (TooMuch, NotHere) as error:
            yield Unread(path, str(error))
        except BROKEN as error:
            yield Unread(path, _damaged(kind, error), refused=False)

    def _member(self, path: str, first: bytes, content: IO[bytes], budget: Budget, depth: int) -> Iterator[Seen]:
        if len(first) < _BLOCK:
            yield from self._into(path, BytesIO(first), budget, depth)
        elif not packed(first[:512]):
            yield from self._blocks(path, first, content)
        else:  # reading it needs to go back and forth
            with SpooledTemporaryFile(_IN_MEMORY) as spool:
                while first:
                    spool.write(first)
                    first = content.read(_BLOCK)
                spool.seek(0)
                whole: Any = spool
                yield from self._into(path, whole, budget, depth)

    def _blocks(self, path: str, block: bytes, rest: IO[bytes]) -> Iterator[Finding]:
        """Search block by block; the end of each is searched again with the next, since a secret may lie across."""
        start, before, told = 0, 0, -1  # the block's place, what of it was searched before, the last one that was found
        lines = _Lines()
        while block:
            self._progress(len(block) - before)
            for hit in hits(block):
                at = start + hit.at
                if at > told and not self._ended(hit):
                    told = at
                    line, column = lines.place(block, hit.at)
                    yield Finding(hit.shape, hit.text, path, line, column, at, hit.form)
            kept = block[-LONGEST:]
            lines.leave(block, len(block) - len(kept))
            start += len(block) - len(kept)
            before = len(kept)
            more = rest.read(_BLOCK)
            block = kept + more if more else b""

    def _ended(self, hit: Hit) -> bool:
        end = ends_at(hit.text) if hit.shape is JWT else None
        return end is not None and end <= self._clock()


def _damaged(kind: str, error: Exception) -> str:
    return f"it is damaged, or no {kind} file ({type(error).__name__})"


class _Lines:
    """Count lines, each once: there may be a secret in every one of them."""

    def __init__(self) -> None:
        self._line = 1  # that of the place up to which was counted
        self._begun = 0  # where it begins; before the block, where it is longer than that
        self._counted = 0
        self._more = 0  # bytes of the line that begin no character (UTF-8)

    def place(self, block: bytes, at: int) -> tuple[int, int]:
        """Return line and column of a place in the block, which is not before the last one."""
        self._line += block.count(b"\n", self._counted, at)
        since, last = self._counted, block.rfind(b"\n", self._counted, at)
        if last >= 0:
            self._begun = since = last + 1
            self._more = 0
        self._more += at - since - len(block[since:at].translate(None, _LATER_BYTES))
        self._counted = at
        return self._line, at - self._begun - self._more + 1

    def leave(self, block: bytes, count: int) -> None:
        """Go on with a block that begins so many bytes later."""
        if count > self._counted:
            self.place(block, count)
        self._counted -= count
        self._begun -= count


def merged(findings: list[Finding]) -> list[Finding]:
    """Return each place once; of the versions in a history, in which lines move, the first, and how many there are."""
    kept: dict[tuple[str, str, int], Finding] = {}
    for each in findings:
        key = each.text, each.path, -1 if each.commit else each.at
        kept[key] = each if key not in kept else replace(kept[key], times=kept[key].times + 1)
    return list(kept.values())
