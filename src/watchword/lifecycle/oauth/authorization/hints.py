"""Read ``id_token_hint``: whom an application believes to be logged in (OpenID Connect Core 1.0 section 3.1.2.1)."""

from __future__ import annotations

from watchword.codec.claims import audience_refusal, is_name
from watchword.codec.jose import Header, Token, open_token, peek
from watchword.keyring import OwnKeys

__all__ = ["hinted"]


def hinted(text: str, keys: OwnKeys, client_id: str) -> str | None:
    """Return the ``sub`` of an id_token that we gave this client, None for anything else. It may have expired."""
    raw = text.encode("utf-8", "replace")
    header = peek(raw)
    if not isinstance(header, Header) or header.type != "jwt" or header.kid is None:
        return None
    key = keys.verification_key(header.kid)
    token = open_token(raw, header)
    if key is None or not isinstance(token, Token) or token.refusal(key) is not None:
        return None
    claims = token.claims
    ours = claims.get("iss") == keys.issuer and audience_refusal(claims, client_id) is None
    return str(claims["sub"]) if ours and is_name(claims.get("sub")) else None
