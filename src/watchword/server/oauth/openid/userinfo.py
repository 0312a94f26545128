"""The userinfo endpoint (OpenID Connect Core 1.0 section 5.3): who the token is of, as far as the app may know."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.openid.id_tokens import ALGORITHMS
from watchword.model.credential import Credential
from watchword.model.reason import UNKNOWN_CREDENTIAL
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response

__all__ = ["Userinfo"]


class Userinfo:
    """Hold ``/oauth/userinfo``."""

    def __init__(self, watchword: Watchword) -> None:
        self._watchword = watchword
        self._openid = watchword.tokens.openid
        self._route = watchword.route("oauth2", scopes=("openid",))

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/userinfo", self.userinfo, methods=["GET", "POST"])]

    async def userinfo(self, http: HttpRequest) -> Response:
        """Answer who bears an access token with the scope ``openid``: in JSON, or signed where the client wants that.

        ``sub`` is the one of the client's id_tokens.
        """
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return problem_response(self._watchword.gate.refuse(request, unusable))
        decision = await self._watchword.gate.decide(request, self._route)
        if isinstance(decision, Deny):
            return problem_response(decision)
        who = decision.principal
        assert who is not None  # noqa: S101 - the policy has no "public"
        client = await self._watchword.oauth.clients.find(str(who.claims.get("client_id", "")))
        if client is None:
            return problem_response(self._watchword.gate.refuse(request, Rejection(UNKNOWN_CREDENTIAL, "client")))
        claims = await self._claims(who, client)
        algorithm = client.detail.get("userinfo_signed_response_alg")
        if algorithm in ALGORITHMS:
            return await self._signed(claims, client, algorithm, decision.headers)
        return json_response(200, claims, decision.headers)

    async def _claims(self, who: Principal, client: Credential) -> dict[str, Any]:
        return {
            "sub": self._openid.subjects.of(client, who.subject),
            **await self._openid.person.told(who.subject, who.scopes),
        }

    async def _signed(self, claims: dict[str, Any], client: Credential, algorithm: str, headers: Any) -> Response:
        """Return a JWT (section 5.3.2). Without ``exp`` it passes for no id_token."""
        own = {"iss": self._openid.issuer, "aud": client.detail["client_id"]}
        body = (await self._openid.key(algorithm)).sign({**claims, **own}).encode()
        response = Response(body)
        fields = [(b"content-type", b"application/jwt"), (b"content-length", b"%d" % len(body))]
        response.raw_headers = [*fields, (b"cache-control", b"no-store"), *headers]
        return response
