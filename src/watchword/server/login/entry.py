"""Log in, refresh, log out: tokens for programs, a session cookie for browsers."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.adapters.asgi import request_of
from watchword.guards.networks import Networks
from watchword.lifecycle.families import Refreshed
from watchword.model.reason import MALFORMED_REQUEST, UNKNOWN_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.forms import FORM, JSON, form_of, local_path, media_type
from watchword.server.login.entrance import MAX_FORM, Entrance, cleared, json_of, read_request
from watchword.server.pages.rendering import Pages
from watchword.server.responses import problem_response, redirect
from watchword.standing import principal_of

__all__ = ["MAX_FORM", "Login", "read_request"]


class Login:
    """Hold ``/login``, ``/refresh``, ``/logout`` and the small page at ``/``."""

    def __init__(self, entrance: Entrance, pages: Pages) -> None:
        self._entrance = entrance
        self._watchword = watchword = entrance.watchword
        self._attempts = entrance.attempts
        self._pages = pages
        self._networks = Networks()
        self._session = watchword.route("session")
        self._token = watchword.route("jwt")

    @property
    def providers(self) -> tuple[tuple[str, str], ...]:
        """Names and labels of whom people may log in with, for the page."""
        return self._entrance.providers

    @providers.setter
    def providers(self, providers: tuple[tuple[str, str], ...]) -> None:
        self._entrance.providers = providers

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint("/", self.home, methods=["GET"]),
            Endpoint("/login", self.login, methods=["GET", "POST"]),
            Endpoint("/refresh", self.refresh, methods=["POST"]),
            Endpoint("/logout", self.logout, methods=["POST"]),
        ]

    # --- entry --------------------------------------------------------------------------------------------------------

    async def login(self, http: HttpRequest) -> Response:
        """Show the page, or log in: JSON gets tokens, a form a session."""
        if http.method != "POST":
            request, refused = await self._entrance.looked(http)
            if refused is not None:
                return problem_response(refused)
            place, hint = local_path(http.query_params.get("next", "")) or "", http.query_params.get("login_hint", "")
            return self._entrance.login_page(request, next=place, username=hint[:128] if hint.isprintable() else "")
        request, refused = await self._entrance.read(http)
        if refused is not None:
            return problem_response(refused)
        return await (self._by_json(request) if media_type(request) == JSON else self._by_form(request))

    async def _by_json(self, request: Request) -> Response:
        body = json_of(request)
        if isinstance(body, Rejection):
            return self._refused(request, body)
        name, password = body.get("username"), body.get("password")
        if not isinstance(name, str) or not isinstance(password, str):
            return self._refused(request, Rejection(MALFORMED_REQUEST, "username and password"))
        who = await self._attempts.prove(request, name, password)
        if isinstance(who, Rejection):
            return self._refused(request, who)
        outcome = await self._watchword.ceremonies.begin(who, "pwd")
        return await self._entrance.by_json(request, outcome)

    async def _by_form(self, request: Request) -> Response:
        entrance, form = self._entrance, form_of(request)
        if isinstance(form, Rejection):
            return entrance.again(entrance.refuse(request, form), request, {})
        who: Principal | Rejection | None = entrance.forged(request)
        if who is None:
            who = await self._attempts.prove(request, form.get("username", ""), form.get("password", ""))
        if isinstance(who, Rejection):
            return entrance.again(entrance.refuse(request, who), request, form)
        return await self.enter(request, who, form.get("next", ""))

    async def enter(self, request: Request, who: Principal, place: str) -> Response:
        """Let a browser in whose person has just proved themselves, by a password or elsewhere: on to ``place``."""
        browser, factor = self._entrance.visiting(request), who.factors[0]
        begin = self._watchword.ceremonies.begin
        outcome = await begin(who, factor, browser=browser, next=local_path(place) or "")
        return await self._entrance.by_form(request, outcome)

    # --- later --------------------------------------------------------------------------------------------------------

    async def refresh(self, http: HttpRequest) -> Response:
        """Replace a refresh token: a new one, and a new access token."""
        request, refused = await self._entrance.read(http, ())
        body = json_of(request) if refused is None else {}
        if refused is not None:
            return problem_response(refused)
        token = body.get("refresh_token") if isinstance(body, dict) else None
        if not isinstance(token, str):
            return self._refused(request, body if isinstance(body, Rejection) else _NO_TOKEN)
        slowed = await self._attempts.slowed(request)
        found: Rejection | Refreshed | None = slowed or await self._elsewhere(request, token)
        if found is None:
            found = await self._watchword.families.redeem(token, certificate=request.peer.certificate)
        if isinstance(found, Rejection):
            if slowed is None:
                await self._attempts.guessed(request)
            return self._refused(request, replace(found, scheme="refresh"))
        return self._entrance.tokens(found.family, found.token)

    async def _elsewhere(self, request: Request, token: str) -> Rejection | None:
        """Return the refusal of who is not where the family's password may be used; the token is not spent."""
        family = await self._watchword.families.holder(token)
        if family is None or not family.networks:
            return None
        answer = self._networks.check(request, principal_of(family, "refresh", family.created_at))
        return replace(answer, credential=family.id) if isinstance(answer, Rejection) else None

    async def logout(self, http: HttpRequest) -> Response:
        """End a session or a refresh family, whichever the caller proves to hold."""
        request, refused = await self._entrance.read(http, ())
        if refused is not None:
            return problem_response(refused)
        if request.body and media_type(request) != FORM:
            body = json_of(request)
            if isinstance(body, Rejection):
                return self._refused(request, body)
            token = body.get("refresh_token")
            if token is not None:
                return await self._end_family(request, token)
        route = self._token if b"authorization" in request.fields else self._session
        decision = await self._watchword.gate.decide(request, route)
        if isinstance(decision, Deny):
            return self._not_logged_out(request, decision)
        who = decision.principal
        if who is None or not who.credential.startswith(("fam_", "ses_")):
            return self._refused(request, Rejection(UNKNOWN_CREDENTIAL, "nothing to log out of"))
        await self._revoke(who.credential, who.subject)
        cookies = cleared(request.peer.tls) if who.scheme == "session" else []
        return redirect("/login", cookies) if media_type(request) == FORM else _empty(cookies)

    def _not_logged_out(self, request: Request, deny: Deny) -> Response:
        """Say so; to who pressed a button on a page. No cookie is taken: another site may have sent the form."""
        status = deny.rejection.reason.status
        if media_type(request) != FORM or status not in (401, 403) or b"authorization" in request.fields:
            return problem_response(deny)
        if status == 401:
            return redirect("/login")
        values = {"message": _STALE, "back": "/account", "reference": deny.reference}
        return self._pages.page("refused.html", status, deny.headers, **values)

    async def home(self, http: HttpRequest) -> Response:
        """Say who is signed in, or ask for that."""
        request = request_of(http.scope, self._watchword.proxies)
        decision = await self._watchword.gate.decide(request, self._session)
        if isinstance(decision, Deny):
            return redirect("/login") if decision.rejection.reason.status == 401 else problem_response(decision)
        who = decision.principal
        assert who is not None  # noqa: S101 - the policy has no "public"
        token = self._watchword.csrf.token_for(who.credential)
        return self._pages.page(
            "home.html", subject=who.subject, scopes=sorted(who.scopes), session=who.credential, csrf_token=token
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    def _refused(self, request: Request, rejection: Rejection) -> Response:
        return problem_response(self._entrance.refuse(request, rejection))

    async def _revoke(self, id: str, by: str) -> None:
        await self._watchword.lifecycle.revoke(id, reason="logged out", by=by)

    async def _end_family(self, request: Request, token: object) -> Response:
        slowed = await self._attempts.slowed(request)
        if slowed is not None:
            return self._refused(request, slowed)
        family = await self._watchword.families.holder(token) if isinstance(token, str) else None
        if family is None:
            await self._attempts.guessed(request)
            return self._refused(request, Rejection(UNKNOWN_CREDENTIAL, scheme="refresh"))
        await self._revoke(family.id, family.subject)
        return _empty([])


_STALE = "The form was too old or came from another site. Try again."
_NO_TOKEN = Rejection(MALFORMED_REQUEST, "refresh_token")


def _empty(headers: list[tuple[bytes, bytes]]) -> Response:
    response = Response(status_code=204)
    response.raw_headers = [(b"cache-control", b"no-store"), *headers]
    return response
