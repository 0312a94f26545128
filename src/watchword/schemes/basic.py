"""Basic authentication (RFC 7617), and the one way in which any password is checked."""

from __future__ import annotations

import logging
import math
import os
from hashlib import blake2b
from inspect import isawaitable
from typing import Final

from watchword.codec.addresses import loopback
from watchword.codec.fields import parse_basic
from watchword.codec.names import normal_name
from watchword.codec.passwords import Cost, Overloaded, dummy, idle, outdated, prepared, together, work
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Allowance, Clock, Meter, Passwords, Records, Soon
from watchword.model.reason import (
    LOGINS_LIMITED,
    MALFORMED_CREDENTIAL,
    OVERLOADED,
    PASSWORD_OVER_PLAINTEXT,
    RATE_LIMITED,
    SUBJECT_DISABLED,
    UNKNOWN_CREDENTIAL,
    WRONG_SECRET,
    Reason,
)
from watchword.model.records import Event, Subject, Swap
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rate, Rejection, SecurityScheme
from watchword.standing import standing
from watchword.verdicts import Verdicts

__all__ = ["Basic", "Guesses", "PasswordCheck"]

logger: logging.Logger = logging.getLogger("watchword")

_AT_ONCE: Final = 2  # passwords of one subject that are tried: the new one, and the old one while it retires
_LONGEST: Final = 4096  # bytes of base64: a name of 128 characters and a password of 1,024 bytes need less
_PAGE: Final = 100
_PREFIX: Final = len(b"basic ")
_UNAUTHENTICATED: Final = 401
_EXACT: Final = 16
_GROWING: Final = ((3, 60), (10, 1440))  # how many times the count in how many spans: 10/min is 30/h and 100/d
_ACCOUNTS: Final = 4096  # whose last right password is known again
_OWN: Final = "service:watchword"  # its detail says what checking the hashes on record may cost besides


