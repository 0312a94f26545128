"""FastAPI: a dependency that says who is calling, and a document that says what each operation accepts."""

# No postponed annotations here: FastAPI reads those of a dependency when it is declared.

import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextvars import ContextVar
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import SecurityScopes
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from watchword.adapters.asgi import MAX_BODY, SCOPE_KEY, TooLarge, ready, request_of, wants_body
from watchword.adapters.openapi import PROBLEM, Requirement, declare, every, refusals
from watchword.adapters.problem import problem
from watchword.assembly import schemes_at
from watchword.codec.oauth.protected_resource import checked_resource
from watchword.gate import Route
from watchword.model.ports import Scheme, Soon
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection, SecurityScheme
from watchword.policy import compile as compile_policy
from watchword.policy import parse
from watchword.routes import Rule

if TYPE_CHECKING:
    from watchword.app import Watchword

__all__ = ["Caller", "Refused", "caller", "install"]

_FRONT: Final = "watchword.front"
_PROOFS: Final = "watchword.proofs"
_KEPT: Final = "watchword.kept"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_HANDLERS: Final = "starlette.exception_handlers"
_proved: ContextVar[dict[str, Principal]] = ContextVar("watchword_proved")


class Refused(Exception):
    """Carry a refusal to where it is rendered. ``deny`` is the gate's decision."""

    def __init__(self, deny: Deny) -> None:
        super().__init__(deny.rejection.reason.title)
        self.deny = deny


class Caller:
    """Say who is calling, or refuse: made by ``caller``, used in ``Depends``."""

    def __init__(self, accept: str, demands: Mapping[str, Any], watchword: "Watchword | None" = None) -> None:
        self.accept = accept
        self._demands = demands
        self.watchword = watchword
        self._routes: WeakKeyDictionary[Watchword, dict[tuple[str, tuple[str, ...]], Route]] = WeakKeyDictionary()
        parse(accept)  # a slip of the pen shows when the module loads; names of schemes are known later

    def __repr__(self) -> str:
        return f"caller({self.accept!r})"

    async def __call__(
        self, connection: HTTPConnection, response: Response, security: SecurityScopes
    ) -> Principal | None:
        """Return who is calling, None only where the policy lets in the public. Raise Refused.

        Scopes that ``Security(…, scopes=[…])`` names on the way here are demanded too.
        """
        scope = connection.scope
        _teach(scope)
        front = self.front(scope)
        request = request_of(scope, front.proxies)
        broken = await ready(front, request)
        if broken is not None:
            raise Refused(broken)
        route = self.route(front, tuple(security.scopes), _place(scope))
        try:
            request.body = await _body(connection, route.needs_body and wants_body(route, request))
        except TooLarge:
            raise Refused(front.gate.refuse(request, Rejection(BODY_TOO_LARGE))) from None
        except ClientDisconnect:
            raise Refused(front.gate.refuse(request, Rejection(MALFORMED_REQUEST, "disconnected"))) from None
        token = _proved.set(scope.setdefault(_PROOFS, {}).setdefault(id(front), {}))
        try:
            decision = await front.gate.decide(request, route)
        finally:
            _proved.reset(token)
        if isinstance(decision, Deny):
            raise Refused(decision)
        for name, value in decision.headers:
            response.headers.append(name.decode("latin-1"), value.decode("latin-1"))
        scope[SCOPE_KEY] = decision.principal
        return decision.principal

    def front(self, scope: Scope) -> "Watchword":
        """Return the Watchword that decides: the argument, the application's, or that of the one it is mounted in."""
        found = self.watchword or getattr(scope["app"].state, "watchword", None) or scope.get(_FRONT)
        if found is None:
            raise RuntimeError("no Watchword here: call install(app, watchword), or give caller(watchword=…)")
        return found

    def route(self, front: "Watchword", scopes: tuple[str, ...] = (), place: str = "") -> Route:
        """Return what is demanded at a place, ``scopes`` besides. Raise PolicyError or LifecycleError."""
        limit = self._demands.get("limit")
        name = f"{place} {limit}" if limit else ""
        routes = self._routes.setdefault(front, {})
        known = routes.get((name, scopes))
        if known is None:
            wanted = tuple(dict.fromkeys((*self._demands.get("scopes", ()), *scopes)))
            plain = front.compile(Rule(name, self.accept, **{**self._demands, "scopes": wanted}))
            resource, ours = self._demands.get("resource", ""), front.schemes
            at = schemes_at(resource, ours, front.parts)
            once = {each: _Once(one, "" if one is ours[each] else resource) for each, one in at.items()}
            known = Route(compile_policy(self.accept, once), plain.before, plain.after, plain.scopes, plain.metadata)
            routes[name, scopes] = known
        return known

    def describe(self, front: "Watchword", scopes: tuple[str, ...] = ()) -> list[Requirement]:
        """Return the OpenAPI security requirements, of which one must be met."""
        route = self.route(front, scopes)
        return route.policy.describe(route.scopes)


