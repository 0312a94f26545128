"""Let people who are logged in act on their own account."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.people.accounts import LOCALES
from watchword.model.reason import INSUFFICIENT_AUTHENTICATION, UNKNOWN_CREDENTIAL
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.account.visit import Visit, Visits
from watchword.server.login.entry import read_request
from watchword.server.login.freshness import fresh, step_up_place
from watchword.server.pages.language import SPOKEN
from watchword.server.responses import problem_response, redirect

__all__ = ["Own"]

_OURS: Final = ("ses_", "fam_")  # what a login here began; others' tokens change no account here


class Own:
    """Find out whose account it is, and whether they have lately proved themselves."""

    def __init__(self, watchword: Watchword, visits: Visits) -> None:
        self._watchword = watchword
        self._visits = visits
        self._route = watchword.route("session | jwt")

    async def visit(self, http: HttpRequest, page: str, *, fresh: bool = True) -> Visit | Response:
        """Take a request by a session or a login's token, GET or POST; ``fresh``: the login is not long ago."""
        watchword = self._watchword
        request, unusable = await read_request(http, watchword)
        if unusable is not None:
            return problem_response(watchword.gate.refuse(request, unusable))
        decision = await watchword.gate.decide(request, self._route)
        browsing = self._browsing(http)
        if isinstance(decision, Deny):
            lost = browsing and decision.rejection.reason.status == 401
            return redirect(f"/login?next={quote(http.url.path)}") if lost else problem_response(decision)
        who = decision.principal
        if who is None or not who.credential.startswith(_OURS) or who.actor is not None:
            return problem_response(watchword.gate.refuse(request, Rejection(UNKNOWN_CREDENTIAL, "no login of ours")))
        await self._speak(who)
        visit: Visit | Response = Visit(request, page, not browsing, {}, who)
        if http.method == "POST":
            visit = self._visits.parsed(request, page, who)
        stale = self.stale(http, visit) if fresh and isinstance(visit, Visit) else None
        return stale or visit

    async def _speak(self, who: Principal) -> None:
        """Answer in the language that the person has chosen, rather than in the browser's."""
        owner = await self._watchword.store.subject(who.subject)
        chosen = "" if owner is None else owner.detail.get("locale")
        if chosen in LOCALES:
            SPOKEN.set(chosen)

    def stale(self, http: HttpRequest, visit: Visit) -> Response | None:
        """Return where to prove oneself again, None where that was not long ago."""
        who = visit.who
        if who is not None and fresh(who, self._watchword.clock()):
            return None
        if self._browsing(http) or (http.method == "POST" and not visit.json):
            return redirect(step_up_place(http.url.path))
        rejection = Rejection(INSUFFICIENT_AUTHENTICATION, "age")
        return problem_response(self._watchword.gate.refuse(visit.request, rejection))

    @staticmethod
    def _browsing(http: HttpRequest) -> bool:
        return http.method == "GET" and "text/html" in http.headers.get("accept", "")
