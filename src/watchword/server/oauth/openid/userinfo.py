"""The userinfo endpoint (OpenID Connect Core 1.0 section 5.3): who the token is of, as far as the app may know."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.model.verdict import Deny, Principal
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response

__all__ = ["Userinfo"]

_PROFILE: Final = (("display", "name"), ("locale", "locale"))  # of a subject's detail; the claims of Core section 5.1


class Userinfo:
    """Hold ``/oauth/userinfo``."""

    def __init__(self, watchword: Watchword) -> None:
        self._watchword = watchword
        self._route = watchword.route("oauth2", scopes=("openid",))

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/userinfo", self.userinfo, methods=["GET", "POST"])]

    async def userinfo(self, http: HttpRequest) -> Response:
        """Answer who bears an access token with the scope ``openid``."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return problem_response(self._watchword.gate.refuse(request, unusable))
        decision = await self._watchword.gate.decide(request, self._route)
        if isinstance(decision, Deny):
            return problem_response(decision)
        assert decision.principal is not None  # noqa: S101 - the policy has no "public"
        return json_response(200, await self._claims(decision.principal), decision.headers)

    async def _claims(self, who: Principal) -> dict[str, Any]:
        claims: dict[str, Any] = {"sub": who.subject}
        if "profile" in who.scopes:
            subject = await self._watchword.store.subject(who.subject)
            detail = {} if subject is None else subject.detail
            claims["preferred_username"] = who.subject.partition(":")[2]
            claims |= {claim: detail[name] for name, claim in _PROFILE if detail.get(name)}
        if "email" in who.scopes:
            address = await self._watchword.accounts.address(who.subject)
            claims |= {} if address is None else {"email": address, "email_verified": True}
        return claims
