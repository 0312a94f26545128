"""The revocation endpoint (RFC 7009): parse and render; what goes with a token is decided below."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.terms import refused
from watchword.model.reason import MALFORMED_REQUEST
from watchword.server.oauth.authentication import ClientDesk

__all__ = ["Revoke"]


class Revoke:
    """Hold ``/oauth/revoke``, for every client, also for those that have no secret."""

    def __init__(self, watchword: Watchword, desk: ClientDesk) -> None:
        self._inspection = watchword.oauth.inspection
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/revoke", self.revoke, methods=["POST"])]

    async def revoke(self, http: HttpRequest) -> Response:
        """Take a token back. A wrong ``token_type_hint`` changes nothing (RFC 7009 section 2.1)."""
        asked = await self._desk.received(http)
        if isinstance(asked, Response):
            return asked
        token = asked.form.get("token", "")
        if not token:
            return self._desk.refused(
                asked.request, refused(MALFORMED_REQUEST, "token", "invalid_request"), asked.client
            )
        refusal = await self._inspection.revoke(token, asked.client)
        if refusal is not None:
            return self._desk.refused(asked.request, refusal, asked.client)
        return self._desk.accepted(asked, {})
