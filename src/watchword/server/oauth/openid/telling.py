"""Send what applications are to be told of logouts, beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from watchword.lifecycle.oauth.openid.logouts import Due, Logouts
from watchword.model.ports import Unavailable

__all__ = ["Telling"]

logger: logging.Logger = logging.getLogger("watchword")

_EVERY: Final = 0.5  # seconds
_AT_ONCE: Final = 32


class Telling:
    """Do what is due, and look twice a second for more.

    Nobody's applications hold up another's by not answering: one person's attempts never take more than half of the
    places that others leave.
    """

    def __init__(self, logouts: Logouts) -> None:
        self._logouts = logouts
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Due] = []
        self._under_way: dict[Due, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin. Call it under the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End at once: what was under way is tried again by who comes next."""
        ending = [*self._under_way.values(), *([] if self._task is None else [self._task])]
        self._task, self._waiting = None, []
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._under_way.clear()

    async def _run(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception as error:  # the feed keeps what is due
                logger.error("applications cannot be told of logouts: %s", _said(error))
            await asyncio.sleep(_EVERY)

    async def turn(self) -> None:
        """Begin the attempts that are due now, as many as there are places for; the rest follow as these end."""
        self._waiting = [due for due in await self._logouts.hear() if due not in self._under_way]
        self._begin()

    def _begin(self) -> None:
        taken, left = Counter(due.subject for due in self._under_way), []
        for due in self._waiting:
            if taken[due.subject] < _AT_ONCE - len(self._under_way):
                taken[due.subject] += 1
                self._under_way[due] = asyncio.get_running_loop().create_task(self._attempt(due))
            else:
                left.append(due)
        self._waiting = left

    async def _attempt(self, due: Due) -> None:
        try:
            await self._logouts.tell(due)
        except Exception as error:
            logger.error("an application cannot be told of a logout: %s", _said(error))
        finally:
            self._under_way.pop(due, None)
            self._begin()


def _said(error: Exception) -> str:
    """Return what may be logged: the text of an unforeseen error may quote a secret."""
    return str(error) if isinstance(error, Unavailable) else type(error).__name__
