"""An application that proves itself, its requests and its tokens with keys, for tests."""

from __future__ import annotations

import itertools
import time
from hashlib import sha256
from typing import Any

import httpx2
from tests.server.live import Live
from tests.server.oauth.flow import CALLBACK, App
from tests.tokens import compact, raw_sign

from watchword.codec.jose import SigningKey
from watchword.codec.strict import to_base64url
from watchword.model.records import Swap

__all__ = ["ASSERTION", "KeyedApp", "edit"]

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_numbers = itertools.count()


async def edit(server: Live, app: App, **detail: Any) -> None:
    """Change what is known of a client."""
    record = await server.watchword.store.credential(app.id)
    assert record is not None
    assert await server.watchword.store.write(Swap(record.changed(detail={**record.detail, **detail})))


class KeyedApp(App):
    """Hold one application with two keys: its own, and that of its tokens (DPoP)."""

    def __init__(self, server: Live, *, algorithm: str = "ES256", **options: Any) -> None:
        self.key, self.dpop = SigningKey.generate(algorithm, "k1"), SigningKey.generate("ES256")
        given = {"auth_method": "private_key_jwt", "jwks": {"keys": [self.key.public_jwk()]}, **options}
        super().__init__(server, **given)

    @property
    def jkt(self) -> str:
        return self.dpop.verification.thumbprint()

    def assertion(self, **change: Any) -> dict[str, str]:
        """Return the members of a form that prove who the client is."""
        now = int(time.time())
        claims = {"iss": self.id, "sub": self.id, "aud": self.server.watchword.issuer, "iat": now, "exp": now + 60}
        claims |= {"jti": f"jti-{next(_numbers)}-{now}", **change}
        return {"client_id": self.id, "client_assertion_type": ASSERTION, "client_assertion": self.key.sign(claims)}

    def proof(self, path: str, method: str = "POST", token: str = "", **change: Any) -> dict[str, str]:
        """Return the field that proves possession of the key of the tokens."""
        jwk = {name: value for name, value in self.dpop.public_jwk().items() if name not in {"kid", "use", "alg"}}
        url = f"{self.server.watchword.issuer}{path}"
        claims = {"jti": f"p-{next(_numbers)}", "htm": method, "htu": url, "iat": int(time.time()), **change}
        if token:
            claims["ath"] = to_base64url(sha256(token.encode()).digest()).decode()
        head = {"typ": "dpop+jwt", "alg": self.dpop.algorithm, "jwk": jwk}
        return {"dpop": compact(head, claims, raw_sign(self.dpop)).decode()}

    def signed_request(self, *, typ: str = "oauth-authz-req+jwt", key: SigningKey | None = None, **change: Any) -> str:
        """Return a request object (RFC 9101)."""
        now = int(time.time())
        claims = {**self.request(), "iss": self.id, "aud": self.server.watchword.issuer, "exp": now + 60, **change}
        kept = {name: value for name, value in claims.items() if value is not None}
        return (key or self.key).sign(kept, typ)

    def push(self, http: httpx2.Client, *, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Response:
        fields = {**self.request(), **self.assertion(), **more}
        data = {name: value for name, value in fields.items() if value is not None}
        return http.post("/oauth/par", data=data, headers=headers or {})

    def token(
        self, http: httpx2.Client, grant: str, *, proof: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        fields = {"grant_type": grant, **self.assertion(), **more}
        data = {name: value for name, value in fields.items() if value is not None}
        headers = self.proof("/oauth/token") if proof is None else proof
        return http.post("/oauth/token", data=data, headers=headers)

    def code(self, http: httpx2.Client, code: str, **more: Any) -> httpx2.Response:
        given = {"code": code, "redirect_uri": CALLBACK, "code_verifier": self.verifier, **more}
        return self.token(http, "authorization_code", **given)
