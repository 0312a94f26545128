"""Bound how often codes are guessed (RFC 8628 section 5.1): by session, by account and by network."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from watchword.model.ports import Allowance, Meter
from watchword.model.reason import RATE_LIMITED
from watchword.model.request import Request
from watchword.model.verdict import Principal, Rate, Rejection
from watchword.server.login.attempts import network_of

__all__ = ["PERSON", "PLACE", "CodeAttempts"]

PERSON: Final = Rate(4, 2400)
"""Wrong codes of one session or account: five at most while a code lives, of 20^8, are a chance of 2^-32."""

PLACE: Final = Rate(20, 2400)
"""Wrong codes from one network, whoever types them."""


class CodeAttempts:
    """Count wrong codes, and none but those. One account's attempts run one after another in each process.

    So many at once are counted like one after another, and no more than one a process gets past what is left.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._turns: dict[str, tuple[asyncio.Lock, list[int]]] = {}

    @asynccontextmanager
    async def turn(self, who: Principal) -> AsyncIterator[None]:
        """Wait for the account's turn."""
        lock, waiting = self._turns.setdefault(who.subject, (asyncio.Lock(), [0]))
        waiting[0] += 1
        try:
            async with lock:
                yield
        finally:
            waiting[0] -= 1
            if not waiting[0]:
                self._turns.pop(who.subject, None)

    async def slowed(self, request: Request, who: Principal) -> Rejection | None:
        """Return the refusal of who has typed too many wrong codes."""
        return await self._hit(request, who, 0)

    async def wrong(self, request: Request, who: Principal) -> None:
        """Count a wrong code."""
        await self._hit(request, who, 1)

    async def _hit(self, request: Request, who: Principal, cost: int) -> Rejection | None:
        place = network_of(request.peer.address)
        refused: Rejection | None = None
        for key, rate in ((who.credential, PERSON), (who.subject, PERSON), (place, PLACE)):
            answer = self._meter.hit(f"device-code|{key}", cost, rate)
            left = answer if isinstance(answer, Allowance) else await answer
            if not left.admitted:
                wait = b"%d" % max(1, math.ceil(left.retry_after))
                refused = Rejection(RATE_LIMITED, "device codes", ((b"retry-after", wait),))
        return None if refused is None else replace(refused, credential=who.credential)
