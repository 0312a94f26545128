"""Fetch what strangers name: never from an address inside, whatever a name resolves to, now or a moment later.

The name is resolved once, every address that it has is judged, and the connection goes to one of those: nobody can
change the answer between check and connection. TLS and Host keep the name.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import httpcore2
import httpx2

from watchword.codec.addresses import special_use
from watchword.model.ports import Fetched, Unavailable
from watchword.server.fetch import HttpFetch

__all__ = ["Outward", "SpecialUseAddress"]

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

_TIMEOUT: Final = 5.0  # seconds for the whole exchange, resolving included
_MOST_BYTES: Final = 65_536
_BESIDE: Final = 32_768  # bytes of an answer that are not its content: fields, interim answers, frames of chunks
_PIECE: Final = 16_384  # bytes that are read before others have their turn
_MOST_AT_ONCE = 128  # more than strangers with slow servers can easily fill
_MOST_ADDRESSES: Final = 16  # of one name
_TRIED: Final = 3  # addresses of one name
_RESOLVERS: Final = 32  # threads of our own, made when needed: names that never resolve hold up nothing else


class SpecialUseAddress(OSError):
    """Say that a name leads to an address that strangers may not send us to."""


class Outward(HttpFetch):
    """Implement the Fetch port for URLs that clients name: documents, key sets, places to be told of a logout.

    ``private_hosts`` are names that may be at any address (a closed network's); there plain http is let through to a
    loopback name. No redirects, no cookies, no proxies, no connection kept; every exchange is bounded in size and time,
    and so is their number at once. Raise Unavailable for all that gives no answer.
    """

    def __init__(
        self,
        *,
        private_hosts: Iterable[str] = (),
        timeout: float = _TIMEOUT,
        most_bytes: int = _MOST_BYTES,
        verify: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """Bound each exchange to ``timeout`` seconds and ``most_bytes``; ``verify`` and ``resolve`` are for tests."""
        self._dialling = _Dialling(frozenset(map(_named, private_hosts)), most_bytes + _BESIDE, resolve)
        super().__init__(timeout=timeout, most_bytes=most_bytes, transport=_Guarded(self._dialling, verify))
        self._at_once = 0

    async def _exchange(
        self,
        url: str,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None = None,
    ) -> Fetched:
        if self._at_once >= _MOST_AT_ONCE:
            raise Unavailable("too many outgoing requests at once")
        self._at_once += 1
        try:
            return await super()._exchange(url, data, headers, content)
        finally:
            self._at_once -= 1

    async def close(self) -> None:
        """End what is under way."""
        await super().close()
        self._dialling.close()


class _Dialling(httpcore2.AsyncNetworkBackend):
    """Connect to a name's addresses once all of them were judged."""

    def __init__(self, private: frozenset[str], most_bytes: int, resolve: Resolve | None) -> None:
        self._private = private
        self._most_bytes = most_bytes
        self._resolve = resolve or self._resolved
        self._backend = httpcore2.AnyIOBackend()
        self._threads: ThreadPoolExecutor | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Return a connection, or raise SpecialUseAddress when any address of the name is one."""
        found = (await self._resolve(host, port))[:_MOST_ADDRESSES]
        if _named(host) not in self._private and any(map(special_use, found)):
            raise SpecialUseAddress("a special-use address")
        error: Exception = OSError("the name has no address")
        for address in found[:_TRIED]:
            try:
                stream = await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                return _Bounded(stream, self._most_bytes)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                error = failed
        raise error

    async def _resolved(self, host: str, port: int) -> list[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_RESOLVERS, "watchword-names")
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


class _Bounded(httpcore2.AsyncNetworkStream):
    """Read only so much of a connection, and never for long at once: tiny frames cost far more than their bytes."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(0)
        data = await self._stream.read(min(max_bytes, _PIECE), timeout)
        self._left -= len(data)
        if self._left < 0:
            raise httpcore2.ReadError("too long")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Bounded(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _Guarded(httpx2.AsyncBaseTransport):
    """Send requests through connections that ``dialling`` makes, none of which is used twice."""

    def __init__(self, dialling: _Dialling, verify: ssl.SSLContext | None) -> None:
        self._dialling = dialling
        self._verify = verify
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response, its content still to be read."""
        target = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        content = request.stream if isinstance(request.stream, AsyncIterable) else None
        asked = httpcore2.Request(
            request.method, target, headers=request.headers.raw, content=content, extensions=request.extensions
        )
        with _translated():
            answer = await self._opened().handle_async_request(asked)
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Content(answer))

    def _opened(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:  # certificates are read when the first request is made, not at start
            verify = self._verify or httpx2.create_ssl_context()
            self._pool = httpcore2.AsyncConnectionPool(
                verify, max_connections=_MOST_AT_ONCE, max_keepalive_connections=0, network_backend=self._dialling
            )
        return self._pool

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()


class _Content(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for chunk in self._answer.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        with _translated():
            await self._answer.aclose()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (
        httpcore2.ConnectionNotAvailable,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.TimeoutException,
        httpcore2.UnsupportedProtocol,
    ) as error:
        name = type(error).__name__
        raise getattr(httpx2, name, httpx2.TransportError)(name) from None


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(place[0]) for *_, place in found]


def _named(host: str) -> str:
    return host.lower().rstrip(".").strip("[]")
