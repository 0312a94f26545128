"""Show what looks like a leak, until somebody has looked."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.server.account.visit import Visit
from watchword.server.console.credentials import words_of
from watchword.server.console.desk import ConsoleDesk, who_of
from watchword.server.responses import redirect

__all__ = ["AlertPages"]

_PLACE: Final = "/console/alerts"
_PAGE: Final = 50
_ID: Final = re.compile(r"alr_[0-9A-Za-z_]{1,60}")


class AlertPages:
    """Hold ``/console/alerts`` and ``/console/alerts/acknowledge``."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._alerts = desk.watchword.operations.alerts

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            self._desk.shown(_PLACE, "alerts:read", self.listed, "alerts"),
            self._desk.acting("/console/alerts/acknowledge", "alerts:write", self.acknowledge, "alerts", proof=False),
        ]

    async def listed(self, visit: Visit) -> Response:
        """Show a page: open ones, or all with ``all``; ``after`` goes on."""
        whole = bool(visit.text("all"))
        rows = await self._alerts.page(after=_named(visit.text("after")), limit=_PAGE + 1, open_only=not whole)
        onward = words_of(all="1" if whole else "", after=rows[_PAGE - 1].id) if len(rows) > _PAGE else ""
        return self._desk.page(visit, rows=rows[:_PAGE], whole=whole, next=onward)

    async def acknowledge(self, visit: Visit) -> Response:
        """Say that one was looked at."""
        if visit.request.method == "POST":
            await self._alerts.acknowledge(_named(visit.text("id")), by=who_of(visit).subject)
        return redirect(_PLACE)


def _named(text: str) -> str:
    """Return the id of an alert, "" for what is none: not every store can look for any text."""
    return text if _ID.fullmatch(text) else ""
