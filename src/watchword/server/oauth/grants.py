"""Answer each grant of the token endpoint: client credentials, an authorization code, a refresh token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from watchword.app import Watchword
from watchword.guards.networks import Networks
from watchword.lifecycle.authorization import OPENID_SCOPES
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.tokens import AccessToken
from watchword.model.credential import Credential
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT, Reason
from watchword.model.request import Request
from watchword.model.verdict import Rejection
from watchword.standing import principal_of

__all__ = ["GRANTS", "Grants", "Refused"]

GRANTS: Final = ("authorization_code", "client_credentials", "refresh_token")
"""The grants that there are."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Refuse a grant: what the audit gets, and the error of RFC 6749 section 5.2 that the client gets."""

    rejection: Rejection
    error: str


Given: TypeAlias = dict[str, Any] | Refused


class Grants:
    """Turn what an authenticated client presents into tokens."""

    def __init__(self, watchword: Watchword) -> None:
        self._watchword = watchword
        self._networks = Networks()

    async def answer(self, request: Request, form: Mapping[str, str], client: Credential) -> Given:
        """Return the members of the answer (RFC 6749 section 5.1), or why there are none."""
        grant = form.get("grant_type")
        if not grant:
            return _refused(MALFORMED_REQUEST, "grant_type", "invalid_request")
        if grant not in GRANTS:
            return _refused(REFUSED_GRANT, "grant_type", "unsupported_grant_type")
        anybodys = grant == "client_credentials" and client.detail.get("public") is True  # RFC 6749 section 4.4
        if anybodys or grant not in client.detail.get("grants", ()):
            return _refused(REFUSED_GRANT, "grants", "unauthorized_client")
        if form.get("resource", self._watchword.audience) != self._watchword.audience:
            return _refused(REFUSED_GRANT, "resource", "invalid_target")  # RFC 8707 section 2.2
        if grant == "authorization_code":
            return await self._code(request, form, client)
        if grant == "refresh_token":
            return await self._refresh(request, form, client)
        return self._for_itself(request, form, client)

    def _for_itself(self, request: Request, form: Mapping[str, str], client: Credential) -> Given:
        """Give a client a token for itself (RFC 6749 section 4.4)."""
        wanted = frozenset(form.get("scope", "").split()) or client.scopes
        if not wanted <= client.scopes:
            return _refused(REFUSED_GRANT, "scope", "invalid_scope")
        return _answer(self._watchword.tokens.for_client(client, wanted, request.peer.certificate))

    async def _code(self, request: Request, form: Mapping[str, str], client: Credential) -> Given:
        """Redeem a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
        code, verifier = form.get("code", ""), form.get("code_verifier", "")
        if not code or not verifier:
            return _refused(MALFORMED_REQUEST, "code and code_verifier", "invalid_request")
        uri = form.get("redirect_uri", "")
        given = await self._watchword.authorizations.redeem(code, client, uri, verifier, request.peer.certificate)
        if isinstance(given, Rejection):
            return Refused(given, "invalid_grant")
        return self._tokens(given.refreshed, client, given.refreshed.family.scopes, given.nonce)

    async def _refresh(self, request: Request, form: Mapping[str, str], client: Credential) -> Given:
        """Replace a refresh token of this client (RFC 6749 section 6), perhaps for fewer scopes."""
        token = form.get("refresh_token", "")
        if not token:
            return _refused(MALFORMED_REQUEST, "refresh_token", "invalid_request")
        families, name = self._watchword.families, client.detail["client_id"]
        family = await families.holder(token)
        if family is None or family.detail.get("client") != name:  # another's token is not spent by trying it
            return _refused(REFUSED_GRANT, "refresh_token", "invalid_grant")
        elsewhere = self._networks.check(request, principal_of(family, "refresh", family.created_at))
        if isinstance(elsewhere, Rejection):
            return Refused(elsewhere, "invalid_grant")
        wanted = frozenset(form.get("scope", "").split()) or family.scopes
        if not wanted <= family.scopes:
            return _refused(REFUSED_GRANT, "scope", "invalid_scope")
        found = await families.redeem(token, client=name, certificate=request.peer.certificate)
        if isinstance(found, Rejection):
            return Refused(found, "invalid_grant")
        allowed = client.scopes | OPENID_SCOPES  # what the client may was perhaps narrowed since
        return self._tokens(found, client, wanted & allowed, "")

    def _tokens(self, refreshed: Refreshed, client: Credential, scopes: frozenset[str], nonce: str) -> dict[str, Any]:
        family = refreshed.family
        access = self._watchword.tokens.for_app(family, scopes)
        answer = _answer(access)
        if "refresh_token" in client.detail.get("grants", ()):
            answer["refresh_token"] = refreshed.token
        if "openid" in scopes:
            answer["id_token"] = self._watchword.tokens.id_token(family, access, nonce)
        return answer


def _answer(access: AccessToken) -> dict[str, Any]:
    return {
        "access_token": access.text,
        "token_type": "Bearer",
        "expires_in": access.expires_in,
        "scope": " ".join(sorted(access.scopes)),
    }


def _refused(reason: Reason, detail: str, error: str) -> Refused:
    return Refused(Rejection(reason, detail), error)
