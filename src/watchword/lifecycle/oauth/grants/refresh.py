"""Replace a refresh token of a client (RFC 6749 section 6), perhaps for fewer scopes."""

from __future__ import annotations

from typing import Any

from watchword.guards.networks import Networks
from watchword.lifecycle.families import Families
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.authorization.details import ERROR as BAD_DETAILS
from watchword.lifecycle.oauth.authorization.details import narrowed
from watchword.lifecycle.oauth.grants.response import family_response
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.terms import Asking, Given, Refused, refused
from watchword.lifecycle.tokens import Terms, Tokens
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT
from watchword.model.verdict import Rejection
from watchword.standing import principal_of

__all__ = ["RefreshToken"]


class RefreshToken:
    """Answer ``refresh_token``."""

    name = "refresh_token"
    anybodys = True

    def __init__(self, families: Families, tokens: Tokens, resources: Resources, *, rotate: bool = True) -> None:
        """Replace the token at each use; without ``rotate`` it stays (FAPI 2.0)."""
        self._rotate = rotate
        self._families = families
        self._resources = resources
        self._tokens = tokens
        self._networks = Networks()

    async def answer(self, asking: Asking) -> Given:
        """Return new tokens of the family."""
        client, sender, token = asking.client, asking.sender, asking.form.get("refresh_token", "")
        if not token:
            return refused(MALFORMED_REQUEST, "refresh_token", "invalid_request")
        name = client.detail["client_id"]
        family = await self._families.holder(token)
        if family is None or family.detail.get("client") != name:  # another's token is not spent by trying it
            return refused(REFUSED_GRANT, "refresh_token", "invalid_grant")
        elsewhere = self._networks.check(asking.request, principal_of(family, "refresh", family.created_at))
        if isinstance(elsewhere, Rejection):
            return Refused(elsewhere, "invalid_grant")
        wanted = frozenset(asking.form.get("scope", "").split()) or family.scopes
        if not wanted <= family.scopes:
            return refused(REFUSED_GRANT, "scope", "invalid_scope")
        audience = self._resources.narrowed(asking.resources, family.detail.get("resources", ()), client)
        if audience is None:
            return refused(REFUSED_GRANT, "resource", "invalid_target")
        details = narrowed(asking.form.get("authorization_details", ""), family.detail.get("details", ()))
        if details is None:
            return refused(REFUSED_GRANT, "authorization_details", BAD_DETAILS)
        proved: Any = {"certificate": sender.certificate, "jkt": sender.jkt}
        found = await self._families.redeem(token, client=name, rotate=self._rotate, **proved)
        if isinstance(found, Rejection):
            return Refused(found, "invalid_grant")
        allowed = client.scopes | OPENID_SCOPES  # what the client may was perhaps narrowed since
        terms = Terms(wanted & allowed & found.family.scopes, audience, asking.cnf, details=details)
        return await family_response(self._tokens, found, client, terms)
