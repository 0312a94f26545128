"""The application that everybody protects: the same few lines in both environments."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

__all__ = ["BODY", "orders"]

BODY = (b'{"order":17,"items":[' + b'{"sku":"A-1","n":2},' * 60)[:1022] + b"]}"
"""1 KiB of content for those who sign it."""


async def show(request: Request) -> Response:
    """Answer a GET."""
    return PlainTextResponse("ok")


async def change(request: Request) -> Response:
    """Answer a POST after reading its content."""
    return PlainTextResponse(str(len(await request.body())))


def orders() -> Starlette:
    """Return the application without any protection."""
    return Starlette(
        routes=[Route("/orders/{id}", show, methods=["GET"]), Route("/orders/{id}", change, methods=["POST"])]
    )
