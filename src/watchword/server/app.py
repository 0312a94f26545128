"""Answer HTTP: hot endpoints from the raw scope, everything else through Starlette, no error ever as it is."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Match, Router
from starlette.routing import Route as HttpRoute

from watchword.adapters.asgi import Message, Receive, Scope, Send, TooLarge, peer_of, read_body, request_of
from watchword.app import Watchword
from watchword.gate import Route
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND
from watchword.model.verdict import Allow, Deny, Principal, Rejection
from watchword.server.account.endpoints import account_endpoints
from watchword.server.account.mail import Send as SendMail
from watchword.server.account.post import Post
from watchword.server.admin.endpoints import admin_endpoints
from watchword.server.check import CHECK, AtOnce, Check
from watchword.server.config.settings import Settings
from watchword.server.console.endpoints import console_endpoints
from watchword.server.leaks.github import github_leaks
from watchword.server.login.attempts import Attempts
from watchword.server.login.enrol import Enrolment
from watchword.server.login.entrance import Entrance
from watchword.server.login.entry import Login
from watchword.server.login.mfa import SecondFactor
from watchword.server.login.outside import Outside
from watchword.server.login.outside_logout import OutsideLogout
from watchword.server.login.passkey import PasskeyLogin
from watchword.server.login.step_up import StepUpLogin
from watchword.server.metrics.endpoint import Metrics
from watchword.server.metrics.otel import begin as begin_telemetry
from watchword.server.oauth.authentication import ClientDesk
from watchword.server.oauth.authorize import Authorize
from watchword.server.oauth.cross_origin import CrossOrigin, from_a_script
from watchword.server.oauth.devices.endpoint import DeviceEndpoint
from watchword.server.oauth.discovery import Discovery
from watchword.server.oauth.introspect import Introspect
from watchword.server.oauth.openid.logout import Logout
from watchword.server.oauth.openid.telling import Telling
from watchword.server.oauth.openid.userinfo import Userinfo
from watchword.server.oauth.par import PushedRequests
from watchword.server.oauth.register import Register
from watchword.server.oauth.resources import ProtectedResources, own_metadata
from watchword.server.oauth.revoke import Revoke
from watchword.server.oauth.token import TokenEndpoint
from watchword.server.pages.language import Spoken
from watchword.server.pages.rendering import pages_of
from watchword.server.reloading import Reloading
from watchword.server.responses import (
    Answer,
    Sent,
    broken,
    json_answer,
    problem_answer,
    problem_response,
    refusal,
)
from watchword.server.watching.desk import Watching

__all__ = ["WHOAMI", "ServerApp", "create_app", "every_scheme"]

logger: logging.Logger = logging.getLogger("watchword")

_Endpoint: TypeAlias = Callable[[HttpRequest], Awaitable[Response]]

WHOAMI: Final = ("hmac", "api-key", "jwt", "oauth2", "basic", "session", "mtls")
"""The order in which credentials are looked for where any is accepted: a signature before the bare key beside it."""


def create_app(
    watchword: Watchword, settings: Settings | None = None, *, send_mail: SendMail | None = None
) -> ServerApp:
    """Return the server as an ASGI application; its lifespan starts and stops ``watchword``.

    ``send_mail`` takes letters instead of the mail server of the settings.
    """
    return ServerApp(watchword, settings or Settings(), send_mail)


def every_scheme(watchword: Watchword) -> str:
    """Return the policy that accepts any scheme there is, those of other packages last."""
    more = sorted(set(watchword.schemes) - set(WHOAMI))
    return " | ".join([*WHOAMI, *more])


class ServerApp:
    """Hold the endpoints. ``/whoami``, ``/check`` and the two that services ask most go past Starlette's router."""

    at_once: AtOnce
    reloading: Reloading | None = None

    def __init__(self, watchword: Watchword, settings: Settings, send_mail: SendMail | None = None) -> None:
        self._watchword = watchword
        self._telemetry = begin_telemetry(watchword, settings)  # before anything keeps the gate
        self.post: Post = Post(watchword, settings, send_mail)
        self._telling = Telling(watchword.oauth.logouts)
        self._watching = Watching(watchword, settings, self.post.deliver)
        self.metrics: Metrics = Metrics(watchword, settings)
        self._max_body, watchword.metadata = settings.server.max_body, own_metadata(watchword)
        self._anyone: Route = watchword.route(every_scheme(watchword))
        check = Check(watchword, settings, self._anyone)
        self._check, self.at_once = check.answer, check.at_once
        pages, attempts = pages_of(settings), Attempts(watchword, settings)
        entrance = Entrance(watchword, attempts, pages)
        login = Login(entrance, pages)
        outside = Outside(entrance, login, settings, pages)
        desk = ClientDesk(watchword, attempts, settings)
        token, introspect = TokenEndpoint(watchword, desk), Introspect(watchword, desk)
        self.routes: list[HttpRoute] = [
            *login.routes(),
            *SecondFactor(entrance).routes(),
            *PasskeyLogin(entrance).routes(),
            *StepUpLogin(entrance).routes(),
            *Enrolment(entrance).routes(),
            *outside.routes(),
            *OutsideLogout(watchword, outside.parties).routes(),
            *Authorize(watchword, pages).routes(),
            *PushedRequests(watchword, desk).routes(),
            *Register(watchword, attempts).routes(),
            *token.routes(),
            *DeviceEndpoint(watchword, desk, attempts).routes(),
            *introspect.routes(),
            *Revoke(watchword, desk).routes(),
            *Userinfo(watchword).routes(),
            *Logout(watchword, pages).routes(),
            *Discovery(watchword, certificates=bool(settings.server.tls.client_ca)).routes(),
            *ProtectedResources(watchword).routes(),
            *github_leaks(watchword, settings),
            *admin_endpoints(watchword, settings, self.post),
            *account_endpoints(watchword, settings, attempts, pages, self.post),
            *console_endpoints(watchword, settings, pages),
            *self.metrics.routes(),
            *pages.routes(),
        ]
        self._rest = _front_of(self.routes)
        self._hot: dict[str, Callable[[Scope, Receive], Awaitable[Answer]]] = {"/whoami": self._whoami}
        self._posted: dict[str, _Endpoint] = {"/oauth/token": token.token, "/oauth/introspect": introspect.introspect}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event of ASGI."""
        kind = scope["type"]
        if kind == "http":
            raw = scope.get("raw_path") or scope["path"].encode()
            if raw == CHECK or raw.startswith(b"/check/"):
                try:
                    status, headers, body = await self._check(scope, raw)
                except Exception as error:
                    status, headers, body = broken(error)
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
            await self._answer(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Sent(send, tls=peer_of(scope, self._watchword.proxies).tls)
        try:
            hot, posted = self._hot.get(scope["path"]), self._posted.get(scope["path"])
            if hot is not None:
                status, headers, body = await hot(scope, receive)
            elif posted is not None and scope["method"] == "POST" and not from_a_script(scope):
                response = await posted(HttpRequest(scope, receive))
                status, headers, body = response.status_code, response.raw_headers, bytes(response.body)
            else:
                scope["app"] = self  # makes the router raise its refusals, for _http_error to word
                await self._rest(scope, receive, sent)
                return
        except Exception as error:
            if sent.begun:  # half an answer cannot be mended: the server ends the connection
                broken(error)
                return
            status, headers, body = broken(error)
        await sent({"type": "http.response.start", "status": status, "headers": headers})
        await sent({"type": "http.response.body", "body": body})

    async def _whoami(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            return problem_answer(refusal(METHOD_NOT_ALLOWED, ((b"allow", b"GET, HEAD"),)))
        gate = self._watchword.gate
        request = request_of(scope, self._watchword.proxies)
        try:
            request.body = await read_body(receive, self._max_body)
        except TooLarge:
            return problem_answer(gate.refuse(request, Rejection(BODY_TOO_LARGE)))
        if request.body is None:
            return problem_answer(gate.refuse(request, Rejection(MALFORMED_REQUEST, "disconnected")))
        decision = await gate.decide(request, self._anyone)
        if isinstance(decision, Allow) and decision.principal is not None:
            return json_answer(200, described(decision.principal), decision.headers)
        assert isinstance(decision, Deny)  # noqa: S101 - the policy has no "public"
        return problem_answer(decision)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._watchword.start()
                except Exception as error:
                    logger.error("the server cannot start: %s", error)
                    await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
                    return
                self._telling.start()
                self._watching.start()
                self.metrics.start()
                if self.reloading is not None:
                    await self.reloading.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self.reloading is not None:
                    await self.reloading.stop()
                await self._telling.stop()
                await self._watching.stop()
                await self.post.outbox.close()
                await self._watchword.stop()
                await self.metrics.stop()
                await self._telemetry.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _front_of(routes: list[HttpRoute]) -> CrossOrigin:
    # Not the Starlette class: its error middleware would answer what breaks with a 500 of its own.
    router = Spoken(Router(routes, redirect_slashes=False))
    return CrossOrigin(ExceptionMiddleware(router, {HTTPException: _http_error}))


def described(who: Principal) -> dict[str, Any]:
    """Return who is calling, as ``/whoami`` says it: to a pairwise client by the name that it knows."""
    known_as = who.claims.get("known_as")
    return {
        "subject": known_as or who.subject,
        "kind": who.kind,
        "scheme": who.scheme,
        "credential": who.credential,
        "scopes": sorted(who.scopes),
        "factors": list(who.factors),
        "authenticated_at": who.authenticated_at,
        "actor": who.claims["client_id"] if known_as else who.actor,
    }


async def _http_error(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    if error.status_code == METHOD_NOT_ALLOWED.status:
        return problem_response(refusal(METHOD_NOT_ALLOWED, ((b"allow", _allowed(request).encode()),)))
    return problem_response(refusal(NOT_FOUND))


def _allowed(request: HttpRequest) -> str:
    """Return every method that the place knows (RFC 9110 section 15.5.6): each route knows its own alone."""
    routes = request.scope["app"].routes
    place = next((route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE), "")
    return ", ".join(sorted({method for route in routes if route.path == place for method in route.methods or ()}))
