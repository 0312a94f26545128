"""Tell clients what there is: metadata, public keys, and whether the server is well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.model.reason import OVERLOADED
from watchword.server.responses import json_response, problem_response, refusal

__all__ = ["Discovery", "public"]

_FRESH: Final = (b"cache-control", b"public, max-age=300")
_STUCK: Final = 10_000  # events that wait for the audit log

_CAPABILITIES: Final[dict[str, Any]] = {
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "scopes_supported": sorted(OPENID_SCOPES),
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["EdDSA"],
    "acr_values_supported": ["aal1", "aal2"],
    "prompt_values_supported": ["none", "login", "consent", "select_account"],
    "claims_supported": [
        *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "acr", "at_hash"),
        *("name", "preferred_username", "locale", "email", "email_verified"),
    ],
    "claims_parameter_supported": False,
    "request_parameter_supported": True,
    "request_uri_parameter_supported": False,
}


class Discovery:
    """Hold the endpoints that anybody may read."""

    def __init__(self, watchword: Watchword) -> None:
        self._watchword = watchword

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/.well-known/openid-configuration", self.authorization_server),
            Route("/.well-known/oauth-authorization-server", self.authorization_server),
            Route("/oauth/jwks", self.jwks),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
        ]

    async def authorization_server(self, request: Request) -> Response:
        """Return the metadata of RFC 8414 section 2 and OpenID Connect Discovery 1.0 section 3: only what exists."""
        issuer = self._watchword.issuer
        return public(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/oauth/authorize",
                "token_endpoint": f"{issuer}/oauth/token",
                "userinfo_endpoint": f"{issuer}/oauth/userinfo",
                "device_authorization_endpoint": f"{issuer}/oauth/device",
                "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
                "introspection_endpoint": f"{issuer}/oauth/introspect",
                "revocation_endpoint": f"{issuer}/oauth/revoke",
                "jwks_uri": f"{issuer}/oauth/jwks",
                "grant_types_supported": list(self._watchword.oauth.grants.names),
                "client_id_metadata_document_supported": self._watchword.oauth.documents.on,
                **self._registration(),
                **_CAPABILITIES,
            }
        )

    def _registration(self) -> dict[str, str]:
        off = self._watchword.oauth.registration.policy == "off"
        return {} if off else {"registration_endpoint": f"{self._watchword.issuer}/oauth/register"}

    async def jwks(self, request: Request) -> Response:
        """Return the public keys (RFC 7517 section 5)."""
        return public(self._watchword.keys.jwks(), b"application/jwk-set+json")

    async def healthz(self, request: Request) -> Response:
        """Say that the process answers."""
        return json_response(200, {"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """Say whether the store answers and the audit can be written."""
        watchword = self._watchword
        if not watchword.running or len(watchword.audit) >= _STUCK:
            return _unready()
        try:
            entries = watchword.store.entries(2**62)
            if isawaitable(entries):
                await entries
        except Exception:  # whatever is wrong, it is not ready
            return _unready()
        return json_response(200, {"status": "ok"})


def _unready() -> Response:
    return problem_response(refusal(OVERLOADED, ((b"retry-after", b"1"),)))


def public(value: Mapping[str, Any], kind: bytes = b"application/json") -> Response:
    """Return JSON that anybody may read, also from pages of other sites, and keep for some minutes."""
    body = json.dumps(value, separators=(",", ":")).encode()
    response = Response(body)
    response.raw_headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        _FRESH,
        (b"access-control-allow-origin", b"*"),
    ]
    return response
