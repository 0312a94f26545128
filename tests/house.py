"""Build a whole house for tests: a store, a clock that tests move, subjects, credentials, requests."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from watchword.app import Watchword
from watchword.codec.passwords import Cost
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind
from watchword.model.records import Event
from watchword.model.request import Peer, Request
from watchword.model.verdict import Allow, Decision, Deny, Rejection

__all__ = ["CHEAP", "Clock", "House", "accepted", "house", "played", "reason"]

CHEAP = Cost(memory=64, passes=1)
SUBJECT = "service:billing"


class Clock:
    """Tell a time that only the test moves."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


class House:
    """Hold a running Watchword and its clock."""

    def __init__(self, watchword: Watchword, clock: Clock) -> None:
        self.watchword = watchword
        self.clock = clock

    async def issue(self, kind: Kind = Kind.API_KEY, subject: str = SUBJECT, **more: Any) -> Issued:
        """Issue, adding the subject where it is missing."""
        if await self.watchword.store.subject(subject) is None:
            await self.watchword.lifecycle.add_subject(subject, by="user:admin")
        return await self.watchword.lifecycle.issue(kind, subject, by="user:admin", **more)

    async def key(self, **more: Any) -> tuple[bytes, Issued]:
        """Issue an API key and return its Authorization field's value too."""
        issued = await self.issue(Kind.API_KEY, **more)
        return b"Bearer " + issued.material["secret"].encode(), issued

    async def decide(self, accept: str, request: Request, **demands: Any) -> Decision:
        """Judge one request by a policy."""
        return await self.watchword.gate.decide(request, self.watchword.route(accept, **demands))

    async def events(self) -> list[Event]:
        """Return the audit, what waits included."""
        await self.watchword.audit.flush()
        return [event for _, event in await self.watchword.store.events(limit=10_000)]

    async def decided(self) -> list[Event]:
        """Return the audited decisions."""
        return [event for event in await self.events() if event.action == "decide"]


@asynccontextmanager
async def house(store: Any = "memory:", **options: Any) -> AsyncIterator[House]:
    """Open a house; by default in memory, with cheap passwords."""
    clock = options.pop("clock", None) or Clock()
    options = {"inline": True, "password_cost": CHEAP, "workers": 1, "feed_every": 0.0, **options}
    watchword = Watchword(store, clock=clock, **options)
    await watchword.start()
    try:
        yield House(watchword, clock)
    finally:
        await watchword.stop()


def played(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine that takes a house in memory."""

    def run() -> None:
        async def play() -> None:
            async with house() as opened:
                await test(opened)

        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def asking(
    *fields: tuple[bytes, bytes],
    method: str = "GET",
    path: bytes = b"/orders",
    query: bytes = b"",
    body: bytes | None = None,
    address: str = "192.0.2.1",
    tls: bool = True,
    certificate: bytes | None = None,
) -> Request:
    """Return a request."""
    peer = Peer(address, tls=tls, certificate=certificate)
    return Request(method, path, query, [(b"host", b"api.example"), *fields], peer, body)


def bearing(value: bytes, **more: Any) -> Request:
    """Return a request with this Authorization field."""
    return asking((b"authorization", value), **more)


def basic(name: str, password: str) -> bytes:
    """Return the Authorization field's value of Basic."""
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def accepted(decision: Decision) -> Allow:
    assert isinstance(decision, Allow), decision
    return decision


def reason(decision: Decision | Rejection | object) -> str:
    """Return the code of a refusal."""
    refusal = decision.rejection if isinstance(decision, Deny) else decision
    assert isinstance(refusal, Rejection), decision
    return refusal.reason.code


def statuses(decisions: Sequence[Decision]) -> list[int]:
    return [each.rejection.reason.status if isinstance(each, Deny) else 200 for each in decisions]
