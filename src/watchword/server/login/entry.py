"""Log in, refresh, log out: tokens for programs, a session cookie for browsers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.adapters.asgi import TooLarge, read_body, request_of
from watchword.app import Watchword
from watchword.codec.fields import read_cookie
from watchword.codec.secrets import digest, new_id
from watchword.codec.strict import json_object
from watchword.guards.networks import Networks
from watchword.lifecycle.families import Refreshed
from watchword.model.credential import Kind
from watchword.model.reason import (
    BODY_TOO_LARGE,
    MALFORMED_REQUEST,
    NO_CREDENTIAL,
    UNKNOWN_CREDENTIAL,
    UNSUPPORTED_MEDIA,
)
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Deny, Headers, Principal, Rejection
from watchword.schemes.session import COOKIE, PLAIN_COOKIE
from watchword.server.forms import FORM, JSON, form_of, local_path, media_type
from watchword.server.login.attempts import Attempts
from watchword.server.responses import Pages, cookie, json_response, problem_response
from watchword.standing import principal_of

__all__ = ["MAX_FORM", "Login", "read_request"]

MAX_FORM: Final = 64 * 1024
"""Bytes of a body that is read at login, refresh, logout and the token endpoint."""

_VISITOR: Final = re.compile(rb"ses_login[0-9A-Za-z]{20}")  # longer than any session's id, so it is none
_VISIT: Final = 3600  # seconds
_BROWSER: Final = (b"origin", b"referer", b"sec-fetch-site")
_MESSAGES: Final = {
    400: "The form was not complete. Try again.",
    401: "The user name or the password is wrong.",
    403: "The form was too old or came from another site. Try again.",
    429: "Too many attempts. Wait a moment, then try again.",
    503: "The service is busy. Try again in a moment.",
}


async def read_request(http: HttpRequest, watchword: Watchword) -> tuple[Request, Rejection | None]:
    """Return the gate's view with the whole body, and why it cannot be used, if so."""
    request = request_of(http.scope, watchword.proxies)
    try:
        request.body = await read_body(http.receive, MAX_FORM)
    except TooLarge:
        return request, Rejection(BODY_TOO_LARGE)
    return request, Rejection(MALFORMED_REQUEST, "disconnected") if request.body is None else None