def caller(
    accept: str,
    *,
    scopes: Iterable[str] = (),
    limit: str | None = None,
    networks: Iterable[str] = (),
    factors: Iterable[str] = (),
    within: float | None = None,
    resource: str = "",
    watchword: "Watchword | None" = None,
) -> Caller:
    """Return a dependency that lets in who ``accept`` accepts: ``who: Principal = Depends(caller("api-key | jwt"))``.

    ``limit`` such as "600/min" counts each credential on each route; ``networks`` are CIDR texts; ``factors`` and
    ``within`` (seconds) ask for step-up; ``resource`` is the URL of the API: access tokens must be for it, and
    challenges say where its metadata is (RFC 9728). Without ``watchword`` that of ``install`` decides. Several on one
    operation must all be satisfied; each is a decision of its own in the audit. Raise PolicyError for a malformed
    policy.
    """
    lists = {"scopes": tuple(scopes), "networks": tuple(networks), "factors": tuple(factors)}
    demands: dict[str, Any] = {name: texts for name, texts in lists.items() if texts}
    if limit:
        demands["limit"] = limit
    if resource:
        demands["resource"] = checked_resource(resource)
    if within is not None:
        demands["within"] = within
    return Caller(accept, demands, watchword)


def install(app: FastAPI, watchword: "Watchword") -> None:
    """Let ``watchword`` decide for the application's callers: start and stop with it, and describe what it demands.

    Call before the application serves. Every ``caller`` in it is compiled at start, so that a policy that names no
    scheme stops the start, not a request.
    """
    app.state.watchword = watchword
    app.add_middleware(_Installed, watchword=watchword)
    inner, document = app.router.lifespan_context, app.openapi

    @contextlib.asynccontextmanager
    async def lifespan(served: Any) -> AsyncIterator[Any]:
        for operation in iter_route_contexts(app.routes):
            for each, scopes in _callers(getattr(operation, "dependant", None)):
                each.route(each.watchword or watchword, scopes)
        await watchword.start()
        try:
            async with inner(served) as state:
                yield state
        finally:
            await watchword.stop()

    def openapi() -> dict[str, Any]:
        whole = document()
        if whole.get("components", {}).get("schemas", {}).get(PROBLEM) is None:
            _describe(app, watchword, whole)
        return whole

    app.router.lifespan_context = lifespan
    app.openapi = openapi  # type: ignore[method-assign]


class _Installed:
    """Hand the Watchword to mounted applications, and keep a form's bytes, which FastAPI parses before it asks."""

    def __init__(self, app: ASGIApp, watchword: "Watchword") -> None:
        self._app = app
        self._watchword = watchword

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope[_FRONT] = self._watchword
            if scope["type"] == "http" and _is_form(scope):
                kept = scope[_KEPT] = _Kept(receive)
                receive = kept
        await self._app(scope, receive, send)


class _Kept:
    """Pass messages on and keep up to MAX_BODY bytes of their content. ``body`` is None until all of it came."""

    __slots__ = ("_chunks", "_receive", "_size", "body")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._chunks: list[bytes] = []
        self._size = 0
        self.body: bytes | None = None

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            chunk = message.get("body", b"")
            self._size += len(chunk)
            if self._size <= MAX_BODY:
                self._chunks.append(chunk)
            else:
                self._chunks.clear()
            if not message.get("more_body", False) and self._size <= MAX_BODY:
                self.body = b"".join(self._chunks)
        return message

    @property
    def too_large(self) -> bool:
        """Tell whether more came than is kept."""
        return self._size > MAX_BODY


