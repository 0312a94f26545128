"""Tell clients what there is: metadata, public keys, and whether the server is well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.model.reason import OVERLOADED
from watchword.server.oauth.openid.metadata import authorization_server
from watchword.server.responses import json_response, problem_response, refusal

__all__ = ["Discovery", "public"]

_FRESH: Final = (b"cache-control", b"public, max-age=300")
_STUCK: Final = 10_000  # events that wait for the audit log
_WELL_KNOWN: Final = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


class Discovery:
    """Hold the endpoints that anybody may read."""

    def __init__(self, watchword: Watchword, *, certificates: bool = False) -> None:
        """``certificates``: clients are asked for theirs, and those of the client CA and their own ones reach us."""
        self._watchword = watchword
        self._certificates = certificates

    def routes(self) -> list[Route]:
        """Return the endpoints.

        An issuer with a path has its metadata at the well-known place with that path behind it (RFC 8414 section 3.1),
        and at its path with the well-known one behind that (OpenID Connect Discovery 1.0 section 4).
        """
        path = urlsplit(self._watchword.issuer).path
        below = [path + place for place in _WELL_KNOWN] + [place + path for place in _WELL_KNOWN] if path else []
        return [
            *(Route(place, self.authorization_server) for place in (*_WELL_KNOWN, *below)),
            Route("/oauth/jwks", self.jwks),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
        ]

    async def authorization_server(self, request: Request) -> Response:
        """Return the metadata of RFC 8414 section 2 and OpenID Connect Discovery 1.0 section 3: only what exists."""
        return public(authorization_server(self._watchword, certificates=self._certificates))

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
