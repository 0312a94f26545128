"""Forward-auth: tell a gateway whether to let a request through, and who sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from watchword.adapters.asgi import Scope, peer_of
from watchword.adapters.problem import problem
from watchword.app import Watchword
from watchword.assembly import schemes_at
from watchword.codec.forwarded import FORWARDED
from watchword.gate import Route
from watchword.model.reason import MALFORMED_REQUEST, NO_ROUTE, Reason
from watchword.model.request import Peer, Request
from watchword.model.verdict import Allow, Decision, Deny, Principal, Rejection
from watchword.policy import compile as compile_policy
from watchword.routes import RouteTable, Rule
from watchword.schemes.signature import Signature
from watchword.server.config.settings import Settings
from watchword.server.question import ask
from watchword.server.responses import Answer

__all__ = ["ASSERTION", "CHECK", "AtOnce", "Check"]

ASSERTION: Final = "assertion+jwt"
"""The ``typ`` of the signed statement for the service behind: its own, so that it never passes as an access token."""

CHECK: Final = b"/check"
_CONTENT: Final = frozenset({b"content-length", b"expect", b"transfer-encoding"})
_LIFE: Final = 60  # seconds
_REUSED: Final = 20  # seconds that one signed statement is handed out again
_CAPACITY: Final = 8192
_REMEMBERED: Final = 512  # bytes of what a gateway says of a caller, and of a host
_NOBODY: Final = Peer()
_SAFE: Final = "!#$&'()*+,-./:;=?@[]^_`{|}~"  # with letters and digits: visible ASCII without %, quotes, \, < and >
_HEAD: Final = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
AtOnce: TypeAlias = Callable[
    [list[tuple[bytes, bytes]], "Client", str, Mapping[str, Any] | None],
    list[tuple[bytes, bytes]] | Coroutine[Any, Any, Answer] | None,
]
Client: TypeAlias = tuple[str, int] | None
_DIGEST: Final = b"x-watchword-content-sha256"


class Check:
    """Answer ``/check``. With routes configured a place that none names is refused; without, proof is all it asks."""

    def __init__(self, watchword: Watchword, settings: Settings, anyone: Route) -> None:
        self._watchword = watchword
        self._gate = watchword.gate
        self._proxies = watchword.proxies
        self._anyone = anyone
        rules = [entry.rule() for entry in settings.route]
        routes = [(rule, _route(watchword, rule)) for rule in rules]
        self._table = RouteTable(routes) if routes else None
        self._upstream = {id(route) for rule, route in routes if rule.body == "upstream"}
        self._kept = routes  # the ids above stay theirs
        self._peers: dict[tuple[Any, ...], Peer] = {}
        self._said: dict[tuple[int, bytes], tuple[Principal, float, list[tuple[bytes, bytes]]]] = {}

    async def answer(self, scope: Scope, raw: bytes) -> Answer:
        """Return the answer to a request for the raw path ``/check``, or one below it."""
        request = Request(scope["method"], raw, scope["query_string"], scope["headers"], _NOBODY)
        request.peer = self._peer(request, scope["client"], scope["scheme"], scope.get("extensions"))
        route = self._asked(request, raw)
        if not isinstance(route, Route):
            return self._refused(request, *route)
        return self._rendered(request, route, await self._gate.decide(request, route))

    def at_once(
        self, headers: list[tuple[bytes, bytes]], client: Client, scheme: str, tls: Mapping[str, Any] | None
    ) -> list[tuple[bytes, bytes]] | Coroutine[Any, Any, Answer] | None:
        """Answer ``GET /check`` without an event loop's turn: return the fields of a 200 without content.

        None: answer as usual. Whatever has to be waited for, and whatever is refused, comes as a coroutine.
        """
        request = Request("GET", CHECK, b"", headers, _NOBODY)
        if not _CONTENT.isdisjoint(request.fields):
            return None
        request.peer = self._peer(request, client, scheme, None if tls is None else {"tls": tls})
        route = self._asked(request, CHECK)
        if not isinstance(route, Route):
            return None
        who = self._gate.judge(request, route)
        if who.__class__ is not Principal:
            return self._later(request, route, who)  # type: ignore[arg-type]
        if self._upstream and id(route) in self._upstream:
            return self._rendered(request, route, Allow(who))[1]
        return self._fields(who, request.fields.get(b"host", b""))

    async def _later(self, request: Request, route: Route, decision: Awaitable[Decision]) -> Answer:
        return self._rendered(request, route, await decision)

    def _peer(
        self, request: Request, client: Client, scheme: str, extensions: Mapping[str, Mapping[str, Any]] | None
    ) -> Peer:
        """Return the caller. What a gateway says of one recurs; fields that came twice are read one by one."""
        fields = request.fields
        if self._proxies is not None and client is not None and len(fields) == len(request.headers):
            said: tuple[Any, ...] = (client[0], scheme, *map(fields.get, FORWARDED))
            peer = self._peers.get(said)
            if peer is not None:
                return peer
        else:
            said = ()
        scope = {"client": client, "scheme": scheme, "headers": request.headers, "extensions": extensions}
        peer = peer_of(scope, self._proxies)
        if said and peer.certificate is None and "tls" not in (extensions or ()) and _short(said):
            if len(self._peers) >= _CAPACITY:
                self._peers.clear()
            self._peers[said] = peer
        return peer

    def _asked(self, request: Request, raw: bytes) -> Route | tuple[Reason, str]:
        """Return the route of what is asked about, or why there is none."""
        table = self._table
        target = ask(request, raw, CHECK, strict=table is not None)
        if isinstance(target, str):
            return MALFORMED_REQUEST, target
        route = self._anyone if table is None else table.find(request.method, target.decoded)
        return route or (NO_ROUTE, "")

    def _rendered(self, request: Request, route: Route, decision: Decision) -> Answer:
        if isinstance(decision, Deny):
            return problem(decision)
        fields = self._fields(decision.principal, request.fields.get(b"host", b""))
        if decision.headers or id(route) in self._upstream:
            digest = [(_DIGEST, _digest(decision.principal, request))] if id(route) in self._upstream else []
            return 200, [*fields, *decision.headers, *digest], b""
        return 200, fields, b""

    def _refused(self, request: Request, reason: Reason, detail: str) -> Answer:
        return problem(self._gate.refuse(request, Rejection(reason, detail)))

    def _fields(self, who: Principal | None, host: bytes) -> list[tuple[bytes, bytes]]:
        """Return what the service behind learns; all fields are always there, so that none of a caller's survives."""
        if who is None:
            return [*_HEAD, *((b"x-watchword-" + name, b"") for name in _NAMES)]
        key, now = (id(who), host), self._watchword.clock()
        said = self._said.get(key)
        if said is not None and said[0] is who and said[1] - _REUSED <= now < said[1]:
            return said[2]
        values = (*_stated(who), self._assertion(who, host.lower(), int(now)))
        fields = [*_HEAD, *((b"x-watchword-" + name, value) for name, value in zip(_NAMES, values, strict=True))]
        if len(host) <= _REMEMBERED:  # a caller may send any number of long ones
            if len(self._said) >= _CAPACITY and key not in self._said:
                del self._said[next(iter(self._said))]
            self._said[key] = (who, now + _REUSED, fields)
        return fields

    def _assertion(self, who: Principal, host: bytes, now: int) -> bytes:
        claims = {
            "iss": self._watchword.issuer,
            "sub": who.subject,
            "aud": host.decode("latin-1"),
            "iat": now,
            "exp": now + _LIFE,
            "scheme": who.scheme,
            "scope": " ".join(sorted(who.scopes)),
            "credential": who.credential,
            "auth_time": who.authenticated_at,
            "amr": list(who.factors),
        }
        if who.actor is not None:
            claims["act"] = {"sub": who.actor}
        return self._watchword.keys.signing_key().sign(claims, ASSERTION).encode("ascii")


