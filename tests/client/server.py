"""Serve a tiny API on loopback that logs people in, hands out tokens and counts what it was asked."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import uvicorn

from tests.schemes.signed_requests import House
from watchword import Principal
from watchword.codec.fields import read_cookie
from watchword.model.request import Peer, Request

USER, PASSWORD = "alice", "correct hörse: battery"
API_KEY = "ak_live_0123456789abcdefghijklmnopqrst"
CLIENT, CLIENT_SECRET = "cli:ent/1", "s ü%+&:"

Answer = tuple[int, Any, list[tuple[bytes, bytes]]]


@dataclass
class Api:
    """Answer; tests turn its knobs and read its counts."""

    expires_in: float | None = 3600
    refuse_all: bool = False
    refuse_login: int = 0  # a status to refuse with
    refuse_refresh: int = 0
    second_factor: str = ""  # the code that is asked for after a password
    delay: float = 0.0
    waits_for: Callable[[], bool] | None = None  # what must be so before a login is answered
    endless: bytes = b""  # what every answer of /token is, gzip where it says so
    elsewhere: str = ""
    location: str = ""
    date: str = ""
    house: House = field(default_factory=House)
    asked: Counter[str] = field(default_factory=Counter)
    seen: list[Request] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        path: bytes = scope["raw_path"]
        request = Request(scope["method"], path, scope["query_string"], scope["headers"], Peer(), body)
        self.asked[f"{request.method} {path.decode()}"] += 1
        self.seen.append(request)
        status, content, headers = await self._answer(request)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        date = self.date.encode() if self.date else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()).encode()
        headers = [(b"content-length", b"%d" % len(raw)), (b"date", date), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    async def _answer(self, request: Request) -> Answer:
        path = request.path
        if path in {b"/login", b"/refresh", b"/token"}:
            await asyncio.sleep(self.delay)
        while path == b"/login" and self.waits_for is not None and not self.waits_for():
            await asyncio.sleep(0.005)
        if path == b"/login":
            return self._login(request)
        if path == b"/login/mfa":
            return self._mfa(request)
        if path == b"/refresh":
            return self._refreshed(request)
        if path == b"/token" and self.endless:
            return 200, self.endless, [(b"content-encoding", b"gzip")] if self.endless[:2] == b"\x1f\x8b" else []
        if path == b"/token":
            return self._token(request)
        if path == b"/away":
            return 307, {}, [(b"location", f"{self.elsewhere}/taken".encode())]
        if path == b"/moved":
            return 303, {}, [(b"location", b"/whoami")]
        if path.startswith(b"/signed"):
            outcome = await self.house.decide(request)
            return (200, {"who": outcome.credential}, []) if isinstance(outcome, Principal) else (401, {}, [])
        return self._whoami(request)

    def _login(self, request: Request) -> Answer:
        form = request.fields[b"content-type"].startswith(b"application/x-www-form")
        given = dict(parse_qsl(request.body.decode())) if form else json.loads(request.body or b"")
        if self.refuse_login or (given["username"], given["password"]) != (USER, PASSWORD):
            return self.refuse_login or 401, {"type": "mfa_required", "detail": given["password"]}, self._locations()
        if self.second_factor and not form:
            problem = {
                "type": "urn:watchword:problem:mfa_required",
                "challenge": "wd_1",
                "factors": ["otp", "recovery"],
            }
            return 403, problem, []
        return self._session() if form else self._tokens()

    def _mfa(self, request: Request) -> Answer:
        given = json.loads(request.body or b"{}")
        if given != {"challenge": "wd_1", "code": self.second_factor}:
            return 401, {"type": "urn:watchword:problem:unauthenticated"}, []
        status, content, headers = self._tokens()
        return status, content, [*headers, (b"set-cookie", b"device=dv_1; Path=/; HttpOnly")]

    def _locations(self) -> list[tuple[bytes, bytes]]:
        return [(b"location", self.location.encode())] if self.location else []

    def _session(self) -> Answer:
        value = f"s{self.asked['POST /login']}"
        self.sessions.add(value)
        cookies = [
            (b"set-cookie", f"session={value}; Path=/; HttpOnly; SameSite=Lax".encode()),
            (b"set-cookie", f"csrf=t-{value}; Path=/; SameSite=Lax".encode()),
            (b"set-cookie", b"old=; Path=/; Max-Age=0"),
        ]
        return 303, {}, [*cookies, (b"location", b"/whoami")]

    def _tokens(self) -> Answer:
        number = self.asked["POST /login"] + self.asked["POST /refresh"]
        self.tokens = {f"t{number}"}
        self.refresh = {f"rt_{number}"}
        body = {"token": f"t{number}", "token_type": "Bearer", "refresh_token": f"rt_{number}"}
        return 200, {**body, **({} if self.expires_in is None else {"expires_in": self.expires_in})}, []

    def _refreshed(self, request: Request) -> Answer:
        token = json.loads(request.body or b"")["refresh_token"]
        if self.refuse_refresh:
            return self.refuse_refresh, {}, []
        if token not in self.refresh:
            return 400, {"type": "invalid_grant"}, []
        return self._tokens()

    def _token(self, request: Request) -> Answer:
        user, _, password = b64decode(request.fields[b"authorization"][6:]).decode().partition(":")
        self.bodies.append(request.body or b"")
        if (unquote_plus(user), unquote_plus(password)) != (CLIENT, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": password}, []
        token = f"o{self.asked['POST /token']}"
        self.tokens = {token}
        return 200, {"access_token": token, "token_type": "bearer", "expires_in": self.expires_in}, []

    def _whoami(self, request: Request) -> Answer:
        if self.refuse_all:
            return 401, {}, []
        authorization = request.fields.get(b"authorization", b"").decode()
        cookies = request.fields.get(b"cookie", b"")
        session = read_cookie(cookies, b"session")
        if isinstance(session, bytes) and session.decode() in self.sessions:
            if request.method != "GET" and request.fields.get(b"x-csrf-token", b"") != b"t-" + session:
                return 403, {"type": "csrf"}, []
            return 200, {"who": session.decode()}, []
        basic = b64decode(authorization[6:]).decode() if authorization.startswith("Basic ") else ""
        token = authorization.removeprefix("Bearer ")
        if token in self.tokens or token == API_KEY or basic == f"{USER}:{PASSWORD}":
            return 200, {"who": token if not basic else USER}, []
        return 401, {}, []


class Server:
    """Run one API in a thread on a free port."""

    def __init__(self) -> None:
        self.api = Api()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._app, lifespan="off", log_level="critical", date_header=False, interface="asgi3")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.api(scope, receive, send)

    def stop(self) -> None:
        """Stop and wait for the thread."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()
