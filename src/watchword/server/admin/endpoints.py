"""Put the admin API together: its parts, and the document that describes them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.server.account.post import Post
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.openapi import document_of
from watchword.server.admin.operation import Operation, Part
from watchword.server.admin.parts.advise import AdminAdvise
from watchword.server.admin.parts.alerts import AdminAlerts
from watchword.server.admin.parts.audit import AdminAudit
from watchword.server.admin.parts.clients import AdminClients
from watchword.server.admin.parts.configuration import AdminConfiguration
from watchword.server.admin.parts.credentials import AdminCredentials
from watchword.server.admin.parts.importing import AdminImport
from watchword.server.admin.parts.leaks import AdminLeaks
from watchword.server.admin.parts.people import AdminPeople
from watchword.server.admin.parts.rotation import AdminRotation
from watchword.server.admin.parts.subjects import AdminSubjects
from watchword.server.admin.parts.tokens import AdminTokens
from watchword.server.admin.parts.usage import AdminUsage
from watchword.server.config.settings import Settings
from watchword.server.oauth.discovery import public

__all__ = ["admin_endpoints", "admin_parts"]


def admin_parts(
    watchword: Watchword, settings: Settings, desk: AdminDesk | None = None, post: Post | None = None
) -> list[Part]:
    """Return every part of the API."""
    desk, post = desk or AdminDesk(watchword, settings), post or Post(watchword, settings)
    return [
        AdminRotation(watchword, desk),
        AdminCredentials(watchword, desk),
        AdminImport(watchword, desk),
        AdminSubjects(watchword, desk),
        AdminPeople(watchword, settings, desk, post),
        AdminTokens(watchword, desk),
        AdminClients(watchword, desk),
        AdminUsage(watchword, desk),
        AdminAudit(watchword, desk),
        AdminAlerts(watchword, settings, desk, post),
        AdminLeaks(watchword, desk),
        AdminConfiguration(watchword, settings, desk),
        AdminAdvise(desk),
    ]


def admin_endpoints(watchword: Watchword, settings: Settings, post: Post | None = None) -> list[Route]:
    """Return every endpoint under ``/admin/v1``, and ``/openapi.json``, which anybody may read."""
    desk = AdminDesk(watchword, settings)
    parts = admin_parts(watchword, settings, desk, post)
    document = document_of(watchword, desk.accept, parts)

    async def describe(request: Request) -> Response:
        return public(document)

    operations = [operation for part in parts for operation in part.operations()]
    routes = [_route(desk, operation) for operation in operations]
    return [*routes, Route("/openapi.json", describe, methods=["GET"])]


def _route(desk: AdminDesk, operation: Operation) -> Route:
    return Route(operation.path, desk.endpoint(operation), methods=[operation.method])
