"""Give each key to one claimant among the processes of one machine, in microseconds, across restarts.

A directory holds a lock file and numbered segments. A segment is a header record and then one record a claim; the
last record of a segment that is full is a seal; what follows the last record may be zeros. Whoever holds ``flock`` on
the lock file first reads what others appended, then decides, then appends. Everything lives in the page cache: claims
survive the end of every process (``kill -9`` too), not the loss of power.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Final

from watchword.model.ports import Clock, Unavailable
from watchword.stores.claims.segment import DIGEST, SEAL, SIZE, Segment, append, begin, digest_of, pack, pack_into

__all__ = ["ClaimLog"]

logger: logging.Logger = logging.getLogger("watchword")

_PATIENCE: Final = 0.5  # seconds to wait for the lock
_SPINS: Final = 30  # tries that only yield: a claim holds the lock for three microseconds
_SEGMENTS_A_WINDOW: Final = 4
_WATCH: Final = 1.0  # seconds between looks whether the lock file is still the one in the directory

_lock, _unlock = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN
_flock, _seek = fcntl.flock, os.lseek
_END: Final = os.SEEK_END


class ClaimLog:
    """Claim keys for a while, once each, over all processes that open the same directory.

    ``window`` (seconds) is how long claims usually last; memory and disk hold about 1.25 windows of claims.
    Safe for threads and across ``fork``. Needs a local file system and ``flock``. ``alone`` keeps the lock for as long
    as the log is open, so that no claim has to take it and to look for others' (a third of the time): other processes
    are then refused, not served twice.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        window: float = 600.0,
        clock: Clock = time.time,
        *,
        alone: bool = False,
        patient: bool = True,
    ) -> None:
        """Replay what is alive in ``directory``, created with mode 0700. Raise Unavailable when that fails.

        Not ``patient`` is who waited for the lock in vain before: it only looks whether the lock is free now.
        """
        self._alone = alone and hasattr(os, "posix_fallocate")
        self._patient = patient
        self._directory = Path(directory)
        self._span = window / _SEGMENTS_A_WINDOW
        self._clock = clock
        self._guard = threading.Lock()
        self._lock_fd = -1
        self._segments: list[Segment] = []
        self._forgotten = 0.0  # claims that ended by then may be unknown
        self._watch_at = 0.0
        self._calm_from, self._calm_until = 0.0, 0.0  # between them who is alone has only to write a claim down
        try:
            self._open()
        except OSError as error:
            raise _broken(error) from error
        _open_logs.add(self)

    def claim(self, key: bytes, until: float, now: float | None = None) -> bool:
        """Return True to exactly one caller for this key until ``until`` (Unix seconds).

        A key of 16 bytes is taken for a digest, as it is. A time that is over cannot be claimed: False. Raise
        Unavailable, without a claim, when the log cannot be read, written or locked within half a second, or when the
        clock was set back so far that it is no longer known whether the key was taken.
        """
        digest = key if len(key) == DIGEST else digest_of(key)
        if now is None:
            clock = self._clock
            now = clock()
        if not until > now:
            return False
        guard = self._guard
        if not (guard.acquire(False) or guard.acquire(timeout=_PATIENCE)):  # where a disk stands still, too
            raise Unavailable("claim log: too many threads wait for it")
        try:
            for segment in self._segments:
                if digest in segment.claims and segment.claims[digest] > now:
                    return False
            if not self._calm_from < now < self._calm_until or until <= self._forgotten:
                return self._claim(digest, until, now)
            offset = segment.offset  # of the last one, which is the current one
            if offset >= segment.full:
                segment.make_room()
            pack_into(segment.room, offset, digest, until)  # the time last: without it there is no claim yet
            segment.offset = offset + SIZE
            segment.claims[digest] = until
            if until > segment.latest:  # noqa: PLR1730 - a call of max() costs more
                segment.latest = until
            return True
        except OSError as error:
            raise _broken(error) from error
        finally:
            guard.release()

    def forget(self) -> None:
        """Let go of what has ended where no claim comes that would; nothing happens while another holds the lock."""
        now = self._clock()
        with self._guard:
            held = self._segments
            if not any(each.claims for each in held) or abs(now - held[-1].begun) < self._span:
                return
            try:
                if not self._alone:
                    _flock(self._lock_fd, _lock)
                try:
                    current = self._segments[-1] if self._alone else self._catch_up()
                    if abs(now - current.begun) >= self._span:
                        self._rotate(now)
                finally:
                    if not self._alone:
                        _flock(self._lock_fd, _unlock)
            except BlockingIOError:
                return
            except OSError as error:
                raise _broken(error) from error

    def close(self) -> None:
        """Close the files; the claims stay."""
        with self._guard:
            self._close()

    def _claim(self, digest: bytes, until: float, now: float) -> bool:
        opened = self._lock_fd < 0  # closed, or the child of a fork
        if opened:
            self._open()
        if self._alone:
            if opened and self._taken(digest, now):
                return False
            return self._add(self._segments[-1], digest, until, now)
        try:
            _flock(self._lock_fd, _lock)
        except BlockingIOError:
            self._wait_for_lock()
        self._patient = True
        try:
            current = self._segments[-1]
            if opened or _seek(current.fd, 0, _END) != current.offset:
                current = self._catch_up()
                if self._taken(digest, now):
                    return False
            return self._add(current, digest, until, now)
        finally:
            _flock(self._lock_fd, _unlock)

    def _taken(self, digest: bytes, now: float) -> bool:
        return any(segment.claims.get(digest, 0.0) > now for segment in self._segments)

    def _add(self, current: Segment, digest: bytes, until: float, now: float) -> bool:
        """Write down what nobody has claimed; return True. Needs the lock."""
        if until <= self._forgotten:
            raise Unavailable("claim log: the clock is behind claims that are already forgotten")
        if abs(now - current.begun) >= self._span:
            current = self._rotate(now)
        if now >= self._watch_at:
            self._watch(now)
        if self._alone:
            self._calm_from = current.begun - self._span
            self._calm_until = min(current.begun + self._span, self._watch_at)
            if current.offset >= current.full:
                current.make_room()
            pack_into(current.room, current.offset, digest, until)
        else:
            append(current, pack(digest, until))
        current.add(digest, until)
        return True

    def _wait_for_lock(self) -> None:
        """Wait, but in vain only once: whoever is alone stays so, and a caller's wait is every caller's."""
        deadline = time.monotonic() + (_PATIENCE if self._patient else 0.0)
        tries = 0
        while True:
            time.sleep(0 if tries < _SPINS else min((tries - _SPINS) * 0.000_05, 0.001))
            tries += 1
            try:
                _flock(self._lock_fd, _lock)
                return
            except BlockingIOError:
                if tries > _SPINS and time.monotonic() > deadline:
                    if self._patient:
                        self._patient = False
                        logger.error("another process keeps %s for itself, as one of workers = 1 does", self._directory)
                    raise Unavailable(
                        "claim log: its lock is held too long, perhaps by a process that is alone"
                    ) from None

    def _catch_up(self) -> Segment:
        """Read everything that others appended, over as many segments as they filled. Needs the lock."""
        current = self._segments[-1]
        while True:
            size = _seek(current.fd, 0, _END)
            if size < current.offset:
                raise OSError(f"segment {current.number} was cut short")
            current.read(size)
            if not current.sealed:
                return current
            current = self._enter(self._next_after(current.number))

    def _enter(self, number: int) -> Segment:
        """Make this segment the current one and forget the earlier ones that its header calls forgotten."""
        fd = os.open(self._path(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _seek(fd, 0, _END) < SIZE or os.pread(fd, SIZE, 0) == bytes(SIZE):
                begin(fd, self._clock(), self._forgotten)  # new, or room whose content a loss of power took
            segment = Segment(fd, number)
        except BaseException:
            os.close(fd)
            raise
        self._forgotten = max(self._forgotten, segment.forgotten)
        for old in [old for old in self._segments if old.latest <= self._forgotten]:
            old.close()
            self._segments.remove(old)
        self._segments.append(segment)
        self._calm_until = 0.0
        return segment

    def _rotate(self, now: float) -> Segment:
        """Begin the next segment, seal this one and delete those whose claims have all ended. Needs the lock.

        In this order, so that a kill between two steps loses nothing: what the new header calls forgotten is
        deleted after it was written, and a segment is sealed after its successor exists.
        """
        current = self._segments[-1]
        ended = [segment for segment in self._segments if segment.latest <= now]
        forgotten = max([self._forgotten, *(segment.latest for segment in ended)])
        fd = os.open(self._path(current.number + 1), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _seek(fd, 0, _END) <= SIZE:
                begin(fd, now, forgotten)
        finally:
            os.close(fd)
        append(current, SEAL)
        successor = self._catch_up()
        alive = {segment.number for segment in self._segments}
        for number in self._numbers():
            if number < successor.number and number not in alive:
                self._path(number).unlink(missing_ok=True)
        return successor

    def _watch(self, now: float) -> None:
        """Notice a directory that was removed under us: others may then lock, and claim, somewhere else."""
        here, there = os.fstat(self._lock_fd), os.stat(self._directory / "lock")
        if (here.st_ino, here.st_dev) != (there.st_ino, there.st_dev):
            raise OSError("its directory was replaced; restart to use the new one")
        self._watch_at = now + _WATCH

    def _open(self) -> None:
        """Open the files of this process and replay them."""
        self._close()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._directory.stat().st_mode & 0o077:
            self._directory.chmod(0o700)
        # Of our own: a description inherited through fork would share the parent's lock.
        self._lock_fd = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for_lock()
            numbers = self._numbers() or [1]
            self._enter(numbers[0])
            while (current := self._catch_up()).number < numbers[-1]:
                append(current, SEAL)  # a kill or a loss of power took it, since what follows it exists
            os.ftruncate(current.fd, current.offset)  # what is torn, or was set aside by who was killed
            if not self._alone:
                _flock(self._lock_fd, _unlock)
        except BaseException:
            self._close()
            raise

    def _close(self, *, own: bool = True) -> None:
        for segment in self._segments:
            segment.close(own=own)
        self._segments = []
        self._calm_until = 0.0
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _after_fork(self) -> None:
        """Start over in the child: its copies of lock, descriptors and guard belong to the parent."""
        self._guard = threading.Lock()
        self._close(own=False)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}.claims"

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._directory.glob("*.claims") if path.stem.isdecimal())

    def _next_after(self, number: int) -> int:
        """Return the number of the segment that follows; those between were forgotten while this one slept."""
        later = [other for other in self._numbers() if other > number]
        if not later:
            raise OSError(f"nothing follows segment {number}")
        return later[0]


def _broken(error: OSError) -> Unavailable:
    return Unavailable(f"claim log: {error.strerror or error}")


def _after_fork_in_child() -> None:
    for log in list(_open_logs):
        log._after_fork()


_open_logs: weakref.WeakSet[ClaimLog] = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork_in_child)
