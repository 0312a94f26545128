"""MCP: make a server of the official SDK a protected resource (Model Context Protocol 2026-07-28, RFC 9728)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from watchword.adapters.asgi import (
    SCOPE_KEY,
    App,
    Receive,
    Scope,
    Send,
    TooLarge,
    WatchwordMiddleware,
    read_body,
    replayed,
    request_of,
    send_problem,
    whole,
)
from watchword.codec.oauth.protected_resource import checked_resource, metadata_url, origin_of
from watchword.codec.strict import json_object
from watchword.model.reason import (
    BODY_TOO_LARGE,
    INSUFFICIENT_SCOPE,
    MALFORMED_REQUEST,
    METHOD_NOT_ALLOWED,
    NO_CREDENTIAL,
)
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Deny, Principal, Rejection

if TYPE_CHECKING:
    from watchword.app import Watchword

__all__ = ["MAX_MESSAGE", "Protected", "caller", "protect"]

MAX_MESSAGE: Final = 4 * 1024 * 1024
"""Bytes of a message that are read where tools have scopes of their own: as many as the SDK takes."""

_READ: Final = ("GET", "HEAD")
_SECRET: Final = frozenset({b"authorization", b"cookie", b"dpop", b"x-api-key"})  # what proved the caller
_FRESH: Final = (b"cache-control", b"public, max-age=300")
_ANY_ORIGIN: Final = (b"access-control-allow-origin", b"*")  # public, and asked for without credentials


def protect(
    server: MCPServer | Server[Any] | App,
    watchword: Watchword,
    *,
    resource: str,
    scopes: Iterable[str] = (),
    tools: Mapping[str, Iterable[str]] | None = None,
    title: str = "",
    accept: str = "oauth2",
    authorization_servers: Iterable[str] = (),
    limit: str = "",
    **options: Any,
) -> Protected:
    """Return an ASGI application that lets in who has an access token for ``resource``, the server's own URL.

    ``title`` names it for people; ``scopes`` are demanded of every request, ``tools`` says which tools demand more,
    such as ``{"cancel_order": ["orders:write"]}``. ``accept`` is a policy as anywhere; ``limit`` such as "600/min"
    counts each credential. ``authorization_servers`` are who gives out tokens: by default the outside issuers that
    ``watchword`` trusts, or else itself. ``options`` go to the SDK's ``streamable_http_app``; an application that is
    made already is taken as it is. Raise ValueError for a resource that is no URL, PolicyError for a malformed policy.
    """
    place = checked_resource(resource)
    known = tuple(authorization_servers) or tuple(watchword.parts.issuers) or (watchword.issuer,)
    wanted = {tool: tuple(each) for tool, each in (tools or {}).items()}
    every = dict.fromkeys((*scopes, *(scope for each in wanted.values() for scope in each)))
    metadata = {
        "resource": place,
        "authorization_servers": list(known),
        "scopes_supported": list(every),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(watchword.parts.dpop_algorithms),
        **({"resource_name": title} if title else {}),
    }
    app = _served(server, place, options) if isinstance(server, MCPServer | Server) else server
    named = _Named(AuthContextMiddleware(app), watchword, place, tuple(scopes), wanted)
    demands: dict[str, Any] = {"scopes": tuple(scopes), "resource": place, "limit": limit}
    return Protected(WatchwordMiddleware(named, watchword, accept, **demands), place, metadata)


def _served(server: MCPServer | Server[Any], place: str, options: dict[str, Any]) -> App:
    """Return the SDK's application at the path of the resource, for its host alone (DNS rebinding)."""
    origin = origin_of(place)
    host = origin.partition("//")[2]
    guarded = TransportSecuritySettings(allowed_hosts=[host], allowed_origins=[origin])
    path = unquote(place[len(origin) :].partition("?")[0]) or "/"
    return server.streamable_http_app(**{"streamable_http_path": path, "transport_security": guarded, **options})


def caller(context: Context[Any, Any] | ServerRequestContext[Any, Any]) -> Principal:
    """Return who is calling the tool that got this ``context``. Raise LookupError where nobody was asked."""
    request = (context.request_context if isinstance(context, Context) else context).request
    who = None if request is None else request.scope.get(SCOPE_KEY)
    if who.__class__ is not Principal:
        raise LookupError("nobody was asked who is calling: serve the application that protect() returns")
    found: Principal = who
    return found


