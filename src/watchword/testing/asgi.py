"""Send requests to an ASGI application without a server, exactly as given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Answer", "Ask", "ask", "connect", "living"]

App = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Ask:
    """Hold one request. ``body`` is sent in these chunks; ``leaves`` hangs up after them instead of ending them."""

    method: str = "GET"
    path: str = "/"
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: Sequence[bytes] = (b"",)
    leaves: bool = False
    address: str = "192.0.2.1"
    tls: bool = True
    certificate: bytes | None = field(default=None, repr=False)

    def bearing(self, *headers: tuple[bytes, bytes]) -> Ask:
        """Return the same with more header fields."""
        return replace(self, headers=(*self.headers, *headers))

    def scope(self, kind: str = "http") -> dict[str, Any]:
        """Return the ASGI scope."""
        secure = {"http": "https", "websocket": "wss"}[kind] if self.tls else {"http": "http", "websocket": "ws"}[kind]
        tls = {} if self.certificate is None else {"tls": {"client_cert_der": self.certificate}}
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            **({"method": self.method} if kind == "http" else {"subprotocols": []}),
            "scheme": secure,
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "root_path": "",
            "headers": [(b"host", b"api.example"), *self.headers],
            "client": (self.address, 50000),
            "server": ("api.example", 443),
            "extensions": tls,
            "state": {},
        }


@dataclass
class Answer:
    """Hold one response; ``status`` is 0 when there was none."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    read: int = 0  # messages that the application took from the connection

    def all(self, name: bytes) -> list[str]:
        """Return the values of a header field, each as sent."""
        return [value.decode("latin-1") for each, value in self.headers if each.lower() == name]

    def one(self, name: bytes) -> str:
        """Return the value of a field that came once."""
        (value,) = self.all(name)
        return value

    @property
    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


async def ask(app: App, request: Ask, extensions: Mapping[str, Any] | None = None) -> Answer:
    """Send one request and return the response."""
    answer = Answer()
    scope = request.scope()
    scope["extensions"].update(extensions or {})
    chunks = list(request.body)
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        answer.read += 1
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks) or request.leaves}
        if not request.leaves:
            await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
            if not message.get("more_body", False):
                left.set()

    await asyncio.wait_for(app(scope, receive, send), 20)
    return answer


async def connect(app: App, request: Ask, *, denial: bool = False) -> list[dict[str, Any]]:
    """Open a WebSocket, close it when it is accepted, and return what the application sent.

    ``denial`` tells the application that the server can send an HTTP response instead.
    """
    sent: list[dict[str, Any]] = []
    scope = request.scope("websocket")
    if denial:
        scope["extensions"]["websocket.http.response"] = {}
    messages: list[dict[str, Any]] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 20)
    return sent


async def living(app: App, during: Callable[[], Awaitable[None]]) -> list[str]:
    """Run ``during`` between the application's start and stop; return the lifespan messages that it sent."""
    sent: list[str] = []
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    started = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])
        started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, inbox.get, send))
    await inbox.put({"type": "lifespan.startup"})
    waiting = asyncio.ensure_future(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    waiting.cancel()
    if sent == ["lifespan.startup.complete"]:
        await during()
    await inbox.put({"type": "lifespan.shutdown"})
    await asyncio.wait({task}, timeout=20)
    if task.done() and task.exception() is not None and "lifespan.startup.failed" not in sent:
        raise task.exception()  # type: ignore[misc]
    return sent
