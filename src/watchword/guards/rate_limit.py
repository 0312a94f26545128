"""Limit how often: each credential, each subject, and the failures of each address.

A refusal is 429 with ``Retry-After`` and the ``RateLimit`` fields (draft-ietf-httpapi-ratelimit-headers-10). Admitted
requests carry no such fields: writing them would cost more than the limit itself.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, TypeAlias

from watchword.codec.addresses import parsed
from watchword.model.ports import Allowance, Meter, Soon
from watchword.model.reason import ADDRESS_LIMITED, RATE_LIMITED, Reason
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rate, Rejection

__all__ = ["AddressLimit", "CredentialLimit", "SubjectLimit"]

_Admit: TypeAlias = Callable[[str, int, Rate], Soon[float]]
_Answer: TypeAlias = Rejection | Headers

_SEEN: Final = 16_384  # addresses a generation
_KEPT: Final = 16_384
_OWN: Final = "credential"
_OUTSIDE: Final = ":"  # in the names of what others issued, never in a public id of ours


class CredentialLimit:
    """Limit each credential on a route by ``rate`` (None: not), and everywhere by the limit it was issued with.

    Of credentials that others issue we know one token only, which its holder replaces at will, or the client that many
    persons use. There, each subject is limited, per application that it acts through.
    """

    __slots__ = ("_admit", "_keys", "_limited", "_prefix", "_rate", "name")

    def __init__(self, meter: Meter, rate: Rate | None, name: str) -> None:
        """Count under ``name``: routes of one name share one allowance."""
        self._admit = _admission(meter)
        self._limited = None if rate is None else _limiter(meter, self._admit, rate)
        self._rate = rate
        self._prefix = f"route|{name}|"
        self._keys: dict[str, str] = {}  # of our own credentials, by public id: to put one together costs more
        self.name: str = name

    def check(self, request: Request, who: Principal | None) -> Soon[_Answer]:
        """Spend one request of the route's and of the credential's own allowance; nothing where nobody is known."""
        if who is None:
            return ()
        limited = self._limited
        if limited is not None:
            retry = limited(self._keys.get(who.credential) or self._key(who))
            if retry.__class__ is not float:
                return self._later(retry, who)
            if retry:
                return _refused(RATE_LIMITED, self.name, self._rate, retry)  # type: ignore[arg-type]
        own = who.constraints.limit
        return () if own is None else self._check_own(own, who.credential or _spender(who))

    def _key(self, who: Principal) -> str:
        spender = _spender(who)
        key = self._prefix + spender
        if spender == who.credential:
            if len(self._keys) >= _KEPT:
                self._keys.clear()
            self._keys[spender] = key
        return key

    def _check_own(self, own: Rate, credentials: str) -> Soon[_Answer]:
        """Spend of each proof of a conjunction, or one that is limited would have a new allowance with each other."""
        first, _, rest = credentials.partition("+")
        answer = _answer(self._admit(f"own|{first}|{own.count}/{own.seconds}", 1, own), RATE_LIMITED, _OWN, own)
        if not rest:
            return answer
        if isinstance(answer, Awaitable):
            return self._then_own(answer, own, rest)
        return answer or self._check_own(own, rest)

    async def _then_own(self, answer: Awaitable[_Answer], own: Rate, rest: str) -> _Answer:
        return await answer or await _settle(self._check_own(own, rest))

    async def _later(self, retry: Soon[float], who: Principal) -> _Answer:
        refused = await _settle(_answer(retry, RATE_LIMITED, self.name, self._rate))  # type: ignore[arg-type]
        own = who.constraints.limit
        if refused or own is None:
            return refused
        return await _settle(self._check_own(own, who.credential or _spender(who)))


def _spender(who: Principal) -> str:
    """Return what is counted: our own credential's public id, or the subject where others issued the credential."""
    if who.credential and _OUTSIDE not in who.credential:
        return who.credential
    return f"{who.subject} via {who.actor}" if who.actor else who.subject


class SubjectLimit:
    """Limit each subject by ``rate``, whatever credentials it uses."""

    __slots__ = ("_admit", "_rate", "name")

    def __init__(self, meter: Meter, rate: Rate, name: str = "subject") -> None:
        self._admit = _admission(meter)
        self._rate = rate
        self.name: str = name

    def check(self, request: Request, who: Principal | None) -> Soon[_Answer]:
        """Spend one request of the subject's allowance; nothing where nobody is known."""
        if who is None:
            return ()
        retry = self._admit(f"subject|{self.name}|{who.subject}", 1, self._rate)
        return _answer(retry, RATE_LIMITED, self.name, self._rate)


