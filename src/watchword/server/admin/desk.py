"""What every part of the admin API shares: who may, what was sent, how refusals read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.app import Watchword
from watchword.codec.strict import json_object
from watchword.gate import Route
from watchword.lifecycle.clients.book import ClientChanged, ClientUnknown
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.bounding import CredentialChanged
from watchword.lifecycle.operations.rights import lacking
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
from watchword.model.verdict import Deny, Headers, Rejection
from watchword.routes import Rule
from watchword.server.admin.anew import Anew
from watchword.server.admin.operation import Asked, Operation
from watchword.server.admin.repeats import Repeats
from watchword.server.config.settings import Settings
from watchword.server.forms import JSON, media_type
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response
from watchword.sync import run_sync

__all__ = ["AdminDesk", "Missing"]

_PLACE: Final = "/admin/v1"
_NAME: Final = re.compile(r"[A-Za-z_.-]{1,40}")
_MERGE: Final = "application/merge-patch+json"

T = TypeVar("T")


class Missing(LifecycleError):
    """Say that what a request names is not there."""


class AdminDesk:
    """Judge who asks by the policy of ``[admin]`` and the scope of the operation, then do it."""

    def __init__(self, watchword: Watchword, settings: Settings) -> None:
        self._watchword = watchword
        self._settings = settings.admin
        self.accept: str = settings.admin.accept
        self._repeats = Repeats(watchword.store, watchword.sealer, watchword.clock)
        self._routes: dict[tuple[str, bool], Route] = {}

    def route(self, scope: str, *, anew: bool = False) -> Route:
        """Return what is demanded of who does something with this scope."""
        if (scope, anew) not in self._routes:
            admin, watchword = self._settings, self._watchword
            rule = Rule(_PLACE, admin.accept, scopes=(scope,), limit=admin.limit, networks=tuple(admin.networks))
            route = watchword.compile(rule)
            if anew:
                guard = Anew(float(admin.within), watchword.factors, watchword.clock)
                route = replace(route, after=(*route.after, guard))
            self._routes[scope, anew] = route
        return self._routes[scope, anew]

    def endpoint(self, operation: Operation) -> Callable[[HttpRequest], Awaitable[Response]]:
        """Return what answers requests for an operation."""
        route = self.route(operation.scope, anew=operation.anew)

        async def answer(http: HttpRequest) -> Response:
            request, unusable = await read_request(http, self._watchword)
            decision = unusable or await self._watchword.gate.decide(request, route)
            if isinstance(decision, Rejection):
                return self.refused(request, decision.reason, decision.detail)
            if isinstance(decision, Deny):
                return problem_response(decision)
            if decision.principal is None:  # "public" lets nobody administer
                return self.refused(request, INSUFFICIENT_SCOPE)
            sent = _sent(request, operation.most) if operation.body else {}
            if isinstance(sent, Reason):
                return self.refused(request, sent)
            response = await self._done(Asked(http, request, decision.principal, sent), operation)
            response.raw_headers += decision.headers
            return response

        return answer

    async def _done(self, asked: Asked, operation: Operation) -> Response:
        async def act() -> Response:
            return await operation.act(asked)

        try:
            return await (self._repeats.answer(asked.request, asked.who, act) if operation.repeats else act())
        except FieldError as error:
            fault = {"field": error.field, "text": str(error), "hint": error.hint}
            named = error.field if _NAME.fullmatch(error.field) else ""  # what callers call a field may be anything
            return self.refused(asked.request, INVALID_FIELDS, named, {"errors": [fault]})
        except (ClientUnknown, Missing):
            return self.refused(asked.request, NOT_FOUND)
        except (ClientChanged, CredentialChanged):
            return self.refused(asked.request, PRECONDITION_FAILED)
        except LifecycleError as error:
            return self.refused(asked.request, CONFLICT, "", {"detail": str(error), "hint": error.hint})

    async def aside(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what reads very much where nobody waits for it: in a thread, where the store answers inline."""
        return await (run_in_threadpool(run_sync, work) if self._watchword.store.inline else work)

    def held(self, asked: Asked, scopes: Iterable[str]) -> Response | None:
        """Return the refusal of who would give away, or take over, a right to administer that they do not hold."""
        missing = " ".join(sorted(lacking(asked.who.scopes, scopes)))
        more = {"detail": f"this asks for rights that you lack: {missing}"}
        return self.refused(asked.request, INSUFFICIENT_SCOPE, missing, more) if missing else None

    def stale(self, asked: Asked, version: str) -> Response | None:
        """Return the refusal of who acts on a version that is not there any more."""
        return None if asked.means(version) else self.refused(asked.request, PRECONDITION_FAILED)

    def refused(
        self, request: Request, reason: Reason, detail: str = "", more: Mapping[str, Any] | None = None
    ) -> Response:
        """Return a problem document, and have it in the audit."""
        return problem_response(self._watchword.gate.refuse(request, Rejection(reason, detail)), (), more)

    def answer(
        self,
        value: Mapping[str, Any],
        status: int = 200,
        version: str = "",
        place: str = "",
        headers: Headers = (),
    ) -> Response:
        """Return JSON with its version as ``ETag``, and where it is."""
        fields = [(b"etag", b'"%s"' % version.encode())] if version else []
        fields += [(b"location", place.encode())] if place else []
        return json_response(status, value, [*fields, *headers])


def _sent(request: Request, most: int) -> dict[str, Any] | Reason:
    if len(request.body or b"") > most:
        return BODY_TOO_LARGE
    if not request.body:
        return {}
    if media_type(request) not in (JSON, _MERGE):  # a form could come from another site (CVE-2021-32677)
        return UNSUPPORTED_MEDIA
    sent = json_object(request.body)
    return MALFORMED_REQUEST if sent is None else sent
