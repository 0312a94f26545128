"""Be a small API that knows nothing of authentication: it reads who calls from the scope, as any application would."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchword.adapters.asgi import App, Receive, Scope, Send, WatchwordMiddleware, principal
from watchword.app import Watchword

__all__ = ["PLACES", "ROUTES_TOML", "DemoApp", "orders_api"]

PLACES: Final = ("/orders", "/transfers", "/reports", "/exports", "/warehouse", "/catalogue")
"""What the sample API answers; everything else is the server's own."""

ROUTES_TOML: Final = """\
[[route]]                         # anybody may look
path = "/catalogue"
methods = ["GET"]
accept = "public"

[[route]]                         # any of the seven proves who is calling
path = "/orders"
methods = ["GET"]
accept = "hmac | api-key | jwt | oauth2 | basic | session | mtls"
scopes = ["orders:read"]
limit = "600/min"

[[route]]
path = "/orders/{id}"
methods = ["GET"]
accept = "hmac | api-key | jwt | oauth2 | basic | session | mtls"
scopes = ["orders:read"]
limit = "600/min"

[[route]]
path = "/orders"
methods = ["POST"]
accept = "hmac | api-key | jwt | oauth2 | basic | session | mtls"
scopes = ["orders:write"]
limit = "120/min"

[[route]]                         # money moves: certificate and signature, both of the same service
path = "/transfers"
methods = ["POST"]
accept = "mtls & hmac"
scopes = ["transfers:write"]
limit = "60/min"

[[route]]                         # a person acting through an application
path = "/reports"
methods = ["GET"]
accept = "jwt via mtls"
scopes = ["reports:read"]

[[route]]                         # dear to answer, so few at once
path = "/exports"
methods = ["GET"]
accept = "api-key"
scopes = ["orders:read"]
limit = "3/min"

[[route]]                         # from inside only
path = "/warehouse"
methods = ["GET"]
accept = "api-key"
networks = ["10.0.0.0/8"]
"""

_ORDERS: Final[dict[int, dict[str, Any]]] = {
    17: {"id": 17, "item": "green tea", "quantity": 3},
    18: {"id": 18, "item": "a teapot", "quantity": 1},
}


class DemoApp:
    """Answer the sample API's places through ``WatchwordMiddleware``, everything else by the server itself."""

    def __init__(self, server: App, watchword: Watchword) -> None:
        self._server = server
        self._orders = WatchwordMiddleware(orders_api(), watchword)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        ours = scope["type"] == "http" and scope["path"].startswith(PLACES)
        await (self._orders if ours else self._server)(scope, receive, send)


def orders_api() -> Starlette:
    """Return the sample API."""
    return Starlette(
        routes=[
            Route("/catalogue", _catalogue),
            Route("/orders", _list, methods=["GET"]),
            Route("/orders", _create, methods=["POST"]),
            Route("/orders/{id:int}", _one),
            Route("/transfers", _create, methods=["POST"]),
            Route("/reports", _list),
            Route("/exports", _list),
            Route("/warehouse", _list),
        ]
    )


def _answer(request: Request, value: dict[str, Any], status: int = 200) -> Response:
    who = principal(request.scope)
    caller = {} if who is None else {"caller": who.subject, "by": who.scheme}
    if who is not None and who.actor:
        caller["through"] = who.actor
    return _Readable({**caller, **value}, status)


class _Readable(JSONResponse):
    """Print JSON that ends its line, so that a terminal's prompt stays in its place."""

    def render(self, content: Any) -> bytes:
        """Return the text."""
        return json.dumps(content).encode() + b"\n"


async def _catalogue(request: Request) -> Response:
    return _answer(request, {"items": [order["item"] for order in _ORDERS.values()]})


async def _list(request: Request) -> Response:
    return _answer(request, {"orders": list(_ORDERS.values())})


async def _one(request: Request) -> Response:
    order = _ORDERS.get(request.path_params["id"])
    return _answer(request, {"error": "there is no such order"}, 404) if order is None else _answer(request, order)


async def _create(request: Request) -> Response:
    """Take JSON or a form; nothing is kept, as this is a demonstration."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        wanted = json.loads(body)
    except ValueError:
        wanted = dict(parse_qsl(body))
    return _answer(request, {"accepted": wanted}, 201)
