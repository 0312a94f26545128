"""ASGI: wrap the scope for the gate, render its decision blindly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from watchword.adapters.problem import problem
from watchword.codec.forwarded import TrustedProxies
from watchword.gate import Gate, Route
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST, NO_ROUTE
from watchword.model.request import NOT_REPEATED, Peer, Request
from watchword.model.verdict import Allow, Deny, Headers, Principal, Rejection

__all__ = [
    "MAX_BODY",
    "SCOPE_KEY",
    "Front",
    "TooLarge",
    "WatchwordMiddleware",
    "adding",
    "peer_of",
    "principal",
    "read_body",
    "ready",
    "replayed",
    "request_of",
    "send_problem",
    "wants_body",
    "whole",
]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 1024 * 1024
"""Bytes of content that are read to check a signature; a longer one is refused with 413."""

_ENCRYPTED: Final = ("https", "wss")

SCOPE_KEY: Final = "watchword"
"""Where in the ASGI scope the principal is put."""

_STARTS: Final = frozenset({"http.response.start", "websocket.accept"})


class Front(Protocol):
    """Say what an adapter needs of the composition root."""

    gate: Gate
    proxies: TrustedProxies | None
    running: bool

    async def start(self) -> None:
        """Open what needs an event loop."""
        ...

    async def stop(self) -> None:
        """Write what waits and close."""
        ...

    def route(self, accept: str, **demands: Any) -> Route:
        """Compile one route."""
        ...

    def route_for(self, method: str, path: str) -> Route | None:
        """Return the configured route of a place, None where there is none."""
        ...


class TooLarge(Exception):
    """Say that the content is longer than may be read."""


def peer_of(scope: Scope, proxies: TrustedProxies | None) -> Peer:
    """Return who is at the other end: through trusted proxies the address they vouch for."""
    client = scope.get("client")
    address = client[0] if client else ""
    tls = scope.get("scheme") in _ENCRYPTED
    extensions = scope.get("extensions")
    if proxies is not None and proxies.trusts(address):
        address, https, _ = proxies.client(address, scope["headers"])
        return _peer(address, tls if https is None else https)  # a certificate is the proxy's own, not the caller's
    if extensions and "tls" in extensions:
        return Peer(address, tls=tls, certificate=extensions["tls"].get("client_cert_der"))
    return _peer(address, tls)


_PEERS: Final = 4096
_plain: Final[dict[str, Peer]] = {}
_encrypted: Final[dict[str, Peer]] = {}


def _peer(address: str, tls: bool) -> Peer:
    """Return a peer without a certificate: nothing ever changes one, so the requests of an address share it."""
    known = _encrypted if tls else _plain
    peer = known.get(address)
    if peer is None:
        if len(known) >= _PEERS:
            known.clear()
        peer = known[address] = Peer(address, tls=tls)
    return peer


def request_of(scope: Scope, proxies: TrustedProxies | None = None, body: bytes | None = None) -> Request:
    """Return the gate's view of an HTTP or WebSocket scope."""
    request: Request = _Seen()
    try:
        path, client = scope["raw_path"], scope["client"]
        request.method, request.query = scope["method"], scope["query_string"]
        request.headers = headers = scope["headers"]
        request.fields = fields = dict(headers)
    except KeyError:  # a WebSocket has no method; servers may leave the others out
        return _request_of(scope, proxies, body)
    if path is None or len(fields) != len(headers):
        return _request_of(scope, proxies, body)
    request.path, request.body, request.repeated = path, body, NOT_REPEATED
    if proxies is None and client and not scope.get("extensions"):  # as peer_of has it, for most
        address, tls = client[0], scope.get("scheme") in _ENCRYPTED
        request.peer = (_encrypted if tls else _plain).get(address) or _peer(address, tls)
    else:
        request.peer = peer_of(scope, proxies)
    return request


class _Seen(Request):
    """Be a request whose attributes are set one by one: to hand them all to ``__init__`` takes half as long again."""

    __slots__ = ()
    __init__ = object.__init__


def _request_of(scope: Scope, proxies: TrustedProxies | None, body: bytes | None) -> Request:
    get, path = scope.get, scope.get("raw_path")
    if path is None:
        path = scope["path"].encode()
    peer = peer_of(scope, proxies)
    return Request(get("method", "GET"), path, get("query_string", b""), scope["headers"], peer, body)


