"""Where providers tell us that somebody signed out there (OpenID Connect Back-Channel Logout 1.0 section 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.outside.relying import RelyingParty
from watchword.lifecycle.outside.told import Told
from watchword.model.ports import Unavailable
from watchword.model.reason import BODY_TOO_LARGE, BROKEN, MALFORMED_REQUEST, NOT_FOUND
from watchword.model.request import Request
from watchword.model.verdict import Rejection
from watchword.server.forms import form_of
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response, refusal

__all__ = ["OutsideLogout"]

_PLACE: Final = "/login/outside/{provider}/logout"
_MOST: Final = 16_384  # bytes
_SCHEME: Final = "login"


class OutsideLogout:
    """Hold ``/login/outside/{provider}/logout``, the ``backchannel_logout_uri`` that a provider is given."""

    def __init__(self, watchword: Watchword, parties: Mapping[str, RelyingParty]) -> None:
        self._watchword = watchword
        self._parties = parties
        self._told = Told(watchword.store, watchword.oauth.signing_out, clock=watchword.clock)
        self._front = watchword.route("public")

    def routes(self) -> list[Route]:
        """Return the endpoint; none where there is no provider."""
        return [Route(_PLACE, self.logout, methods=["POST"])] if self._parties else []

    async def logout(self, http: HttpRequest) -> Response:
        """Take a logout token: 200 also where there was nothing to end; 400 for what is none (section 2.8)."""
        party = self._parties.get(http.path_params["provider"])
        if party is None:
            return problem_response(refusal(NOT_FOUND))
        request, unusable = await read_request(http, self._watchword)
        if unusable is None and len(request.body or b"") > _MOST:
            unusable = Rejection(BODY_TOO_LARGE)
        if unusable is not None:
            return problem_response(self._watchword.gate.refuse(request, unusable))
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        form = form_of(request)
        token = None if isinstance(form, Rejection) else form.get("logout_token")
        if not token:
            return self._refused(request, Rejection(MALFORMED_REQUEST, "logout_token"))
        try:
            ended = await self._told.heard(party, token)
        except Unavailable as error:
            broken = Rejection(BROKEN, str(error), ((b"retry-after", b"5"),), scheme=_SCHEME)
            return problem_response(self._watchword.gate.refuse(request, broken))
        return self._refused(request, ended) if isinstance(ended, Rejection) else json_response(200, {})

    def _refused(self, request: Request, rejection: Rejection) -> Response:
        deny = self._watchword.gate.refuse(request, replace(rejection, scheme=_SCHEME))
        return json_response(400, {"error": "invalid_request"}, deny.headers)
