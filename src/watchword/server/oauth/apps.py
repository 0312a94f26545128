"""See which applications may act for oneself, and take that back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.replacement import Fault
from watchword.server.account.own import Own
from watchword.server.account.visit import Visit, Visits
from watchword.server.oauth.words import scope_rows
from watchword.server.pages.language import SPOKEN
from watchword.server.responses import json_response, redirect

__all__ = ["AppPages"]

_PLACE: Final = "/account/apps"
_UNKNOWN: Final = Fault(
    "withdraw", "unknown", "This application is none that you allowed, or you took it back already."
)


class AppPages:
    """Hold ``/account/apps``. Taking back is never made hard: it asks for no fresh proof."""

    def __init__(self, watchword: Watchword, visits: Visits, own: Own) -> None:
        self._watchword = watchword
        self._oauth = watchword.oauth
        self._visits = visits
        self._own = own

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [Endpoint(_PLACE, self.apps, methods=["GET", "POST"])]

    async def apps(self, http: HttpRequest) -> Response:
        """List them, or take back what one may: ``withdraw`` is the id of the consent."""
        visit = await self._own.visit(http, "account/apps.html", fresh=False)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        subject = visit.who.subject
        if http.method != "POST":
            value = {"apps": await self._rows(subject)}
            return self._visits.done(visit, 200, value, "account/apps.html", **self._shown(value["apps"]))
        return await self._withdrawn(visit, subject)

    async def _withdrawn(self, visit: Visit, subject: str) -> Response:
        try:
            await self._oauth.consents.withdraw(visit.text("withdraw"), subject=subject, by=subject)
        except LifecycleError:
            rows = await self._rows(subject)
            return self._visits.faulty(visit, (_UNKNOWN,), apps=rows, **self._shown(rows))
        return json_response(200, {"status": "withdrawn"}) if visit.json else redirect(_PLACE)

    async def _rows(self, subject: str) -> list[dict[str, Any]]:
        found = await self._oauth.consents.listed(subject)
        return [{**asdict(each), "scopes": list(each.scopes), "resources": list(each.resources)} for each in found]

    def _shown(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        rules, language = self._oauth.rules, SPOKEN.get()
        words = {row["id"]: scope_rows(rules, row["scopes"], language) for row in rows}
        return {"words": words, "now": self._watchword.clock()}
