"""JSON Web Tokens of our own issuer and of outside ones: ``Authorization: Bearer`` (RFC 7519, 6750, 8725)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any, Final

from watchword.bearer import ACCESS_TOKEN, BearerToken, Outcome, Trust, bearer_token
from watchword.codec.claims import is_name, outside_name
from watchword.codec.jose import Header, Token, VerificationKey
from watchword.keyring import Issuer, OwnKeys
from watchword.model.ports import Clock, Soon
from watchword.model.reason import BAD_CLAIMS
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme
from watchword.verdicts import Revocations, Verdicts

__all__ = ["Jwt"]

_BEARER: Final = b"Bearer "
_OWN: Final = frozenset({"exp", "sub", "iat", "jti"})
_OUTSIDE: Final = frozenset({"exp", "sub"})


class Jwt:
    """Prove a caller by a signed token, without a look-up.

    Own tokens: ``typ`` "JWT", claims ``iss sub aud exp iat jti`` and, as far as known, ``scope sid amr auth_time``;
    ``sub`` is a whole subject such as "user:alice", ``sid`` the public id of what the token came from. Outside tokens:
    what their Issuer says. A verdict is remembered by the SHA-256 of the whole field.
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
        given: dict[str, Any] = {"issuer": issuer, "audience": audience, "realm": realm}
        self._trust = Trust(self.name, own, issuers, verdicts, revocations, leeway=leeway, clock=clock, **given)
        self._proved = self._trust.verdicts.find
        self._clock = clock

    def recall(self, request: Request) -> Principal | None:
        """Return whom the very same token proved before, while that is believed."""
        value = request.fields.get(b"authorization")
        if value is not None and value[:7] == _BEARER:
            proved = self._proved(sha256(value).digest())  # of all of it: to cut the token out costs more
            if proved is not None and self._clock() < proved[1]:
                return proved[0]
        return None

    def read(self, request: Request) -> BearerToken | Rejection | None:
        """Return the Bearer token if it looks like a JWT (three segments) that is no ``at+jwt``."""
        found = bearer_token(request)
        if found is None or isinstance(found, Rejection):
            return found
        return None if found.header is None or found.header.type == ACCESS_TOKEN else found

    def verify(self, credential: BearerToken, request: Request) -> Soon[Outcome]:
        """Return whom the token proves. Raise Unavailable when its issuer's keys cannot be had."""
        lookup = sha256(_BEARER + credential.token).digest()
        proved = self._proved(lookup)
        if proved is not None and self._clock() < proved[1]:
            return proved[0]
        return self._trust.verify(credential, request, _fits, partial(self._judged, lookup))

    def _judged(self, lookup: bytes, token: Token, issuer: Issuer | None, key: VerificationKey | None) -> Outcome:
        claims = token.claims
        reason = self._trust.refusal(token, issuer, key, _OUTSIDE if issuer else _OWN)
        if reason is not None:
            return Rejection(reason)
        if issuer is None:
            credential = claims.get("sid", f"jti:{claims['jti']}")
            if not is_name(credential):
                return Rejection(BAD_CLAIMS, "sid")
        else:  # outside names never look like public ids of ours, so they share no limit and no audit trail with them
            credential = outside_name("jti", claims["jti"]) if "jti" in claims else _unnamed(token)
        return self._trust.proved(token, lookup, issuer, credential, None)

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a Bearer token (RFC 6750 section 3)."""
        return self._trust.challenge(rejection)

    def describe(self) -> SecurityScheme:
        """Return an ``http bearer`` security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def _unnamed(token: Token) -> str:
    """Return the name of a token that has none: the beginning of its SHA-256."""
    return f"token:{sha256(token.signed + b'.' + token.signature).hexdigest()[:16]}"


def _fits(header: Header, issuer: Issuer | None) -> bool:
    return header.typ == "JWT" if issuer is None else header.type in issuer.types
