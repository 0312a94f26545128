"""Put the admin API together: its parts, and the document that describes them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.server.admin.clients import AdminClients
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.openapi import document_of
from watchword.server.config.settings import Settings
from watchword.server.oauth.discovery import public

__all__ = ["admin_endpoints"]


def admin_endpoints(watchword: Watchword, settings: Settings) -> list[Route]:
    """Return every endpoint under ``/admin/v1``, and ``/openapi.json``, which anybody may read."""
    desk = AdminDesk(watchword, settings)
    document = document_of(watchword, desk.accept)

    async def describe(request: Request) -> Response:
        return public(document)

    return [*AdminClients(watchword, desk).routes(), Route("/openapi.json", describe, methods=["GET"])]
