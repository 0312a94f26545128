"""Take a token apart and put it together falsely. Only what attackers can do, and what a careless issuer might."""

from __future__ import annotations

import hmac
import json
from typing import Any

from watchword.codec.jose import SigningKey
from watchword.codec.strict import from_base64url, to_base64url

__all__ = ["Forge"]


class Forge:
    """Make twins of one token. ``key`` is the issuer's own: what it rightly signs may be wrong all the same."""

    def __init__(self, token: str, key: SigningKey) -> None:
        self.head: str
        self.payload: str
        self.signature: str
        self.head, self.payload, self.signature = token.split(".")
        self.header: dict[str, Any] = json.loads(from_base64url(self.head.encode()))
        self.claims: dict[str, Any] = json.loads(from_base64url(self.payload.encode()))
        self._key = key

    def issued(self, headers: dict[str, Any] | None = None, *, typ: str = "", **claims: Any) -> str:
        """Return a token that the issuer itself signed, with claims changed or (None) left out."""
        return self._key.sign(self._changed(claims), typ or self.header["typ"], headers)

    def stranger(self, algorithm: str = "EdDSA", *, kid: str = "", jwk: bool = False, **claims: Any) -> str:
        """Return a token signed by a key of the attacker's own that claims the issuer's ``kid``, or brings itself."""
        key = SigningKey.generate(algorithm, kid or self.header["kid"])
        return key.sign(self._changed(claims), self.header["typ"], {"jwk": key.public_jwk()} if jwk else None)

    def edited(self, **claims: Any) -> str:
        """Return the token with claims changed under the old signature."""
        return f"{self.head}.{_segment(self._changed(claims))}.{self.signature}"

    def headed(self, **members: Any) -> str:
        """Return the token with header members changed under the old signature."""
        return f"{_segment({**self.header, **members})}.{self.payload}.{self.signature}"

    def unsigned(self) -> str:
        """Return the token with ``alg`` "none" and no signature (RFC 8725 section 3.2)."""
        return f"{_segment({**self.header, 'alg': 'none'})}.{self.payload}."

    def public_key_as_secret(self) -> str:
        """Return the token as HS256 keyed with the public key (CVE-2022-29217)."""
        signed = f"{_segment({**self.header, 'alg': 'HS256'})}.{self.payload}"
        secret = from_base64url(self._key.public_jwk()["x"].encode())
        return f"{signed}.{to_base64url(hmac.digest(secret, signed.encode(), 'sha256')).decode()}"

    def encrypted(self) -> str:
        """Return five segments, as an encrypted token has (RFC 7516)."""
        return f"{_segment({'alg': 'dir', 'enc': 'A256GCM'})}..AAAA.{self.payload}.AAAA"

    def cut(self) -> str:
        """Return the token with the end of its signature missing."""
        return f"{self.head}.{self.payload}.{self.signature[:-4]}"

    def _changed(self, claims: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**self.claims, **claims}.items() if value is not None}


def _segment(value: dict[str, Any]) -> str:
    return to_base64url(json.dumps(value).encode()).decode()
