"""Make outgoing requests: HTTPS, no redirects, bounded in size and time, one at a time for one document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from watchword.keyring import checked_url
from watchword.model.ports import Fetched, Unavailable

__all__ = ["HttpFetch"]

_TIMEOUT = 3.0  # seconds for the whole exchange
_MOST_BYTES = 65_536
_TOLD = ("cache-control", "content-type")
_DIRECT: Mapping[str, None] = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))  # never by proxy


class HttpFetch:
    """Implement the Fetch port with one pooled client, under the event loop that first uses it.

    A redirect is an answer like any other and is not followed. Requests for one URL at the same time share one
    exchange, which goes on when the caller who began it is cancelled. ``close`` ends what is under way.
    """

    def __init__(
        self,
        *,
        timeout: float = _TIMEOUT,
        most_bytes: int = _MOST_BYTES,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Bound each exchange to ``timeout`` seconds and ``most_bytes``; ``transport`` replaces the network."""
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._client = httpx2.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "watchword"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none: requests do not know each other
            transport=transport,
            mounts=dict(_DIRECT) if transport is None else None,
        )
        self._under_way: dict[str, asyncio.Task[Fetched]] = {}

    async def __call__(
        self, url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """GET, or POST a form when ``data`` is given. Raise Unavailable when there is no usable answer."""
        if data is not None or headers:
            return await self._exchange(url, data, headers)
        task = self._under_way.get(url)
        if task is None:
            task = asyncio.create_task(self._exchange(url, None, None))
            self._under_way[url] = task
            task.add_done_callback(lambda done: self._ended(url, done))
        return await asyncio.shield(task)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Fetched:
        """POST ``content`` as it is; its type is among ``headers``. Raise Unavailable when there is no answer."""
        return await self._exchange(url, None, headers, content)

    def _ended(self, url: str, task: asyncio.Task[Fetched]) -> None:
        if self._under_way.get(url) is task:
            del self._under_way[url]
        if not task.cancelled():
            task.exception()  # seen, even when every caller is gone

    async def _exchange(
        self,
        url: str,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None = None,
    ) -> Fetched:
        try:
            checked_url(url)
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(
                    "GET" if data is None and content is None else "POST",
                    url,
                    content=content,
                    data=dict(data) if data is not None else None,
                    headers=dict(headers or {}),
                ) as response,
            ):
                told = {name: response.headers[name] for name in _TOLD if name in response.headers}
                return Fetched(response.status_code, await self._body(response), told)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError, ValueError, OSError) as error:
            raise Unavailable(f"{_place(url)}: {type(error).__name__}") from None

    async def _body(self, response: httpx2.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise ValueError("encoded, although identity was asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._most_bytes:
                raise ValueError("too long")
        return bytes(body)

    async def close(self) -> None:
        """End what is under way and close the connections."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()


def _place(url: str) -> str:
    return url.partition("?")[0]  # a query may hold a secret