def wants_body(route: Route, request: Request) -> bool:
    """Return whether the content must be read first: only where what is presented signs it."""
    try:
        return route.policy.reads_body(request)
    except Exception:  # a scheme that breaks here breaks in the gate again, which says so
        return False


async def read_body(receive: Receive, limit: int = MAX_BODY) -> bytes | None:
    """Return the whole content, None when the caller went away. Raise TooLarge beyond ``limit`` bytes."""
    return await _rest_of_body(await receive(), receive, limit)


async def _rest_of_body(message: Message, receive: Receive, limit: int) -> bytes | None:
    """Return the whole content, of which ``message`` is the first."""
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    chunks, size = [body], len(body)
    while message.get("more_body", False):
        if size > limit:
            raise TooLarge
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        chunks.append(chunk)
    if size > limit:
        raise TooLarge
    return b"".join(chunks) if len(chunks) > 1 else body


async def ready(front: Front, request: Request) -> Deny | None:
    """Start where no lifespan did. Return the refusal when that breaks: broken is 503."""
    if front.running:
        return None
    try:
        await front.start()
    except Exception as error:
        return front.gate.broken(request, error)
    return None


def adding(send: Send, headers: Headers) -> Send:
    """Return ``send`` that adds the decision's header fields to the response."""

    async def added(message: Message) -> None:
        if message["type"] in _STARTS:
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return added


async def send_problem(send: Send, deny: Deny) -> None:
    """Send the refusal."""
    status, headers, body = problem(deny)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class WatchwordMiddleware:
    """Let only those requests through to ``app`` that prove who is calling.

    With ``accept`` one policy guards everything; without it the routes of the configuration do, and a place that no
    route names is refused. The principal is in ``scope["watchword"]``.
    """

    def __init__(
        self, app: App, watchword: Front, accept: str | None = None, *, max_body: int = MAX_BODY, **demands: Any
    ) -> None:
        self._app = app
        self._front = watchword
        self._route = None if accept is None else watchword.route(accept, **demands)
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide, then render the refusal or call the application."""
        kind, front = scope["type"], self._front
        if kind == "lifespan":
            await self._app(scope, self._lifespan(receive), send)
            return
        request = request_of(scope, front.proxies)
        broken = None if front.running else await ready(front, request)
        if broken is not None:
            await _refuse(scope, send, broken)
            return
        route = self._route or front.route_for(request.method, scope["path"])
        if route is None:
            await _refuse(scope, send, front.gate.refuse(request, Rejection(NO_ROUTE)))
            return
        if kind == "http" and route.needs_body and wants_body(route, request):
            try:
                message = await receive()
                body = message.get("body")
                if body is None or len(body) > self._max_body or message.get("more_body", False):
                    body = await _rest_of_body(message, receive, self._max_body)
                    message = whole(body)
            except TooLarge:
                await send_problem(send, front.gate.refuse(request, Rejection(BODY_TOO_LARGE)))
                return
            if body is None:
                front.gate.refuse(request, Rejection(MALFORMED_REQUEST, "disconnected"))
                return
            request.body = body
            receive = partial(replayed, [message], receive)
        elif kind == "websocket":
            request.body = b""
        who = front.gate.judge(request, route)
        if type(who) is Principal:
            scope[SCOPE_KEY] = who
            app = self._app
            await app(scope, receive, send)
            return
        decision = await who  # type: ignore[misc]
        if isinstance(decision, Allow):
            scope[SCOPE_KEY] = decision.principal
            await self._app(scope, receive, adding(send, decision.headers) if decision.headers else send)
            return
        await _refuse(scope, send, decision)

    def _lifespan(self, receive: Receive) -> Receive:
        async def wrapped() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._front.start()
            elif message["type"] == "lifespan.shutdown":
                await self._front.stop()
            return message

        return wrapped


async def replayed(read: list[Message], receive: Receive) -> Message:
    """Hand the message whose content was read to judge it to the application, once."""
    return read.pop() if read else await receive()


def whole(body: bytes | None) -> Message:
    """Return the message that holds all of the content."""
    return {"type": "http.request", "body": body, "more_body": False}


async def _refuse(scope: Scope, send: Send, deny: Deny) -> None:
    if scope["type"] == "http":
        await send_problem(send, deny)
        return
    if "websocket.http.response" in scope.get("extensions", {}):
        status, headers, body = problem(deny)
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
        return
    await send({"type": "websocket.close", "code": 1008})


def principal(scope: Scope) -> Principal | None:
    """Return who is calling, as the middleware found it; None on a public route."""
    return scope.get(SCOPE_KEY)
