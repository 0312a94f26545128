"""Make what clients prove themselves and their keys with, for tests: DPoP proofs and signed assertions."""

from __future__ import annotations

import itertools
import time
from hashlib import sha256
from typing import Any

from watchword.codec.jose import SigningKey
from watchword.codec.strict import to_base64url
from watchword.lifecycle.oauth.proofs import ASSERTION

__all__ = ["assertion", "claims_of_client", "dpop", "public"]

_numbers = itertools.count()


def public(key: SigningKey) -> dict[str, Any]:
    """Return the public JWK with what makes the key and nothing else."""
    return {name: value for name, value in key.public_jwk().items() if name not in {"kid", "use", "alg"}}


def dpop(key: SigningKey, method: str, url: str, token: str | None = None, **more: Any) -> str:
    """Return a DPoP proof; ``...`` leaves a claim out."""
    now = more.pop("now", None)
    claims = {"jti": f"p{next(_numbers)}", "htm": method, "htu": url, "iat": int(now or time.time()), **more}
    if token is not None and "ath" not in more:
        claims["ath"] = to_base64url(sha256(token.encode()).digest()).decode()
    kept = {name: value for name, value in claims.items() if value is not ...}
    return key.sign(kept, "dpop+jwt", {"jwk": public(key)})


def claims_of_client(client_id: str, audience: Any, now: float | None = None, **more: Any) -> dict[str, Any]:
    """Return the claims of an assertion (RFC 7523 section 3); ``...`` leaves one out."""
    at = int(now or time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": f"a{next(_numbers)}",
        "iat": at,
        "exp": at + 60,
        **more,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def assertion(
    key: SigningKey, client_id: str, audience: Any, *, typ: str = "JWT", now: float | None = None, **more: Any
) -> dict[str, str]:
    """Return the fields of a form by which a client proves itself (RFC 7523 section 2.2)."""
    text = key.sign(claims_of_client(client_id, audience, now, **more), typ)
    return {"client_assertion_type": ASSERTION, "client_assertion": text}
