"""Session cookies: an opaque id in ``__Host-session``, everything else on the server."""

from __future__ import annotations

import time
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from watchword.codec.addresses import loopback
from watchword.codec.fields import DUPLICATE, CookieValue, cookie_reader
from watchword.codec.secrets import well_formed
from watchword.model.credential import Kind
from watchword.model.ports import Clock, Records, Soon
from watchword.model.reason import EXPIRED, MALFORMED_CREDENTIAL, REVOKED
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme
from watchword.standing import VERDICT_TTL, principal_of, standing, until
from watchword.verdicts import Verdicts

__all__ = ["COOKIE", "PLAIN_COOKIE", "PREFIX", "Session"]

COOKIE: Final = "__Host-session"
PLAIN_COOKIE: Final = "session"
PREFIX: Final = "ws_"

_PASSWORD: Final = "pwd_"  # noqa: S105 - what the ids of passwords begin with

_BEGIN: Final = COOKIE.encode() + b"="
_ONCE: Final = 2  # parts that what stands there once cuts a field into
_SEMICOLON: Final = ord(";")  # a number is found faster than bytes are


class Session:
    """Prove a person by the cookie that login set.

    Over TLS only the ``__Host-`` cookie counts, which no sub-domain and no plain-text page can set (RFC 6265bis section
    4.1.3.2); without TLS the plain name, and from loopback alone. What ``read`` hands on is the digest: the value
    goes no further than the request that brought it. A session ends when it is idle too long, at its absolute end, or
    when its record is revoked.
    """

    name = "session"
    needs_body = False

    def __init__(self, records: Records, verdicts: Verdicts, *, clock: Clock = time.time) -> None:
        self._records = records
        self._verdicts = verdicts.part()
        self._proved = self._verdicts.find
        self._clock = clock
        self._cookie = cookie_reader(COOKIE)
        self._plain_cookie = cookie_reader(PLAIN_COOKIE)

    def recall(self, request: Request) -> Principal | None:
        """Return whom the very same cookie proved lately."""
        header = request.fields.get(b"cookie")
        if header is not None and request.peer.tls:
            # As the reader finds a cookie that stands there once; what it alone can find is read, not recalled.
            parts = header.split(_BEGIN, _ONCE)
            if len(parts) == _ONCE and (not parts[0] or parts[0][-2:] == b"; "):
                value = parts[1]
                proved = self._proved(sha256(value if _SEMICOLON not in value else value[: value.find(b";")]).digest())
                if proved is not None and self._clock() < proved[1]:
                    return proved[0]
        return None

    def read(self, request: Request) -> bytes | Rejection | None:
        """Return the SHA-256 of the session cookie, or a Rejection when there are two."""
        value = self._value(request)
        if value is None:
            return None
        if value is DUPLICATE:
            return Rejection(MALFORMED_CREDENTIAL, "two session cookies")
        return sha256(value).digest()

    def _value(self, request: Request) -> CookieValue:
        header = request.fields.get(b"cookie")
        if header is None:
            return None
        peer = request.peer
        if peer.tls:
            return self._cookie(header)
        return self._plain_cookie(header) if loopback(peer.address) else None

    def verify(self, credential: bytes, request: Request) -> Soon[Principal | Rejection]:
        """Return whose session it is."""
        proved = self._proved(credential)
        if proved is not None and self._clock() < proved[1]:
            return proved[0]
        value = self._value(request)
        if not isinstance(value, bytes) or not well_formed(value, PREFIX):
            return Rejection(MALFORMED_CREDENTIAL, "checksum")
        return self._look_up(credential)

    async def _look_up(self, lookup: bytes) -> Principal | Rejection:
        now, mark = self._clock(), self._verdicts.mark
        record = await self._records.credential_by(lookup)
        refused = await standing(self._records, record, Kind.SESSION, now)
        if refused is not None or record is None:
            return refused or Rejection(MALFORMED_CREDENTIAL)
        login = str(record.detail.get("login", ""))
        if login.startswith(_PASSWORD):  # it may have been revoked while the session was being made
            password = await self._records.credential(login)
            if password is not None and password.revoked_at is not None:
                return Rejection(REVOKED, "its login", credential=record.id)
        idle = float(record.detail["idle"])
        if now - (record.last_used_at or record.created_at) > idle:
            return Rejection(EXPIRED, "idle", credential=record.id)
        factors = tuple(record.detail.get("factors", ()))
        principal = principal_of(record, self.name, record.detail.get("authenticated_at", record.created_at), factors)
        if "proved" in record.detail:  # when each factor was, for who demands fresh ones
            principal = principal._replace(claims=MappingProxyType({"proved": record.detail["proved"]}))
        # Re-read well before the idle limit, so that last use, written in batches, can be judged.
        end = min(until(record, now), now + min(VERDICT_TTL, idle / 4))
        self._verdicts.put(lookup, principal, end, now, since=mark, tags=(f"credential:{login}",) if login else ())
        return principal

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        """Return None: browsers are sent to the login page, no challenge is registered for cookies."""
        return None

    def describe(self) -> SecurityScheme:
        """Return an ``apiKey in cookie`` security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": COOKIE}
