"""Send what applications are to be told of logouts, beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from watchword.lifecycle.oauth.openid.logouts import Logouts
from watchword.model.ports import Unavailable

__all__ = ["Telling"]

logger: logging.Logger = logging.getLogger("watchword")

_EVERY: Final = 0.5  # seconds
_AT_ONCE: Final = 16


class Telling:
    """Do what is due twice a second, several at once: one who does not answer holds up no other."""

    def __init__(self, logouts: Logouts) -> None:
        self._logouts = logouts
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. Call it under the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End at once: what was under way is tried again by who comes next."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception as error:  # the feed keeps what is due
                logger.error("applications cannot be told of logouts: %s", _said(error))
            await asyncio.sleep(_EVERY)

    async def turn(self) -> None:
        """Make every attempt that is due now."""
        due, places = await self._logouts.hear(), asyncio.Semaphore(_AT_ONCE)

        async def attempt(number: int) -> None:
            async with places:
                await self._logouts.tell(due[number])

        for result in await asyncio.gather(*map(attempt, range(len(due))), return_exceptions=True):
            if isinstance(result, Exception):
                logger.error("an application cannot be told of a logout: %s", _said(result))


def _said(error: Exception) -> str:
    """Return what may be logged: the text of an unforeseen error may quote a secret."""
    return str(error) if isinstance(error, Unavailable) else type(error).__name__
