"""Do what has to be done now and then beside the requests: write the audit, turn the signing keys over."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from watchword.model.ports import Unavailable
from watchword.sync import run_sync

__all__ = ["Chore", "Upkeep"]

logger: logging.Logger = logging.getLogger("watchword")

Chore: TypeAlias = Callable[[], Awaitable[object]]

_EVERY: Final = 0.2


class Upkeep:
    """Run chores every 0.2 seconds: in a thread where the store answers inline, else as a task.

    What a chore awaits must be inline then, too. One that breaks is named in the log and comes again.
    """

    def __init__(self, chores: Mapping[str, Chore], *, inline: bool) -> None:
        """Take each chore by what is said when it breaks."""
        self._chores = chores
        self._inline = inline
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._running: threading.Thread | asyncio.Task[None] | None = None

    @property
    def hurry(self) -> Callable[[], None] | None:
        """Return what wakes it before its time; None where it cannot be woken."""
        return self._wake.set if self._inline else None

    def start(self) -> None:
        """Begin. Call it under the event loop."""
        self._stopping.clear()
        if self._inline:
            thread = threading.Thread(target=self._in_a_thread, name="watchword-audit", daemon=True)
            thread.start()
            self._running = thread
        else:
            self._running = asyncio.get_running_loop().create_task(self._as_a_task())

    async def stop(self) -> None:
        """End after what is under way."""
        self._stopping.set()
        self._wake.set()
        if isinstance(self._running, asyncio.Task):
            await self._running
        elif self._running is not None:
            self._running.join()
        self._running = None

    def _in_a_thread(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_EVERY)
            self._wake.clear()
            run_sync(self._round())

    async def _as_a_task(self) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(_EVERY)
            await self._round()

    async def _round(self) -> None:
        for broken, chore in self._chores.items():
            try:
                await chore()
            except Exception as error:
                logger.error("%s: %s", broken, _said(error))


def _said(error: Exception) -> str:
    """Return what may be logged: the text of an unforeseen error may quote a secret."""
    return str(error) if isinstance(error, Unavailable) else type(error).__name__
