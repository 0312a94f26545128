"""Let people who are logged in act on their own account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.people.accounts import LOCALES
from watchword.lifecycle.people.factors import FACTORS
from watchword.model.credential import Credential
from watchword.model.reason import INSUFFICIENT_AUTHENTICATION, UNKNOWN_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.account.visit import Visit, Visits
from watchword.server.forms import FORM, local_path, media_type
from watchword.server.login.entry import read_request
from watchword.server.login.freshness import FRESH, fresh, step_up_place
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

    async def visit(
        self, http: HttpRequest, page: str, *, fresh: bool = True, second: bool = False
    ) -> Visit | Response:
        """Take a request by a session or a login's token, GET or POST.

        ``fresh``: the latest proof is not long ago; ``second``: that of a second factor, where there is one.
        """
        watchword = self._watchword
        request, unusable = await read_request(http, watchword)
        if unusable is not None:
            return problem_response(watchword.gate.refuse(request, unusable))
        decision = await watchword.gate.decide(request, self._route)
        browsing = self._browsing(http)
        if isinstance(decision, Deny):
            return self._denied(http, request, decision)
        who = decision.principal
        if who is None or not who.credential.startswith(_OURS) or who.actor is not None:
            return problem_response(watchword.gate.refuse(request, Rejection(UNKNOWN_CREDENTIAL, "no login of ours")))
        await self.speak(who)
        visit: Visit | Response = Visit(request, page, not browsing, {}, who)
        if http.method == "POST":
            visit = self._visits.parsed(request, page, who)
        if not isinstance(visit, Visit) or not (fresh or second):
            return visit
        return (await self.weak(http, visit) if second else self.stale(http, visit)) or visit

    def _denied(self, http: HttpRequest, request: Request, deny: Deny) -> Response:
        """Refuse; who looks at a page is told on one, or asked to log in."""
        form = http.method == "POST" and media_type(request) == FORM and "text/html" in http.headers.get("accept", "")
        if not (form or self._browsing(http)):
            return problem_response(deny)
        place = _place(http)
        if deny.rejection.reason.status == 401:
            return redirect(f"/login?next={quote(place)}")
        return self._visits.denied(Visit(request, "refused.html", False, {}), deny, place)

    async def speak(self, who: Principal) -> None:
        """Answer in the language that the person has chosen, rather than in the browser's."""
        owner = await self._watchword.store.subject(who.subject)
        chosen = "" if owner is None else owner.detail.get("locale")
        if chosen in LOCALES:
            SPOKEN.set(chosen)

    async def weak(self, http: HttpRequest, visit: Visit) -> Response | None:
        """Return where to prove a second factor again, None where that was not long ago, or there is none.

        Who has a session and the password alone must not be able to take the second factor away, nor get around it. One
        that was set up just now was proven by that, in the session that did so and in no other.
        """
        who = visit.who
        assert who is not None  # noqa: S101 - such a visit is somebody's
        enrolled = await self._watchword.factors.enrolled(who.subject)
        if not enrolled:
            return self.stale(http, visit)
        proved, now = who.claims.get("proved", {}), self._watchword.clock()
        for each in enrolled:
            if now - proved.get(FACTORS[each.kind], 0) <= FRESH:
                return None
            if await self._watchword.store.get(_set_up(each)) == who.credential.encode():
                return None
        return self._again(http, visit, sorted({FACTORS[each.kind] for each in enrolled}))

    async def proven_by(self, who: Principal, made: Credential) -> None:
        """Remember that a login has just set up a factor, which it has proven thereby."""
        await self._watchword.store.put(_set_up(made), who.credential.encode(), self._watchword.clock() + FRESH)

    def stale(self, http: HttpRequest, visit: Visit) -> Response | None:
        """Return where to prove oneself again, None where that was not long ago."""
        who = visit.who
        if who is not None and fresh(who, self._watchword.clock()):
            return None
        return self._again(http, visit)

    def _again(self, http: HttpRequest, visit: Visit, factors: Iterable[str] = ()) -> Response:
        if self._browsing(http) or (http.method == "POST" and not visit.json):
            return redirect(step_up_place(_place(http), factors))
        rejection = Rejection(INSUFFICIENT_AUTHENTICATION, "age")
        return problem_response(self._watchword.gate.refuse(visit.request, rejection))

    @staticmethod
    def _browsing(http: HttpRequest) -> bool:
        return http.method == "GET" and "text/html" in http.headers.get("accept", "")


def _place(http: HttpRequest) -> str:
    """Return where to come back to: one of ours; the URL would be made of what the caller names as Host."""
    path, query = http.scope["path"], http.scope.get("query_string", b"").decode("latin-1")
    whole = f"{path}?{query}"
    return whole if query and local_path(whole) else str(path)


def _set_up(factor: Credential) -> str:
    return f"set-up:{factor.id}"
