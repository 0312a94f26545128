"""Tell receivers of alerts: at least once each, again and again with growing pauses, over restarts."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from watchword.model.alerts import Alert, AlertRecords
from watchword.model.ports import Clock, Unavailable

__all__ = ["Delivery", "Tell"]

logger: logging.Logger = logging.getLogger("watchword")

Tell: TypeAlias = Callable[[Alert], Awaitable[None]]
"""Tell one receiver. Raise Unavailable when it did not take it; it may get the same alert again, by its id."""

_AT_ONCE: Final = 20
_FIRST: Final = 15  # seconds until the second try: longer than one may take
_LONGEST: Final = 3600
_MOST: Final = 30  # tries: a day
_TRIES: Final = 8


class Delivery:
    """Take alerts that wait, each by one worker, and note who has been told."""

    def __init__(self, records: AlertRecords, receivers: Mapping[str, Tell], clock: Clock) -> None:
        self._records = records
        self._receivers = receivers
        self._clock = clock

    async def turn(self) -> int:
        """Try what is due; return how many alerts everybody has been told of."""
        now = int(self._clock())
        done = 0
        for alert in await self._records.waiting(now, _AT_ONCE):
            pause = min(_FIRST * 2 ** min(alert.tries, 16), _LONGEST)
            # From when its turn comes: those before it may have waited for somebody who does not answer.
            taken = alert.changed(tries=alert.tries + 1, next_try=int(self._clock()) + pause)
            if await self._records.swap(taken):  # else another worker has it
                done += await self.tell(taken)
        return done

    async def tell(self, alert: Alert) -> bool:
        """Tell those who were not told yet; return whether all have been told."""
        told = {str(name) for name in alert.detail.get("told_to", ())}
        for name, tell in self._receivers.items():
            if name in told:
                continue
            try:
                await tell(alert)
                told.add(name)
            except Exception as error:  # one that breaks keeps no other from being told
                why = str(error) if isinstance(error, Unavailable) else type(error).__name__
                logger.error("%s cannot be told of alert %s: %s", name, alert.id, why)
        whole = told >= set(self._receivers)
        if not whole and alert.tries >= _MOST:
            logger.error("alert %s was not delivered in %d tries: nobody tries again", alert.id, alert.tries)
        await self._note(alert.id, told, ended=whole or alert.tries >= _MOST)
        return whole

    async def _note(self, id: str, told: set[str], *, ended: bool) -> None:
        for _ in range(_TRIES):
            found = await self._records.alert(id)
            if found is None:
                return
            detail = {**found.detail, "told_to": sorted(told)}
            told_at = int(self._clock()) if ended else None
            if await self._records.swap(found.changed(detail=detail, told_at=told_at)):
                return
