"""What all ways in have in common: read a request, ask for what is due, begin a session or give tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.adapters.asgi import TooLarge, read_body, request_of
from watchword.app import Watchword
from watchword.codec.fields import read_cookie
from watchword.codec.secrets import digest
from watchword.codec.strict import json_object
from watchword.lifecycle.outside.relying import browser_mark
from watchword.lifecycle.people.ceremonies import Pending, Proven, Stage
from watchword.lifecycle.people.logins import Visitor
from watchword.model.credential import Credential, Kind
from watchword.model.reason import (
    BODY_TOO_LARGE,
    ENROLMENT_REQUIRED,
    MALFORMED_REQUEST,
    MFA_REQUIRED,
    UNSUPPORTED_MEDIA,
)
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Deny, Headers, Rejection
from watchword.schemes.session import COOKIE, PLAIN_COOKIE
from watchword.server.forms import FORM, JSON, local_path, media_type
from watchword.server.login.attempts import Attempts
from watchword.server.pages.rendering import Pages
from watchword.server.responses import cookie, json_response, problem_response, redirect
from watchword.server.visitor import forged, kept, outside_browser, visiting, visitor_of

__all__ = ["MAX_FORM", "Entrance", "cleared", "json_of", "read_request", "response_of"]

MAX_FORM: Final = 64 * 1024
"""Bytes of a body that is read at login, refresh, logout and the token endpoint."""

_HANDLE: Final = re.compile(rb"[0-9A-Za-z_]{1,64}")
_CEREMONY: Final = "ceremony"
_CEREMONY_AGE: Final = 600
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


class Entrance:
    """Stand behind every way in. A form is bound to its browser by a cookie, so that no other site can use it."""

    def __init__(self, watchword: Watchword, attempts: Attempts, pages: Pages) -> None:
        self.watchword = watchword
        self.attempts = attempts
        self.providers: tuple[tuple[str, str], ...] = ()  # names and labels of whom people may log in with
        self._pages = pages
        self._front = watchword.route("public")
        self._challenge = (Challenge("Watchword-Login", (("realm", watchword.realm),)),)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def read(self, http: HttpRequest, kinds: Sequence[str] = (JSON, FORM)) -> tuple[Request, Deny | None]:
        """Read the body, of one of these media types, and walk past the guards that look at every request."""
        request, unusable = await read_request(http, self.watchword)
        if unusable is not None:
            return request, self.refuse(request, unusable)
        refused = await self.watchword.gate.screen(request, self._front)
        if refused is None and kinds and media_type(request) not in kinds:
            refused = self.refuse(request, Rejection(UNSUPPORTED_MEDIA))
        return request, refused

    async def looked(self, http: HttpRequest) -> tuple[Request, Deny | None]:
        """Take a GET past the same guards."""
        request = request_of(http.scope, self.watchword.proxies)
        return request, await self.watchword.gate.screen(request, self._front)

    def forged(self, request: Request) -> Rejection | None:
        """Return why the form may be another site's."""
        found = forged(request, self.watchword.csrf)
        return found if found is None else replace(found, scheme="login")

    def visitor(self, request: Request) -> str | None:
        """Return the id of the browser that a form was shown to."""
        return visitor_of(request)

    def ceremony(self, request: Request) -> str:
        """Return the handle of the ceremony that this browser is in, "" for none."""
        name = f"{'__Host-' if request.peer.tls else ''}{_CEREMONY}".encode()
        value = read_cookie(request.fields.get(b"cookie", b""), name)
        return value.decode() if isinstance(value, bytes) and _HANDLE.fullmatch(value) else ""

    # --- refusing -----------------------------------------------------------------------------------------------------

    def refuse(self, request: Request, rejection: Rejection) -> Deny:
        """Refuse and note it."""
        deny = self.watchword.gate.refuse(request, rejection)
        return replace(deny, challenges=self._challenge) if deny.rejection.reason.status == 401 else deny

    def page(self, request: Request, name: str, status: int = 200, headers: Headers = (), **values: Any) -> Response:
        """Return a page whose form is bound to this browser."""
        visitor = self.visiting(request)
        values = {"csrf_token": self.watchword.csrf.token_for(visitor), **values}
        fields = [*headers, kept(visitor, request)]
        return self._pages.page(name, status, fields, **values)

    def shown(self, name: str, headers: Headers = (), **values: Any) -> Response:
        """Return a page without a form."""
        return self._pages.page(name, 200, headers, **values)

    def login_page(self, request: Request, status: int = 200, headers: Headers = (), **values: Any) -> Response:
        """Return the page that logs in."""
        passkeys = self.watchword.factors.passkeys_possible
        values = {"script": passkeys, "passkeys": passkeys, "providers": self.providers, **values}
        return self.page(request, "login/login.html", status, headers, **values)

    def again(
        self, deny: Deny, request: Request, form: dict[str, str], page: str = "login/login.html", **more: Any
    ) -> Response:
        """Return a page once more, saying why in words."""
        status, headers = deny.rejection.reason.status, [*deny.headers]
        headers += [(b"www-authenticate", b"Watchword-Login")] if status == 401 else []
        values = {"message": _MESSAGES.get(status), "next": local_path(form.get("next", "")) or "", **more}
        if page == "login/login.html":
            return self.login_page(request, status, headers, username=form.get("username", "")[:128], **values)
        return self.page(request, page, status, headers, **values)

    # --- letting in ---------------------------------------------------------------------------------------------------

    async def by_json(self, request: Request, outcome: Proven | Pending | Rejection) -> Response:
        """Answer a program: tokens, or what is still due."""
        if isinstance(outcome, Pending):
            return await self._due(request, outcome)
        if isinstance(outcome, Rejection):
            return problem_response(self.refuse(request, replace(outcome, scheme="login")))
        watchword = self.watchword
        if outcome.source:
            raised = await watchword.logins.raised_family(outcome)
            if isinstance(raised, Rejection):
                return problem_response(self.refuse(request, replace(raised, scheme="login")))
            watchword.audit.note(watchword.clock(), request, outcome.who)
            return self.tokens(raised)
        watchword.audit.note(watchword.clock(), request, outcome.who)
        begun = await watchword.logins.family(outcome, self.visit(request), request.peer.certificate)
        known = await self.attempts.remembered(request, outcome.who.subject)
        return self.tokens(begun.family, begun.token, [known])

    async def by_form(self, request: Request, outcome: Proven | Pending) -> Response:
        """Answer a browser: a session, or on to what is still due. Nothing is kept of a session from before."""
        if isinstance(outcome, Pending):
            place = "/login/enrol" if outcome.stage is Stage.ENROLMENT_DUE else "/login/mfa"
            tls = request.peer.tls
            bound = kept(outcome.browser, request)
            return redirect(place, [bound, cookie(_CEREMONY, outcome.handle, tls=tls, age=_CEREMONY_AGE)])
        watchword = self.watchword
        watchword.audit.note(watchword.clock(), request, outcome.who)
        before = await self._presented(request, outcome.who.subject)
        issued = await watchword.logins.session(outcome, self.visit(request), before)
        known = await self.attempts.remembered(request, outcome.who.subject)
        return redirect(local_path(outcome.next) or "/", [*self.session_cookies(request, issued), known])

    async def nearby(self, request: Request, proven: Proven) -> Proven | Rejection:
        """Return the refusal of who may not log in from here."""
        allowed = await self.attempts.allowed(request, proven.who)
        return replace(allowed, scheme="login") if isinstance(allowed, Rejection) else proven

    def visit(self, request: Request) -> Visitor:
        """Describe whose browser or program it is."""
        outside = outside_browser(request)
        mark = "" if outside is None else browser_mark(outside)
        return Visitor(request.fields.get(b"user-agent", b"").decode("latin-1"), request.peer.address, mark)

    def visiting(self, request: Request) -> str:
        """Return the id of this browser, a new one where it has none yet; ``by_form`` makes it keep that."""
        return visiting(request)

    def session_cookies(self, request: Request, issued: Any) -> list[tuple[bytes, bytes]]:
        """Return what a browser keeps of its session, and removes of the way there."""
        tls, watchword = request.peer.tls, self.watchword
        return [
            cookie(PLAIN_COOKIE, issued.material["cookie"], tls=tls),
            cookie("csrf", watchword.csrf.token_for(issued.credential.id), tls=tls, hidden=False),
            cookie("login", "", tls=tls, age=0),
            *([cookie(_CEREMONY, "", tls=tls, age=0)] if self.ceremony(request) else []),
        ]

    def tokens(self, family: Credential, refresh_token: str | None = None, headers: Headers = ()) -> Response:
        """Return an access token of a family, and its refresh token where there is a new one."""
        access = self.watchword.tokens.for_family(family)
        given = {"token": access.text, "token_type": "Bearer", "expires_in": access.expires_in}
        whole = given if refresh_token is None else {**given, "refresh_token": refresh_token}
        return json_response(200, whole, headers)

    async def asked(self, pending: Pending) -> dict[str, Any]:
        """Return what a program needs to know to answer a challenge."""
        more: dict[str, Any] = {"challenge": pending.handle, "factors": list(pending.factors)}
        draft = await self.watchword.ceremonies.passkey(pending)
        return more if draft is None else {**more, "passkey": draft.handle, "publicKey": draft.options}

    async def _due(self, request: Request, pending: Pending) -> Response:
        enrol = pending.stage is Stage.ENROLMENT_DUE
        rejection = Rejection(ENROLMENT_REQUIRED if enrol else MFA_REQUIRED, scheme="login", credential=pending.login)
        deny = self.refuse(request, rejection)
        return problem_response(deny, (), {} if enrol else await self.asked(pending))

    async def _presented(self, request: Request, subject: str) -> Credential | None:
        """Return the session that came with the login, if it is the same person's; what else came is revoked.

        So nobody keeps one from before (CVE-2022-25896).
        """
        header, found = request.fields.get(b"cookie", b""), None
        for name in (COOKIE, PLAIN_COOKIE):
            value = read_cookie(header, name.encode())
            record = await self.watchword.store.credential_by(digest(value)) if isinstance(value, bytes) else None
            if record is None or record.kind is not Kind.SESSION:
                continue
            if found is None and record.subject == subject and record.refusal(self.watchword.clock()) is None:
                found = record
            else:
                await self.watchword.lifecycle.revoke(record.id, reason="logged in again", by=record.subject)
        return found


def json_of(request: Request) -> dict[str, Any] | Rejection:
    """Return the JSON object, only where the media type says so: no form of another site can (CVE-2021-32677)."""
    if media_type(request) != JSON:
        return Rejection(UNSUPPORTED_MEDIA)
    return json_object(request.body or b"") or Rejection(MALFORMED_REQUEST, "not a JSON object")


def response_of(value: object) -> dict[str, Any]:
    """Return a passkey's answer, an object or its JSON text, {} when it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def cleared(tls: bool) -> list[tuple[bytes, bytes]]:
    """Return what makes a browser forget its session."""
    return [cookie(PLAIN_COOKIE, "", tls=tls, age=0), cookie("csrf", "", tls=tls, age=0, hidden=False)]