def _short(said: tuple[Any, ...]) -> bool:
    return sum(len(text) for text in said if text is not None) <= _REMEMBERED


_NAMES: Final = (b"subject", b"scheme", b"scopes", b"credential", b"actor", b"assertion")


def _stated(who: Principal) -> tuple[bytes, ...]:
    scopes = " ".join(_visible(scope) for scope in sorted(who.scopes)).encode("ascii")
    plain = (who.subject, who.scheme), (who.credential, who.actor or "")
    (subject, scheme), (credential, actor) = ([_visible(text).encode("ascii") for text in pair] for pair in plain)
    return subject, scheme, scopes, credential, actor


def _visible(text: str) -> str:
    """Return the text in visible ASCII, all else percent-encoded UTF-8: no value can end its field."""
    return quote(text, safe=_SAFE, errors="replace")


def _digest(who: Principal | None, request: Request) -> bytes:
    """Return the digest that the signature covered; the service behind compares it with the content."""
    return request.fields.get(b"x-content-sha256", b"") if who is not None and "hmac" in who.scheme else b""


def _route(watchword: Watchword, rule: Rule) -> Route:
    """Return the rule's route; with ``body = "upstream"`` signatures stand on the digest that the caller states."""
    route = watchword.compile(rule)
    if rule.body != "upstream" or "hmac" not in route.policy.schemes:
        return route
    parts = watchword.parts
    unseen = Signature(
        parts.records,
        parts.ephemeral,
        parts.verdicts,
        parts.sealer,
        upstream_body=True,
        realm=parts.realm,
        clock=parts.clock,
    )
    schemes = schemes_at(rule.resource, watchword.schemes, parts)
    return replace(route, policy=compile_policy(rule.accept, {**schemes, "hmac": unseen}))
