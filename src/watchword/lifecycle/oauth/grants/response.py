"""Put a token response together (RFC 6749 section 5.1)."""

from __future__ import annotations

from typing import Any

from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.authorization.details import Details
from watchword.lifecycle.tokens import AccessToken, Terms, Tokens
from watchword.model.credential import Credential

__all__ = ["family_response", "response_of"]


def response_of(access: AccessToken, details: Details = ()) -> dict[str, Any]:
    """Return the members for an access token, with what it is for in ``authorization_details`` (RFC 9396 section 7)."""
    more = {"authorization_details": [dict(each) for each in details]} if details else {}
    return {
        "access_token": access.text,
        "token_type": access.token_type,
        "expires_in": access.expires_in,
        "scope": " ".join(sorted(access.scopes)),
        **more,
    }


async def family_response(
    tokens: Tokens, refreshed: Refreshed, client: Credential, terms: Terms, nonce: str = ""
) -> dict[str, Any]:
    """Return the members for a family as it is now: an access token, a refresh token, an id_token where due."""
    family = refreshed.family
    access = await tokens.for_app(family, client, terms)
    answer = response_of(access, terms.details)
    if "refresh_token" in client.detail.get("grants", ()):
        answer["refresh_token"] = refreshed.token
    if "openid" in terms.scopes:
        answer["id_token"] = await tokens.id_token(family, client, access, nonce)
    return answer
