"""Say what the server does before its routes decide: for who explains a request to it, or to what is behind it."""

from __future__ import annotations

from typing import Final

from watchword.app import Watchword
from watchword.explanation import Front
from watchword.routes import Rule
from watchword.server.question import unread

__all__ = ["front_of", "own_places"]

_OTHERS: Final = (
    "/admin/", "/console", "/account", "/login", "/logout", "/refresh", "/oauth/", "/ca/", "/leaks/", "/check",
    "/metrics", "/healthz", "/readyz", "/openapi.json", "/.well-known/",
)  # fmt: skip


def own_places(watchword: Watchword) -> list[Rule]:
    """Return the rules; the server's other places prove nobody, or issue what proves."""
    from watchword.server.app import every_scheme

    return [Rule("/whoami", every_scheme(watchword), ("GET", "HEAD"))]


def front_of(watchword: Watchword) -> Front:
    """Return what stands before the routes: the server's own places, and gateways that ask ``/check``."""
    places = own_places(watchword)
    strict = bool(watchword._table.entries)

    def refused(method: str, target: bytes, host: bytes) -> str:
        return unread(method.encode(), target, host, strict=strict)

    return Front(places, refused, Rule("/{anything:path}", places[0].accept), _OTHERS)
