"""Play a provider of identities on loopback, honest or not: OpenID, Microsoft's many tenants, GitHub."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from watchword.codec.jose import SigningKey
from watchword.codec.oidc import challenge_of, half_hash


class FakeProvider:
    """Answer as the attributes say. ``claims`` are added to the id_token, ``drop`` taken from it.

    ``sign`` turns claims into the id_token; ``token`` changes the token endpoint's answer, ``metadata`` the document.
    """

    def __init__(self) -> None:
        self.key = SigningKey.generate("ES256", kid="k1")
        self.client_id, self.client_secret = "client-of-ours", "s3cret"
        self.claims: dict[str, Any] = {}
        self.drop: set[str] = set()
        self.metadata: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = lambda claims: self.key.sign(claims)  # noqa: PLW0108 - the key may change
        self.token: Callable[[dict[str, Any]], tuple[int, Any]] = lambda answer: (200, answer)
        self.user: dict[str, Any] = {"id": 583231, "login": "octocat", "name": "Mona"}
        self.emails: Any = [{"email": "mona@example.com", "primary": True, "verified": True}]
        self.nonce = self.challenge = ""
        self.code = "the-code"
        self.access = "the-access-token"
        self.seen: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.away = False
        self.path = ""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def issuer(self) -> str:
        return self.url + self.path

    def asked(self, location: str) -> dict[str, str]:
        """Take note of an authorization request, as the provider's page would; return its fields."""
        fields = dict(parse_qsl(urlsplit(location).query))
        self.nonce, self.challenge = fields.get("nonce", ""), fields["code_challenge"]
        return fields

    def id_claims(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "248289761001",
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
            "at_hash": half_hash(self.access, "ES256"),
            "email": "alice@example.com",
            "email_verified": True,
            **self.claims,
        }
        return {name: value for name, value in claims.items() if name not in self.drop}

    def answer(self, path: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        if self.away:
            return 500, {}
        if path.endswith("/.well-known/openid-configuration"):
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": self.url + "/authorize",
                "token_endpoint": self.url + "/token",
                "jwks_uri": self.url + "/jwks",
                **self.metadata,
            }
        if path == "/jwks":
            return 200, {"keys": [self.key.public_jwk()]}
        if path in ("/token", "/login/oauth/access_token"):
            return self._redeem(form, headers)
        if path == "/api/v3/user" and headers.get("authorization") == f"Bearer {self.access}":
            return 200, self.user
        if path == "/api/v3/user/emails":
            return 200, self.emails
        return 404, {}

    def _redeem(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        verified = challenge_of(form.get("code_verifier", "")) == self.challenge
        if form.get("code") != self.code or not verified or not self._knows(form, headers):
            return 400, {"error": "invalid_grant"}
        answer = {"access_token": self.access, "token_type": "Bearer"}
        if "/authorize" in self.metadata.get("authorization_endpoint", "/authorize") and self.nonce:
            answer["id_token"] = self.sign(self.id_claims())
        return self.token(answer)

    def _knows(self, form: dict[str, str], headers: dict[str, str]) -> bool:
        if not self.client_secret:
            return form.get("client_id") == self.client_id and "authorization" not in headers
        if "client_secret" in form:
            return (form["client_id"], form["client_secret"]) == (self.client_id, self.client_secret)
        pair = base64.b64decode(headers.get("authorization", "Basic ").partition(" ")[2]).decode()
        name, _, secret = pair.partition(":")
        return (unquote_plus(name), unquote_plus(secret)) == (self.client_id, self.client_secret)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Answering(BaseHTTPRequestHandler):
            def _do(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                form = dict(parse_qsl(self.rfile.read(length).decode()))
                headers = {name.lower(): value for name, value in self.headers.items()}
                path = urlsplit(self.path).path
                provider.seen.append((path, form, headers))
                status, value = provider.answer(path, form, headers)
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _do

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Answering

    @contextmanager
    def running(self) -> Iterator[FakeProvider]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join(5)
