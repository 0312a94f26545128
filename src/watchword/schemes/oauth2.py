"""OAuth 2.0 access tokens: ``at+jwt`` (RFC 9068) and opaque ones by introspection (RFC 7662), as Bearer (RFC 6750)."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote_plus

from watchword.codec.claims import (
    audience_refusal,
    bounds,
    claim_rule,
    is_name,
    moment,
    outside_name,
    refusal,
    scopes,
    texts,
    time_refusal,
    unconfirmed,
)
from watchword.codec.jose import Header, Token, VerificationKey, open_token, peek
from watchword.codec.strict import json_object
from watchword.keyring import Issuer, OwnKeys, checked_url
from watchword.model.ports import Clock, Fetch, Fetched, Soon, Unavailable
from watchword.model.reason import (
    BAD_CLAIMS,
    BAD_TYPE,
    INACTIVE_TOKEN,
    REVOKED,
    UNKNOWN_KEY,
    WRONG_ISSUER,
    Reason,
)
from watchword.model.request import Request
from watchword.model.verdict import NO_CONSTRAINTS, Challenge, Constraints, Principal, Rejection, SecurityScheme
from watchword.verdicts import Revocations, Verdicts

__all__ = ["Introspection", "OAuth2", "OAuth2Credential"]

_ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - a media type
_REQUIRED: Final = frozenset({"exp", "sub", "client_id", "iat", "jti"})
_SUBJECTS: Final = ("user:", "service:")
_TTL: Final = 60.0  # seconds that a verdict is believed at most
_INACTIVE_TTL: Final = 5.0  # seconds that "inactive" is believed
_MOST_INACTIVE: Final = 4_096
_MOST_OPAQUE: Final = 4_096  # bytes
_DOTS: Final = frozenset({2, 4})  # a JWS has three segments, a JWE five: the latter is refused by name
_B64TOKEN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/")
_OK: Final = 200


@dataclass(slots=True)
class OAuth2Credential:
    """Hold one access token; ``header`` is None for an opaque one. Nothing of it is proved yet."""

    token: bytes = field(repr=False)
    header: Header | None


class Introspection:
    """Ask one provider what an opaque token is worth (RFC 7662), as a client of it by Basic.

    ``prefix`` tells the provider's tokens from others', so that none is shown to a stranger. ``issuer`` and
    ``audience``, where set, must be what the answer says: an answer without ``aud`` is refused where one is demanded,
    one without ``iss`` is taken for the endpoint's own. ``subject`` and ``client_subject`` are rules as of Issuer.
    """

    def __init__(
        self,
        endpoint: str,
        client_id: str,
        client_secret: str,
        fetch: Fetch,
        *,
        issuer: str = "",
        audience: str = "",
        prefix: str = "",
        subject: str = "user:{sub}",
        client_subject: str = "service:{client_id}",
        leeway: float = 30.0,
    ) -> None:
        """Raise ValueError for an endpoint that is not https, or a client without a secret."""
        if not client_id or not client_secret:
            raise ValueError("introspection needs the client id and secret that the provider gave")
        self.endpoint: str = checked_url(endpoint)
        self.prefix: bytes = prefix.encode()
        self._fetch = fetch
        self._issuer = issuer
        self._audience = audience
        self._subject = claim_rule(subject)
        self._client_subject = claim_rule(client_subject)
        self._leeway = leeway
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"  # RFC 6749 section 2.3.1
        self._headers = {"authorization": "Basic " + b64encode(pair.encode()).decode()}
        # What an answer proves depends on all of these, so a remembered one is found by all of them (CVE-2026-33496).
        depends = (endpoint, client_id, issuer, audience, subject, client_subject)
        self.mark: bytes = sha256(repr(depends).encode()).digest()[:8]

    def __repr__(self) -> str:
        return f"Introspection({self.endpoint!r})"

    async def ask(self, token: bytes) -> dict[str, Any]:
        """Return the provider's answer. Raise Unavailable when it gives none that can be read."""
        form = {"token": token.decode("ascii"), "token_type_hint": "access_token"}
        answer = self._fetch(self.endpoint, data=form, headers=self._headers)
        fetched = answer if isinstance(answer, Fetched) else await answer
        claims = json_object(fetched.body) if fetched.status == _OK else None
        if claims is None or not isinstance(claims.get("active"), bool):
            raise Unavailable(f"{self.endpoint}: no introspection answer, status {fetched.status}")
        return claims

    def refusal(self, claims: Mapping[str, Any], now: float) -> Reason | None:
        """Return why the answer does not let the token in here and now, or None."""
        if claims["active"] is not True:
            return INACTIVE_TOKEN
        if self._issuer and claims.get("iss", self._issuer) != self._issuer:
            return WRONG_ISSUER
        wrong_audience = audience_refusal(claims, self._audience) if self._audience else None
        if wrong_audience is not None:
            return wrong_audience
        kind = claims.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() not in {"bearer", "access_token"} or "cnf" in claims:
            return BAD_TYPE
        if any(name in claims and not is_name(claims[name]) for name in ("sub", "username", "client_id", "jti")):
            return BAD_CLAIMS
        return time_refusal(claims, now, self._leeway)

    def subject_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the subject that the answer means; without a user in it the client acts for itself."""
        return (self._client_subject if _for_itself(claims) else self._subject)(claims)


class OAuth2:
    """Prove a caller by an access token of an authorization server: ours or another.

    The token's ``client_id`` becomes the actor, unless the client itself is the subject. Own tokens carry a whole
    subject ("service:billing") in ``sub`` and, in ``sid``, the public id of the credential that they came from (without
    it ``client_id`` is that id): revoking it voids them.
    """

    name = "oauth2"
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
        introspections: Iterable[Introspection] = (),
        realm: str = "api",
        leeway: float = 30.0,
        token_url: str = "",
        clock: Clock = time.time,
    ) -> None:
        """Trust ``own`` for tokens of ``issuer``, ``issuers`` by exact name, and the first fitting introspection."""
        if own is not None and not (issuer and audience):
            raise ValueError("own tokens need the issuer's name and an audience")
        if any(name != each.iss for name, each in issuers.items()) or (own is not None and issuer in issuers):
            raise ValueError("each issuer is named once, by its own iss")
        self._own = own
        self._issuers = dict(issuers)
        self._verdicts = verdicts.part()
        self._revocations = revocations
        self._issuer = issuer
        self._audience = audience
        self._introspections = tuple(introspections)
        self._realm = realm
        self._leeway = leeway
        self._token_url = token_url
        self._clock = clock
        self._inactive: dict[bytes, float] = {}

    def read(self, request: Request) -> OAuth2Credential | Rejection | None:
        """Return the Bearer token if it is an ``at+jwt``, or an opaque one that a provider can be asked about."""
        value = request.fields.get(b"authorization")
        if value is None or (value[:7] != b"Bearer " and value[:7].lower() != b"bearer "):
            return None
        token = value[7:]
        header = peek(token)
        if isinstance(header, Reason):
            token = token.strip(b" ")
            if token.startswith(b"ak_"):
                return None
            if token.count(b".") not in _DOTS:
                return self._read_opaque(token)
            header = peek(token)
            if isinstance(header, Reason):
                return Rejection(header)
        return OAuth2Credential(token, header) if header.type == _ACCESS_TOKEN else None

    def _read_opaque(self, token: bytes) -> OAuth2Credential | None:
        body = token.rstrip(b"=")
        if not body or len(token) > _MOST_OPAQUE or not _B64TOKEN.issuperset(body):
            return None
        return OAuth2Credential(token, None) if self._provider(token) is not None else None

    def _provider(self, token: bytes) -> Introspection | None:
        return next((each for each in self._introspections if token.startswith(each.prefix)), None)

    def verify(self, credential: OAuth2Credential, request: Request) -> Soon[Principal | Rejection]:
        """Return whom the token proves. Raise Unavailable when keys or a provider's answer cannot be had."""
        digest = sha256(credential.token).digest()
        if credential.header is None:
            return self._verify_opaque(credential.token, digest)
        lookup = digest
        principal = self._verdicts.get(lookup, self._clock())
        if principal is not None:
            return principal
        token = open_token(credential.token, credential.header)
        if isinstance(token, Reason):
            return Rejection(token)
        if "cnf" in token.claims and (reason := unconfirmed(token.claims["cnf"], request.peer.certificate)) is not None:
            return Rejection(reason)
        iss = token.claims.get("iss")
        if self._own is not None and iss == self._issuer:
            return self._judge(token, lookup, None, self._own.verification_key(token.header.kid or ""))
        issuer = self._issuers.get(iss) if isinstance(iss, str) else None
        if issuer is None:
            return Rejection(WRONG_ISSUER)
        key = issuer.key(token.header)
        if key is None or isinstance(key, VerificationKey):
            return self._judge(token, lookup, issuer, key)
        return self._when_fetched(token, lookup, issuer, key)

    async def _when_fetched(
        self, token: Token, lookup: bytes, issuer: Issuer, key: Awaitable[VerificationKey | None]
    ) -> Principal | Rejection:
        return self._judge(token, lookup, issuer, await key)

    def _judge(
        self, token: Token, lookup: bytes, issuer: Issuer | None, key: VerificationKey | None
    ) -> Principal | Rejection:
        claims, now = token.claims, self._clock()
        iss, audience = (issuer.iss, issuer.audience) if issuer else (self._issuer, self._audience)
        reason = UNKNOWN_KEY if key is None else token.refusal(key)
        reason = reason or refusal(
            claims,
            issuer=iss,
            audience=audience,
            now=now,
            leeway=self._leeway,
            required=_REQUIRED,
            confirmed=True,
        )
        if reason is not None or key is None:
            return Rejection(reason or UNKNOWN_KEY)
        until = min(claims["exp"], now + _TTL)
        if issuer is None:
            subject = claims["sub"] if claims["sub"].startswith(_SUBJECTS) else None
            credential = claims.get("sid", claims["client_id"])
            if not is_name(credential):
                return Rejection(BAD_CLAIMS, "sid")
            until = min(until, self._own.ends_at(key.kid) if self._own else now)
        else:
            subject = issuer.subject_of(claims)
            credential = outside_name("client", claims["client_id"])
        bound = bounds(claims) if issuer is None else NO_CONSTRAINTS
        return self._accepted(claims, lookup, subject, credential, until, now, bound)

    def _verify_opaque(self, token: bytes, digest: bytes) -> Soon[Principal | Rejection]:
        provider = self._provider(token)
        if provider is None:
            return Rejection(INACTIVE_TOKEN)
        lookup, now = digest + provider.mark, self._clock()
        principal = self._verdicts.get(lookup, now)
        if principal is not None:
            return principal
        if now < self._inactive.get(lookup, 0.0):
            return Rejection(INACTIVE_TOKEN)
        return self._introspect(token, lookup, provider)

    async def _introspect(self, token: bytes, lookup: bytes, provider: Introspection) -> Principal | Rejection:
        claims = await provider.ask(token)
        now = self._clock()
        reason = provider.refusal(claims, now)
        if reason is INACTIVE_TOKEN:
            if len(self._inactive) >= _MOST_INACTIVE:
                self._inactive.clear()
            self._inactive[lookup] = now + _INACTIVE_TTL
        if reason is not None:
            return Rejection(reason)
        client = claims.get("client_id")
        credential = outside_name("client", client) if client is not None else f"token:{lookup[:8].hex()}"
        until = min(claims.get("exp", now + _TTL), now + _TTL)
        return self._accepted(claims, lookup, provider.subject_of(claims), credential, until, now)

    def _accepted(
        self,
        claims: dict[str, Any],
        lookup: bytes,
        subject: str | None,
        credential: str,
        until: float,
        now: float,
        bound: Constraints | None = NO_CONSTRAINTS,
    ) -> Principal | Rejection:
        granted, factors = scopes(claims), texts(claims.get("amr", []))
        jti, issued_at = claims.get("jti", ""), claims.get("iat", 0)
        authenticated_at = moment(claims.get("auth_time", issued_at))
        if subject is None or granted is None or factors is None or authenticated_at is None or bound is None:
            return Rejection(BAD_CLAIMS)
        client = claims.get("client_id", "")
        if self._revocations.token_void(jti, subject, issued_at, credential, client):
            return Rejection(REVOKED, credential=credential)
        principal = Principal(
            subject=subject,
            scheme=self.name,
            credential=credential,
            scopes=granted,
            factors=factors,
            authenticated_at=int(authenticated_at),
            claims=MappingProxyType(claims),
            constraints=bound,
            actor=None if _for_itself(claims) else claims.get("client_id"),
        )
        if "cnf" not in claims:  # the same token over another connection proves nothing
            self._verdicts.put(lookup, principal, until, now, tags=(f"token:{jti}", f"subject:client:{client}"))
        return principal

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a Bearer token; ``error`` is there only when one was presented (RFC 6750 section 3)."""
        error = (("error", rejection.reason.error),) if rejection is not None and rejection.reason.error else ()
        return Challenge("Bearer", (("realm", self._realm), *error))

    def describe(self) -> SecurityScheme:
        """Return an ``oauth2`` security scheme where our token endpoint is known, else an ``http bearer`` one."""
        if self._token_url:
            return {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": self._token_url, "scopes": {}}}}
        return {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}


def _for_itself(claims: Mapping[str, Any]) -> bool:
    client = claims.get("client_id")
    return client is not None and claims.get("sub", claims.get("username", client)) == client
