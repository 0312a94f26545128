"""Redeem an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""

from __future__ import annotations

from watchword.lifecycle.oauth.authorization.details import ERROR as BAD_DETAILS
from watchword.lifecycle.oauth.authorization.details import narrowed
from watchword.lifecycle.oauth.codes import Codes
from watchword.lifecycle.oauth.grants.response import family_response
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.terms import Asking, Given, Refused, refused
from watchword.lifecycle.tokens import Terms, Tokens
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT
from watchword.model.verdict import Rejection

__all__ = ["AuthorizationCode"]


class AuthorizationCode:
    """Answer ``authorization_code``."""

    name = "authorization_code"
    anybodys = True

    def __init__(self, codes: Codes, tokens: Tokens, resources: Resources) -> None:
        self._codes = codes
        self._resources = resources
        self._tokens = tokens

    async def answer(self, asking: Asking) -> Given:
        """Return what the code is worth."""
        form, client = asking.form, asking.client
        code, verifier = form.get("code", ""), form.get("code_verifier", "")
        if not code or not verifier:
            return refused(MALFORMED_REQUEST, "code and code_verifier", "invalid_request")
        given = await self._codes.redeem(code, client, form.get("redirect_uri", ""), verifier, asking.cnf)
        if isinstance(given, Rejection):
            return Refused(given, "invalid_grant")
        audience = self._resources.narrowed(asking.resources, given.resources, client)
        if audience is None:  # the code is spent; what it began is nobody's
            return refused(REFUSED_GRANT, "resource", "invalid_target")
        details = narrowed(form.get("authorization_details", ""), given.details)
        if details is None:
            return refused(REFUSED_GRANT, "authorization_details", BAD_DETAILS)
        terms = Terms(given.refreshed.family.scopes, audience, asking.cnf, details=details)
        return await family_response(self._tokens, given.refreshed, client, terms, given.nonce)
