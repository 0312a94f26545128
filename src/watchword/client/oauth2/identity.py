"""Who the client is to the authorization server: an id, and what proves it: a secret, a key, a certificate, nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from watchword.client.oauth2.metadata import Server
from watchword.codec.fields import render_basic

if TYPE_CHECKING:
    from watchword.codec.jose import SigningKey

__all__ = ["Client", "client_of"]

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE = 60  # seconds that an assertion is good for


@dataclass(frozen=True, slots=True)
class Client:
    """Hold the client's id and at most one of a secret and a key. ``mtls``: the TLS connection proves it (RFC 8705)."""

    id: str
    secret: str = field(default="", repr=False)
    key: SigningKey | None = field(default=None, repr=False)
    mtls: bool = False
    clock: Callable[[], float] = time.time

    def proved(self, server: Server) -> tuple[dict[str, str], dict[str, str]]:
        """Return header fields and form fields that prove the client to the server.

        A secret goes by Basic, id and secret form-encoded (RFC 6749 section 2.3.1), or into the form where the server
        takes it there alone. A key signs an assertion (RFC 7523 section 2.2) for the issuer alone.
        """
        if self.key is not None:
            return {}, {"client_id": self.id, **self._assertion(self.key, server)}
        if not self.secret:
            return {}, {"client_id": self.id}
        if server.posts_secret:
            return {}, {"client_id": self.id, "client_secret": self.secret}
        basic = render_basic(quote_plus(self.id), quote_plus(self.secret))
        return {"Authorization": basic.decode("ascii")}, {}

    def _assertion(self, key: SigningKey, server: Server) -> dict[str, str]:
        now = int(self.clock())
        claims: dict[str, Any] = {
            "iss": self.id,
            "sub": self.id,
            "aud": server.issuer or server.token_endpoint,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + _LIFE,
        }
        return {"client_assertion_type": _ASSERTION, "client_assertion": key.sign(claims)}


def client_of(client_id: str, secret: str | None, pem: str | bytes | None, kid: str | None, mtls: bool) -> Client:
    """Return the client. ``pem`` is a private key (Ed25519, EC P-256, RSA) in PEM, without a password.

    Raises ValueError for a key that cannot be used, or for two proofs at once; the text names no key.
    """
    if not client_id:
        raise ValueError("a client has an id")
    if (secret is not None) + (pem is not None) + mtls > 1:
        raise ValueError("a client proves itself in one way: a secret, a private key, or its certificate")
    if pem is None:
        return Client(client_id, secret or "", None, mtls)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from watchword.codec.jose import SigningKey

    try:
        loaded: Any = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, None)
    except Exception:  # whatever is wrong: its text might quote the key
        raise ValueError("not a private key in PEM, without a password") from None
    return Client(client_id, "", SigningKey(loaded, kid), mtls)
