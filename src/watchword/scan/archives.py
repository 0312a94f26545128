"""Open what is packed: zip, tar, gzip, bzip2, xz, zstd, one in another. Bombs are refused: every bound is counted."""

from __future__ import annotations

import bz2
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from io import RawIOBase
from typing import IO, Any, Final, TypeAlias

__all__ = ["BROKEN", "Budget", "Member", "NotHere", "TooMuch", "members", "packed"]

BROKEN: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, ValueError,
                 RuntimeError, MemoryError, OverflowError)  # fmt: skip
"""What the standard library raises for archives that are damaged, locked or none at all."""

_KEPT: Final = 4096  # bytes behind the place that is read, which may be asked for again
_MOST_AT_ONCE: Final = 64 << 20  # bytes: a header that says it is longer is no header
_MOST_LISTED: Final = 8 << 20  # bytes of a zip file's list of members: a hundred thousand of them at least
_MOST_HEADER: Final = 1 << 20  # bytes of a pax header
_DIGITS: Final = re.compile(rb"[0-9]{100}")
_XZ_MEMORY: Final = 128 << 20  # bytes: the highest preset takes 65 MiB
_BLOCK: Final = 1 << 16
_GZIP: Final = 16 + zlib.MAX_WBITS  # says to zlib that a header of gzip comes first
_USTAR: Final = 257  # where a tar file says what it is (POSIX.1-1988)

Member: TypeAlias = tuple[str, IO[bytes] | None]
"""The name of what is in an archive, and its content; None where that cannot be read (it is locked)."""


class TooMuch(Exception):
    """Say that an archive holds more than is looked into."""


class NotHere(Exception):
    """Say that what reads this kind of archive is not installed."""


@dataclass(slots=True)
class Budget:
    """Bound what one file may unpack to, with all that is in it: bytes, members, and how deep they lie."""

    size: int = 1 << 30
    members: int = 100_000
    depth: int = 5

    def spend(self, count: int) -> None:
        """Count bytes that were unpacked. Raise TooMuch."""
        self.size -= count
        if self.size < 0:
            raise TooMuch("it unpacks to more than is looked into")

    def enter(self, count: int = 1) -> None:
        """Count members. Raise TooMuch."""
        self.members -= count
        if self.members < 0:
            raise TooMuch("it holds more members than are looked into")


class _Forward(RawIOBase):
    """Read on and count, with the last few bytes kept: tar steps back by one, which would unpack everything again."""

    def __init__(self, source: IO[bytes], budget: Budget | None) -> None:
        # One step at a time: where a later one breaks, what the earlier ones gave is not lost.
        self._source: Callable[[int], bytes] = getattr(source, "read1", source.read)
        self._budget = budget
        self._kept = b""
        self._end = 0  # of what was read
        self._at = 0
        self.wary = False  # whether what is read next is a header

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0 or offset < self._end - len(self._kept):
            raise OSError("a packed stream is read forwards")
        while self._end < offset and self._more(min(_BLOCK, offset - self._end)):
            pass
        self._at = min(offset, self._end)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        if size > _MOST_AT_ONCE:
            raise TooMuch("a header in it is longer than any is")
        behind = self._kept[len(self._kept) - (self._end - self._at) :] if self._at < self._end else b""
        behind = behind if size < 0 else behind[:size]
        self._at += len(behind)
        if size >= 0 and len(behind) == size:
            return behind
        parts, left = [behind], _MOST_AT_ONCE if size < 0 else size - len(behind)
        try:
            while left > 0 and (data := self._more(min(left, 1 << 20))):
                parts.append(data)
                left -= len(data)
        except BROKEN:
            if not any(parts):  # what came before the damage is read first; then it breaks again
                raise
        self._at = self._end
        data, wary, self.wary = b"".join(parts), self.wary, False
        if wary and _DIGITS.search(data):
            raise TooMuch("a header in it has longer numbers than any has")
        return data

    def _more(self, size: int) -> bytes:
        data = self._source(size)
        if self._budget is not None:
            self._budget.spend(len(data))
        self._end += len(data)
        self._kept = (self._kept + data)[-_KEPT:] if len(data) < _KEPT else data[-_KEPT:]
        return data


class _Xz:
    """Read xz with little memory: a file may ask for four gigabytes of it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, b"" at the end."""
        while True:
            if self._stream.eof:
                self._rest = self._stream.unused_data.lstrip(b"\x00") or self._source.read(_BLOCK).lstrip(b"\x00")
                if not self._rest:
                    return b""
                self._stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            elif self._stream.needs_input:
                self._rest = self._source.read(_BLOCK)
                if not self._rest:
                    raise EOFError("it ends too early")
            data = self._stream.decompress(self._rest, size)
            self._rest = b""
            if data:
                return data


