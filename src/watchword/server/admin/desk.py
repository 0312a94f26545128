"""What every part of the admin API shares: who may, what was sent, how refusals read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.app import Watchword
from watchword.codec.strict import json_object
from watchword.gate import Route
from watchword.lifecycle.clients.book import ClientChanged, ClientUnknown
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.model.reason import (
    BODY_TOO_LARGE,
    CONFLICT,
    INSUFFICIENT_SCOPE,
    INVALID_FIELDS,
    MALFORMED_REQUEST,
    NOT_FOUND,
    PRECONDITION_FAILED,
    UNSUPPORTED_MEDIA,
    Reason,
)
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.config.settings import Settings
from watchword.server.forms import JSON, media_type
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response

__all__ = ["ADMIN", "Act", "AdminDesk", "Asked"]

ADMIN: Final = "admin:"
"""How scopes of the admin API begin: only who holds one gives it to others."""

_MOST_BYTES: Final = 16_384
_TAGS: Final = re.compile(r'"([^"]*)"')  # weak ones, too: whoever compresses answers on the way makes them so
_MERGE: Final = "application/merge-patch+json"


class Asked:
    """Hold a request that may do what it asks: who sent it, and the JSON that came with it."""

    __slots__ = ("body", "http", "request", "who")

    def __init__(self, http: HttpRequest, request: Request, who: Principal, body: dict[str, Any]) -> None:
        self.http: HttpRequest = http
        self.request: Request = request
        self.who: Principal = who
        self.body: dict[str, Any] = body

    def means(self, version: str) -> bool:
        """Return whether ``If-Match`` names this version, or any (RFC 9110 section 13.1.1)."""
        value = self.request.fields.get(b"if-match", b"*").decode("latin-1").strip()
        return value == "*" or version in (_TAGS.findall(value) or [value])


Act: TypeAlias = Callable[[Asked], Awaitable[Response]]


class AdminDesk:
    """Judge who asks by the policy of ``[admin]`` and the scope of the act, then do it."""

    def __init__(self, watchword: Watchword, settings: Settings) -> None:
        self._watchword = watchword
        self.accept: str = settings.admin.accept
        self._routes: dict[str, Route] = {}

    def endpoint(self, scope: str, act: Act, *, body: bool = False) -> Callable[[HttpRequest], Awaitable[Response]]:
        """Return what answers requests for ``act``, to who has ``scope``; with ``body`` they carry JSON."""
        route = self._routes.setdefault(scope, self._watchword.route(self.accept, scopes=(scope,)))

        async def answer(http: HttpRequest) -> Response:
            request, unusable = await read_request(http, self._watchword)
            decision = unusable or await self._watchword.gate.decide(request, route)
            if isinstance(decision, Rejection):
                return self.refused(request, decision.reason, decision.detail)
            if isinstance(decision, Deny):
                return problem_response(decision)
            if decision.principal is None:  # "public" lets nobody administer
                return self.refused(request, INSUFFICIENT_SCOPE)
            sent = _sent(request) if body else {}
            if isinstance(sent, Reason):
                return self.refused(request, sent)
            return await self._done(Asked(http, request, decision.principal, sent), act)

        return answer

    async def _done(self, asked: Asked, act: Act) -> Response:
        try:
            return await act(asked)
        except FieldError as error:
            fault = {"field": error.field, "text": str(error), "hint": error.hint}
            return self.refused(asked.request, INVALID_FIELDS, error.field, {"errors": [fault]})
        except ClientUnknown:
            return self.refused(asked.request, NOT_FOUND)
        except ClientChanged:
            return self.refused(asked.request, PRECONDITION_FAILED)
        except LifecycleError as error:
            return self.refused(asked.request, CONFLICT, "", {"detail": str(error), "hint": error.hint})

    def held(self, asked: Asked, scopes: Iterable[str]) -> Response | None:
        """Return the refusal of who would give away, or take over, a right to administer that they do not hold."""
        missing = {scope for scope in scopes if scope.startswith(ADMIN)} - asked.who.scopes
        return self.refused(asked.request, INSUFFICIENT_SCOPE, " ".join(sorted(missing))) if missing else None

    def refused(
        self, request: Request, reason: Reason, detail: str = "", more: Mapping[str, Any] | None = None
    ) -> Response:
        """Return a problem document, and have it in the audit."""
        return problem_response(self._watchword.gate.refuse(request, Rejection(reason, detail)), (), more)

    def answer(self, value: Mapping[str, Any], status: int = 200, version: str = "", place: str = "") -> Response:
        """Return JSON with its version as ``ETag``, and where it is."""
        headers = [(b"etag", b'"%s"' % version.encode())] if version else []
        headers += [(b"location", place.encode())] if place else []
        return json_response(status, value, headers)


def _sent(request: Request) -> dict[str, Any] | Reason:
    if len(request.body or b"") > _MOST_BYTES:
        return BODY_TOO_LARGE
    if not request.body:
        return {}
    if media_type(request) not in (JSON, _MERGE):  # a form could come from another site (CVE-2021-32677)
        return UNSUPPORTED_MEDIA
    sent = json_object(request.body)
    return MALFORMED_REQUEST if sent is None else sent
