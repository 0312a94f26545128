"""Sign access tokens: short, and traceable to the credential that they came from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from watchword.codec.claims import certificate_confirmation
from watchword.codec.oidc import half_hash
from watchword.codec.secrets import new_id
from watchword.keyring import OwnKeys
from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential
from watchword.model.ports import Clock
from watchword.verdicts import Revocations

__all__ = ["AccessToken", "Tokens"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Hold a signed token; ``expires_in`` is in seconds."""

    text: str = field(repr=False)
    expires_in: int
    scopes: frozenset[str]


class Tokens:
    """Sign with the active key. ``sid`` names the family or client, so that revoking that voids the token."""

    def __init__(
        self,
        keys: OwnKeys,
        *,
        issuer: str,
        audience: str,
        lifetime: int = 600,
        revocations: Revocations | None = None,
        bind: bool = False,
        clock: Clock = time.time,
    ) -> None:
        """Sign for ``lifetime`` seconds at most.

        ``revocations``: what of the same second was taken back already is not what is signed now. ``bind``: a token
        that a client gets over a connection with a client certificate belongs to that certificate (RFC 8705 section 3).
        """
        if not 0 < lifetime <= REMEMBERED:  # a revoked token would come back once its revocation is forgotten
            raise ValueError(f"an access token lives 1 to {REMEMBERED} seconds, not {lifetime}")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._lifetime = lifetime
        self._revocations = Revocations() if revocations is None else revocations
        self._bind = bind
        self._clock = clock

    def for_family(self, family: Credential) -> AccessToken:
        """Sign a ``JWT`` for the person of a refresh family."""
        return self._sign("JWT", family, family.scopes, _proved_when(family), family.expires_at)

    def for_app(self, family: Credential, scopes: frozenset[str]) -> AccessToken:
        """Sign an ``at+jwt`` for the OAuth client through which a person acts (RFC 9068 section 2.2)."""
        claims = {"client_id": family.detail["client"], **_proved_when(family)}
        return self._sign("at+jwt", family, scopes, claims, family.expires_at)

    def id_token(self, family: Credential, access: AccessToken, nonce: str = "") -> str:
        """Sign an id_token (OpenID Connect Core 1.0 section 2): who logged in, when, how, and for which client."""
        now, key = int(self._clock()), self._keys.signing_key()
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": family.subject,
            "aud": family.detail["client"],
            "iat": now,
            "exp": now + access.expires_in,
            "at_hash": half_hash(access.text, key.algorithm),
            **_proved(family),
        }
        return key.sign({**claims, "nonce": nonce} if nonce else claims)

    def for_client(self, client: Credential, scopes: frozenset[str], certificate: bytes | None = None) -> AccessToken:
        """Sign an ``at+jwt`` for an OAuth client acting for itself (RFC 9068 section 2.2).

        ``certificate`` is the one on the client's connection (DER).
        """
        claims: dict[str, Any] = {"client_id": client.detail["client_id"]}
        if self._bind and certificate:
            claims["cnf"] = certificate_confirmation(certificate)
        return self._sign("at+jwt", client, scopes, claims, client.ends_at())

    def _sign(
        self, typ: str, source: Credential, scopes: frozenset[str], more: dict[str, Any], end: float | None
    ) -> AccessToken:
        now = int(self._clock())
        lifetime = self._lifetime if end is None else max(0, min(self._lifetime, int(end) - now))
        if source.networks:  # whoever steals the token must be where its owner may be
            more["networks"] = list(source.networks)
        if source.limit is not None:
            more["limit"] = [source.limit.count, source.limit.seconds]
        claims = {
            "iss": self._issuer,
            "sub": source.subject,
            "aud": self._audience,
            "iat": self._revocations.issue_time(now, source.subject, more.get("client_id", "")),
            "exp": now + lifetime,
            "jti": new_id("jti_"),
            "sid": source.id,
            "scope": " ".join(sorted(scopes)),
            **more,
        }
        return AccessToken(self._keys.signing_key().sign(claims, typ), lifetime, scopes)


def _proved(family: Credential) -> dict[str, Any]:
    factors = list(family.detail["factors"])
    acr = "aal2" if "mfa" in factors else "aal1"
    return {"amr": factors, "acr": acr, "auth_time": int(family.detail["authenticated_at"])}


def _proved_when(family: Credential) -> dict[str, Any]:
    """Return how the person proved themselves, when each factor, and what the token is bound to, if anything."""
    claims = _proved(family)
    for name in ("proved", "cnf"):
        if family.detail.get(name):
            claims[name] = dict(family.detail[name])
    return claims
