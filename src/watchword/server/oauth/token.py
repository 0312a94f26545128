"""The token endpoint (RFC 6749 section 3.2): who the client is, and how refusals read."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.codec.fields import parse_authorization
from watchword.guards.networks import Networks
from watchword.lifecycle.mint import client_lookup
from watchword.model.credential import Credential, Kind
from watchword.model.reason import (
    BODY_TOO_LARGE,
    MALFORMED_CREDENTIAL,
    MALFORMED_REQUEST,
    NO_CREDENTIAL,
    PASSWORD_OVER_PLAINTEXT,
)
from watchword.model.request import Request
from watchword.model.verdict import Deny, Rejection
from watchword.server.config.settings import Settings
from watchword.server.forms import decoded, form_of
from watchword.server.login.attempts import Attempts, confidential
from watchword.server.login.entrance import read_request
from watchword.server.oauth.grants import Grants, Refused
from watchword.server.responses import json_response, problem_response
from watchword.standing import principal_of, standing

__all__ = ["TokenEndpoint"]

_SCHEME: Final = "oauth-client"
_LONGEST: Final = 256  # characters of an id or a secret
_PRAGMA: Final = (b"pragma", b"no-cache")  # RFC 6749 section 5.1


class TokenEndpoint:
    """Hold ``/oauth/token``."""

    def __init__(self, watchword: Watchword, attempts: Attempts, settings: Settings) -> None:
        self._watchword = watchword
        self._attempts = attempts
        self._front = watchword.route("public")
        self._plaintext = settings.passwords.plaintext
        self._networks = Networks()
        self._grants = Grants(watchword)

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/oauth/token", self.token, methods=["POST"])]

    async def token(self, http: HttpRequest) -> Response:
        """Give a client what its grant is worth."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            deny = self._watchword.gate.refuse(request, unusable)
            return problem_response(deny) if unusable.reason is BODY_TOO_LARGE else self._error(deny, "invalid_request")
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        slowed = await self._attempts.slowed(request)
        if slowed is not None:
            return problem_response(self._watchword.gate.refuse(request, replace(slowed, scheme=_SCHEME)))
        form = form_of(request)
        if isinstance(form, Rejection):
            return self._refused(request, Rejection(MALFORMED_REQUEST, "form"), "invalid_request")
        presented = _presented(request, form)
        if isinstance(presented, Rejection):
            invalid = presented.reason is MALFORMED_REQUEST
            return self._refused(request, presented, "invalid_request" if invalid else "invalid_client")
        client = await self._client(request, *presented)
        if isinstance(client, Rejection):
            await self._attempts.guessed(request)
            return self._refused(request, client, "invalid_client")
        return await self._granted(request, form, client)

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
        elsewhere = self._networks.check(request, principal_of(record, _SCHEME, now))
        return replace(elsewhere, credential=record.id) if isinstance(elsewhere, Rejection) else record

    async def _record(self, client_id: str, secret: str) -> Credential | None:
        """Return the record that id and secret prove; without a secret only that of a client that has none."""
        if secret:
            return await self._watchword.store.credential_by(client_lookup(client_id, secret))
        record = await self._watchword.authorizations.client(client_id)
        return record if record is not None and record.detail.get("public") is True else None

    async def _granted(self, request: Request, form: Mapping[str, str], client: Credential) -> Response:
        given = await self._grants.answer(request, form, client)
        if isinstance(given, Refused):
            return self._refused(request, replace(given.rejection, credential=client.id), given.error)
        watchword = self._watchword
        watchword.audit.note(watchword.clock(), request, principal_of(client, _SCHEME, watchword.clock()))
        return json_response(200, given, [_PRAGMA])

    def _refused(self, request: Request, rejection: Rejection, error: str) -> Response:
        return self._error(self._watchword.gate.refuse(request, replace(rejection, scheme=_SCHEME)), error)

    def _error(self, deny: Deny, error: str) -> Response:
        """Return the error of RFC 6749 section 5.2; what is broken is 503 as everywhere."""
        if deny.rejection.reason.status == 503:
            return problem_response(deny)
        headers = [_PRAGMA, *deny.headers]
        if error != "invalid_client":
            return json_response(400, {"error": error}, headers)
        realm = self._watchword.realm.encode("ascii", "replace")
        challenge = (b"www-authenticate", b'Basic realm="%s", charset="UTF-8"' % realm.replace(b'"', b""))
        return json_response(401, {"error": error}, [*headers, challenge])


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
