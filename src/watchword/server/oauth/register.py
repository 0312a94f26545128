"""The registration endpoints (RFC 7591 section 3, RFC 7592 section 2): parse and render."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.codec.fields import parse_authorization
from watchword.codec.strict import json_object
from watchword.lifecycle.oauth.described.metadata import MOST_BYTES, MetadataRefused, members_of
from watchword.lifecycle.oauth.described.registration import REGISTER_SCOPE, Registered
from watchword.model.credential import Credential
from watchword.model.ports import Allowance
from watchword.model.reason import (
    BODY_TOO_LARGE,
    MALFORMED_REQUEST,
    OVERLOADED,
    RATE_LIMITED,
    UNKNOWN_CREDENTIAL,
    UNSUPPORTED_MEDIA,
    Reason,
)
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Deny, Rejection
from watchword.server.forms import JSON, media_type
from watchword.server.login.attempts import Attempts, network_of
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response

__all__ = ["PLACE", "Register"]

PLACE: Final = "/oauth/register"

_SCHEME: Final = "registration"
_STATUS: Final = {"access_denied": 403}
_PRAGMA: Final = (b"pragma", b"no-cache")


class Register:
    """Hold ``/oauth/register`` and what is under it, where the operator lets clients register themselves."""

    def __init__(self, watchword: Watchword, attempts: Attempts) -> None:
        self._watchword = watchword
        self._attempts = attempts
        self._clients = watchword.oauth.registration
        self._front = watchword.route("public")
        self._entitled = watchword.route("api-key", scopes=(REGISTER_SCOPE,))
        self._challenge = (Challenge("Bearer", (("realm", watchword.realm), ("error", "invalid_token"))),)

    def routes(self) -> list[Route]:
        """Return the endpoints, none where registration is off."""
        if self._clients.policy == "off":
            return []
        one = PLACE + "/{client_id}"
        return [
            Route(PLACE, self.register, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route(one, self.change, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def register(self, http: HttpRequest) -> Response:
        """Register a client (RFC 7591 section 3)."""
        request, given = await self._read(http)
        if isinstance(given, Rejection):
            return self._unreadable(request, given)
        by = await self._registrant(request)
        if isinstance(by, Response):
            return by
        found = await self._clients.register(given, by=by)
        if isinstance(found, MetadataRefused):
            return self._refused(request, found)
        return json_response(201, self._described(found), [_PRAGMA])

    async def _registrant(self, request: Request) -> str | Response:
        """Return who registers, for the audit, or the answer that refuses them."""
        if self._clients.policy == "token":
            decision = await self._watchword.gate.decide(request, self._entitled)
            if isinstance(decision, Deny):
                return problem_response(decision)
            who = "" if decision.principal is None else decision.principal.credential
        else:
            screened = await self._watchword.gate.screen(request, self._front)
            if screened is not None:
                return problem_response(screened)
            who = f"anybody at {request.peer.address or 'a local socket'}"
        limited = await self._limited(request)
        return who if limited is None else problem_response(self._deny(request, limited))

    async def _limited(self, request: Request) -> Rejection | None:
        """Return the refusal of an address that has too much registered: each time is a write, and may be a fetch."""
        key = f"registrations|{network_of(request.peer.address)}"
        answer = self._watchword.meter.hit(key, 1, self._clients.limit)
        left = answer if isinstance(answer, Allowance) else await answer
        wait = (b"retry-after", b"%d" % max(1, math.ceil(left.retry_after)))
        return None if left.admitted else Rejection(RATE_LIMITED, "registrations", (wait,))

    async def read(self, http: HttpRequest) -> Response:
        """Say what is registered (RFC 7592 section 2.1)."""
        request = request_of(http.scope, self._watchword.proxies)
        found = await self._authenticated(request, http.path_params["client_id"])
        if isinstance(found, Response):
            return found
        client, token = found
        return json_response(200, self._described(Registered(client, "", token)), [_PRAGMA])

    async def change(self, http: HttpRequest) -> Response:
        """Replace what is registered (RFC 7592 section 2.2)."""
        request, given = await self._read(http)
        found = await self._authenticated(request, http.path_params["client_id"])
        if isinstance(found, Response):
            return found
        if isinstance(given, Rejection):
            return self._unreadable(request, given)
        client, token = found
        limited = await self._limited(request)
        if limited is not None:
            return problem_response(self._deny(request, limited))
        changed = await self._clients.change(client, given, token)
        if changed is None:
            return self._unproved(request)
        if isinstance(changed, MetadataRefused):
            return self._refused(request, changed, client)
        return json_response(200, self._described(replace(changed, token=token)), [_PRAGMA])

    async def delete(self, http: HttpRequest) -> Response:
        """End the client (RFC 7592 section 2.3)."""
        request = request_of(http.scope, self._watchword.proxies)
        found = await self._authenticated(request, http.path_params["client_id"])
        if isinstance(found, Response):
            return found
        await self._clients.delete(found[0])
        response = Response(status_code=204)
        response.raw_headers = [(b"cache-control", b"no-store"), _PRAGMA]
        return response

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, http: HttpRequest) -> tuple[Request, dict[str, Any] | Rejection]:
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return request, unusable
        if media_type(request) != JSON:
            return request, Rejection(UNSUPPORTED_MEDIA)
        body = request.body or b""
        if len(body) > MOST_BYTES:
            return request, Rejection(BODY_TOO_LARGE)
        return request, json_object(body) or Rejection(MALFORMED_REQUEST, "client metadata")

    async def _authenticated(self, request: Request, client_id: str) -> tuple[Credential, str] | Response:
        """Return the client that the registration access token is of, and the token; else the answer."""
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        slowed = await self._attempts.slowed(request)
        if slowed is not None:
            return problem_response(self._deny(request, slowed))
        scheme, credentials = parse_authorization(request.fields.get(b"authorization", b""))
        token = credentials.decode("ascii", "replace") if scheme == b"bearer" else ""
        client = await self._clients.mine(client_id, token)
        if client is None:
            await self._attempts.guessed(request)
            return self._unproved(request)
        return client, token

    # --- answering ----------------------------------------------------------------------------------------------------

    def _described(self, registered: Registered) -> dict[str, Any]:
        client = registered.client
        client_id = str(client.detail["client_id"])
        value = {
            "client_id": client_id,
            "client_id_issued_at": client.created_at,
            **members_of(client.detail, client.scopes),
            "registration_client_uri": f"{self._watchword.issuer}{PLACE}/{client_id}",
            "registration_access_token": registered.token,
        }
        if registered.secret:
            value |= {"client_secret": registered.secret, "client_secret_expires_at": client.expires_at or 0}
        return value

    def _deny(self, request: Request, rejection: Rejection, challenges: tuple[Challenge, ...] = ()) -> Deny:
        deny = self._watchword.gate.refuse(request, replace(rejection, scheme=_SCHEME))
        return replace(deny, challenges=challenges) if challenges else deny

    def _unproved(self, request: Request) -> Response:
        return problem_response(
            self._deny(request, Rejection(UNKNOWN_CREDENTIAL, "registration token"), self._challenge)
        )

    def _unreadable(self, request: Request, rejection: Rejection) -> Response:
        deny = self._deny(request, rejection)
        if rejection.reason is not MALFORMED_REQUEST:
            return problem_response(deny)
        return _error(deny, MetadataRefused("invalid_client_metadata", "one JSON object is expected"))

    def _refused(self, request: Request, refused: MetadataRefused, client: Credential | None = None) -> Response:
        """Return the error of RFC 7591 section 3.2.2."""
        reason: Reason = OVERLOADED if refused.error == "temporarily_unavailable" else MALFORMED_REQUEST
        detail = f"{refused.error}: {refused.description}"
        deny = self._deny(request, Rejection(reason, detail, credential="" if client is None else client.id))
        return problem_response(deny) if reason is OVERLOADED else _error(deny, refused)


def _error(deny: Deny, refused: MetadataRefused) -> Response:
    value: Mapping[str, Any] = {"error": refused.error, "error_description": refused.description}
    return json_response(_STATUS.get(refused.error, 400), value, [_PRAGMA, *deny.headers])
