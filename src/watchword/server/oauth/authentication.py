"""Authenticate OAuth clients at our endpoints (RFC 6749 section 2.3), and word what is refused there."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.app import Watchword
from watchword.codec.fields import parse_authorization
from watchword.guards.networks import Networks
from watchword.lifecycle.mint import client_lookup
from watchword.lifecycle.oauth.terms import Refused, Sender
from watchword.model.credential import Credential, Kind
from watchword.model.reason import (
    BODY_TOO_LARGE,
    MALFORMED_CREDENTIAL,
    MALFORMED_REQUEST,
    NO_CREDENTIAL,
    PASSWORD_OVER_PLAINTEXT,
)
from watchword.model.request import Request
from watchword.model.verdict import Deny, Headers, Rejection
from watchword.server.config.settings import Settings
from watchword.server.forms import decoded, form_with
from watchword.server.login.attempts import Attempts, confidential
from watchword.server.login.entrance import read_request
from watchword.server.responses import json_response, problem_response
from watchword.standing import principal_of, standing

__all__ = ["SCHEME", "Authenticated", "ClientDesk"]

SCHEME: Final = "oauth-client"
"""What the audit calls a client that proves itself at an endpoint of ours."""

PRAGMA: Final = (b"pragma", b"no-cache")  # RFC 6749 section 5.1

_LONGEST: Final = 256  # characters of an id or a secret
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
        read = form_with(request, _LISTS)
        if isinstance(read, Rejection):
            return self.refused(request, Refused(Rejection(MALFORMED_REQUEST, "form"), "invalid_request"))
        form, several = read
        presented = _presented(request, form)
        if isinstance(presented, Rejection):
            invalid = presented.reason is MALFORMED_REQUEST
            return self.refused(request, Refused(presented, "invalid_request" if invalid else "invalid_client"))
        client = await self._client(request, *presented)
        if isinstance(client, Rejection):
            await self._attempts.guessed(request)
            return self.refused(request, Refused(client, "invalid_client"))
        return Authenticated(request, client, form, several, Sender(request.peer.certificate))

    async def _client(self, request: Request, client_id: str, secret: str) -> Credential | Rejection:
        """Return the client's record; unknown ids and wrong secrets take the same path."""
        if not (self._plaintext or confidential(request.peer)):
            return Rejection(PASSWORD_OVER_PLAINTEXT)
        watchword = self._watchword
        now = watchword.clock()
        record = await self._record(client_id, secret)
        refused = await standing(watchword.store, record, Kind.OAUTH_CLIENT, now)
        if refused is not None or record is None:
            return refused or Rejection(MALFORMED_CREDENTIAL)
        elsewhere = self._networks.check(request, principal_of(record, SCHEME, now))
        return replace(elsewhere, credential=record.id) if isinstance(elsewhere, Rejection) else record

    async def _record(self, client_id: str, secret: str) -> Credential | None:
        """Return the record that id and secret prove; without a secret only that of a client that has none."""
        if secret:
            return await self._watchword.store.credential_by(client_lookup(client_id, secret))
        record = await self._watchword.oauth.clients.find(client_id)
        return record if record is not None and record.detail.get("public") is True else None

    # --- answers ------------------------------------------------------------------------------------------------------

    def accepted(self, asked: Authenticated, value: dict[str, object], status: int = 200) -> Response:
        """Return the answer to a client, and have it in the audit."""
        watchword = self._watchword
        now = watchword.clock()
        watchword.audit.note(now, asked.request, principal_of(asked.client, SCHEME, now))
        return json_response(status, value, [PRAGMA])

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


def _presented(request: Request, form: Mapping[str, str]) -> tuple[str, str] | Rejection:
    """Return id and secret, from the Authorization field or from the form, never both (RFC 6749 section 2.3)."""
    value = request.fields.get(b"authorization")
    if value is None:
        pair = form.get("client_id", ""), form.get("client_secret", "")
        return pair if _possible(*pair, least=0) else Rejection(NO_CREDENTIAL)
    if "client_secret" in form:
        return Rejection(MALFORMED_REQUEST, "two ways of client authentication")
    scheme, credentials = parse_authorization(value)
    basic = _basic(credentials) if scheme == b"basic" else None
    if basic is None or not _possible(*basic):
        return Rejection(MALFORMED_CREDENTIAL, "Authorization")
    if form.get("client_id", basic[0]) != basic[0]:
        return Rejection(MALFORMED_REQUEST, "two client ids")
    return basic


def _basic(credentials: bytes) -> tuple[str, str] | None:
    """Return id and secret, each form-encoded before they were joined (RFC 6749 section 2.3.1)."""
    try:
        text = b64decode(credentials, validate=True).decode("ascii")
    except (Error, UnicodeDecodeError):
        return None
    name, colon, secret = text.partition(":")
    client_id, client_secret = decoded(name), decoded(secret)
    return (client_id, client_secret) if colon and client_id is not None and client_secret is not None else None


def _possible(client_id: str, secret: str, *, least: int = 1) -> bool:
    return 0 < len(client_id) <= _LONGEST and least <= len(secret) <= _LONGEST and (client_id + secret).isprintable()
