"""Read and write one file of claims: a header record, then one record a claim, then perhaps a seal.

Zeros may follow the last record: room that a writer had set aside. What is torn there is left for the next writer.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

__all__ = ["DIGEST", "SEAL", "SIZE", "Segment", "append", "begin", "digest_of", "pack", "pack_into", "taken"]

_RECORD: Final = struct.Struct("<16sd")  # digest of the key, Unix seconds until when it is taken
_HEADER: Final = struct.Struct("<8sdd")  # magic, when the segment was begun, what was forgotten before that
_MAGIC: Final = b"wwclaim1"
_ROOM: Final = 64 * 1024  # bytes of a file that are set aside at once

DIGEST: Final[int] = 16
SIZE: Final[int] = _RECORD.size
SEAL: Final[bytes] = _RECORD.pack(b"sealed".ljust(16), -1.0)  # no claim ends before 1970

_CHUNK: Final = SIZE * 32768

pack: Final[Callable[[bytes, float], bytes]] = _RECORD.pack
pack_into: Final[Callable[[mmap.mmap, int, bytes, float], None]] = _RECORD.pack_into


def digest_of(key: bytes) -> bytes:
    """Return what stands for a key: one of 16 bytes is taken for a digest, as it is."""
    return key if len(key) == DIGEST else blake2b(key, digest_size=DIGEST).digest()


class Segment:
    """Follow one segment file: what it holds, how far it was read, whether it is sealed."""

    __slots__ = ("begun", "claims", "fd", "forgotten", "full", "latest", "number", "offset", "room", "sealed")

    def __init__(self, fd: int, number: int) -> None:
        header = os.pread(fd, SIZE, 0)
        if len(header) < SIZE or header[:8] != _MAGIC:
            raise OSError(f"segment {number} has no header")
        self.fd: int = fd
        self.number: int = number
        self.begun: float
        self.forgotten: float
        self.begun, self.forgotten = _HEADER.unpack(header)[1:]
        self.offset: int = SIZE
        self.claims: dict[bytes, float] = {}
        self.latest: float = 0.0
        self.sealed: bool = False
        self.room: mmap.mmap  # once there is any: what lies behind the offset, up to ``full``
        self.full: int = 0

    def make_room(self) -> None:
        """Set room aside to append through memory, which is shared with the file and costs no call: when alone."""
        os.posix_fallocate(self.fd, self.offset, _ROOM)  # a full disk is found here, not by a signal later
        self.room = mmap.mmap(self.fd, self.offset + _ROOM)
        self.full = len(self.room) - SIZE + 1

    def close(self, *, own: bool = True) -> None:
        """Close the file, without what was set aside; not ``own`` are the copies that a fork made."""
        if self.full:
            self.room.close()
            self.full = 0
            if own:
                os.ftruncate(self.fd, self.offset + SIZE * self.sealed)
        os.close(self.fd)

    def read(self, size: int) -> None:
        """Read the whole records up to ``size`` bytes; a torn one at the end is left for the next writer."""
        while size - self.offset >= SIZE and not self.sealed:
            chunk = os.pread(self.fd, min(_CHUNK, size - self.offset), self.offset)
            chunk = chunk[: len(chunk) - len(chunk) % SIZE]
            if not chunk:
                raise OSError(f"segment {self.number} cannot be read")
            for digest, until in _RECORD.iter_unpack(chunk):
                if until < 0:
                    self.sealed = True
                    return  # before the seal, so that nobody takes its end for a place to append
                if not until:
                    return  # room that a writer had set aside
                self.add(digest, until)

    def add(self, digest: bytes, until: float) -> None:
        """Know what stands at the offset."""
        self.claims[digest], self.latest = until, max(self.latest, until)
        self.offset += SIZE


def taken(directory: str, key: bytes, now: float) -> bool:
    """Return whether a key is claimed, read without the lock that who is alone keeps: for who must not claim it."""
    digest = digest_of(key)
    for path in Path(directory).glob("*.claims"):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(digest)
            while at >= 0:
                if at % SIZE == 0 and _RECORD.unpack_from(data, at)[1] > now:
                    return True
                at = data.find(digest, at + 1)
    return False


def append(segment: Segment, record: bytes) -> None:
    """Write at its place, not at the end: over what a writer that died or ran out of space left torn."""
    _write(segment.fd, record, segment.offset)


def begin(fd: int, at: float, forgotten: float) -> None:
    """Write the header of a segment begun at ``at``, before which what ended by ``forgotten`` was forgotten."""
    _write(fd, _HEADER.pack(_MAGIC, at, forgotten), 0)


def _write(fd: int, record: bytes, at: int) -> None:
    if os.pwrite(fd, record, at) != SIZE:
        raise OSError("a record was written in part")
