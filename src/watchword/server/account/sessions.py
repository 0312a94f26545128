"""See where one is signed in, and sign out there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.replacement import Fault
from watchword.lifecycle.people.sessions import SessionView
from watchword.server.account.own import Own
from watchword.server.account.visit import Visit, Visits
from watchword.server.login.attempts import network_of
from watchword.server.login.entrance import cleared
from watchword.server.responses import json_response, redirect

__all__ = ["SessionPages"]

_PLACE = "/account/sessions"
_UNKNOWN = Fault("end", "unknown", "This session is not yours, or is over.")


class SessionPages:
    """Hold ``/account/sessions``. Signing out is never made hard: it asks for no fresh proof."""

    def __init__(self, watchword: Watchword, visits: Visits, own: Own) -> None:
        self._watchword = watchword
        self._sessions = watchword.sessions
        self._visits = visits
        self._own = own

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [Endpoint(_PLACE, self.sessions, methods=["GET", "POST"])]

    async def sessions(self, http: HttpRequest) -> Response:
        """List them, this one first.

        ``end`` is the id of one to end, or "others", or "everywhere": this one and all tokens, too.
        """
        visit = await self._own.visit(http, "account/sessions.html", fresh=False)
        if isinstance(visit, Response):
            return visit
        return await self._ended(visit) if http.method == "POST" else await self._listed(visit)

    async def _listed(self, visit: Visit) -> Response:
        rows = await self._rows(visit)
        return self._visits.done(visit, 200, {"sessions": rows}, "account/sessions.html", now=self._watchword.clock())

    async def _rows(self, visit: Visit) -> list[dict[str, Any]]:
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        here = network_of(visit.request.peer.address)
        found = await self._sessions.listed(visit.who.subject)
        names = await self._names({id for each in found for id in (*each.apps, each.client) if id})
        rows = [_row(each, visit.who.credential, here, names) for each in found]
        return sorted(rows, key=lambda row: not row["current"])

    async def _names(self, ids: set[str]) -> dict[str, str]:
        """Return what people call these applications; one that goes by a URL by its host, which no other can have."""
        found: dict[str, str] = {}
        for id in ids:
            host = urlsplit(id).hostname
            client = None if host else await self._watchword.oauth.clients.find(id)
            found[id] = host or str(client.detail.get("client_name") or id if client else id)
        return found

    async def _ended(self, visit: Visit) -> Response:
        who, wanted = visit.who, visit.text("end")
        assert who is not None  # noqa: S101 - Own lets nobody else through
        subject = who.subject
        if wanted == "everywhere":
            await self._sessions.end_everything(subject, by=subject)
        elif wanted == "others":
            await self._sessions.end_others(subject, keep=who.credential, by=subject)
        else:
            try:
                await self._sessions.end(wanted, subject=subject, by=subject)
            except LifecycleError:
                rows = await self._rows(visit)
                return self._visits.faulty(visit, (_UNKNOWN,), sessions=rows, now=self._watchword.clock())
        if wanted != who.credential:  # where a stranger was signed in, what they asked for is void, too
            await self._watchword.accounts.drop_address(subject)
        gone = wanted in ("everywhere", who.credential)
        cookies = cleared(visit.request.peer.tls) if gone and who.scheme == "session" else []
        if visit.json:
            return json_response(200, {"status": "ended"}, cookies)
        return redirect("/login" if gone else _PLACE, cookies)


def _row(view: SessionView, current: str, here: str, names: Mapping[str, str]) -> dict[str, Any]:
    row = {**asdict(view), "kind": view.kind.value, "factors": list(view.factors)}
    row |= {"apps": sorted(names.get(id, id) for id in view.apps), "application": names.get(view.client, "")}
    return {**row, "current": view.id == current, "same_network": network_of(view.address) == here}
