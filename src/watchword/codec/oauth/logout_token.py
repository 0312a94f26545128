"""Make and judge the claims of logout tokens (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchword.codec.claims import audience_refusal, is_name, moment, time_refusal
from watchword.codec.oidc import same_issuer
from watchword.model.reason import BAD_CLAIMS, EXPIRED, WRONG_ISSUER, Reason

__all__ = ["LIFE", "LOGOUT_EVENT", "LOGOUT_TOKEN", "logout_claims", "logout_refusal"]

LOGOUT_TOKEN: Final = "logout+jwt"  # noqa: S105 - a media type
"""What ``typ`` names in a logout token."""

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

LIFE: Final = 120
"""Seconds that a logout token of ours may be on its way (section 2.4 recommends two minutes at most)."""

_OLDEST: Final = 600.0  # seconds since one of somebody else's was issued
_LEEWAY: Final = 60.0  # seconds that their clock may be ahead


def logout_claims(*, issuer: str, client_id: str, subject: str, session: str, jti: str, now: float) -> dict[str, Any]:
    """Return the claims that tell a client of a logout. There is never a ``nonce``: it would pass for an id_token."""
    return {
        "iss": issuer,
        "aud": client_id,
        "sub": subject,
        "sid": session,
        "iat": int(now),
        "exp": int(now) + LIFE,
        "jti": jti,
        "events": {LOGOUT_EVENT: {}},
    }


def logout_refusal(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, now: float, tenants: tuple[str, ...] = ()
) -> Reason | None:
    """Return why the claims of a logout token, whose signature is proved, tell us nothing (section 2.6), or None.

    Whether it was seen before, by its ``jti``, is left to the caller.
    """
    if not same_issuer(issuer, claims, tenants):
        return WRONG_ISSUER
    refused = audience_refusal(claims, client_id) or time_refusal(claims, now, _LEEWAY)
    if refused is not None:
        return refused
    issued_at, events = moment(claims.get("iat")), claims.get("events")
    if issued_at is None or "exp" not in claims or not is_name(claims.get("jti")) or "nonce" in claims:
        return BAD_CLAIMS
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        return BAD_CLAIMS
    named = [claims[name] for name in ("sub", "sid") if name in claims]
    if not named or not all(map(is_name, named)):
        return BAD_CLAIMS
    return EXPIRED if issued_at < now - _OLDEST else None
