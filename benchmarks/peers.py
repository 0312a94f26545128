"""The peers, run in an environment of their own: what teams write when they check a Bearer token by hand."""

from __future__ import annotations

import secrets
import time
from typing import Any

import jwt as pyjwt
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    SimpleUser,
    requires,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.application import orders
from benchmarks.loop import App, Contestant, Measure, call, get_headers, measure, repeat, template

__all__ = ["contestants"]

AUDIENCE = "https://api.example.com"
SECRET = secrets.token_bytes(32)
KEY = OctKey.import_key(SECRET)
REGISTRY = jwt.JWTClaimsRegistry(exp={"essential": True})


async def checked(request: Request) -> Response:
    """Verify HS256 with joserfc in the endpoint: signature and expiry, no scopes, no limits, no audit."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return PlainTextResponse("", 401)
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        REGISTRY.validate(claims)
    except (JoseError, ValueError):
        return PlainTextResponse("", 401)
    request.scope["subject"] = claims["sub"]
    return PlainTextResponse("ok")


class Backend(AuthenticationBackend):
    """Verify HS256 with PyJWT for Starlette's AuthenticationMiddleware."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """Return who the token names, None when there is no token."""
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = pyjwt.decode(token, SECRET, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["exp"]})
        except pyjwt.InvalidTokenError:
            raise AuthenticationError("invalid token") from None
        return AuthCredentials(["authenticated"]), SimpleUser(claims["sub"])


@requires("authenticated")
async def guarded(request: Request) -> Response:
    """Answer whom the middleware knows."""
    return PlainTextResponse("ok")


class Peer:
    """Measure one application with the same request again and again."""

    def __init__(self, app: App, authorization: bytes) -> None:
        self._app = app
        self._headers = get_headers(value=authorization)

    async def prepare(self, count: int) -> None:
        """Need nothing."""

    async def run(self, count: int) -> Measure:
        """Measure."""
        return await measure(self._app, template(), repeat(self._headers), count)


async def contestants() -> dict[str, Contestant]:
    """Return the peers, each shown to refuse a false token."""
    now = int(time.time())
    claims: dict[str, Any] = {  # as many as a token of ours has
        "iss": "https://api.example.com",
        "sub": "user:alice",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 86_400,
        "jti": secrets.token_urlsafe(15),
        "sid": secrets.token_urlsafe(15),
        "scope": "orders:read",
        "auth_time": now,
    }
    token = b"Bearer " + jwt.encode({"alg": "HS256"}, claims, KEY).encode()
    joserfc_app = Starlette(routes=[Route("/orders/{id}", checked, methods=["GET"])])
    pyjwt_app = Starlette(
        routes=[Route("/orders/{id}", guarded, methods=["GET"])],
        middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
    )
    for app in (joserfc_app, pyjwt_app):
        assert await call(app, template(), get_headers(value=token)) == 200
        assert await call(app, template(), get_headers(value=token[:-8] + b"AAAAAAAA")) in (400, 401)
    return {"peer-bare": Peer(orders(), token), "joserfc": Peer(joserfc_app, token), "pyjwt": Peer(pyjwt_app, token)}
