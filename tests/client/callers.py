"""Send requests through each library, one by one and many at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import requests

from watchword.client.transport import Auth

_TLS = ssl.create_default_context()  # made once: it costs more than a request

Ask = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True)
class Caller:
    """Name a library and how it is used."""

    name: str

    def send(self, auth: Auth, method: str, url: str, **options: Any) -> Any:
        """Return the response to one request."""
        return self.send_all(auth, [(method, url, options)])[0]

    def send_all(self, auth: Auth, asks: Sequence[Ask], **client: Any) -> list[Any]:
        """Return the responses to requests sent one after the other by one client."""
        if self.name == "requests":
            with requests.Session() as session:
                client.setdefault("follow_redirects", False)
                follow = client.pop("follow_redirects")
                return [
                    session.request(m, u, auth=auth.requests, timeout=10, allow_redirects=follow, **_requests(options))
                    for m, u, options in asks
                ]
        library = httpx2 if self.name.startswith("httpx2") else httpx
        if self.name.endswith("async"):
            return asyncio.run(self._in_turn(library, auth, asks, client))
        with library.Client(auth=auth, timeout=10, verify=_TLS, **client) as http:
            return [http.request(m, u, **options) for m, u, options in asks]

    async def _in_turn(self, library: Any, auth: Auth, asks: Sequence[Ask], client: dict[str, Any]) -> list[Any]:
        async with library.AsyncClient(auth=auth, timeout=10, verify=_TLS, **client) as http:
            return [await http.request(m, u, **options) for m, u, options in asks]

    def at_once(self, auth: Auth, url: str, count: int) -> list[Any]:
        """Return responses or exceptions of ``count`` concurrent requests, from threads or tasks."""
        if self.name.endswith("async"):
            return asyncio.run(self._tasks(httpx2 if self.name.startswith("httpx2") else httpx, auth, url, count))
        if self.name == "requests":
            with ThreadPoolExecutor(count) as pool:
                return list(pool.map(lambda _: _caught(lambda: self.send(auth, "GET", url)), range(count)))
        library = httpx2 if self.name.startswith("httpx2") else httpx
        with library.Client(auth=auth, timeout=10, verify=_TLS) as http, ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: _caught(lambda: http.get(url)), range(count)))

    async def _tasks(self, library: Any, auth: Auth, url: str, count: int) -> list[Any]:
        async with library.AsyncClient(auth=auth, timeout=10, verify=_TLS) as http:
            return list(await asyncio.gather(*(http.get(url) for _ in range(count)), return_exceptions=True))


def _caught(send: Callable[[], Any]) -> Any:
    try:
        return send()
    except Exception as caught:
        return caught


def _requests(options: dict[str, Any]) -> dict[str, Any]:
    named = {"content": "data"}
    return {named.get(name, name): value for name, value in options.items()}


CALLERS = [Caller(name) for name in ("httpx2", "httpx2-async", "httpx", "httpx-async", "requests")]