class _Gzip:
    """Read gzip (RFC 1952) as zlib does: names in its headers, of any length, are not read byte by byte."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._stream = zlib.decompressobj(_GZIP)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, b"" at the end."""
        while True:
            if self._stream.eof:
                self._rest = self._stream.unused_data.lstrip(b"\x00") or self._source.read(_BLOCK).lstrip(b"\x00")
                if not self._rest:
                    return b""
                self._stream = zlib.decompressobj(_GZIP)
            given = self._rest or self._source.read(_BLOCK)
            data = self._stream.decompress(given, size)
            self._rest = self._stream.unconsumed_tail
            if data:
                return data
            if not given and not self._stream.eof:
                raise EOFError("it ends too early")


class _Listed:
    """Pass a zip file on, but for a list of members that is too long to be taken in at once."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.seek, self.tell = source.seek, source.tell

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return bytes. Raise TooMuch."""
        if size > _MOST_LISTED:
            raise TooMuch("it holds more members than are looked into")
        return self._source.read(size)


class _Entry:
    """Open a member of a zip file when it is read: that one cannot be opened says nothing of the others."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._open: Callable[[], IO[bytes]] = lambda: archive.open(entry)
        self._content: Any = None

    def read(self, size: int) -> bytes:
        """Return some bytes, at most so many."""
        if self._content is None:
            self._content = self._open()
        data: bytes = self._content.read1(size)
        return data


class _Header(tarfile.TarInfo):
    """Be a member of a tar file. Expressions that read pax headers took the square of their digits (CVE-2024-6232)."""

    def _proc_pax(self, archive: Any) -> Any:
        if self.size > _MOST_HEADER:
            raise TooMuch("a header in it is longer than any is")
        archive.fileobj.wary = True
        parent: Any = super()
        return parent._proc_pax(archive)


def packed(head: bytes) -> str:
    """Return what kind of archive begins with these bytes (at least 512), "" for none."""
    if head[_USTAR : _USTAR + 5] == b"ustar":
        return "tar"
    return next((kind for kind, magic in _MAGIC.items() if head.startswith(magic)), "")


def members(kind: str, name: str, source: IO[bytes], budget: Budget) -> Iterator[Member]:
    """Yield what is in an archive of this kind, each to be read before the next is asked for.

    Raise TooMuch, NotHere, or one of BROKEN.
    """
    if kind == "zip":
        yield from _zip(source, budget)
    elif kind == "tar":
        yield from _tar(source, budget)
    else:
        unpacked = _reading(_STREAMS[kind](source), budget)
        head = unpacked.read(_BLOCK // 128)
        unpacked.seek(0)
        budget.enter()
        if packed(head) == "tar":
            yield from _tar(unpacked, budget, counted=True)
        else:
            yield name.rpartition("/")[2].rpartition(".")[0] or "content", unpacked


def _zip(source: IO[bytes], budget: Budget) -> Iterator[Member]:
    listing: Any = _Listed(source)
    with zipfile.ZipFile(listing) as archive:
        listed = archive.infolist()
        budget.enter(len(listed))
        for each in listed:
            if each.is_dir():
                continue
            if each.flag_bits & 1:
                yield each.filename, None
                continue
            entry: Any = _Entry(archive, each)
            yield each.filename, _reading(entry, budget)


def _tar(source: IO[bytes], budget: Budget, *, counted: bool = False) -> Iterator[Member]:
    """Read a tar file; bytes are counted where they are not yet, and may be more than the file has (holes)."""
    opened: Any = tarfile.TarFile(fileobj=source if counted else _reading(source, None), tarinfo=_Header)
    with opened as archive:
        while (each := archive.next()) is not None:
            archive.members = []  # it keeps every one of them
            budget.enter()
            content = archive.extractfile(each) if each.isreg() else None
            if content is not None:
                yield each.name, _reading(content, budget if each.issparse() else None)


def _reading(source: IO[bytes], budget: Budget | None) -> Any:
    return _Forward(source, budget)


def _zstd(source: IO[bytes]) -> IO[bytes]:
    for module, name in (("compression.zstd", "ZstdFile"), ("zstandard", "open")):
        try:
            opened: IO[bytes] = getattr(import_module(module), name)(source, "rb")
        except ImportError:
            continue
        return opened
    raise NotHere("zstd: install zstandard to look into it")


_MAGIC: Final = {
    "zip": b"PK\x03\x04",
    "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "zstd": b"\x28\xb5\x2f\xfd",
}
_STREAMS: Final[dict[str, Callable[[Any], Any]]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2File,
    "xz": _Xz,
    "zstd": _zstd,
}
