"""The authorization endpoint (RFC 6749 section 3.1): parse, send to the login, answer what was decided below."""

from __future__ import annotations

import hmac
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.codec.oidc import with_query
from watchword.lifecycle.oauth.asking import Ask, Refusal, fresh_enough, judged
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST, REFUSED_GRANT
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.forms import fields_of, form_of
from watchword.server.login.entrance import read_request
from watchword.server.login.freshness import step_up_place
from watchword.server.pages.rendering import Pages
from watchword.server.responses import problem_response, redirect

__all__ = ["Authorize"]

_PLACE: Final = "/oauth/authorize"
_LONGEST: Final = 1_800  # characters of a request that goes through the login and back
_SCHEME: Final = "oauth-client"
_PATIENCE: Final = 3_600  # seconds that a person may take at the login
_RESUMED: Final = "resumed"
_LATER: Final = frozenset({429, 503})


class Authorize:
    """Hold ``/oauth/authorize``: the code flow with PKCE, for applications of the operator's own."""

    def __init__(self, watchword: Watchword, pages: Pages) -> None:
        self._watchword = watchword
        self._pages = pages
        self._front = watchword.route("public")
        self._session = watchword.route("session")
        self._key = watchword.sealer.derive("oauth-authorize")

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route(_PLACE, self.authorize, methods=["GET", "POST"])]

    async def authorize(self, http: HttpRequest) -> Response:
        """Answer an authorization request; a posted one becomes one to get, which carries the session's cookie."""
        if http.method == "POST":
            return await self._posted(http)
        request = request_of(http.scope, self._watchword.proxies)
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        fields = fields_of(request.query)
        if fields is None:
            return self._page(request, Rejection(MALFORMED_REQUEST, "authorization request"), "invalid_request")
        mark = fields.pop(_RESUMED, "")
        asked_at = self._asked_at(mark, fields)
        client = await self._watchword.oauth.clients.find(fields.get("client_id", ""))
        ask = judged(fields, client, self._watchword.audience, self._watchword.clock())
        if isinstance(ask, Refusal):
            return self._refused(request, ask, asked_at is not None)
        return await self._judged(request, fields, ask, asked_at)

    async def _posted(self, http: HttpRequest) -> Response:
        request, unusable = await read_request(http, self._watchword)
        form = unusable or await self._watchword.gate.screen(request, self._front) or form_of(request)
        if isinstance(form, Deny):
            return problem_response(form)
        if isinstance(form, Rejection):
            if form.reason is BODY_TOO_LARGE:
                return problem_response(self._watchword.gate.refuse(request, form))
            return self._page(request, form, "invalid_request")
        return redirect(f"{_PLACE}?{urlencode(form)}")

    async def _judged(self, request: Request, fields: dict[str, str], ask: Ask, asked_at: float | None) -> Response:
        decision = await self._watchword.gate.decide(request, self._session)
        if isinstance(decision, Deny) and decision.rejection.reason.status != 401:
            error = "temporarily_unavailable" if decision.rejection.reason.status in _LATER else "access_denied"
            return self._onward(ask.redirect_uri, {"error": error}, ask.state, asked_at is not None)
        who = None if isinstance(decision, Deny) else decision.principal
        if who is None or not fresh_enough(ask, who.authenticated_at, self._watchword.clock(), asked_at):
            if "none" in ask.prompt:
                refusal = Refusal("login_required", "prompt=none", ask.redirect_uri, ask.state)
                return self._refused(request, refusal, False)
            return self._to_login(request, fields, ask)
        if ask.strong and "mfa" not in who.factors:
            if asked_at is None and "none" not in ask.prompt:
                return self._to_login(request, fields, ask, ("mfa",))
            refusal = Refusal("unmet_authentication_requirements", "acr_values", ask.redirect_uri, ask.state)
            return self._refused(request, refusal, asked_at is not None)
        return await self._granted(request, ask, who, asked_at is not None)

    async def _granted(self, request: Request, ask: Ask, who: Principal, resumed: bool) -> Response:
        code = await self._watchword.oauth.codes.grant(ask, who)
        return self._onward(ask.redirect_uri, {"code": code}, ask.state, resumed)

    def _to_login(self, request: Request, fields: dict[str, str], ask: Ask, factors: tuple[str, ...] = ()) -> Response:
        """Send the person to log in, or to prove ``factors`` besides, and back here, with a mark of when they left."""
        back = f"{_PLACE}?{urlencode({**fields, _RESUMED: self._mark(fields)})}"
        if len(back) > _LONGEST:
            refusal = Refusal("invalid_request", "too long", ask.redirect_uri, ask.state)
            return self._refused(request, refusal, False)
        return redirect(step_up_place(back, factors) if factors else "/login?" + urlencode({"next": back}))

    def _mark(self, fields: dict[str, str]) -> str:
        now = str(int(self._watchword.clock()))  # sessions know whole seconds
        return f"{now}-{self._mac(now, fields)}"

    def _mac(self, text: str, fields: dict[str, str]) -> str:
        asked = urlencode(sorted(fields.items()))
        return hmac.digest(self._key, f"{text}?{asked}".encode(), "sha256").hex()[:32]

    def _asked_at(self, mark: str, fields: dict[str, str]) -> float | None:
        """Return when this very request sent the person to the login; None where it has not, or too long ago."""
        text, _, mac = mark.partition("-")
        if not mac.isascii() or not hmac.compare_digest(mac, self._mac(text, fields)):
            return None
        asked_at = float(text)
        return asked_at if self._watchword.clock() - asked_at < _PATIENCE else None

    # --- answers ------------------------------------------------------------------------------------------------------

    def _onward(self, uri: str, fields: dict[str, str], state: str | None, resumed: bool) -> Response:
        """Send the answer to the client, with who gives it (RFC 9207 section 2).

        After a login it goes by a page: browsers hold the redirects that follow a form to the form's own policy, which
        lets it end here alone.
        """
        more = {} if state is None else {"state": state}
        place = with_query(uri, {**fields, **more, "iss": self._watchword.issuer})
        if resumed:
            return self._pages.page("onward.html", place=place, host=urlsplit(uri).hostname or uri)
        return redirect(place)

    def _refused(self, request: Request, refusal: Refusal, resumed: bool) -> Response:
        rejection = Rejection(REFUSED_GRANT, f"{refusal.error}: {refusal.detail}", scheme=_SCHEME)
        if not refusal.redirect_uri:
            return self._page(request, rejection, refusal.error)
        self._watchword.gate.refuse(request, rejection)
        return self._onward(refusal.redirect_uri, {"error": refusal.error}, refusal.state, resumed)

    def _page(self, request: Request, rejection: Rejection, error: str) -> Response:
        deny = self._watchword.gate.refuse(request, rejection)
        values: dict[str, Any] = {"message": _MESSAGES.get(error, _MESSAGES["invalid_request"])}
        return self._pages.page("refused.html", 400, deny.headers, reference=deny.reference, **values)


_MESSAGES: Final = {
    "invalid_client": "The application that sent you here is not known.",
    "invalid_redirect_uri": "The application asked to be answered at a place that is not its own.",
    "unauthorized_client": "The application may not ask for this.",
    "invalid_request": "The application's request is malformed.",
}
