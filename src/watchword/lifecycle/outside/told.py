"""Hear from providers that somebody signed out there (OpenID Connect Back-Channel Logout 1.0 sections 2.5 to 2.8)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, Final, Protocol

from watchword.codec.claims import moment
from watchword.codec.oauth.logout_token import LOGOUT_TOKEN, logout_refusal
from watchword.codec.secrets import digest
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.openid.signing_out import SigningOut
from watchword.lifecycle.outside.identities import identity_lookup
from watchword.lifecycle.outside.relying import RelyingParty, session_place
from watchword.lifecycle.people.holdings import held
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Records, Unavailable
from watchword.model.reason import BAD_CLAIMS, REPLAYED
from watchword.model.verdict import Rejection

__all__ = ["Told"]

_SCHEME: Final = "login"
_TYPES: Final = frozenset({LOGOUT_TOKEN, "jwt", ""})  # section 2.4 recommends a type; older providers give none
_REMEMBERED: Final = 900.0  # seconds, longer than any token is taken
_LEASE: Final = 4.0  # seconds that who judges a token has for it, less than providers are told to wait
_SKEW: Final = 60.0  # seconds that the provider's clock may be behind


class Store(Records, Ephemeral, Protocol):
    """Keep what lasts and what does not."""


class Told:
    """End the sessions that came from a session at a provider, or from all of a person's there."""

    def __init__(self, store: Store, signing_out: SigningOut, *, clock: Clock = time.time) -> None:
        self._store = store
        self._signing_out = signing_out
        self._clock = clock

    async def heard(self, party: RelyingParty, text: str) -> int | Rejection:
        """Return how many sessions a logout token ended; it is good once. Raise Unavailable, also while it is judged.

        One whose sessions could not be ended is not spent: the provider may send it again.

        With ``sid`` go those that were begun by a login from that session, without it all that were begun with the
        identity. What was begun after the token was made stays: it is not what somebody signed out of.
        """
        claims = await self._judged(party, text)
        if isinstance(claims, Rejection):
            return claims
        now, mark = self._clock(), digest(f"outside-logout {claims['iss']}\n{claims['jti']}")
        done = f"outside-logout:{mark.hex()}"
        if await self._store.get(done) is not None:
            return Rejection(REPLAYED, "logout token", scheme=_SCHEME)
        fresh = self._store.claim(mark, now + _LEASE)
        if not (await fresh if isawaitable(fresh) else fresh):
            raise Unavailable("the logout token is under way")
        ended = await self._ended(claims)
        if not isinstance(ended, Rejection):
            await self._store.put(done, b"1", now + _REMEMBERED)
        return ended

    async def _ended(self, claims: Mapping[str, Any]) -> int | Rejection:
        issuer, subject = str(claims["iss"]), claims.get("sub")
        browsers: list[str] | None = None
        if "sid" in claims:
            kept = await self._store.get(session_place(issuer, claims["sid"]))
            known = {"sub": None, "browsers": []} if kept is None else json.loads(kept)
            if subject is not None and known["sub"] not in (None, subject):
                return Rejection(BAD_CLAIMS, "sub of another session", scheme=_SCHEME)
            subject, browsers = known["sub"], known["browsers"]
        identity = None if subject is None else await self._store.credential_by(identity_lookup(issuer, subject))
        return 0 if identity is None else await self._end(identity, browsers, claims)

    async def _judged(self, party: RelyingParty, text: str) -> Mapping[str, Any] | Rejection:
        metadata = await party.metadata()
        proved = await party.proved(text, _TYPES, "logout token")
        if isinstance(proved, Rejection):
            return proved
        claims, provider = proved[0].claims, party.provider
        refused = logout_refusal(
            claims,
            issuer=metadata.issuer,
            client_id=provider.client_id,
            now=self._clock(),
            tenants=provider.tenants,
        )
        return claims if refused is None else Rejection(refused, "logout token", scheme=_SCHEME)

    async def _end(self, identity: Credential, browsers: list[str] | None, claims: Mapping[str, Any]) -> int:
        made, ended = moment(claims["iat"]) or 0.0, 0
        for session in await held(self._store, identity.subject, Kind.SESSION):
            detail = session.detail
            came = detail.get("login") == identity.id and session.created_at <= made + _SKEW
            if came and (browsers is None or detail.get("outside") in browsers):
                why = f"logged out at {identity.detail['provider']}"
                try:
                    ended += await self._signing_out.end(session.id, by=identity.subject, why=why)
                except LifecycleError as error:
                    raise Unavailable(str(error)) from None
        return ended
