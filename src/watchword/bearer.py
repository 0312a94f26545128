"""Judge access tokens for every scheme that takes them: our own issuer's and outside ones' (RFC 6750, 8725, 9449)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from watchword.codec.claims import bounds, factors, moment, refusal, scopes, unconfirmed
from watchword.codec.jose import Header, Token, VerificationKey, open_token, peek
from watchword.codec.secrets import digest
from watchword.keyring import Issuer, OwnKeys
from watchword.model.ports import Clock, Soon
from watchword.model.reason import BAD_CLAIMS, BAD_TYPE, REVOKED, UNKNOWN_KEY, WRONG_ISSUER, Reason
from watchword.model.request import Request
from watchword.model.verdict import NO_CONSTRAINTS, Challenge, Constraints, Principal, Rejection
from watchword.verdicts import Revocations, Verdicts, origin_tags

__all__ = [
    "ACCESS_TOKEN",
    "OPAQUE",
    "TTL",
    "BearerToken",
    "BoundToken",
    "Outcome",
    "Trust",
    "bearer_token",
    "bound_token",
    "opaque_place",
]

ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - a media type
"""What ``typ`` names in an OAuth access token (RFC 9068 section 2.1)."""

OPAQUE: Final = "at_"
"""How access tokens of our own begin that say nothing themselves."""

TTL: Final = 60.0
"""Seconds that a verdict is believed at most."""

Outcome: TypeAlias = Principal | Rejection

_SUBJECTS: Final = ("user:", "service:")
_DOTS: Final = frozenset({2, 4})  # a JWS has three segments, a JWE five: the latter is refused by name


@dataclass(slots=True)
class BearerToken:
    """Hold one token; nothing of it is proved yet. ``header`` is None where it is no JWS at all."""

    token: bytes = field(repr=False)
    header: Header | None


@dataclass(slots=True)
class BoundToken(BearerToken):
    """Hold one that came as ``DPoP``, so that its bearer must prove possession of a key (RFC 9449 section 7.1).

    ``jose`` is its header, where it is a JWS. ``header`` is None: who looks at Bearer tokens only finds nothing here.
    """

    jose: Header | None = None


def opaque_place(token: str | bytes) -> str:
    """Return where the claims of an opaque access token of our own are kept."""
    return f"oauth-at:{digest(token).hex()}"


def bearer_token(request: Request) -> BearerToken | Rejection | None:
    """Return the token of ``Authorization: Bearer`` (RFC 6750 section 2.1), None for API keys and for none at all."""
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
            return BearerToken(token, None)
        header = peek(token)
        if isinstance(header, Reason):
            return Rejection(header)
    return BearerToken(token, header)


def bound_token(request: Request) -> BoundToken | Rejection | None:
    """Return the token of ``Authorization: DPoP`` (RFC 9449 section 7.1), None where there is none."""
    value = request.fields.get(b"authorization")
    if value is None or value[:5].lower() != b"dpop ":
        return None
    token = value[5:].strip(b" ")
    header = peek(token)
    if isinstance(header, Header):
        return BoundToken(token, None, header)
    return Rejection(header) if token.count(b".") in _DOTS else BoundToken(token, None)


class Trust:
    """Say whose tokens one scheme believes, and judge them: our own, and those of outside issuers by exact name.

    Our own carry a whole subject, such as "user:alice", and the bounds of what they came from.
    """

    def __init__(
        self,
        scheme: str,
        own: OwnKeys | None,
        issuers: Mapping[str, Issuer],
        verdicts: Verdicts,
        revocations: Revocations,
        *,
        issuer: str = "",
        audience: str = "",
        alone: bool = False,
        realm: str = "api",
        leeway: float = 30.0,
        clock: Clock = time.time,
    ) -> None:
        """Keep verdicts in a part of ``verdicts`` of its own. Raise ValueError where an issuer is named twice.

        ``alone``: tokens of outside issuers, too, must be for ``audience``, whatever they call us elsewhere.
        """
        if own is not None and not (issuer and audience):
            raise ValueError("own tokens need the issuer's name and an audience")
        if any(name != each.iss for name, each in issuers.items()) or (own is not None and issuer in issuers):
            raise ValueError("each issuer is named once, by its own iss")
        self.verdicts: Verdicts = verdicts.part()
        self._scheme = scheme
        self._own = own
        self._issuers = dict(issuers)
        self._revocations = revocations
        self._issuer = issuer
        self._audience = audience
        self._alone = alone
        self._realm = realm
        self._leeway = leeway
        self._clock = clock

    def verify(
        self,
        found: BearerToken,
        request: Request,
        fits: Callable[[Header, Issuer | None], bool],
        judge: Callable[[Token, Issuer | None, VerificationKey | None], Outcome],
        *,
        confirmed: bool = False,
    ) -> Soon[Outcome]:
        """Open the token, find its issuer (None is us) and key, and let ``judge`` do the rest.

        ``fits`` says whether that issuer's tokens may be of such a type. ``confirmed``: what the token is bound to is
        looked at by the caller. Raise Unavailable when keys cannot be had.
        """
        assert found.header is not None  # noqa: S101 - the scheme has looked
        token = open_token(found.token, found.header)
        if isinstance(token, Reason):
            return Rejection(token)
        if "cnf" in token.claims and not confirmed:
            unbound = unconfirmed(token.claims["cnf"], request.peer.certificate)
            if unbound is not None:
                return Rejection(unbound)
        iss = token.claims.get("iss")
        if self._own is not None and iss == self._issuer:
            if not fits(token.header, None):
                return Rejection(BAD_TYPE)
            return judge(token, None, self._own.verification_key(token.header.kid or ""))
        issuer = self._issuers.get(iss) if isinstance(iss, str) else None
        if issuer is None:
            return Rejection(WRONG_ISSUER)
        if not fits(token.header, issuer):
            return Rejection(BAD_TYPE)
        key = issuer.key(token.header)
        if key is None or isinstance(key, VerificationKey):
            return judge(token, issuer, key)
        return _when_fetched(token, issuer, key, judge)

    def refusal(
        self, token: Token, issuer: Issuer | None, key: VerificationKey | None, required: Set[str]
    ) -> Reason | None:
        """Return why signature or claims do not hold; ``required`` are the claims that must be there."""
        reason = UNKNOWN_KEY if key is None else token.refusal(key)
        return reason or self.claims_refusal(token.claims, issuer, required)

    def claims_refusal(self, claims: Mapping[str, Any], issuer: Issuer | None, required: Set[str]) -> Reason | None:
        """Return why claims that are known to be the issuer's (None is us) do not hold here and now."""
        return refusal(
            claims,
            issuer=issuer.iss if issuer else self._issuer,
            audience=issuer.audience if issuer and not self._alone else self._audience,
            now=self._clock(),
            leeway=self._leeway,
            required=required,
            confirmed=True,
        )

    def proved(
        self,
        token: Token,
        lookup: bytes,
        issuer: Issuer | None,
        credential: str,
        actor: str | None,
        *,
        keep: bool = False,
    ) -> Outcome:
        """Return whom a token of which nothing is refused proves, and remember it by ``lookup``."""
        claims = token.claims
        if issuer is not None:
            until, subject = min(claims["exp"], self._clock() + TTL), issuer.subject_of(claims)
            return self.accepted(claims, lookup, subject, credential, until, NO_CONSTRAINTS, actor, keep=keep)
        end = self._own.ends_at(token.header.kid or "") if self._own is not None else float("inf")
        return self.own(claims, lookup, credential, actor, end=end, keep=keep)

    def own(
        self,
        claims: dict[str, Any],
        lookup: bytes,
        credential: str,
        actor: str | None,
        *,
        end: float = float("inf"),
        keep: bool = False,
    ) -> Outcome:
        """Return whom claims of our own prove, of which nothing is refused; believe it until ``end`` at the latest."""
        subject = claims["sub"] if claims["sub"].startswith(_SUBJECTS) else None
        until = min(claims["exp"], self._clock() + TTL, end)
        if "origin" in claims and self._revocations.origin_void(claims):
            return Rejection(REVOKED, "what it was exchanged for", credential=credential)
        bound = bounds(claims)
        return self.accepted(claims, lookup, subject, credential, until, bound, actor, keep=keep, own=True)

    def accepted(
        self,
        claims: dict[str, Any],
        lookup: bytes,
        subject: str | None,
        credential: str,
        until: float,
        bound: Constraints | None = NO_CONSTRAINTS,
        actor: str | None = None,
        *,
        keep: bool = False,
        own: bool = False,
    ) -> Outcome:
        """Return the principal that judged claims make, unless they were taken back; remember it until ``until``.

        A bound token's is only remembered where ``keep`` says that every use of it is confirmed anew.
        """
        granted, amr = scopes(claims), factors(claims)
        jti, issued_at, client = claims.get("jti", ""), claims.get("iat", 0), claims.get("client_id", "")
        authenticated_at = moment(claims.get("auth_time", issued_at))
        if subject is None:
            return Rejection(BAD_CLAIMS, "subject")
        if granted is None or amr is None or authenticated_at is None or bound is None:
            return Rejection(BAD_CLAIMS)
        if self._revocations.token_void(jti, subject, issued_at, credential, client):
            return Rejection(REVOKED, credential=credential)
        since, said = int(authenticated_at), MappingProxyType(claims)
        principal = Principal(subject, self._scheme, credential, granted, amr, since, said, actor, bound)
        if keep or "cnf" not in claims:  # the same token over another connection proves nothing
            tags: tuple[str, ...] = (f"token:{jti}", f"subject:client:{client}") if client else (f"token:{jti}",)
            if own and "origin" in claims:
                tags += origin_tags(claims)
            self.verdicts.put(lookup, principal, until, self._clock(), tags=tags)
        return principal

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a Bearer token; ``error`` is there only when one was presented (RFC 6750 section 3)."""
        error = (("error", rejection.reason.error),) if rejection is not None and rejection.reason.error else ()
        return Challenge("Bearer", (("realm", self._realm), *error))


async def _when_fetched(
    token: Token,
    issuer: Issuer,
    key: Awaitable[VerificationKey | None],
    judge: Callable[[Token, Issuer | None, VerificationKey | None], Outcome],
) -> Outcome:
    return judge(token, issuer, await key)
