"""Prove possession of a key with each request: DPoP, RFC 9449."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchword.codec.jose import SigningKey

__all__ = ["DpopKey"]


class DpopKey:
    """Hold the key (EC P-256) that tokens are bound to. Its ``repr`` shows the thumbprint only."""

    def __init__(self, key: SigningKey | None = None, *, clock: Callable[[], float] = time.time) -> None:
        from watchword.codec.jose import SigningKey

        self._key = key or SigningKey.generate("ES256")
        self._clock = clock
        public: dict[str, Any] = self._key.public_jwk()
        self._jwk = {name: public[name] for name in ("kty", "crv", "x", "y") if name in public}

    def __repr__(self) -> str:
        return f"DpopKey({self.thumbprint!r})"

    @property
    def thumbprint(self) -> str:
        """Return the key's SHA-256 thumbprint (RFC 7638), which ``dpop_jkt`` and ``cnf.jkt`` carry."""
        return self._key.kid

    @classmethod
    def from_text(cls, text: str) -> DpopKey:
        """Return the key that ``to_text`` wrote. Raises ValueError."""
        from watchword.codec.jose import SigningKey

        return cls(SigningKey.from_pkcs8(b64decode(text, validate=True)))

    def to_text(self) -> str:
        """Return the private key as text, to be kept as a secret is."""
        return b64encode(self._key.to_pkcs8()).decode("ascii")

    def proof(self, method: str, url: str, *, nonce: str = "", access: str = "") -> str:
        """Return a proof (section 4.2) for one request; ``access`` is the token that goes with it.

        ``url`` loses its query and fragment.
        """
        from watchword.codec.strict import to_base64url

        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(self._clock()),
        }
        if nonce:
            claims["nonce"] = nonce
        if access:
            claims["ath"] = to_base64url(hashlib.sha256(access.encode("ascii")).digest()).decode("ascii")
        return self._key.sign(claims, "dpop+jwt", {"jwk": self._jwk})