class Protected:
    """Answer for the metadata of the resource, and hand everything else to the gate. Made by ``protect``."""

    def __init__(self, guarded: App, resource: str, metadata: Mapping[str, Any]) -> None:
        self._guarded = guarded
        self._body = json.dumps(metadata, separators=(",", ":")).encode()
        self.metadata_url: str = metadata_url(resource)
        self._path = unquote(self.metadata_url[len(origin_of(resource)) :].partition("?")[0])  # as ASGI has paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event of ASGI."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._guarded(scope, receive, send)
            return
        if scope["method"] not in _READ:
            status, body, headers = METHOD_NOT_ALLOWED.status, b"", [(b"allow", b"GET, HEAD")]
        else:
            status, body = 200, self._body
            headers = [(b"content-type", b"application/json"), _FRESH, _ANY_ORIGIN]
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Named:
    """Tell the SDK who is calling, so that a session belongs to who began it; ask tools for their scopes.

    The SDK gets no token, and neither do tools, which see the request: what has none cannot pass one on.
    """

    def __init__(
        self, app: App, watchword: Watchword, resource: str, scopes: tuple[str, ...], tools: dict[str, tuple[str, ...]]
    ) -> None:
        self._app = app
        self._watchword = watchword
        self._resource = resource
        self._scopes = scopes
        self._tools = tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        who = scope.get(SCOPE_KEY)
        if scope["type"] == "http" and self._tools and scope["method"] == "POST":
            read = await self._judged(scope, receive, who)
            if isinstance(read, Deny):
                await send_problem(send, read)
                return
            if read is None:
                return
            receive = partial(replayed, [whole(read)], receive)
        inner = {**scope, "headers": [each for each in scope["headers"] if each[0] not in _SECRET]}
        if who is not None:
            inner["user"] = AuthenticatedUser(_token(who, self._resource))
        await self._app(inner, receive, send)

    async def _judged(self, scope: Scope, receive: Receive, who: Principal | None) -> bytes | Deny | None:
        """Return the message if the caller may have the tool that it calls, None when they went away."""
        gate, request = self._watchword.gate, request_of(scope, self._watchword.proxies)
        try:
            body = await read_body(receive, MAX_MESSAGE)
        except TooLarge:
            return gate.refuse(request, Rejection(BODY_TOO_LARGE))
        if body is None:
            return None
        message = json_object(body)
        if message is None:  # the SDK might read another message in it than was judged
            return gate.refuse(request, Rejection(MALFORMED_REQUEST, "message"))
        wanted = self._tools.get(_tool(message), ())
        missing = [scope for scope in wanted if who is None or scope not in who.scopes]
        if not missing:
            return body
        named = " ".join(missing)
        if who is None:  # the policy lets in the public, but not to this tool
            rejection = Rejection(NO_CREDENTIAL, named)
        else:
            rejection = Rejection(INSUFFICIENT_SCOPE, named, scheme=who.scheme, credential=who.credential)
        return replace(gate.refuse(request, rejection), challenges=(self._challenge(request, rejection, wanted),))

    def _challenge(self, request: Request, rejection: Rejection, wanted: tuple[str, ...]) -> Challenge:
        bound = request.fields.get(b"authorization", b"")[:5].lower() == b"dpop "  # RFC 9449 section 7.1
        error = (("error", rejection.reason.error),) if rejection.reason.error else ()
        scopes = ("scope", " ".join(dict.fromkeys((*self._scopes, *wanted))))
        place = ("resource_metadata", metadata_url(self._resource))
        return Challenge("DPoP" if bound else "Bearer", (("realm", self._watchword.realm), *error, scopes, place))


def _tool(message: Mapping[str, Any]) -> str:
    """Return the name of the tool that a JSON-RPC message calls, "" for anything else."""
    params = message.get("params")
    name = params.get("name") if message.get("method") == "tools/call" and isinstance(params, dict) else ""
    return name if isinstance(name, str) else ""


def _token(who: Principal, resource: str) -> AccessToken:
    claims = {"iss": who.claims["iss"]} if isinstance(who.claims.get("iss"), str) else {}
    client = who.actor or who.credential
    scopes = sorted(who.scopes)
    return AccessToken(token="", client_id=client, scopes=scopes, resource=resource, subject=who.subject, claims=claims)
