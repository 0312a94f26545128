"""The token endpoint (RFC 6749 section 3.2)."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.terms import Refused
from watchword.server.oauth.authentication import ClientDesk

__all__ = ["TokenEndpoint"]


class TokenEndpoint:
    """Hold ``/oauth/token``."""

    def __init__(self, watchword: Watchword, desk: ClientDesk) -> None:
        self._grants = watchword.oauth.grants
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/token", self.token, methods=["POST"])]

    async def token(self, http: HttpRequest) -> Response:
        """Give a client what its grant is worth."""
        asked = await self._desk.received(http)
        if isinstance(asked, Response):
            return asked
        given = await self._grants.answer(asked.request, asked.form, asked.client, asked.sender, asked.several)
        if isinstance(given, Refused):
            return self._desk.refused(asked.request, given, asked.client)
        return self._desk.accepted(asked, given)
