"""Check names and passwords, and slow down who guesses them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from inspect import isawaitable
from ipaddress import IPv6Address
from typing import Final

from watchword.app import Watchword
from watchword.codec.addresses import parsed
from watchword.codec.names import normal_address, normal_name
from watchword.codec.secrets import digest
from watchword.guards.networks import Networks
from watchword.guards.rate_limit import AddressLimit, CredentialLimit
from watchword.lifecycle.values import rate_of
from watchword.model.ports import Allowance
from watchword.model.reason import LOGINS_LIMITED, OVERLOADED, PASSWORD_OVER_PLAINTEXT, RATE_LIMITED, Reason
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rate, Rejection
from watchword.server.config.settings import Settings
from watchword.server.login.devices import Devices

__all__ = ["Attempts", "confidential", "network_of"]

_WAITING: Final = 16  # attempts on one account that queue; more are refused
_CHALLENGES: Final = Rate(120, 60)
_GUESSES: Final = (401, 429)  # who goes on guessing at an account that must wait is slowed down, too
_SCHEME: Final = "login"


class Attempts:
    """Let a name or an address and a password prove somebody, as often as ``Guesses`` and the processors allow.

    Attempts on one account run one after another in each process, so that many at once with the same password are one.
    Names that do not exist are counted like those that do. Devices that logged in before wait for nobody else.
    """

    def __init__(self, watchword: Watchword, settings: Settings) -> None:
        self._accounts = watchword.accounts
        self._devices = Devices(watchword)
        self._meter = watchword.meter
        self._hashing = watchword.passwords
        self._check = watchword.parts.password_check()
        self._plaintext = settings.passwords.plaintext
        address = settings.limits.address
        self._address = AddressLimit(watchword.meter, rate_of(address)) if address else None
        self._after = (Networks(), CredentialLimit(watchword.meter, None, _SCHEME))
        self._queues: dict[str, tuple[asyncio.Lock, list[int]]] = {}

    async def prove(self, request: Request, login: str, password: str) -> Principal | Rejection:
        """Return whom they prove, or why they do not. Raise Unavailable when something is broken."""
        if not (self._plaintext or confidential(request.peer)):
            return Rejection(PASSWORD_OVER_PLAINTEXT, scheme=_SCHEME)
        slowed = await self.slowed(request)
        if slowed is not None:
            return replace(slowed, scheme=_SCHEME)
        subject = await self._accounts.resolve(login)
        name = _account(login, subject)
        device = await self._devices.known(request, subject)
        async with self._turn(f"{name}|{device}") as admitted:
            verdict = await self._judged(request, name, password, device) if admitted else _limited(RATE_LIMITED, 1.0)
        return verdict if isinstance(verdict, Principal) else replace(verdict, scheme=_SCHEME)

    async def remembered(self, request: Request, subject: str) -> tuple[bytes, bytes]:
        """Return the cookie by which a device that logged in is known again."""
        return await self._devices.cookie(request, subject)

    async def slowed(self, request: Request) -> Rejection | None:
        """Return the refusal of an address that has failed too often."""
        if self._address is None:
            return None
        limited = self._address.check(request, None)
        limited = await limited if isawaitable(limited) else limited
        return limited if isinstance(limited, Rejection) else None

    async def asked(self, request: Request, by: str = "") -> Rejection | None:
        """Return the refusal of who asks for too many challenges, each of which is kept for a while.

        ``by`` is the credential of who is known, else the address counts.
        """
        answer = self._meter.hit(f"challenges|{by or network_of(request.peer.address)}", 1, _CHALLENGES)
        left = answer if isinstance(answer, Allowance) else await answer
        return None if left.admitted else replace(_limited(RATE_LIMITED, left.retry_after), detail="challenges")

    async def guessed(self, request: Request) -> None:
        """Count one failure of the caller's address."""
        if self._address is not None:
            counted = self._address.failed(request)
            if counted is not None:
                await counted

    async def _judged(self, request: Request, name: str, password: str, device: str) -> Principal | Rejection:
        if self._hashing.crowded and not device:
            return _limited(LOGINS_LIMITED, 1.0)
        place = network_of(request.peer.address)
        verdict = await self._check.check(name, password, _SCHEME, place=place, device=device)
        if isinstance(verdict, Principal):
            return await self.allowed(request, verdict)
        if verdict.reason is OVERLOADED:  # nothing is broken, there is just too much of it
            return _limited(LOGINS_LIMITED, 1.0)
        if verdict.reason.status in _GUESSES:
            await self.guessed(request)
        return verdict

    async def allowed(self, request: Request, who: Principal) -> Principal | Rejection:
        """Return the refusal of who is elsewhere than they may be, or logs in more often."""
        for guard in self._after:
            answer = guard.check(request, who)
            answer = await answer if isawaitable(answer) else answer
            if isinstance(answer, Rejection):
                return replace(answer, credential=who.credential)
        return who

    @asynccontextmanager
    async def _turn(self, account: str) -> AsyncIterator[bool]:
        """Wait for the account's turn; False when too many wait already."""
        lock, waiting = self._queues.setdefault(account, (asyncio.Lock(), [0]))
        if waiting[0] >= _WAITING:
            yield False
            return
        waiting[0] += 1
        try:
            async with lock:
                yield True
        finally:
            waiting[0] -= 1
            if not waiting[0]:
                self._queues.pop(account, None)


def _account(login: str, subject: str | None) -> str:
    """Return the one name that all spellings and the address of an account count under."""
    address = normal_address(login) if "@" in login else None  # read in any case: it takes a while
    name = normal_name(login)
    if subject is not None:
        return subject.partition(":")[2]
    if address is not None:  # by its key: spellings of an address share a count whether or not somebody has it
        return digest(f"nobody:{address.key}").hex()  # takes as long as a name that nobody has
    return name or ""


def _limited(reason: Reason, retry: float) -> Rejection:
    return Rejection(reason, "password hashing", ((b"retry-after", b"%d" % max(1, math.ceil(retry))),))


def network_of(address: str) -> str:
    """Return what an address counts as: itself, or its /64 where it is IPv6."""
    found = parsed(address)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64" if isinstance(found, IPv6Address) else address


def confidential(peer: Peer) -> bool:
    """Return whether nobody can read along: TLS, or the machine itself."""
    address = None if peer.tls else parsed(peer.address)
    return peer.tls or (address is not None and address.is_loopback)
