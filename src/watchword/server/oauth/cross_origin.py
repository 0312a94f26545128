"""Let scripts of other sites use what needs no cookie: applications in a browser (CORS, the Fetch standard)."""

from __future__ import annotations

from typing import Any, Final

from watchword.adapters.asgi import App, Receive, Scope, Send

__all__ = ["CrossOrigin", "from_a_script"]

_GET: Final = b"GET, HEAD"
_POST: Final = b"POST"
# None of these ever looks at a cookie: what a script gets here it proves by itself.
_OPEN: Final = {
    "/oauth/token": _POST,
    "/oauth/revoke": _POST,
    "/oauth/par": _POST,
    "/oauth/device": _POST,
    "/oauth/register": _POST,
    "/oauth/userinfo": b"GET, POST",
    "/oauth/jwks": _GET,
    "/.well-known/openid-configuration": _GET,
    "/.well-known/oauth-authorization-server": _GET,
}
_UNDER: Final = {
    "/oauth/register/": b"GET, PUT, DELETE",
    "/.well-known/": _GET,
}
_ANY: Final = (b"access-control-allow-origin", b"*")  # never with credentials: browsers then send and keep no cookie
_SHOWN: Final = (b"access-control-expose-headers", b"www-authenticate, dpop-nonce, retry-after, date")
_ASKED: Final = (
    _ANY,
    (b"access-control-allow-headers", b"authorization, content-type, dpop"),
    (b"access-control-max-age", b"600"),
    (b"cache-control", b"no-store"),
    (b"content-length", b"0"),
)


class CrossOrigin:
    """Answer preflights for the open endpoints, and let any origin read what these answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        methods = _methods(scope["path"])
        fields = {name for name, _ in scope["headers"]} if methods else frozenset[bytes]()
        if not methods or b"origin" not in fields:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in fields:
            headers = [*_ASKED, (b"access-control-allow-methods", methods)]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def opened(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                more = [field for field in (_ANY, _SHOWN) if field[0] not in present]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, opened)


def from_a_script(scope: Scope) -> bool:
    """Return whether a browser says that a script of some site asks."""
    return any(name == b"origin" for name, _ in scope["headers"])


def _methods(path: str) -> bytes:
    found = _OPEN.get(path, b"")
    if found or not path.startswith(tuple(_UNDER)):
        return found
    return next(methods for prefix, methods in _UNDER.items() if path.startswith(prefix))