class Guesses:
    """Let each account be guessed at ``rate`` at most, by whatever way, from wherever, in whatever spelling.

    An attempt is counted before it is hashed, in a meter that all workers share, so that however many at once do not
    outrun the count; up to 16 it holds in any span of time, not just on average. The delays grow: of wrong ones, three
    times as many are tried in sixty spans, ten times as many in 1440. ``total`` bounds the attempts on all accounts
    together. Accounts that do not exist are counted like those that do.

    Nobody can lock an owner out. A device that logged in before has a count of its own. The password that was right
    last time from the same place is no guess; from another place it is one, or else whoever guesses would be told by
    being let in, however often they were told to wait.
    """

    __slots__ = ("_key", "_long", "_meter", "_rate", "_right", "_total", "_trying")

    def __init__(self, meter: Meter, rate: Rate, total: Rate | None = None) -> None:
        self._meter = meter
        self._rate = rate
        self._long = tuple(Rate(rate.count * times, rate.seconds * spans) for times, spans in _GROWING)
        self._total = total
        self._key = os.urandom(32)
        self._right: dict[tuple[str, str], bytes] = {}
        self._trying: dict[str, dict[bytes, int]] = {}

    async def begin(self, account: str, password: str, place: str = "", device: str = "") -> bytes | Rejection:
        """Return what to end the attempt with, or the refusal of an account that was guessed at too often.

        ``place`` is the caller's address, ``device`` the id of one that logged in to this account before.
        """
        tried = f"{place}\n{password}".encode("utf-8", "surrogatepass")
        attempt = blake2b(tried, key=self._key, digest_size=32).digest()
        trying = self._trying.get(account, {})
        if self._right.get((account, place)) != attempt and attempt not in trying:
            refused = await self._reserved(_counted(account, device), bool(device))
            if refused is not None:
                return refused
            trying = self._trying.get(account, {})
        trying[attempt] = trying.get(attempt, 0) + 1
        self._trying[account] = trying
        return attempt

    async def end(
        self,
        account: str,
        attempt: bytes,
        verdict: Principal | Rejection | None,
        place: str = "",
        device: str = "",
    ) -> None:
        """Remember what was right, and count what was wrong; None when it was cut short."""
        try:
            if isinstance(verdict, Principal):
                if len(self._right) >= _ACCOUNTS and (account, place) not in self._right:
                    del self._right[next(iter(self._right))]
                self._right[account, place] = attempt
            elif verdict is not None and verdict.reason.status == _UNAUTHENTICATED:
                for rate in self._long:
                    await self._hit(f"{_counted(account, device)}|{rate.seconds}", 1, rate)
        finally:
            trying = self._trying[account]
            trying[attempt] -= 1
            if not trying[attempt]:
                del trying[attempt]
            if not trying:
                del self._trying[account]

    async def _reserved(self, key: str, device: bool) -> Rejection | None:
        """Spend one attempt of an account, and of all, or say why there is none."""
        for rate in self._long:
            left = await self._hit(f"{key}|{rate.seconds}", 0, rate)
            if not left.admitted:
                return _wait(RATE_LIMITED, "account", left.retry_after)
        waits = []
        slots = self._rate.count if self._rate.count <= _EXACT else 1
        each = Rate(self._rate.count // slots, self._rate.seconds)
        for slot in range(slots):  # each is free again one whole span after it was used
            left = await self._hit(f"{key}|{slot}", 1, each)
            if left.admitted:
                break
            waits.append(left.retry_after)
        else:
            return _wait(RATE_LIMITED, "account", min(waits))
        if self._total is None or device:
            return None
        left = await self._hit("accounts", 1, self._total)
        return None if left.admitted else _wait(LOGINS_LIMITED, "all accounts", left.retry_after)

    async def _hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        answer = self._meter.hit(key, cost, rate)
        return answer if isinstance(answer, Allowance) else await answer


def _counted(account: str, device: str) -> str:
    return f"account|{account}|{device}" if device else f"account|{account}"


def _wait(reason: Reason, what: str, seconds: float) -> Rejection:
    return Rejection(reason, what, ((b"retry-after", b"%d" % max(1, math.ceil(seconds))),))


class PasswordCheck:
    """Tell whom a name and a password prove, for Basic and for the login alike.

    Every failure costs the same: as many hashes of today's cost as a subject may have passwords, and what the costliest
    of each other kind on record costs, whether it is this subject's or not. What its own passwords do not cost is made
    up for by dummies; it may have none, not exist or be disabled. So neither the answer nor its time tells them apart.

    A right password whose hash was made otherwise is hashed anew, in passing: when that fails or somebody else was
    first, nothing comes of it.
    """

    __slots__ = ("_clock", "_cost", "_guesses", "_kind", "_nobodys", "_passwords", "_records")

    def __init__(
        self,
        records: Records,
        passwords: Passwords,
        clock: Clock,
        cost: Cost | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self._guesses = guesses
        self._records = records
        self._passwords = passwords
        self._clock = clock
        self._cost = cost or Cost()
        encoded = dummy(self._cost)
        self._kind = work(encoded).kind
        # Stands where nobody's password is, so that looking at it takes as long as looking at somebody's.
        self._nobodys = Credential("pwd_", Kind.PASSWORD, "user:", 0, secret=encoded.encode())

    async def check(
        self, name: str, password: str, scheme: str = "basic", *, place: str = "", device: str = ""
    ) -> Principal | Rejection:
        """Return the principal of ``user:NAME`` or else ``service:NAME``, or the Rejection.

        ``name`` is as typed, ``place`` and ``device`` as ``Guesses`` counts them. Raise Unavailable when the store or
        the hashing is broken.
        """
        normal = normal_name(name)
        if normal is None or prepared(password) is None:  # no such name or password can exist: nothing to hide
            return Rejection(MALFORMED_CREDENTIAL, "not a possible name or password")
        if self._guesses is None:
            return await self._judged(normal, password, scheme)
        attempt = await self._guesses.begin(normal, password, place, device)
        if isinstance(attempt, Rejection):
            return attempt
        verdict = None
        try:
            verdict = await self._judged(normal, password, scheme)
            return verdict
        finally:
            await self._guesses.end(normal, attempt, verdict, place, device)

    async def _judged(self, normal: str, password: str, scheme: str) -> Principal | Rejection:
        subject = await self._subject(normal)
        usable = await self._usable(subject.name if subject else f"user:{normal}")
        if subject is None or subject.disabled_at is not None:
            usable = [self._nobodys]
        try:
            found = await self._fitting(usable, password, await self._owed())
        except Overloaded as overload:
            retry = str(overload.retry_after).encode()
            return Rejection(OVERLOADED, "password hashing", ((b"retry-after", retry),))
        if subject is None:
            return Rejection(UNKNOWN_CREDENTIAL, "no such subject")
        if subject.disabled_at is not None:
            return Rejection(SUBJECT_DISABLED, subject.name)
        if found is None:
            return Rejection(WRONG_SECRET, subject.name)
        # Hashes may queue for seconds, in which the password is changed: what it began after that nobody would end.
        current = await self._records.credential(found.id)
        refused = await standing(self._records, current, Kind.PASSWORD, self._clock())
        if refused is not None or current is None:
            return refused or Rejection(WRONG_SECRET, subject.name)
        await self._renew(current, password)
        return self._principal(current, scheme)

    async def _subject(self, name: str) -> Subject | None:
        user = await self._records.subject(f"user:{name}")
        service = await self._records.subject(f"service:{name}")  # always asked for, so that all names cost the same
        return user or service

    async def _usable(self, subject: str) -> list[Credential]:
        """Return the newest passwords that may be used now; nobody's where there is none."""
        now = self._clock()
        found: list[Credential] = []
        after = ""
        while True:
            page = await self._records.credentials(kind=Kind.PASSWORD, subject=subject, after=after, limit=_PAGE)
            looked = page if page or after else [self._nobodys]
            found += [each for each in looked if each.refusal(now) is None]
            if len(page) < _PAGE:
                break
            after = page[-1].id
        return sorted(found, key=lambda each: each.created_at, reverse=True)[:_AT_ONCE] or [self._nobodys]

    async def _owed(self) -> dict[str, int]:
        """Return the work that every failure costs: units by kind."""
        own = await self._records.subject(_OWN)
        owed = dict((own.detail if own else {}).get("hash_work") or {})
        owed[self._kind] = max(_AT_ONCE, owed.get(self._kind, 0))
        return owed

    async def _fitting(self, usable: list[Credential], password: str, owed: dict[str, int]) -> Credential | None:
        """Return the credential that the password fits. Every failure goes to the hashing twice, with equal work."""
        hashes = [each.secret.decode() for each in usable]
        for encoded in hashes:
            spent = work(encoded)
            kind, units = (spent.kind, spent.units) if spent.kind in owed else (self._kind, 1)
            owed[kind] -= units
        if await self._verify(hashes[0], password):  # nobody's fits none
            return usable[0]  # how soon a right password is accepted is no secret
        rest = [*hashes[1:], *(each for kind, units in owed.items() for each in idle(kind, units))]
        fits = await self._verify(together(rest), password) if rest else False
        return usable[1] if fits and len(usable) > 1 else None

    async def _renew(self, credential: Credential, password: str) -> None:
        if not outdated(credential.secret.decode(), self._cost):
            return
        try:
            hashed = self._passwords.hash(password)
            encoded = hashed if isinstance(hashed, str) else await hashed
            event = Event(
                self._clock(),
                "rehash",
                "done",
                scheme=credential.kind,
                credential=credential.id,
                subject=credential.subject,
                actor=_OWN,
            )
            await self._records.write(Swap(credential.changed(secret=encoded.encode())), event)
        except Exception as error:  # the login itself went well
            logger.warning("a password was not hashed anew: %s", type(error).__name__)

    async def _verify(self, encoded: str, password: str) -> bool:
        answer = self._passwords.verify(encoded, password)
        return await answer if isawaitable(answer) else answer

    def _principal(self, credential: Credential, scheme: str) -> Principal:
        return Principal(
            subject=credential.subject,
            scheme=scheme,
            credential=credential.id,
            scopes=credential.scopes,
            factors=("pwd",),
            authenticated_at=int(self._clock()),
            constraints=credential.constraints(),
        )


class Basic:
    """Prove the caller by name and password, sent with every request.

    A right password is remembered for ``ttl`` seconds under a digest keyed with ``cache_key`` (random, of this process
    alone), so that only the first of many requests costs a hash; failures are never remembered. It is remembered for
    the address that it came from: elsewhere, a guess that is right while its owner is at work must be counted like one
    that is wrong. Over plaintext it is refused except from loopback: the password is exposed by then, but its owner
    learns so early.
    """

    name = "basic"
    needs_body = False
    carrier = "Authorization"

    def __init__(
        self,
        check: PasswordCheck,
        verdicts: Verdicts,
        clock: Clock,
        *,
        cache_key: bytes,
        realm: str = "watchword",
        plaintext_allowed: bool = False,
        ttl: float = 60.0,
    ) -> None:
        if len(cache_key) < 16:
            raise ValueError("cache_key must be at least 16 random bytes")
        self._check = check
        self._verdicts = verdicts.part()
        self._proved = self._verdicts.find
        self._clock = clock
        # Copying a keyed state is cheaper than keying one.
        self._keyed = blake2b(key=cache_key, digest_size=32, person=b"basic")
        self._plaintext_allowed = plaintext_allowed
        self._ttl = ttl
        self._challenge = Challenge("Basic", (("realm", realm), ("charset", "UTF-8")))

    def recall(self, request: Request) -> Principal | None:
        """Return whom the very same credentials proved lately."""
        value = request.fields.get(b"authorization")
        peer = request.peer
        if value is not None and value[:_PREFIX] == b"Basic " and peer.tls:
            keyed = self._keyed.copy()
            keyed.update(value[_PREFIX:] + b"\n" + peer.address.encode())
            proved = self._proved(keyed.digest())
            if proved is not None and self._clock() < proved[1]:
                return proved[0]
        return None

    def read(self, request: Request) -> bytes | Rejection | None:
        """Return a keyed digest of what an Authorization field of this scheme holds, decoded only when it must be."""
        value = request.fields.get(b"authorization")
        if value is None or value[:_PREFIX].lower() != b"basic ":
            if value is not None and value.strip(b" ").lower() == b"basic":
                return Rejection(MALFORMED_CREDENTIAL, "Basic without credentials")
            return None
        peer = request.peer
        if not (peer.tls or self._plaintext_allowed or loopback(peer.address)):
            return Rejection(PASSWORD_OVER_PLAINTEXT)
        encoded = value[_PREFIX:].strip(b" ")
        if not 0 < len(encoded) <= _LONGEST:
            return Rejection(MALFORMED_CREDENTIAL, "Basic credentials of an impossible length")
        keyed = self._keyed.copy()
        keyed.update(encoded + b"\n" + peer.address.encode())
        return keyed.digest()

    def verify(self, credential: bytes, request: Request) -> Soon[Principal | Rejection]:
        """Return whom the name and the password prove; at once when they proved it lately."""
        proved = self._proved(credential)
        if proved is not None and self._clock() < proved[1]:
            return proved[0]
        return self._first(credential, request.fields[b"authorization"][_PREFIX:].strip(b" "), request.peer.address)

    async def _first(self, key: bytes, encoded: bytes, place: str) -> Principal | Rejection:
        pair = parse_basic(encoded)
        if pair is None:
            return Rejection(MALFORMED_CREDENTIAL, "Basic credentials that are no canonical base64 of UTF-8")
        mark = self._verdicts.mark  # hashing takes long: what is revoked meanwhile must not be remembered
        who = await self._check.check(*pair, place=place)
        if isinstance(who, Principal):
            now = self._clock()
            end = who.constraints.expires_at
            until = now + self._ttl if end is None else min(end, now + self._ttl)
            self._verdicts.put(key, who, until, now, since=mark)
        return who

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        """Return the challenge of RFC 7617 section 2.1; it never tells why."""
        return self._challenge

    def describe(self) -> SecurityScheme:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": "basic", "description": "User name and password in UTF-8 (RFC 7617)."}
