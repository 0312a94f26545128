"""Run the server: one process, or several that share a listening socket."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from functools import partial
from typing import Any, Final

from watchword.server.config.load import OWN_CA, ConfigError, Problem, Settings, address_of, watchword_of
from watchword.server.responses import broken
from watchword.server.tls import TlsProtocol, serve_kwargs

__all__ = ["ServerProtocol", "application", "prepare", "serve"]

_BLOCKS: Final = 1024
_GRACE: Final = 20  # seconds that requests under way may take after SIGTERM
_KEEP_ALIVE: Final = 65  # seconds, longer than the 60 that proxies usually keep


class ServerProtocol(TlsProtocol):
    """Answer what the application can answer at once in the parser's own turn, without a task for it.

    That is ``/check`` with a key verified lately: there, the task and the cycle of messages would cost more than the
    decision. Everything else, and every request that others wait behind, goes uvicorn's way.
    """

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        at_once = getattr(app, "at_once", None)
        others = self.pipeline or self.parser.should_upgrade()
        if at_once is None or others or not cycle.keep_alive or cycle.flow.write_paused:
            super()._start_asgi_task(cycle, app)
            return
        try:
            answer = at_once(cycle.scope)
        except Exception as error:
            answer = broken(error)
        if answer is None:
            super()._start_asgi_task(cycle, app)
        elif isinstance(answer, tuple) and answer[0] == 200 and not answer[2]:
            self._write(cycle, answer[1])
        else:
            super()._start_asgi_task(cycle, _Answering(answer))

    def _write(self, cycle: Any, headers: list[tuple[bytes, bytes]]) -> None:
        date = [b"%b: %b\r\n" % field for field in cycle.default_headers]
        self.transport.write(b"".join((b"HTTP/1.1 200 OK\r\n", *date, _rendered(headers))))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        done, cycle.on_response = cycle.on_response, _nothing
        done()


_blocks: Final[dict[int, tuple[list[tuple[bytes, bytes]], bytes]]] = {}


def _rendered(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the header block of a list, which the application hands out again for the same caller."""
    block = _blocks.get(id(headers))
    if block is None or block[0] is not headers:
        if len(_blocks) >= _BLOCKS:
            _blocks.clear()
        block = headers, b"".join([*(b"%b: %b\r\n" % field for field in headers), b"\r\n"])
        _blocks[id(headers)] = block
    return block[1]


def _nothing() -> None:
    """Stand for a callback that was called."""


class _Answering:
    """Send an answer that is there, or that is on its way."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = self._answer
        try:
            status, headers, body = answer if isinstance(answer, tuple) else await answer
        except Exception as error:
            status, headers, body = broken(error)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def application(settings: Settings, workers: int) -> Any:
    """Return the ASGI application of one process."""
    from watchword.server.app import create_app

    return create_app(watchword_of(settings, workers=workers), settings)


async def prepare(settings: Settings, workers: int) -> bytes:
    """Open the store once, make what is missing, and return the certificates of our own CAs.

    Raise ConfigError when several processes would share a store that cannot be shared, ValueError for a wrong root key.
    """
    watchword = watchword_of(settings, workers=workers)
    if workers > 1 and not watchword.store.safe_for_workers:
        hint = "a database in a file, on SQLite 3.51.3 or newer (pysqlite3), or PostgreSQL; or workers = 1"
        raise ConfigError([Problem("store.url", "", f"{workers} workers cannot share this store", hint)])
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

    host, port = address_of(listen or settings.server.listen)
    count = workers or settings.server.workers
    bound = _bound(host, port)
    with bound:
        settings = _settled(settings, host, bound.getsockname()[1])
        lasting = asyncio.run(prepare(settings, count))
        config = uvicorn.Config(
            partial(application, settings, count),
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
            **_protocol(settings, lasting),
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
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, sockets=[bound]).run()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
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


def _protocol(settings: Settings, own: bytes) -> dict[str, Any]:
    tls = settings.server.tls
    if not tls.certificate:
        return {"http": ServerProtocol, "ws": "none"}
    authorities = None
    if tls.client_ca:
        authorities = own if tls.client_ca == OWN_CA else settings.place(tls.client_ca).read_bytes()
    own_tls = serve_kwargs(settings.place(tls.certificate), settings.place(tls.private_key), authorities)
    return {**own_tls, "http": ServerProtocol}
