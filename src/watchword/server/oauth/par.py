"""The pushed authorization request endpoint (RFC 9126): a client sends its request itself, before the person comes."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.asking import Refusal
from watchword.lifecycle.oauth.authorization.arrivals import Arrival
from watchword.lifecycle.oauth.authorization.pushed import LIFE
from watchword.lifecycle.oauth.terms import Refused
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT
from watchword.model.verdict import Rejection
from watchword.server.oauth.authentication import Authenticated, ClientDesk
from watchword.server.oauth.authorize import joined

__all__ = ["PushedRequests"]

_OF_THE_CLIENT: Final = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
_CREATED: Final = 201


class PushedRequests:
    """Hold ``/oauth/par``."""

    def __init__(self, watchword: Watchword, desk: ClientDesk) -> None:
        self._watchword = watchword
        self._oauth = watchword.oauth
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/par", self.push, methods=["POST"])]

    async def push(self, http: HttpRequest) -> Response:
        """Judge the request of an authenticated client as if a person had come with it, and keep it for them."""
        asked = await self._desk.received(http)
        if isinstance(asked, Response):
            return asked
        given = await self._judged(asked)
        if isinstance(given, Refusal):
            reason = MALFORMED_REQUEST if given.error == "invalid_request" else REFUSED_GRANT
            refusal = Refused(Rejection(reason, f"{given.error}: {given.detail}"), given.error, given.detail)
            return self._desk.refused(asked.request, refusal, asked.client)
        uri = await self._oauth.pushed.push(str(asked.client.detail["client_id"]), given.fields, signed=given.signed)
        return self._desk.accepted(asked, {"request_uri": uri, "expires_in": LIFE}, _CREATED)

    async def _judged(self, asked: Authenticated) -> Arrival | Refusal:
        client, client_id = asked.client, str(asked.client.detail["client_id"])
        if asked.form.get("request_uri"):  # RFC 9126 section 2.1
            return Refusal("invalid_request", "request_uri cannot be pushed")
        form = {name: value for name, value in asked.form.items() if name not in _OF_THE_CLIENT}
        arrival = await self._oauth.arrivals.unsealed(joined(form, asked.several), client)
        if isinstance(arrival, Refusal):
            return arrival
        fields = {**arrival.fields, "client_id": client_id}
        if asked.sender.jkt:  # a proof here binds the code as dpop_jkt does (RFC 9449 section 10.1)
            if (fields.get("dpop_jkt") or asked.sender.jkt) != asked.sender.jkt:
                return Refusal("invalid_request", "dpop_jkt is not the key of the proof")
            fields["dpop_jkt"] = asked.sender.jkt
        now = self._watchword.clock()
        ask = self._oauth.judge.judge(fields, client, now, pushed=True, signed=arrival.signed)
        if isinstance(ask, Refusal):
            error = "invalid_request" if ask.error in ("invalid_redirect_uri", "invalid_client") else ask.error
            return Refusal(error, ask.detail)
        return Arrival(fields, signed=arrival.signed)
