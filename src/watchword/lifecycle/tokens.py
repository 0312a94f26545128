"""Sign access tokens: short, and traceable to the credential that they came from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from watchword.bearer import OPAQUE, opaque_place
from watchword.codec.secrets import new_id, new_secret
from watchword.keyring import OwnKeys
from watchword.lifecycle.oauth.openid.id_tokens import IdTokens, proofs_of
from watchword.lifecycle.oauth.openid.subjects import PAIRWISE
from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential
from watchword.model.ports import Clock, Ephemeral
from watchword.verdicts import Revocations

__all__ = ["OPAQUE", "AccessToken", "Terms", "Tokens", "opaque_place"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Hold an access token; ``expires_in`` is in seconds. ``bound`` says that it needs a DPoP proof (RFC 9449)."""

    text: str = field(repr=False)
    expires_in: int
    scopes: frozenset[str]
    bound: bool = False

    @property
    def token_type(self) -> str:
        """Return how it is presented (RFC 6749 section 7.1)."""
        return "DPoP" if self.bound else "Bearer"


@dataclass(frozen=True, slots=True)
class Terms:
    """Say what an access token is good for.

    ``audience`` names the APIs (RFC 8707), none means our own; ``cnf`` what it is bound to (RFC 7800); ``act`` who acts
    (RFC 8693 section 4.1); ``details`` its ``authorization_details`` (RFC 9396); ``ends_at`` (Unix seconds) its end at
    the latest; ``more`` what it says besides.
    """

    scopes: frozenset[str]
    audience: tuple[str, ...] = ()
    cnf: Mapping[str, str] | None = None
    act: Mapping[str, Any] | None = None
    details: tuple[Mapping[str, Any], ...] = ()
    ends_at: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Tokens:
    """Sign with the active key. ``sid`` names the family or client, so that revoking that voids the token."""

    def __init__(
        self,
        keys: OwnKeys,
        ephemeral: Ephemeral,
        openid: IdTokens,
        *,
        issuer: str,
        audience: str,
        lifetime: int = 600,
        revocations: Revocations | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Sign for ``lifetime`` seconds, where a client has no lifetime of its own.

        ``revocations``: what of the same second was taken back already is not what is signed now.
        """
        if not 0 < lifetime <= REMEMBERED:  # a revoked token would come back once its revocation is forgotten
            raise ValueError(f"an access token lives 1 to {REMEMBERED} seconds, not {lifetime}")
        self._keys = keys
        self._ephemeral = ephemeral
        self.openid = openid
        self._issuer = issuer
        self._audience = audience
        self._lifetime = lifetime
        self._revocations = Revocations() if revocations is None else revocations
        self._clock = clock
        self.carried: Callable[[frozenset[str], tuple[str, ...]], frozenset[str]] = lambda scopes, audience: scopes
        """Return which scopes a token for these APIs carries (none: our own)."""

    def for_family(self, family: Credential) -> AccessToken:
        """Sign a ``JWT`` for the person of a refresh family."""
        proved, scopes = _proved_when(family), family.scopes
        claims, lifetime = self._claims(family, scopes, proved, family.expires_at, self._lifetime)
        return AccessToken(self._keys.signing_key().sign(claims, "JWT"), lifetime, scopes)

    async def for_app(self, family: Credential, client: Credential, terms: Terms) -> AccessToken:
        """Give an access token to the OAuth client through which a person acts (RFC 9068 section 2.2)."""
        claims = {"client_id": family.detail["client"], **_proved_when(family)}
        return await self._give(family, client, terms, claims, family.expires_at)

    async def id_token(self, family: Credential, client: Credential, access: AccessToken, nonce: str = "") -> str:
        """Sign an id_token beside an access token (OpenID Connect Core 1.0 section 2)."""
        return await self.openid.issue(family, client, access.text, access.expires_in, nonce)

    async def for_client(self, client: Credential, terms: Terms) -> AccessToken:
        """Give an access token to an OAuth client acting for itself (RFC 9068 section 2.2)."""
        return await self._give(client, client, terms, {"client_id": client.detail["client_id"]}, client.ends_at())

    async def _give(
        self, source: Credential, client: Credential, terms: Terms, claims: dict[str, Any], end: float | None
    ) -> AccessToken:
        """Sign an ``at+jwt``, or keep the same claims under a token that says nothing, as the client is set up."""
        scopes = self.carried(terms.scopes, terms.audience)
        claims |= terms.more
        if terms.audience:
            claims["aud"] = terms.audience[0] if len(terms.audience) == 1 else list(terms.audience)
        if terms.cnf:
            claims["cnf"] = dict(terms.cnf)
        if terms.act:
            claims["act"] = dict(terms.act)
        if terms.details:
            claims["authorization_details"] = [dict(each) for each in terms.details]
        ends = [each for each in (end, terms.ends_at) if each is not None]
        pairwise = client.detail.get("subject_type") == PAIRWISE
        if pairwise and source.subject.startswith("user:"):
            claims["known_as"] = self.openid.subjects.of(client, source.subject)
        lifetime = client.detail.get("access_lifetime") or self._lifetime
        claims, lifetime = self._claims(source, scopes, claims, min(ends, default=None), lifetime)
        bound = "jkt" in claims.get("cnf", ())
        # What a pairwise client could read in a token is the very name that it must not know (Core section 8).
        if client.detail.get("token_format") != "opaque" and not pairwise:
            return AccessToken(self._keys.signing_key().sign(claims, "at+jwt"), lifetime, scopes, bound)
        text = new_secret(OPAQUE)
        await self._ephemeral.put(opaque_place(text), json.dumps(claims).encode(), claims["exp"])
        return AccessToken(text, lifetime, scopes, bound)

    def _claims(
        self, source: Credential, scopes: frozenset[str], more: dict[str, Any], end: float | None, lifetime: int
    ) -> tuple[dict[str, Any], int]:
        """Return the claims of an access token, and the seconds that it lives."""
        now = int(self._clock())
        lifetime = min(lifetime, REMEMBERED) if end is None else max(0, min(lifetime, REMEMBERED, int(end) - now))
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
        return claims, lifetime


def _proved_when(family: Credential) -> dict[str, Any]:
    """Return how the person proved themselves, when each factor, and what the token is bound to, if anything."""
    claims = proofs_of(family)
    for name in ("proved", "cnf"):
        if family.detail.get(name):
            claims[name] = dict(family.detail[name])
    return claims
