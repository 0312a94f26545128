"""Run the server: one process, or several that share a listening socket."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from watchword.server.config.load import OWN_CA, ConfigError, Problem, Settings, address_of, watchword_of
from watchword.server.config.secrets import sources_of
from watchword.server.metrics.otel import EXTRA, missing
from watchword.server.responses import Answer, broken
from watchword.server.tls import LiveTls, TlsProtocol, live_kwargs

__all__ = ["ServerProtocol", "application", "prepare", "serve"]

_BLOCKS: Final = 1024
_LONGEST: Final = 8192  # bytes of a header block that is kept
_CHECK: Final = b"/check"
_CONTINUE: Final = b"100-continue"
_GRACE: Final = 20  # seconds that requests under way may take after SIGTERM
_KEEP_ALIVE: Final = 65  # seconds, longer than the 60 that proxies usually keep


class ServerProtocol(TlsProtocol):
    """Answer what the application can answer at once in the parser's own turn: ``GET /check`` with proof seen lately.

    There the scope, the cycle of messages and the task for it would cost more than the decision. So the scope of a
    request is made only when its head is whole and the application has not answered; every request that others wait
    behind, or that is unusual in any way, goes uvicorn's way.
    """

    app: Any
    url: bytes
    headers: list[tuple[bytes, bytes]]
    expect_100_continue: bool

    _answered = False
    _at_once: Any = None
    _idle: asyncio.TimerHandle | None = None
    _rested = 0.0  # when the last answer at once was given, on the loop's clock

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look once whether the application can answer at once."""
        super().connection_made(transport)
        self._at_once = getattr(self.app, "at_once", None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request, without a scope yet."""
        self.url = b""
        self.headers = []
        self.begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field; what it means is looked at when all are there."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Answer at once, or hand the request on."""
        answer = self._answer() if self.url == _CHECK and self._at_once is not None else None
        if answer.__class__ is list:
            self._write(answer)
            return
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url, self.headers = url, headers
        self.scope["headers"] = headers
        self.expect_100_continue = any(name == b"expect" and value.lower() == _CONTINUE for name, value in headers)
        if answer is None:
            super().on_headers_complete()
            return
        app, self.app = self.app, _Answering(answer)
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def on_message_complete(self) -> None:
        """End a request; where it was answered already, wait for the next one."""
        if not self._answered:
            super().on_message_complete()
            return
        self._answered = False
        self.ended()
        self.server_state.total_requests += 1
        self._rested = self.loop.time()
        if self._idle is None:
            self._idle = self.loop.call_later(self.timeout_keep_alive, self._rested_enough)

    def _rested_enough(self) -> None:
        """Close the connection if nothing came since the last answer; a timer for each request would cost more."""
        self._idle = None
        if not self._whole or self._answering() or self.timeout_keep_alive_task is not None:
            return  # what came then has a timer of its own
        left = self._rested + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle = self.loop.call_later(left, self._rested_enough)
        else:
            self.timeout_keep_alive_handler()

    def _answer(self) -> Any:
        """Return the fields of a 200 without content, a coroutine of another answer, or None for uvicorn's way."""
        parser = self.parser
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn says
        if (
            parser.get_method() != b"GET"
            or not (cycle is None or cycle.response_complete)
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or parser.get_http_version() != "1.1"
            or self.flow.write_paused
        ):
            return None
        try:
            return self._at_once(self.headers, self.client, self.scheme, self.tls)
        except Exception as error:
            return _answered(broken(error))

    def _write(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.transport.write(_begun(self.server_state.default_headers) + _rendered(headers))
        self._answered = True


async def _answered(answer: Answer) -> Answer:
    return answer


_beginning: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")


def _begun(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return how every answer begins; uvicorn makes a new list each second, for the date."""
    global _beginning  # noqa: PLW0603 - one a process, as is the list
    if _beginning[0] is not headers:
        fields = b"".join(b"%b: %b\r\n" % field for field in headers)
        _beginning = headers, b"HTTP/1.1 200 OK\r\n" + fields
    return _beginning[1]


_blocks: Final[dict[int, tuple[list[tuple[bytes, bytes]], bytes]]] = {}


def _rendered(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the header block of a list, which the application hands out again for the same caller."""
    block = _blocks.get(id(headers))
    if block is None or block[0] is not headers:
        block = headers, b"".join([*(b"%b: %b\r\n" % field for field in headers), b"\r\n"])
        if len(block[1]) > _LONGEST:
            return block[1]
        if len(_blocks) >= _BLOCKS:
            _blocks.clear()
        _blocks[id(headers)] = block
    return block[1]


class _Answering:
    """Send an answer that is on its way."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Coroutine[Any, Any, Answer]) -> None:
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            status, headers, body = await self._answer
        except Exception as error:
            status, headers, body = broken(error)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def application(settings: Settings, workers: int, live: LiveTls | None = None, shared: str | None = None) -> Any:
    """Return the ASGI application of one process, which follows what changes.

    ``live`` is its TLS, ``shared`` a folder in which the workers of one server tell each other what they count.
    """
    from watchword.server.app import create_app
    from watchword.server.reloading import Reloading

    watchword = watchword_of(settings, workers=workers)
    app = create_app(watchword, settings)
    app.reloading = Reloading(watchword, settings, live)
    if shared is not None:
        app.metrics.share(Path(shared))
    gc.collect()
    gc.freeze()  # what lasts as long as the process is not looked at again for garbage
    return app


async def prepare(settings: Settings, workers: int) -> bytes:
    """Open the store once, make what is missing, and return the certificates of our own CAs.

    Raise ConfigError when several processes would share a store that cannot be shared, when a secret of a provider or
    of the mail server cannot be read, or when what the settings ask for is not installed; ValueError for a wrong root
    key.
    """
    settings.secrets.take(settings.secrets.read(sources_of(settings)))
    watchword = watchword_of(settings, workers=workers)
    if workers > 1 and not watchword.store.safe_for_workers:
        hint = "a database in a file, on SQLite 3.51.3 or newer (pysqlite3), or PostgreSQL; or workers = 1"
        raise ConfigError([Problem("store.url", "", f"{workers} workers cannot share this store", hint)])
    if missing(settings):
        raise ConfigError([Problem("otel.endpoint", "", "OpenTelemetry is not installed", f"pip install '{EXTRA}'")])
    await watchword.start()
    try:
        return await watchword.authorities()
    finally:
        await watchword.stop()


def serve(settings: Settings, listen: str | None = None, workers: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    ``listen`` ("HOST:PORT", port 0 picks a free one) and ``workers`` win over the settings. Raise ConfigError, OSError
    when the address cannot be had, ValueError for a wrong root key.
    """
    import uvicorn

    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heard, it ends nobody
    host, port = address_of(listen or settings.server.listen)
    count = workers or settings.server.workers
    bound = _bound(host, port)
    with bound, _shared_folder(count) as shared:
        settings = _settled(settings, host, bound.getsockname()[1])
        live = _live(settings, asyncio.run(prepare(settings, count)))
        config = uvicorn.Config(
            partial(application, settings, count, live, shared),
            factory=True,
            lifespan="on",
            interface="asgi3",
            workers=count,
            proxy_headers=False,  # only [server] trusted_proxies says whom to believe
            server_header=False,
            access_log=False,
            log_level="warning",
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
            **({"ws": "none"} if live is None else live_kwargs(live)) | {"http": ServerProtocol},
        )
        scheme = "https" if settings.server.tls.certificate else "http"
        shown = f"[{host}]" if ":" in host else host
        print(f"Watchword listens on {scheme}://{shown}:{bound.getsockname()[1]}", file=sys.stderr, flush=True)  # noqa: T201
        server = uvicorn.Server(config)
        if count == 1:
            server.run(sockets=[bound])
            if not server.started:
                raise ConfigError([Problem("the server", "", "it did not start; the log says why")])
            return
        from watchword.server import app, reloading  # noqa: F401 - once, and not in each worker
        from watchword.server.workers import Workers

        Workers(config, sockets=[bound]).run()


def _shared_folder(workers: int) -> AbstractContextManager[str | None]:
    """Make a folder that lives as long as the server, where there are several workers."""
    return TemporaryDirectory(prefix="watchword-") if workers > 1 else nullcontext()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(True)
    return bound


def _settled(settings: Settings, host: str, port: int) -> Settings:
    """Return the settings with the address that is really listened on: without ``issuer`` it names us."""
    shown = f"[{host}]" if ":" in host else host
    server = settings.server.model_copy(update={"listen": f"{shown}:{port}"})
    return settings.model_copy(update={"server": server})


def _live(settings: Settings, own: bytes) -> LiveTls | None:
    """Return what connections are served with, None without TLS; ``own`` are the certificates of our own CAs."""
    tls = settings.server.tls
    if not tls.certificate:
        return None
    authorities = None
    if tls.client_ca:
        authorities = own if tls.client_ca == OWN_CA else settings.place(tls.client_ca).read_bytes()
    return LiveTls(settings.place(tls.certificate), settings.place(tls.private_key), authorities)
