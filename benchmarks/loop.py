"""The measured loop, the same for every contestant: call an ASGI application over and over on one event loop.

Imported by both environments, so it needs the standard library only.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

__all__ = ["App", "Contestant", "Headers", "Measure", "call", "get_headers", "measure", "repeat", "template"]

Scope: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Scope, Any, Any], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

CHUNK = 50
WARM_UP = 1_000


@dataclass(frozen=True, slots=True)
class Measure:
    """Hold how many calls took how long: seconds on the wall, and of CPU in all threads of the process."""

    count: int
    seconds: float
    cpu: float


class Contestant(Protocol):
    """Take part: prepare off the clock, then be measured over at least ``count`` calls."""

    async def prepare(self, count: int) -> None:
        """Make what the calls need."""
        ...

    async def run(self, count: int) -> Measure:
        """Call and measure."""
        ...


class Sink:
    """Receive a response and insist on 200: a contestant that refuses measures nothing."""

    def __init__(self) -> None:
        self.status = 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


def template(method: str = "GET", path: str = "/orders/17") -> dict[str, Any]:
    """Return a scope as uvicorn makes it, without its headers."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 54321),
        "scheme": "https",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }


def get_headers(name: bytes = b"Authorization", value: bytes = b"") -> Headers:
    """Return the eight fields that a usual client sends, the credential among them."""
    return [
        (b"Host", b"api.example.com"),
        (b"User-Agent", b"python-httpx2/2.16.0"),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
        (b"Connection", b"keep-alive"),
        (name, value),
        (b"Content-Type", b"application/json"),
        (b"X-Request-Id", b"0f2b7c1e-53a4-4d3e-9a57-3f1b3d1c9a55"),
    ]


def repeat(headers: Headers) -> Iterator[Headers]:
    """Send the same fields with every request."""
    while True:
        yield headers


async def call(app: App, scope: Scope, headers: Headers, body: bytes = b"", *, address: str = "127.0.0.1") -> int:
    """Call once and return the status. Forgeries come from an ``address`` of their own, for it is remembered."""
    sink = Sink()
    await app({**_scope(scope, headers), "client": (address, 54322)}, _receiver(body), sink)
    return sink.status


async def measure(
    app: App,
    scope: Scope,
    headers: Iterable[Headers],
    count: int,
    *,
    body: bytes = b"",
    waiting: Callable[[], int] | None = None,
) -> Measure:
    """Call at least ``count`` times and measure.

    ``waiting`` tells how many audit notes wait to be written. With it the clock starts just after a batch was written
    and stops just after another was, so that the writing of exactly what was measured is in the measured time.
    """
    source, receive, sink = iter(headers), _receiver(body), Sink()

    async def chunk() -> None:
        for _ in range(CHUNK):
            await app(_scope(scope, next(source)), receive, sink)  # out of requests, it breaks
            if sink.status != 200:
                raise RuntimeError(f"a contestant answered {sink.status}")

    await _until_boundary(chunk, WARM_UP, waiting)
    started, cpu = time.perf_counter(), time.process_time()
    done = await _until_boundary(chunk, count, waiting)
    return Measure(done, time.perf_counter() - started, time.process_time() - cpu)


async def _until_boundary(chunk: Callable[[], Awaitable[None]], count: int, waiting: Callable[[], int] | None) -> int:
    done = 0
    while done < count:
        await chunk()
        done += CHUNK
    while waiting is not None:
        before = waiting()
        await chunk()
        done += CHUNK
        if waiting() < before + CHUNK:
            break
    return done


def _scope(scope: Scope, headers: Headers) -> Scope:
    """Return a fresh scope; names are new objects each time, as a server parses them, so no hash is remembered."""
    return {**scope, "headers": [(name.lower(), value) for name, value in headers]}


def _receiver(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
