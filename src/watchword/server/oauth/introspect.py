"""The introspection endpoint (RFC 7662): parse and render; who may see what is decided below."""

from __future__ import annotations

from inspect import isawaitable

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.terms import refused
from watchword.model.reason import MALFORMED_REQUEST, NO_CREDENTIAL
from watchword.server.oauth.authentication import ClientDesk

__all__ = ["Introspect"]


class Introspect:
    """Hold ``/oauth/introspect``, for clients that prove who they are."""

    def __init__(self, watchword: Watchword, desk: ClientDesk) -> None:
        self._inspection = watchword.oauth.inspection
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/introspect", self.introspect, methods=["POST"])]

    async def introspect(self, http: HttpRequest) -> Response:
        """Say what a token is worth; ``token_type_hint`` is not needed to find it, so it is not looked at."""
        asked = await self._desk.received(http)
        if isinstance(asked, Response):
            return asked
        if asked.client.detail.get("public") is True:  # whoever names one would see its tokens (RFC 7662 section 2.1)
            return self._desk.refused(asked.request, refused(NO_CREDENTIAL, "introspection", "invalid_client"))
        token = asked.form.get("token", "")
        if not token:
            return self._desk.refused(
                asked.request, refused(MALFORMED_REQUEST, "token", "invalid_request"), asked.client
            )
        answer = self._inspection.look(token, asked.client)
        return self._desk.accepted(asked, dict(await answer if isawaitable(answer) else answer))
