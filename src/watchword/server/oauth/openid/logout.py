"""The end-session endpoint (OpenID Connect RP-Initiated Logout 1.0): applications send people here to sign out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.codec.oidc import with_query
from watchword.lifecycle.oauth.openid.leaving import Leaving, leaving_of, meant
from watchword.lifecycle.people.accounts import LOCALES
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST, REFUSED_GRANT
from watchword.model.request import Request
from watchword.model.verdict import Deny, Headers, Principal, Rejection
from watchword.server.forms import fields_of, form_of
from watchword.server.login.attempts import network_of
from watchword.server.login.entrance import cleared, read_request
from watchword.server.pages.language import SPOKEN
from watchword.server.pages.rendering import Pages
from watchword.server.responses import problem_response, redirect

__all__ = ["PLACE", "Logout"]

PLACE: Final = "/oauth/logout"

_LONGEST: Final = 6_144  # characters of a posted request that becomes one to get
_SCHEME: Final = "oauth-client"
_KEPT: Final = ("client_id", "post_logout_redirect_uri", "state", "ui_locales")
_STALE: Final = "The form was too old or came from another site. Try again."


class Logout:
    """Hold ``/oauth/logout``.

    Nobody is signed out by another site without being asked: only an id_token of this very session, which its
    application alone has, makes the question superfluous.
    """

    def __init__(self, watchword: Watchword, pages: Pages) -> None:
        self._watchword = watchword
        self._oauth = watchword.oauth
        self._openid = watchword.tokens.openid
        self._pages = pages
        self._front = watchword.route("public")
        self._session = watchword.route("session")

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route(PLACE, self.logout, methods=["GET", "POST"])]

    async def logout(self, http: HttpRequest) -> Response:
        """Answer a request to sign out, or the page that asks; a posted request becomes one to get.

        That one carries the session's cookie, which browsers do not send along with the posts of other sites.
        """
        if http.method == "POST":
            return await self._posted(http)
        request = request_of(http.scope, self._watchword.proxies)
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        fields = fields_of(request.query)
        return self._malformed(request) if fields is None else await self._asked(request, fields)

    async def _posted(self, http: HttpRequest) -> Response:
        request, unusable = await read_request(http, self._watchword)
        form = unusable or await self._watchword.gate.screen(request, self._front) or form_of(request)
        if isinstance(form, Deny):
            return problem_response(form)
        if isinstance(form, Rejection):
            too_large = form.reason is BODY_TOO_LARGE
            deny = self._watchword.gate.refuse(request, form) if too_large else None
            return problem_response(deny) if deny is not None else self._malformed(request)
        if "csrf_token" in form:
            return await self._confirmed(request, form)
        query = urlencode(form)
        return redirect(f"{PLACE}?{query}") if len(query) <= _LONGEST else self._malformed(request)

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _asked(self, request: Request, fields: Mapping[str, str]) -> Response:
        leaving = await self._leaving(request, fields)
        if isinstance(leaving, str):
            return self._refused(request, leaving)
        who = await self._signed_in(request)
        if isinstance(who, Response):
            return who
        session = None if who is None else await self._watchword.store.credential(who.credential)
        if who is None or session is None:
            return self._over(leaving, by_page=False) if _known(leaving) else self._offered(leaving)
        if meant(leaving, session, self._openid):
            await self._end(who, leaving)
            return self._over(leaving, cleared(request.peer.tls), by_page=False)
        return self._question(who, leaving, fields)

    async def _confirmed(self, request: Request, form: Mapping[str, str]) -> Response:
        """Take the answer of the page: its token says that it comes from there."""
        leaving = await self._leaving(request, form)
        if isinstance(leaving, str):
            return self._refused(request, leaving)
        who = await self._signed_in(request)
        if isinstance(who, Response):
            return who
        if who is not None:
            await self._end(who, leaving)
        return self._over(leaving, cleared(request.peer.tls) if who is not None else (), by_page=True)

    async def _leaving(self, request: Request, fields: Mapping[str, str]) -> Leaving | str:
        _speak(fields)
        return await leaving_of(fields, self._oauth.clients, self._openid, network_of(request.peer.address))

    async def _signed_in(self, request: Request) -> Principal | Response | None:
        """Return who is signed in, None for nobody; a page for a form that is not ours."""
        decision = await self._watchword.gate.decide(request, self._session)
        if not isinstance(decision, Deny):
            return decision.principal
        status = decision.rejection.reason.status
        if status == 401:
            return None
        if status == 403 and request.method == "POST":
            values = {"message": _STALE, "reference": decision.reference}
            return self._pages.page("refused.html", status, decision.headers, **values)
        return problem_response(decision)

    async def _end(self, who: Principal, leaving: Leaving) -> None:
        by = "" if leaving.client is None else f" from {leaving.client.detail['client_id']}"
        await self._oauth.signing_out.end(who.credential, by=who.subject, why=f"logged out{by}")

    # --- answers ------------------------------------------------------------------------------------------------------

    def _over(self, leaving: Leaving, headers: Headers = (), *, by_page: bool) -> Response:
        """Send the person back to the application, or tell them here that they are signed out.

        After a form it goes by a page: its policy lets a form end here alone.
        """
        if not leaving.place:
            return self._pages.page("oauth/logged_out.html", 200, headers)
        place, host = _onward(leaving)
        if by_page:
            return self._pages.page("onward.html", 200, headers, place=place, host=host)
        return redirect(place, headers)

    def _offered(self, leaving: Leaving) -> Response:
        """Let the person go on by themselves: nothing here shows that they ever came from that application."""
        place, host = _onward(leaving)
        return self._pages.page("oauth/logged_out.html", place=place, host=host)

    def _question(self, who: Principal, leaving: Leaving, fields: Mapping[str, str]) -> Response:
        kept = {name: fields[name] for name in _KEPT if fields.get(name)}
        if leaving.client is not None:
            kept["client_id"] = str(leaving.client.detail["client_id"])
        name = "" if leaving.client is None else leaving.client.detail.get("client_name") or kept["client_id"]
        token = self._watchword.csrf.token_for(who.credential)
        person = who.subject.partition(":")[2]
        return self._pages.page("oauth/logout.html", kept=kept, application=name, person=person, csrf_token=token)

    def _refused(self, request: Request, error: str) -> Response:
        return self._page(request, Rejection(REFUSED_GRANT, f"logout: {error}", scheme=_SCHEME), error)

    def _malformed(self, request: Request) -> Response:
        return self._page(request, Rejection(MALFORMED_REQUEST, "logout request", scheme=_SCHEME), "invalid_request")

    def _page(self, request: Request, rejection: Rejection, error: str) -> Response:
        deny = self._watchword.gate.refuse(request, rejection)
        values: dict[str, Any] = {"message": _MESSAGES[error], "detail": _STILL, "reference": deny.reference}
        return self._pages.page("refused.html", 400, deny.headers, back="/account/sessions", **values)


_MESSAGES: Final = {
    "invalid_client": "The application that sent you here is not known.",
    "invalid_redirect_uri": "The application asked to be answered at a place that is not its own.",
    "invalid_request": "The application's request is malformed.",
}
_STILL: Final = "You were not signed out. You can sign out in your account."


def _known(leaving: Leaving) -> bool:
    """Return whether the operator knows whom people are sent to: anybody may describe a client of their own.

    Otherwise any link to us would lead wherever its maker likes (RFC 9700 section 4.11.2).
    """
    return leaving.client is None or not leaving.place or leaving.client.detail.get("source", "operator") == "operator"


def _onward(leaving: Leaving) -> tuple[str, str]:
    """Return where it goes on, and what people are shown of that."""
    place = with_query(leaving.place, {} if leaving.state is None else {"state": leaving.state})
    return place, urlsplit(place).hostname or place


def _speak(fields: Mapping[str, str]) -> None:
    """Answer in the language that the application knows of its people (``ui_locales``)."""
    wanted = (each.partition("-")[0].lower() for each in fields.get("ui_locales", "").split()[:16])
    found = next((each for each in wanted if each in LOCALES), None)
    if found is not None:
        SPOKEN.set(found)