class AddressLimit:
    """Refuse, before authentication, an address whose failures have exhausted ``rate``.

    Only failures count, so a busy address that proves itself is never slowed down. IPv6 addresses count by their
    /64, which one caller owns whole. The address is the peer's as the server resolved it, never a header's; callers
    that have none (a local socket) are told apart by nothing, so they are not limited; those whose address is contested
    share one allowance.
    """

    __slots__ = ("_admit", "_old", "_rate", "_young", "name")

    def __init__(self, meter: Meter, rate: Rate, name: str = "address") -> None:
        self._admit = _admission(meter)
        self._rate = rate
        self.name: str = name
        # Who failed lately, so that all others cost a look into two sets. Forgetting one gives it one more failure.
        self._young: set[str] = set()
        self._old: set[str] = set()

    def check(self, request: Request, who: Principal | None) -> Soon[_Answer]:
        """Look, spending nothing."""
        address = request.peer.address
        if ":" in address:
            address = _counted(address)
        if address not in self._young and address not in self._old:
            return ()
        return _answer(self._admit("address|" + address, 0, self._rate), ADDRESS_LIMITED, self.name, self._rate)

    def failed(self, request: Request) -> Soon[None]:
        """Spend one failure of the caller's address."""
        address = _counted(request.peer.address)
        if not address:
            return None
        if address not in self._young:
            if len(self._young) >= _SEEN:
                self._old, self._young = self._young, set()
            self._young.add(address)
        spent = self._admit("address|" + address, 1, self._rate)
        return None if spent.__class__ is float else _forget(spent)


@lru_cache(maxsize=4096)
def _counted(text: str) -> str:
    """Return what an address counts as: an IPv4 address itself, also where IPv6 wraps it; otherwise its /64."""
    address = parsed(text)
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return text if address is None else str(address)


def _admission(meter: Meter) -> _Admit:
    """Return the meter's own ``admit`` (seconds until a retry helps, 0.0 when spent), or one made from ``hit``."""
    own: _Admit | None = getattr(meter, "admit", None)
    if own is not None:
        return own

    def admit(key: str, cost: int, rate: Rate) -> Soon[float]:
        allowance = meter.hit(key, cost, rate)
        return _retry(allowance) if isinstance(allowance, Allowance) else _retry_later(allowance)

    return admit


def _limiter(meter: Meter, admit: _Admit, rate: Rate) -> Callable[[str], Soon[float]]:
    """Return what spends one request at ``rate``: the meter's own ``limiter``, or ``admit``."""
    own: Callable[[Rate], Callable[[str], float]] | None = getattr(meter, "limiter", None)
    return own(rate) if own is not None else lambda key: admit(key, 1, rate)


def _retry(allowance: Allowance) -> float:
    return 0.0 if allowance.admitted else max(allowance.retry_after, 1e-9)


async def _retry_later(allowance: Awaitable[Allowance]) -> float:
    return _retry(await allowance)


def _answer(retry: Soon[float], reason: Reason, name: str, rate: Rate) -> Soon[_Answer]:
    if isinstance(retry, float):
        return _refused(reason, name, rate, retry) if retry else ()
    return _answer_later(retry, reason, name, rate)


async def _answer_later(retry: Awaitable[float], reason: Reason, name: str, rate: Rate) -> _Answer:
    seconds = await retry
    return _refused(reason, name, rate, seconds) if seconds else ()


async def _settle(answer: Soon[_Answer]) -> _Answer:
    return await answer if isinstance(answer, Awaitable) else answer


async def _forget(spent: Soon[float]) -> None:
    if isinstance(spent, Awaitable):
        await spent


def _refused(reason: Reason, name: str, rate: Rate, retry: float) -> Rejection:
    """Refuse until ``retry`` seconds have passed, in whole seconds, rounded up (RFC 9110 section 10.2.3)."""
    wait = max(1, math.ceil(retry))
    label = _string(name)
    return Rejection(
        reason,
        f"{name}: {rate}",
        (
            (b"retry-after", b"%d" % wait),
            (b"ratelimit-policy", b"%s;q=%d;w=%d" % (label, rate.count, rate.seconds)),
            (b"ratelimit", b"%s;r=0;t=%d" % (label, wait)),
        ),
    )


def _string(text: str) -> bytes:
    """Return a string item (RFC 9651 section 3.3.3), which holds visible ASCII only."""
    visible = "".join(char if " " <= char <= "~" else "?" for char in text)
    return ('"' + visible.replace("\\", "\\\\").replace('"', '\\"') + '"').encode("ascii")
