"""The device authorization endpoint (RFC 8628 section 3.1): parse and render."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.authorization.details import ERROR as BAD_DETAILS
from watchword.lifecycle.oauth.authorization.details import details_of
from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.lifecycle.oauth.terms import Refused, refused
from watchword.model.reason import REFUSED_GRANT
from watchword.server.login.attempts import Attempts
from watchword.server.oauth.authentication import SCHEME, ClientDesk
from watchword.server.responses import problem_response

__all__ = ["DEVICE_PAGE", "DeviceEndpoint"]

DEVICE_PAGE: Final = "/device"
"""Where people type the code."""


class DeviceEndpoint:
    """Hold ``/oauth/device``."""

    def __init__(self, watchword: Watchword, desk: ClientDesk, attempts: Attempts) -> None:
        self._oauth = watchword.oauth
        self._gate = watchword.gate
        self._page = f"{watchword.issuer}{DEVICE_PAGE}"
        self._desk = desk
        self._attempts = attempts

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/device", self.device, methods=["POST"])]

    async def device(self, http: HttpRequest) -> Response:
        """Give a device its two codes, and where a person types one of them."""
        asked = await self._desk.received(http)
        if isinstance(asked, Response):
            return asked
        client, resources = asked.client, tuple(dict.fromkeys(filter(None, asked.several.get("resource", ()))))
        known = self._oauth.rules.details.keys() & client.detail.get("authorization_details_types", ())
        acts = asked.form.get("authorization_details", "")
        details = details_of(acts, known) if acts else ()
        if DEVICE_GRANT not in client.detail.get("grants", ()):
            return self._desk.refused(asked.request, refused(REFUSED_GRANT, "grants", "unauthorized_client"), client)
        if not self._oauth.resources.allowed(resources, client):
            return self._desk.refused(asked.request, refused(REFUSED_GRANT, "resource", "invalid_target"), client)
        if details is None:
            return self._desk.refused(asked.request, refused(REFUSED_GRANT, "details", BAD_DETAILS), client)
        anybody = client.detail.get("public") is True
        crowded = await self._attempts.asked(asked.request, "" if anybody else client.id)  # each is kept for a while
        if crowded is not None:
            return problem_response(self._gate.refuse(asked.request, replace(crowded, scheme=SCHEME)))
        agent = asked.request.fields.get(b"user-agent", b"").decode("latin-1")
        begun = await self._oauth.devices.begin(
            client,
            frozenset(asked.form.get("scope", "").split()),
            resources=resources,
            details=details,
            address=asked.request.peer.address,
            agent=agent,
        )
        if isinstance(begun, Refused):
            return self._desk.refused(asked.request, begun, client)
        answer = {
            "device_code": begun.device_code,
            "user_code": begun.user_code,
            "verification_uri": self._page,
            "verification_uri_complete": f"{self._page}?user_code={begun.user_code}",
            "expires_in": begun.expires_in,
            "interval": begun.interval,
        }
        return self._desk.accepted(asked, answer)
