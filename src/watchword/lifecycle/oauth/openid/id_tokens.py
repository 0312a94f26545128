"""Sign id_tokens, and know them again: who logged in, when and how, for which client (OpenID Connect Core section 2).

An id_token is a ``JWT`` with ``at_hash`` and without ``jti``, for its client alone; it opens no API.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.jose import Header, SigningKey, Token, open_token, peek
from watchword.codec.oauth.claims_request import CLAIM_SCOPES, NO_CLAIMS, claims_of
from watchword.codec.oidc import half_hash
from watchword.keyring import OwnKeys
from watchword.lifecycle.oauth.openid.person import Person
from watchword.lifecycle.oauth.openid.subjects import Subjects
from watchword.lifecycle.signing import DEFAULT_ALGORITHM
from watchword.model.credential import Credential
from watchword.model.ports import Clock, Unavailable

__all__ = ["ALGORITHMS", "Hint", "IdTokens", "algorithm_of", "proofs_of"]

ALGORITHMS: Final = (DEFAULT_ALGORITHM, "ES256", "RS256")
"""What a client may have its id_tokens signed with, in ``id_token_signed_response_alg``."""

_ID_TOKEN: Final = frozenset({"", "jwt"})


@dataclass(frozen=True, slots=True)
class Hint:
    """Hold an id_token of ours that came back (``id_token_hint``); it may have ended. Texts are "" where absent."""

    client_id: str
    subject: str
    session: str = field(default="", repr=False)


class IdTokens:
    """Sign and recognise id_tokens."""

    def __init__(
        self,
        keys: OwnKeys,
        subjects: Subjects,
        person: Person,
        *,
        issuer: str,
        provide: Callable[[str], Awaitable[None]],
        clock: Clock = time.time,
    ) -> None:
        """Sign as ``issuer``. ``provide`` makes a key of an algorithm that nobody has asked for yet."""
        self.keys = keys
        self.subjects = subjects
        self.person = person
        self.issuer = issuer
        self._provide = provide
        self._clock = clock

    async def key_for(self, client: Credential) -> SigningKey:
        """Return the key of a client's id_tokens and logout tokens."""
        return await self.key(algorithm_of(client))

    async def key(self, algorithm: str) -> SigningKey:
        """Return the key of an algorithm, which is made where nobody has asked for it yet. Raise Unavailable."""
        try:
            return self.keys.signing_key(algorithm)
        except Unavailable:
            if algorithm == DEFAULT_ALGORITHM:
                raise
        await self._provide(algorithm)
        await self.keys.load()
        return self.keys.signing_key(algorithm)

    async def issue(self, family: Credential, client: Credential, access: str, expires_in: int, nonce: str = "") -> str:
        """Sign an id_token for a family, beside the access token ``access``, for as many seconds as that lives.

        Its client is told what it asked for by name; what scopes cover is told at userinfo (Core section 5.4).
        """
        now, key = int(self._clock()), await self.key_for(client)
        asked = (claims_of(family.detail.get("claims")) or NO_CLAIMS).id_token
        named = {each for each in asked if CLAIM_SCOPES.get(each) in family.scopes}  # the rest was declined
        claims: dict[str, Any] = await self.person.told(family.subject, (), named) if named else {}
        claims |= {
            "iss": self.issuer,
            "sub": self.subjects.of(client, family.subject),
            "aud": family.detail["client"],
            "iat": now,
            "exp": now + expires_in,
            "at_hash": half_hash(access, key.algorithm),
            **proofs_of(family),
        }
        if family.detail.get("session"):
            claims["sid"] = self.subjects.session(client, family.detail["session"])
        if nonce:
            claims["nonce"] = nonce
        return key.sign(claims)

    def hinted(self, text: str) -> Hint | None:
        """Return what an id_token of ours says, also one that has ended; None for everything else.

        Access tokens, logout tokens and what others signed are no hints (CVE-2026-11800).
        """
        raw = text.encode() if text.isascii() else b""
        header = peek(raw)
        if not isinstance(header, Header) or header.type not in _ID_TOKEN or not header.kid:
            return None
        key, token = self.keys.verification_key(header.kid), open_token(raw, header)
        if key is None or not isinstance(token, Token) or token.refusal(key) is not None:
            return None
        return self._hint(token.claims)

    def _hint(self, claims: Mapping[str, Any]) -> Hint | None:
        texts = [claims.get("aud"), claims.get("sub"), claims.get("sid", "")]
        own = claims.get("iss") == self.issuer and "at_hash" in claims and "jti" not in claims
        if not own or "events" in claims or not all(isinstance(each, str) for each in texts):
            return None
        return Hint(*texts)


def algorithm_of(client: Credential) -> str:
    """Return the algorithm of a client's id_tokens and logout tokens."""
    return str(client.detail.get("id_token_signed_response_alg") or DEFAULT_ALGORITHM)


def proofs_of(family: Credential) -> dict[str, Any]:
    """Return how the person proved themselves, and when (Core section 2: ``amr``, ``acr``, ``auth_time``)."""
    factors = list(family.detail["factors"])
    acr = "aal2" if "mfa" in factors else "aal1"
    return {"amr": factors, "acr": acr, "auth_time": int(family.detail["authenticated_at"])}
