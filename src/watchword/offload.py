"""Hash passwords where they starve nobody: few at once, on threads of their own, with a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from watchword.codec.passwords import Cost, Overloaded, encode, fits

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]

__all__ = ["HashingPool", "InlineHashing"]

_PATIENCE: Final = 1.0  # seconds
_PAUSE: Final = 0.002
_NICE: Final = 19  # hashing yields the processor to the event loop

T = TypeVar("T")


class InlineHashing:
    """Hash in the calling thread, for command lines and WSGI, whose threads are bounded already."""

    __slots__ = ("cost",)
    crowded = False

    def __init__(self, cost: Cost | None = None) -> None:
        self.cost: Cost = cost or Cost()

    def verify(self, encoded: str, password: str) -> bool:
        """Return whether the password fits the encoded hash."""
        return fits(encoded, password)

    def hash(self, password: str) -> str:
        """Return the encoded hash."""
        return encode(password, self.cost)


class HashingPool:
    """Hash on ``at_once`` threads; ``queue`` more may wait. By default the threads are this process's part of the
    processors, which it has with ``sharing`` processes, without the one for its event loop, but at least one. Where
    even that would be one for every processor, the processes take turns by ``turns``, a file to lock.

    Beyond that, ``verify`` and ``hash`` raise Overloaded at once, so that a flood of passwords costs others neither
    memory nor time. A place is given back when the hash is done, or when its caller is cancelled before it began.
    May be used from several event loops.
    """

    def __init__(
        self,
        cost: Cost | None = None,
        *,
        at_once: int | None = None,
        queue: int = 64,
        sharing: int = 1,
        turns: str | None = None,
    ) -> None:
        self.cost: Cost = cost or Cost()
        self._threads = at_once or max(1, _processors() // sharing - 1)
        crowd = sharing > 1 and _processors() // sharing < 2
        self._turns = _Turns(turns) if crowd and turns is not None and fcntl is not None else None
        self._pool = self._new_pool()
        self._room = self._threads + queue
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Return how many hashes run or wait."""
        return self._taken

    @property
    def crowded(self) -> bool:
        """Return whether all threads work and an eighth of the queue is taken: then only what matters should come."""
        return self._taken >= self._threads + (self._room - self._threads) // 8

    async def verify(self, encoded: str, password: str) -> bool:
        """Return whether the password fits the encoded hash. Raise Overloaded."""
        return await self._run(lambda: fits(encoded, password))

    async def hash(self, password: str) -> str:
        """Return the encoded hash. Raise Overloaded."""
        return await self._run(lambda: encode(password, self.cost))

    def close(self) -> None:
        """Take nothing more in, and drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def open(self) -> None:
        """Take hashes in, again after ``close``: an application may be started more than once."""
        self._pool = self._new_pool()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="watchword-hash", initializer=_yield_to_others)

    async def _run(self, work: Callable[[], T]) -> T:
        self._enter()
        try:
            future = self._pool.submit(work if self._turns is None else partial(self._turns.take, work))
        except BaseException:
            self._leave()
            raise
        # The place belongs to the work, not to its caller: a cancelled caller must not make room for a second hash
        # while the first still runs.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _enter(self) -> None:
        with self._lock:
            if self._taken >= self._room:
                raise Overloaded(retry_after=1)
            self._taken += 1

    def _leave(self, _: Future[T] | None = None) -> None:
        with self._lock:
            self._taken -= 1


class _Turns:
    """Let one of several processes hash at a time. Who waits too long does not wait for a turn: it may be stuck."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._own = threading.local()  # a description for each thread: they take turns, too

    def take(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns."""
        file: int | None = getattr(self._own, "file", None)
        if file is None:
            file = self._own.file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_PAUSE)
        try:
            return work()
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _processors() -> int:
    usable = getattr(os, "sched_getaffinity", None)  # where it is known; less than all in a container
    return len(usable(0)) if usable else os.cpu_count() or 1


def _yield_to_others() -> None:
    if sys.platform == "linux":  # there, priority is the thread's own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