class Login:
    """Hold ``/login``, ``/refresh``, ``/logout`` and the small page at ``/``."""

    def __init__(self, watchword: Watchword, attempts: Attempts, pages: Pages) -> None:
        self._watchword = watchword
        self._pages = pages
        self._attempts = attempts
        self._front = watchword.route("public")
        self._networks = Networks()
        self._session = watchword.route("session")
        self._token = watchword.route("jwt")
        self.providers: tuple[tuple[str, str], ...] = ()  # names and labels of whom people may log in with
        self._challenge = (Challenge("Watchword-Login", (("realm", watchword.realm),)),)

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
            request = request_of(http.scope, self._watchword.proxies)
            refused = await self._watchword.gate.screen(request, self._front)
            if refused is not None:
                return problem_response(refused)
            return self._page(request, 200, next=local_path(http.query_params.get("next", "")) or "")
        request, refused = await self._read(http)
        kind = media_type(request)
        if refused is None and kind not in (JSON, FORM):
            refused = self._refuse(request, Rejection(UNSUPPORTED_MEDIA))
        if refused is not None:
            return problem_response(refused)
        return await (self._by_json(request) if kind == JSON else self._by_form(request))

    async def refresh(self, http: HttpRequest) -> Response:
        """Replace a refresh token: a new one, and a new access token."""
        request, refused = await self._read(http)
        body = _json(request) if refused is None else {}
        if refused is None and isinstance(body, Rejection):
            refused = self._refuse(request, body)
        token = body.get("refresh_token") if isinstance(body, dict) else None
        if refused is None and not isinstance(token, str):
            refused = self._refuse(request, Rejection(MALFORMED_REQUEST, "refresh_token"))
        if refused is not None or not isinstance(token, str):
            return problem_response(refused or self._refuse(request, Rejection(NO_CREDENTIAL)))
        slowed = await self._attempts.slowed(request)
        found: Rejection | Refreshed | None = slowed or await self._elsewhere(request, token)
        if found is None:
            found = await self._watchword.families.redeem(token, certificate=request.peer.certificate)
        if isinstance(found, Rejection):
            if slowed is None:
                await self._attempts.guessed(request)
            return problem_response(self._refuse(request, replace(found, scheme="refresh")))
        return self._tokens(found)

    async def _elsewhere(self, request: Request, token: str) -> Rejection | None:
        """Return the refusal of who is not where the family's password may be used; the token is not spent."""
        family = await self._watchword.families.holder(token)
        if family is None or not family.networks:
            return None
        answer = self._networks.check(request, principal_of(family, "refresh", family.created_at))
        return replace(answer, credential=family.id) if isinstance(answer, Rejection) else None

    async def logout(self, http: HttpRequest) -> Response:
        """End a session or a refresh family, whichever the caller proves to hold."""
        request, refused = await self._read(http)
        if refused is not None:
            return problem_response(refused)
        if request.body and media_type(request) != FORM:
            body = _json(request)
            if isinstance(body, Rejection):
                return problem_response(self._refuse(request, body))
            token = body.get("refresh_token")
            if token is not None:
                return await self._end_family(request, token)
        route = self._token if b"authorization" in request.fields else self._session
        decision = await self._watchword.gate.decide(request, route)
        if isinstance(decision, Deny):
            return problem_response(decision)
        who = decision.principal
        if who is None or not who.credential.startswith(("fam_", "ses_")):
            return problem_response(self._refuse(request, Rejection(UNKNOWN_CREDENTIAL, "nothing to log out of")))
        await self._revoke(who.credential, "logged out", who.subject)
        cookies = _cleared(request.peer.tls) if who.scheme == "session" else []
        if media_type(request) == FORM:
            return _redirect("/login", cookies)
        return _empty(cookies)

    async def home(self, http: HttpRequest) -> Response:
        """Say who is signed in, or ask for that."""
        request = request_of(http.scope, self._watchword.proxies)
        decision = await self._watchword.gate.decide(request, self._session)
        if isinstance(decision, Deny):
            if decision.rejection.reason.status == 401:
                return _redirect("/login", [])
            return problem_response(decision)
        who = decision.principal
        assert who is not None  # noqa: S101 - the policy has no "public"
        token = self._watchword.csrf.token_for(who.credential)
        return self._pages.page(
            "home.html", subject=who.subject, scopes=sorted(who.scopes), session=who.credential, csrf_token=token
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _read(self, http: HttpRequest) -> tuple[Request, Deny | None]:
        """Read the body and walk past the guards that look at every request."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return request, self._refuse(request, unusable)
        return request, await self._watchword.gate.screen(request, self._front)

    def _refuse(self, request: Request, rejection: Rejection) -> Deny:
        deny = self._watchword.gate.refuse(request, rejection)
        return replace(deny, challenges=self._challenge) if deny.rejection.reason.status == 401 else deny

    async def _by_json(self, request: Request) -> Response:
        body = _json(request)
        if isinstance(body, Rejection):
            return problem_response(self._refuse(request, body))
        name, password = body.get("username"), body.get("password")
        if not isinstance(name, str) or not isinstance(password, str):
            return problem_response(self._refuse(request, Rejection(MALFORMED_REQUEST, "username and password")))
        who = await self._attempts.prove(request, name, password)
        if isinstance(who, Rejection):
            return problem_response(self._refuse(request, who))
        self._watchword.audit.note(self._watchword.clock(), request, who)
        certificate = request.peer.certificate
        return self._tokens(await self._watchword.families.start(who, by=who.subject, certificate=certificate))

    def _tokens(self, refreshed: Refreshed) -> Response:
        access = self._watchword.tokens.for_family(refreshed.family)
        return json_response(
            200,
            {
                "token": access.text,
                "token_type": "Bearer",
                "expires_in": access.expires_in,
                "refresh_token": refreshed.token,
            },
        )

    async def _by_form(self, request: Request) -> Response:
        form = form_of(request)
        if isinstance(form, Rejection):
            return self._again(self._refuse(request, form), request, {})
        forged = self._forged(request)
        if isinstance(forged, Rejection):
            return self._again(self._refuse(request, replace(forged, scheme="login")), request, form)
        who = await self._attempts.prove(request, form.get("username", ""), form.get("password", ""))
        if isinstance(who, Rejection):
            return self._again(self._refuse(request, who), request, form)
        return await self.enter(request, who, form.get("next", ""))

    async def enter(self, request: Request, who: Principal, place: str) -> Response:
        """Let a browser in whose person has just proved themselves, by a password or elsewhere: on to ``place``."""
        self._watchword.audit.note(self._watchword.clock(), request, who)
        await self._end_presented(request)
        cookies = await self._start_session(request, who)
        return _redirect(local_path(place) or "/", cookies)

    def _forged(self, request: Request) -> Rejection | Headers:
        """Return why the form may be another site's.

        A browser says where a POST comes from: Origin (Fetch standard, section 3.2), Fetch Metadata, or Referer. What
        says nothing of the kind is a program, which nobody tricks into sending a form.
        """
        if not any(name in request.fields for name in _BROWSER):
            return ()
        return self._watchword.csrf.check(request, Principal("user:", "session", _visitor(request) or ""))

    async def _start_session(self, request: Request, who: Principal) -> list[tuple[bytes, bytes]]:
        watchword = self._watchword
        issued = await watchword.lifecycle.issue(
            Kind.SESSION,
            who.subject,
            by=who.subject,
            scopes=who.scopes,
            networks=[str(network) for network in who.constraints.networks],
            limit=who.constraints.limit,
            expires_at=int(watchword.clock()) + watchword.session_lifetime,
            options={
                "idle": watchword.session_idle,
                "factors": list(who.factors),
                "authenticated_at": who.authenticated_at,
                "agent": request.fields.get(b"user-agent", b"")[:200].decode("latin-1"),
                "address": request.peer.address,
            },
        )
        tls = request.peer.tls
        return [
            cookie(PLAIN_COOKIE, issued.material["cookie"], tls=tls),
            cookie("csrf", watchword.csrf.token_for(issued.credential.id), tls=tls, hidden=False),
            cookie("login", "", tls=tls, age=0),
        ]

    async def _end_presented(self, request: Request) -> None:
        """Revoke a session that came with the login, so that nobody keeps one from before (CVE-2022-25896)."""
        header = request.fields.get(b"cookie", b"")
        for name in (COOKIE, PLAIN_COOKIE):
            value = read_cookie(header, name.encode())
            record = await self._watchword.store.credential_by(digest(value)) if isinstance(value, bytes) else None
            if record is not None and record.kind is Kind.SESSION:
                await self._revoke(record.id, "logged in again", record.subject)

    async def _revoke(self, id: str, reason: str, by: str) -> None:
        await self._watchword.lifecycle.revoke(id, reason=reason, by=by)

    async def _end_family(self, request: Request, token: object) -> Response:
        slowed = await self._attempts.slowed(request)
        if slowed is not None:
            return problem_response(self._refuse(request, slowed))
        family = await self._watchword.families.holder(token) if isinstance(token, str) else None
        if family is None:
            await self._attempts.guessed(request)
            return problem_response(self._refuse(request, Rejection(UNKNOWN_CREDENTIAL, scheme="refresh")))
        await self._revoke(family.id, "logged out", family.subject)
        return _empty([])

    def _again(self, deny: Deny, request: Request, form: dict[str, str]) -> Response:
        status, headers = deny.rejection.reason.status, [*deny.headers]
        headers += [(b"www-authenticate", b"Watchword-Login")] if status == 401 else []
        username, place = form.get("username", "")[:128], local_path(form.get("next", "")) or ""
        return self._page(request, status, headers, message=_MESSAGES.get(status), username=username, next=place)

    def _page(self, request: Request, status: int, headers: Any = (), **values: Any) -> Response:
        """Return the form, bound to a cookie of this visitor, so that no other site can log a browser in."""
        visitor = _visitor(request) or new_id("ses_login")
        values = {"csrf_token": self._watchword.csrf.token_for(visitor), "providers": self.providers, **values}
        fields = [*headers, cookie("login", visitor, tls=request.peer.tls, age=_VISIT)]
        return self._pages.page("login.html", status, fields, **values)


def _visitor(request: Request) -> str | None:
    name = b"__Host-login" if request.peer.tls else b"login"
    value = read_cookie(request.fields.get(b"cookie", b""), name)
    return value.decode() if isinstance(value, bytes) and _VISITOR.fullmatch(value) else None


def _json(request: Request) -> dict[str, Any] | Rejection:
    """Return the JSON object, only where the media type says so: no form of another site can (CVE-2021-32677)."""
    if media_type(request) != JSON:
        return Rejection(UNSUPPORTED_MEDIA)
    return json_object(request.body or b"") or Rejection(MALFORMED_REQUEST, "not a JSON object")


def _cleared(tls: bool) -> list[tuple[bytes, bytes]]:
    return [cookie(PLAIN_COOKIE, "", tls=tls, age=0), cookie("csrf", "", tls=tls, age=0, hidden=False)]


def _redirect(place: str, headers: list[tuple[bytes, bytes]]) -> Response:
    response = Response(status_code=303)
    fields = [(b"location", place.encode("ascii")), (b"cache-control", b"no-store"), (b"content-length", b"0")]
    response.raw_headers = [*fields, *headers]
    return response


def _empty(headers: list[tuple[bytes, bytes]]) -> Response:
    response = Response(status_code=204)
    response.raw_headers = [(b"cache-control", b"no-store"), *headers]
    return response
