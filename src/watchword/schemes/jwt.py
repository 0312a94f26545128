"""JSON Web Tokens of our own issuer and of outside ones: ``Authorization: Bearer`` (RFC 7519, 6750, 8725)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from watchword.codec.claims import bounds, is_name, moment, outside_name, refusal, scopes, texts, unconfirmed
from watchword.codec.jose import Header, Token, VerificationKey, open_token, peek
from watchword.keyring import Issuer, OwnKeys
from watchword.model.ports import Clock, Soon
from watchword.model.reason import BAD_CLAIMS, BAD_TYPE, REVOKED, UNKNOWN_KEY, WRONG_ISSUER, Reason
from watchword.model.request import Request
from watchword.model.verdict import NO_CONSTRAINTS, Challenge, Constraints, Principal, Rejection, SecurityScheme
from watchword.verdicts import Revocations, Verdicts

__all__ = ["Jwt", "JwtCredential"]

_ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - the media type that belongs to the oauth2 scheme (RFC 9068)
_TTL: Final = 60.0  # seconds that a verdict is believed at most
_OWN: Final = frozenset({"exp", "sub", "iat", "jti"})
_SUBJECTS: Final = ("user:", "service:")
_DOTS: Final = frozenset({2, 4})  # a JWS has three segments, a JWE five: the latter is refused by name


@dataclass(slots=True)
class JwtCredential:
    """Hold one token that looks like a JWT; nothing of it is proved yet."""

    token: bytes = field(repr=False)
    header: Header


class Jwt:
    """Prove a caller by a signed token, without a look-up.

    Own tokens: ``typ`` "JWT", claims ``iss sub aud exp iat jti`` and, as far as known, ``scope sid amr auth_time``;
    ``sub`` is a whole subject such as "user:alice", ``sid`` the public id of what the token came from. Outside tokens:
    what their Issuer says. A verdict is remembered by the SHA-256 of the whole token.
    """

    name = "jwt"
    needs_body = False
    carrier = "Authorization"

    def __init__(
        self,
        own: OwnKeys | None,
        issuers: Mapping[str, Issuer],
        verdicts: Verdicts,
        revocations: Revocations,
        *,
        issuer: str = "",
        audience: str = "",
        realm: str = "api",
        leeway: float = 30.0,
        clock: Clock = time.time,
    ) -> None:
        """Trust ``own`` for tokens of ``issuer``, and ``issuers`` by their exact names.

        ``leeway`` (seconds) excuses a clock ahead of ours in ``nbf`` and ``iat``; an expiry is never stretched.
        """
        if own is not None and not (issuer and audience):
            raise ValueError("own tokens need the issuer's name and an audience")
        if any(name != each.iss for name, each in issuers.items()) or (own is not None and issuer in issuers):
            raise ValueError("each issuer is named once, by its own iss")
        self._own = own
        self._issuers = dict(issuers)
        self._verdicts = verdicts.part()
        self._proved = self._verdicts.find
        self._revocations = revocations
        self._issuer = issuer
        self._audience = audience
        self._realm = realm
        self._leeway = leeway
        self._clock = clock

    def recall(self, request: Request) -> Principal | None:
        """Return whom the very same token proved before, while that is believed."""
        value = request.fields.get(b"authorization")
        if value is not None and value[:7] == b"Bearer ":
            proved = self._proved(sha256(value[7:]).digest())
            if proved is not None and self._clock() < proved[1]:
                return proved[0]
        return None

    def read(self, request: Request) -> JwtCredential | Rejection | None:
        """Return the Bearer token if it looks like a JWT (three segments) that is no ``at+jwt``."""
        value = request.fields.get(b"authorization")
        if value is None or (value[:7] != b"Bearer " and value[:7].lower() != b"bearer "):
            return None
        token = value[7:]
        header = peek(token)
        if isinstance(header, Reason):
            token = token.strip(b" ")
            if token.count(b".") not in _DOTS or token.startswith(b"ak_"):
                return None
            header = peek(token)
            if isinstance(header, Reason):
                return Rejection(header)
        return None if header.type == _ACCESS_TOKEN else JwtCredential(token, header)

    def verify(self, credential: JwtCredential, request: Request) -> Soon[Principal | Rejection]:
        """Return whom the token proves. Raise Unavailable when its issuer's keys cannot be had."""
        lookup = sha256(credential.token).digest()
        proved = self._proved(lookup)
        if proved is not None and self._clock() < proved[1]:
            return proved[0]
        token = open_token(credential.token, credential.header)
        if isinstance(token, Reason):
            return Rejection(token)
        if "cnf" in token.claims and (reason := unconfirmed(token.claims["cnf"], request.peer.certificate)) is not None:
            return Rejection(reason)
        iss = token.claims.get("iss")
        if self._own is not None and iss == self._issuer:
            return self._own_verdict(token, lookup, self._own)
        issuer = self._issuers.get(iss) if isinstance(iss, str) else None
        if issuer is None:
            return Rejection(WRONG_ISSUER)
        if token.header.type not in issuer.types:
            return Rejection(BAD_TYPE)
        key = issuer.key(token.header)
        if key is None or isinstance(key, VerificationKey):
            return self._outside_verdict(token, lookup, issuer, key)
        return self._when_fetched(token, lookup, issuer, key)

    async def _when_fetched(
        self, token: Token, lookup: bytes, issuer: Issuer, key: Awaitable[VerificationKey | None]
    ) -> Principal | Rejection:
        return self._outside_verdict(token, lookup, issuer, await key)

    def _own_verdict(self, token: Token, lookup: bytes, own: OwnKeys) -> Principal | Rejection:
        header, claims, now = token.header, token.claims, self._clock()
        if header.typ != "JWT":
            return Rejection(BAD_TYPE)
        key = own.verification_key(header.kid or "")
        reason = UNKNOWN_KEY if key is None else token.refusal(key)
        reason = reason or refusal(
            claims,
            issuer=self._issuer,
            audience=self._audience,
            now=now,
            leeway=self._leeway,
            required=_OWN,
            confirmed=True,
        )
        if reason is not None:
            return Rejection(reason)
        subject, jti = claims["sub"], claims["jti"]
        if not subject.startswith(_SUBJECTS):
            return Rejection(BAD_CLAIMS, "sub")
        credential = claims.get("sid", f"jti:{jti}")
        if not is_name(credential):
            return Rejection(BAD_CLAIMS, "sid")
        until = min(claims["exp"], now + _TTL, own.ends_at(key.kid))  # type: ignore[union-attr]
        return self._accepted(claims, lookup, subject, credential, until, now, bounds(claims))

    def _outside_verdict(
        self, token: Token, lookup: bytes, issuer: Issuer, key: VerificationKey | None
    ) -> Principal | Rejection:
        claims, now = token.claims, self._clock()
        reason = UNKNOWN_KEY if key is None else token.refusal(key)
        reason = reason or refusal(
            claims, issuer=issuer.iss, audience=issuer.audience, now=now, leeway=self._leeway, confirmed=True
        )
        if reason is not None:
            return Rejection(reason)
        subject = issuer.subject_of(claims)
        if subject is None:
            return Rejection(BAD_CLAIMS, "subject")
        # Outside names never look like public ids of ours, so they share no limit and no audit trail with them.
        credential = outside_name("jti", claims["jti"]) if "jti" in claims else f"token:{lookup[:8].hex()}"
        until = min(claims["exp"], now + _TTL)
        return self._accepted(claims, lookup, subject, credential, until, now, NO_CONSTRAINTS)

    def _accepted(
        self,
        claims: dict[str, Any],
        lookup: bytes,
        subject: str,
        credential: str,
        until: float,
        now: float,
        bound: Constraints | None,
    ) -> Principal | Rejection:
        granted, factors = scopes(claims), texts(claims.get("amr", []))
        jti, issued_at = claims.get("jti", ""), claims.get("iat", 0)
        authenticated_at = moment(claims.get("auth_time", issued_at))
        if granted is None or factors is None or authenticated_at is None or bound is None:
            return Rejection(BAD_CLAIMS)
        client = claims.get("client_id", "")
        if self._revocations.token_void(jti, subject, issued_at, credential, client):
            return Rejection(REVOKED, credential=credential)
        since, said = int(authenticated_at), MappingProxyType(claims)
        principal = Principal(subject, self.name, credential, granted, factors, since, said, None, bound)
        if "cnf" not in claims:  # the same token over another connection proves nothing
            tags = (f"token:{jti}", f"subject:client:{client}") if client else (f"token:{jti}",)
            self._verdicts.put(lookup, principal, until, now, tags=tags)
        return principal

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a Bearer token; ``error`` is there only when one was presented (RFC 6750 section 3)."""
        error = (("error", rejection.reason.error),) if rejection is not None and rejection.reason.error else ()
        return Challenge("Bearer", (("realm", self._realm), *error))

    def describe(self) -> SecurityScheme:
        """Return an ``http bearer`` security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
