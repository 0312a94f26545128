"""Read what people send and answer in kind: forms get pages, JSON gets JSON; both pass the same guards."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.codec.secrets import digest
from watchword.codec.strict import json_object
from watchword.lifecycle.people.account.replacement import Fault
from watchword.lifecycle.people.account.resets import SPENT
from watchword.lifecycle.people.accounts import LOCALES
from watchword.lifecycle.values import rate_of
from watchword.model.ports import Allowance
from watchword.model.reason import (
    CROSS_SITE,
    CSRF_MISMATCH,
    CSRF_MISSING,
    INVALID_FIELDS,
    MALFORMED_REQUEST,
    NOT_FOUND,
    OVERLOADED,
    PASSWORD_OVER_PLAINTEXT,
    RATE_LIMITED,
    SPENT_LINK,
    UNSUPPORTED_MEDIA,
)
from watchword.model.request import Request
from watchword.model.verdict import Deny, Headers, Principal, Rejection
from watchword.server.config.settings import Settings
from watchword.server.forms import FORM, JSON, form_of, media_type
from watchword.server.login.attempts import confidential, network_of
from watchword.server.login.entry import read_request
from watchword.server.pages.rendering import Pages
from watchword.server.responses import json_response, problem_answer, problem_response, refusal
from watchword.server.visitor import forged, kept, visiting, visitor_of

__all__ = ["Visit", "Visits", "browser_of", "faulty", "locale_of"]

_MESSAGES: Final = {
    400: "The link was used already, or is too old.",
    403: "The form was too old or came from another site. Try again.",
    422: "Please correct what is marked.",
    429: "Too many attempts. Wait a while, then try again.",
    503: "The service is busy. Try again in a moment.",
}
_STALE: Final = (CROSS_SITE, CSRF_MISMATCH, CSRF_MISSING)


@dataclass(frozen=True, slots=True)
class Visit:
    """Hold what came with a request: ``fields`` of its form or JSON, and how to answer."""

    request: Request
    page: str
    json: bool
    fields: Mapping[str, str] = field(repr=False)
    who: Principal | None = None

    def text(self, name: str) -> str:
        """Return a field, "" where it is missing."""
        return self.fields.get(name, "")


class Visits:
    """Read requests to the pages of people, and answer them."""

    def __init__(self, watchword: Watchword, settings: Settings, pages: Pages) -> None:
        self._watchword = watchword
        self._pages = pages
        self._front = watchword.route("public")
        self._rate = rate_of(settings.accounts.limit) if settings.accounts.limit else None
        self._plaintext = settings.passwords.plaintext

    # --- reading ------------------------------------------------------------------------------------------------------

    async def shown(self, http: HttpRequest, page: str) -> Visit | Response:
        """Take a GET for a page; its query is what ``fields`` holds."""
        request = request_of(http.scope, self._watchword.proxies)
        refused = await self._watchword.gate.screen(request, self._front)
        if refused is not None:
            return problem_response(refused)
        return Visit(request, page, False, dict(http.query_params))

    async def posted(self, http: HttpRequest, page: str, *, metered: bool = False) -> Visit | Response:
        """Take a POST by somebody unknown; ``metered``: only so many from one address."""
        request, unusable = await read_request(http, self._watchword)
        refused = None if unusable is None else self._watchword.gate.refuse(request, unusable)
        refused = refused or await self._watchword.gate.screen(request, self._front)
        if refused is not None:
            return problem_response(refused)
        visit = self.parsed(request, page)
        if isinstance(visit, Response):
            return visit
        rejected = None if visit.json else forged(request, self._watchword.csrf)
        if rejected is None and not (self._plaintext or confidential(request.peer)):
            rejected = Rejection(PASSWORD_OVER_PLAINTEXT)
        if rejected is None and metered:
            rejected = await self.metered(request)
        return visit if rejected is None else self.refuse(visit, rejected)

    def parsed(self, request: Request, page: str, who: Principal | None = None) -> Visit | Response:
        """Read the form or the JSON object, whose values must be texts."""
        kind = media_type(request)
        found: dict[str, Any] | Rejection = Rejection(UNSUPPORTED_MEDIA)
        if kind == FORM:
            found = form_of(request)
        elif kind == JSON:
            value = json_object(request.body or b"")
            found = Rejection(MALFORMED_REQUEST, "not a JSON object") if value is None else value
        if isinstance(found, dict) and not all(isinstance(value, str) for value in found.values()):
            found = Rejection(MALFORMED_REQUEST, "a value is no text")
        if isinstance(found, Rejection):
            return problem_response(self._watchword.gate.refuse(request, found))
        return Visit(request, page, kind == JSON, found, who)

    async def metered(self, request: Request) -> Rejection | None:
        """Count what one address asks for."""
        if self._rate is None:
            return None
        answer = self._watchword.meter.hit(f"accounts|{network_of(request.peer.address)}", 1, self._rate)
        allowance = answer if isinstance(answer, Allowance) else await answer
        if allowance.admitted:
            return None
        wait = max(1, math.ceil(allowance.retry_after))
        return Rejection(RATE_LIMITED, "accounts", ((b"retry-after", b"%d" % wait),))

    # --- answering ----------------------------------------------------------------------------------------------------

    def page(
        self, visit: Visit, status: int = 200, headers: Headers = (), *, page: str = "", **values: Any
    ) -> Response:
        """Return the visit's page, its form bound to this browser, or to the session of who is logged in."""
        request, who = visit.request, visit.who
        visitor = visiting(request)
        token = self._watchword.csrf.token_for(visitor if who is None else who.credential)
        fields = [*headers, kept(visitor, request)]
        shown: dict[str, Any] = {"faults": {}, "message": None, "csrf_token": token, "fields": visit.fields}
        return self._pages.page(page or visit.page, status, fields, **{**shown, **values})

    def done(self, visit: Visit, status: int, value: Mapping[str, Any], page: str, **values: Any) -> Response:
        """Say that something was done: JSON with ``status``, or a page."""
        if visit.json:
            return json_response(status, value)
        shown = {name: each for name, each in value.items() if name != "status"}
        return self.page(visit, page=page, **{**shown, **values})

    def refuse(self, visit: Visit, rejection: Rejection, **values: Any) -> Response:
        """Refuse: a problem document, or the page again, saying why."""
        deny = self._watchword.gate.refuse(visit.request, rejection)
        if visit.json:
            return problem_response(deny)
        status = deny.rejection.reason.status
        return self.page(
            visit, status, deny.headers, message=_MESSAGES.get(status, deny.rejection.reason.title), **values
        )

    def faulty(self, visit: Visit, faults: Sequence[Fault], **values: Any) -> Response:
        """Say what is wrong with the fields."""
        reason = SPENT_LINK if SPENT in faults else INVALID_FIELDS
        deny = self._watchword.gate.refuse(visit.request, Rejection(reason, " ".join(each.code for each in faults)))
        if visit.json:
            return faulty(deny, () if reason is SPENT_LINK else faults)
        if reason is SPENT_LINK:
            return self.page(visit, reason.status, page="account/spent.html")
        shown = {each.field: each.text for each in reversed(faults)}
        return self.page(visit, reason.status, message=_MESSAGES[reason.status], faults=shown, **values)

    def denied(self, visit: Visit, deny: Deny, back: str) -> Response:
        """Tell a person that they may not, and what they can do."""
        reason = deny.rejection.reason
        known = reason in _STALE or reason.status in (429, 503)
        message = _MESSAGES[reason.status] if known else "That is not possible here."
        return self.page(visit, reason.status, deny.headers, message=message, back=back, reference=deny.reference)

    def overloaded(self, visit: Visit) -> Response:
        """Say that too much is under way."""
        return self.refuse(visit, Rejection(OVERLOADED, "letters", ((b"retry-after", b"5"),)))

    def nothing_here(self) -> Response:
        """Say that there is no such page, because the settings want none."""
        return problem_response(refusal(NOT_FOUND))


def faulty(deny: Deny, faults: Sequence[Fault]) -> Response:
    """Return a problem document that lists the fields in ``errors``."""
    status, headers, body = problem_answer(deny)
    value = json.loads(body)
    if faults:
        value["errors"] = [each._asdict() for each in faults]
    body = json.dumps(value, separators=(",", ":")).encode()
    response = Response(body, status)
    kept = [each for each in headers if each[0] != b"content-length"]
    response.raw_headers = [*kept, (b"content-length", b"%d" % len(body))]
    return response


def browser_of(request: Request) -> str:
    """Return a digest by which this browser is known again, "" for a program or a browser without cookies."""
    visitor = visitor_of(request)
    return "" if visitor is None else digest(visitor).hex()


def locale_of(request: Request) -> str:
    """Return the first language of Accept-Language that we have, "" for none (RFC 9110 section 12.5.4)."""
    for part in request.fields.get(b"accept-language", b"").decode("latin-1").split(","):
        language = part.partition(";")[0].strip().partition("-")[0].lower()
        if language in LOCALES:
            return language
    return ""
