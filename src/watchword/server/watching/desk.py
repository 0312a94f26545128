"""Do beside the requests what tells others: hand the audit on, deliver alerts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from watchword.app import Watchword
from watchword.lifecycle.operations.alerts.delivery import Delivery
from watchword.lifecycle.operations.handing_on import HandingOn
from watchword.model.ports import Unavailable
from watchword.server.account.mail import Send
from watchword.server.config.settings import Settings
from watchword.server.watching.receivers import Receivers
from watchword.server.watching.sinks import OtelLogs, Syslog, trust_of
from watchword.server.watching.syslog import place_of

__all__ = ["Watching"]

logger: logging.Logger = logging.getLogger("watchword")

_EVERY: Final = 0.5  # seconds
_PAUSE: Final = 5.0  # seconds after something failed


class _Sink(Protocol):
    async def deliver(self, values: Any) -> None: ...

    async def close(self) -> None: ...


class Watching:
    """Run each of its duties as a task of its own: one that hangs holds up no other."""

    def __init__(self, watchword: Watchword, settings: Settings, send: Send) -> None:
        self._sinks: dict[str, _Sink] = {}
        table = settings.audit
        if table.syslog.address:
            place = place_of(table.syslog.address)
            ca = settings.place(table.syslog.ca) if table.syslog.ca else None
            self._sinks["syslog"] = Syslog(place, trust_of(place, ca), table.syslog.facility)
        if table.otel:
            self._sinks["otel"] = OtelLogs()
        self._duties: dict[str, Callable[[], Awaitable[object]]] = {
            f"the audit cannot be handed on to {name}": HandingOn(
                watchword.store, name, sink.deliver, watchword.clock
            ).turn
            for name, sink in self._sinks.items()
        }
        self._receivers = Receivers(watchword, settings, send)
        delivery = Delivery(watchword.store.alerts, self._receivers.tells, watchword.clock)
        self._duties["nobody can be told of alerts"] = delivery.turn
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def duties(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """Return what is done, by what is said when it breaks."""
        return self._duties

    def start(self) -> None:
        """Begin. Call it under the event loop."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(_again(broken, duty)) for broken, duty in self._duties.items()]

    async def stop(self) -> None:
        """End at once: what was under way is done again by who comes next."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sink in self._sinks.values():
            await sink.close()
        await self._receivers.close()


async def _again(broken: str, duty: Callable[[], Awaitable[object]]) -> None:
    while True:
        pause = _EVERY
        try:
            await duty()
        except Exception as error:
            pause = _PAUSE
            logger.error("%s: %s", broken, str(error) if isinstance(error, Unavailable) else type(error).__name__)
        await asyncio.sleep(pause)
