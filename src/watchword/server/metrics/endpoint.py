"""Answer ``/metrics``, of all workers together, to whom it is for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.model.credential import Credential, Kind
from watchword.model.reason import NETWORK_NOT_ALLOWED
from watchword.model.request import Request
from watchword.model.verdict import Deny, Rejection
from watchword.server.config.settings import Settings
from watchword.server.login.entrance import read_request
from watchword.server.metrics.counters import Counters, Snapshot, added
from watchword.server.metrics.exposition import Standing, exposed
from watchword.server.metrics.sharing import Shared
from watchword.server.responses import problem_response
from watchword.stores.observed.ending import ending_of

__all__ = ["SCOPE", "Metrics"]

logger: logging.Logger = logging.getLogger("watchword")

SCOPE: Final = "admin:usage:read"
"""What a credential must be good for where ``[metrics] accept`` asks for one."""

_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_EVERY: Final = 1.0  # seconds between two words of a worker to the others
_LOOKED_UP: Final = 60.0  # seconds that what expires is remembered
_MOST: Final = 1_000  # of a kind that are counted
_WITHIN: Final = {"7d": 7 * 86400, "30d": 30 * 86400}
_KINDS: Final = (Kind.API_KEY, Kind.HMAC, Kind.PASSWORD, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT, Kind.CA)
_PASSED_ON: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


class Metrics:
    """Hold this worker's counts, and tell them together with those of the others."""

    def __init__(self, watchword: Watchword, settings: Settings) -> None:
        self._watchword = watchword
        self._counters = Counters()
        self._shared: Shared | None = None
        self._task: asyncio.Task[None] | None = None
        self._expiring: tuple[float, dict[tuple[str, str], int]] = (float("-inf"), {})
        table = settings.metrics
        self._open = not table.accept
        networks = table.networks or (_LOOPBACK if self._open else ())
        scopes = () if self._open else (SCOPE,)
        self._route = watchword.route(table.accept or "public", networks=networks, scopes=scopes)
        watchword.audit.observers.append(self._counters.observe)

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/metrics", self.metrics)]

    def share(self, folder: Path) -> None:
        """Share what is counted with the other workers of this server, in this folder. Call it before the start."""
        self._shared = Shared(folder)

    def start(self) -> None:
        """Begin to tell the other workers. Call it under the event loop."""
        if self._shared is not None:
            self._shared.open()
            self._task = asyncio.get_running_loop().create_task(self._run(self._shared))

    async def stop(self) -> None:
        """Tell the others for the last time. Call it once the audit was written."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._shared is not None:
            with self._reported():
                self._shared.close(self._snapshot())

    async def metrics(self, http: HttpRequest) -> Response:
        """Return the metrics; where nothing else is said, to who asks from this machine itself."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is None and self._open and _passed_on(http, request):
            unusable = Rejection(NETWORK_NOT_ALLOWED, "a proxy asks for somebody else")
        gate = self._watchword.gate
        decision = gate.refuse(request, unusable) if unusable else await gate.decide(request, self._route)
        if isinstance(decision, Deny):
            return problem_response(decision)
        standing = await self._standing()
        # The library is loaded when somebody asks for the first time, and not on the loop.
        body, media_type = await asyncio.to_thread(exposed, standing, http.headers.get("accept", ""))
        return Response(body, headers={"content-type": media_type, "cache-control": "no-store"})

    def _snapshot(self) -> Snapshot:
        watchword = self._watchword
        return Snapshot(self._counters.decisions(), len(watchword.audit), watchword.watch.read_at)

    async def _standing(self) -> Standing:
        from watchword import __version__

        up = await self._look()
        own = self._snapshot()
        ended, others = (Snapshot(feed_read_at=float("inf")), []) if self._shared is None else self._shared.others(own)
        everybody = added([own, ended, *others])
        expiring = await self._soon() if up else {}
        return Standing(self._watchword.clock(), 1 + len(others), everybody, up, expiring, __version__)

    async def _look(self) -> bool:
        """Read the feed, as a decision would, and return whether the store answers."""
        watchword = self._watchword
        before, now = watchword.watch.read_at, watchword.clock()
        try:
            reading = watchword.watch.sync(now)
            if isawaitable(reading):
                await reading
        except Exception as error:  # whatever is wrong, it does not answer
            logger.error("the feed cannot be read: %s", type(error).__name__)
        return watchword.watch.read_at >= now or watchword.watch.read_at > before

    async def _soon(self) -> dict[tuple[str, str], int]:
        """Return how many credentials expire soon, of those that nothing follows; at most a thousand of a kind."""
        now, (at, known) = self._watchword.clock(), self._expiring
        if at <= now < at + _LOOKED_UP:
            return known
        found: dict[tuple[str, str], int] = {}
        ending = ending_of(self._watchword.store)
        for kind in _KINDS:
            last = int(now) + max(_WITHIN.values())
            records = await ending.ending((kind,), since=int(now), until=last, limit=_MOST)
            for name, seconds in _WITHIN.items():
                found[kind.value, name] = sum(_ends(each, int(now) + seconds) for each in records)
        self._expiring = (now, found)
        return found

    async def _run(self, shared: Shared) -> None:
        while True:
            await self._look()
            with self._reported():
                shared.write(self._snapshot())
            await asyncio.sleep(_EVERY)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            logger.error("the other workers cannot be told what was counted: %s", error.strerror)


def _ends(record: Credential, until: int) -> bool:
    return record.replaced_by is None and record.expires_at is not None and record.expires_at < until


def _passed_on(http: HttpRequest, request: Request) -> bool:
    """Tell whether a proxy that is not trusted asks: behind it may be anybody, and it may well be on this machine."""
    client: Any = http.scope.get("client")
    return not _PASSED_ON.isdisjoint(request.fields) and (client is None or request.peer.address == client[0])