class _Once:
    """Let a scheme verify a request once, however many callers ask: a signature is accepted only once."""

    def __init__(self, scheme: Scheme[Any], resource: str = "") -> None:
        self._scheme = scheme
        self._mark = f"{scheme.name} {resource}"  # what is proved to one API is not proved to another
        self.name = scheme.name
        self.needs_body = scheme.needs_body
        self.read = scheme.read
        self.challenge = scheme.challenge
        self.challenges = getattr(scheme, "challenges", None)  # of those that ask in several ways
        self.describe = scheme.describe

    def verify(self, credential: Any, request: Request) -> Soon[Principal | Rejection]:
        proved = _proved.get()
        known = proved.get(self._mark)
        if known is not None:
            return known
        verdict = self._scheme.verify(credential, request)
        if isawaitable(verdict):
            return self._later(verdict, proved)
        return self._note(verdict, proved)

    async def _later(
        self, verdict: Awaitable[Principal | Rejection], proved: dict[str, Principal]
    ) -> Principal | Rejection:
        return self._note(await verdict, proved)

    def _note(self, verdict: Principal | Rejection, proved: dict[str, Principal]) -> Principal | Rejection:
        if isinstance(verdict, Principal):
            proved[self._mark] = verdict
        return verdict


def _is_form(scope: Scope) -> bool:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return any(kind.decode("latin-1").strip().lower().startswith(_FORMS) for kind in kinds)


async def _body(connection: HTTPConnection, needed: bool) -> bytes | None:
    """Return the content; None where no scheme needs it and nobody read it. Leave it for the application to read.

    Raise TooLarge, ClientDisconnect.
    """
    if not isinstance(connection, HttpRequest):
        return b""  # a WebSocket's opening request has none
    known: bytes | None = getattr(connection, "_body", None)
    kept: _Kept | None = connection.scope.get(_KEPT)
    if known is None and kept is not None:
        if needed and kept.too_large:
            raise TooLarge
        known = kept.body
    if needed and known is None and not connection._stream_consumed:
        chunks, size = [], 0
        async for chunk in connection.stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise TooLarge
            chunks.append(chunk)
        known = connection._body = b"".join(chunks)  # where Request.body() looks first
    if needed and known is not None and len(known) > MAX_BODY:
        raise TooLarge
    return known


def _place(scope: Scope) -> str:
    """Return the methods and the path template of the operation, under which its limit counts."""
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    methods = "+".join(sorted(getattr(route, "methods", None) or ())) or "*"
    return f"{methods} {getattr(route, 'path_format', '')}"


def _teach(scope: Scope) -> None:
    """Make whichever application is being asked, mounted ones too, render refusals as every adapter does."""
    handlers = scope.get(_HANDLERS)
    if handlers is not None:
        handlers[0].setdefault(Refused, _render)


async def _render(connection: HTTPConnection, error: Exception) -> Response | None:
    """Return the problem document; a WebSocket is answered here, before it was accepted."""
    assert isinstance(error, Refused)  # noqa: S101 - registered for nothing else
    status, headers, body = problem(error.deny)
    response = Response(body, status)
    response.raw_headers = headers
    if not isinstance(connection, WebSocket):
        return response
    if "websocket.http.response" in connection.scope.get("extensions", {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(1008)
    return None


def _callers(dependant: Dependant | None) -> list[tuple[Caller, tuple[str, ...]]]:
    """Find the callers among an operation's dependencies, and theirs, with the scopes named on the way to each."""
    found: dict[tuple[int, tuple[str, ...]], tuple[Caller, tuple[str, ...]]] = {}
    waiting = [] if dependant is None else [dependant]
    while waiting:
        each = waiting.pop()
        if isinstance(each.call, Caller):
            named = (*(each.parent_oauth_scopes or ()), *(each.own_oauth_scopes or ()))
            scopes = tuple(dict.fromkeys(named))
            found[id(each.call), scopes] = (each.call, scopes)
        waiting += each.dependencies[::-1]
    return list(found.values())


def _describe(app: FastAPI, watchword: "Watchword", document: dict[str, Any]) -> None:
    """Add to FastAPI's document what each operation's callers demand; what other dependencies demand stays."""
    used: list[Requirement] = []
    schemes: dict[str, SecurityScheme] = {}
    for operation in iter_route_contexts(app.routes):
        callers = _callers(getattr(operation, "dependant", None))
        if not callers:
            continue
        demands, body = [], False
        for each, scopes in callers:
            front = each.watchword or watchword
            schemes |= {name: scheme.describe() for name, scheme in front.schemes.items()}
            demands.append(each.describe(front, scopes))
            body = body or each.route(front, scopes).needs_body
        place = document.get("paths", {}).get(operation.path_format, {})
        for method in operation.methods or ():
            entry = place.get(method.lower())
            if entry is None:
                continue
            others = [entry["security"]] if entry.get("security") else []
            entry["security"] = every([*demands, *others])
            used += entry["security"]
            for status, answer in refusals(body=body).items():
                entry.setdefault("responses", {}).setdefault(status, answer)
    if used:
        declare(document, schemes, used)
