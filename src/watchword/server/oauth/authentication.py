"""Authenticate OAuth clients at our endpoints (RFC 6749 section 2.3), and word what is refused there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.app import Watchword
from watchword.guards.networks import Networks
from watchword.lifecycle.oauth.terms import Refused, Sender
from watchword.model.credential import Credential
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST, NO_CREDENTIAL, PASSWORD_OVER_PLAINTEXT
from watchword.model.request import Request
from watchword.model.verdict import Deny, Headers, Rejection
from watchword.server.config.settings import Settings
from watchword.server.forms import form_with
from watchword.server.login.attempts import Attempts, confidential, network_of
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response
from watchword.standing import principal_of

__all__ = ["SCHEME", "Authenticated", "ClientDesk"]

SCHEME: Final = "oauth-client"
"""What the audit calls a client that proves itself at an endpoint of ours."""

PRAGMA: Final = (b"pragma", b"no-cache")  # RFC 6749 section 5.1

_NO_GUESS: Final = (MALFORMED_REQUEST, NO_CREDENTIAL, PASSWORD_OVER_PLAINTEXT)
_TOO_MANY: Final = 429
_MOST_BYTES: Final = 16_384  # of a request
_LISTS: Final = ("resource", "audience")  # RFC 8707 section 2, RFC 8693 section 2.1


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Hold a form and the client that sent it. ``several`` holds what may come more than once."""

    request: Request
    client: Credential
    form: Mapping[str, str]
    several: Mapping[str, tuple[str, ...]]
    sender: Sender


class ClientDesk:
    """Receive the forms of clients: read, limit, authenticate. Every endpoint for clients is behind it."""

    def __init__(self, watchword: Watchword, attempts: Attempts, settings: Settings) -> None:
        self._watchword = watchword
        self._attempts = attempts
        self._front = watchword.route("public")
        self._plaintext = settings.passwords.plaintext
        self._networks = Networks()
        self._possession = watchword.parts.possession()

    async def received(self, http: HttpRequest) -> Authenticated | Response:
        """Return who sent which form, or the answer that refuses it."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            deny = self._watchword.gate.refuse(request, unusable)
            return problem_response(deny) if unusable.reason is BODY_TOO_LARGE else self._error(deny, "invalid_request")
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        slowed = await self._attempts.slowed(request)
        if slowed is not None:
            return problem_response(self._watchword.gate.refuse(request, replace(slowed, scheme=SCHEME)))
        small = len(request.body or b"") <= _MOST_BYTES
        read = form_with(request, _LISTS) if small else Rejection(MALFORMED_REQUEST, "too long")
        if isinstance(read, Rejection):
            return self.refused(request, Refused(Rejection(MALFORMED_REQUEST, "form"), "invalid_request"))
        form, several = read
        url = f"{self._watchword.issuer}{request.path.decode('latin-1')}"
        sender = await self._sender(request, url)
        if isinstance(sender, Rejection):
            return self.refused(request, Refused(sender, sender.reason.error))
        client = await self._client(request, form, url)
        if isinstance(client, Rejection):
            if client.reason.status == _TOO_MANY:
                return problem_response(self._watchword.gate.refuse(request, replace(client, scheme=SCHEME)))
            if client.reason not in _NO_GUESS:
                await self._attempts.guessed(request)
            invalid = client.reason is MALFORMED_REQUEST
            return self.refused(request, Refused(client, "invalid_request" if invalid else "invalid_client"))
        return Authenticated(request, client, form, several, sender)

    async def _sender(self, request: Request, url: str) -> Sender | Rejection:
        """Return what the request proves possession of (RFC 9449 section 5): before an assertion is spent on it."""
        proved = self._possession.prove(request, url=url)
        jkt = proved if proved is None or isinstance(proved, (str, Rejection)) else await proved
        return jkt if isinstance(jkt, Rejection) else Sender(request.peer.certificate, jkt or "")

    async def _client(self, request: Request, form: Mapping[str, str], url: str) -> Credential | Rejection:
        """Return the client that the request proves, where it may be."""
        if not (self._plaintext or confidential(request.peer)):
            return Rejection(PASSWORD_OVER_PLAINTEXT)
        place = network_of(request.peer.address)
        client = await self._watchword.oauth.proofs.prove(request, form, url, place)
        if isinstance(client, Rejection):
            return client
        elsewhere = self._networks.check(request, principal_of(client, SCHEME, self._watchword.clock()))
        return replace(elsewhere, credential=client.id) if isinstance(elsewhere, Rejection) else client

    # --- answers ------------------------------------------------------------------------------------------------------

    def accepted(self, asked: Authenticated, value: dict[str, object], status: int = 200) -> Response:
        """Return the answer to a client, and have it in the audit."""
        watchword = self._watchword
        now = watchword.clock()
        watchword.audit.note(now, asked.request, principal_of(asked.client, SCHEME, now))
        return json_response(status, value, [PRAGMA, *(self._possession.fresh() if asked.sender.jkt else ())])

    def refused(self, request: Request, refusal: Refused, client: Credential | None = None) -> Response:
        """Return the error of RFC 6749 section 5.2; what is broken is 503 as everywhere."""
        rejection = replace(refusal.rejection, scheme=SCHEME)
        if client is not None and not rejection.credential:
            rejection = replace(rejection, credential=client.id)
        deny = self._watchword.gate.refuse(request, rejection)
        return self._error(deny, refusal.error, refusal.description, refusal.headers)

    def _error(self, deny: Deny, error: str, description: str = "", more: Headers = ()) -> Response:
        if deny.rejection.reason.status == 503:
            return problem_response(deny)
        headers = [PRAGMA, *deny.headers, *more]
        body = {"error": error, "error_description": description} if description else {"error": error}
        if error != "invalid_client":
            return json_response(400, body, headers)
        realm = self._watchword.realm.encode("ascii", "replace")
        challenge = (b"www-authenticate", b'Basic realm="%s", charset="UTF-8"' % realm.replace(b'"', b""))
        return json_response(401, body, [*headers, challenge])
