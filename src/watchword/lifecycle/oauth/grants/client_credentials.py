"""Give a client a token for itself (RFC 6749 section 4.4)."""

from __future__ import annotations

from watchword.lifecycle.oauth.asking import Judge
from watchword.lifecycle.oauth.authorization.details import ERROR as BAD_DETAILS
from watchword.lifecycle.oauth.grants.response import response_of
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.terms import Asking, Given, refused
from watchword.lifecycle.tokens import Terms, Tokens
from watchword.model.reason import REFUSED_GRANT

__all__ = ["ClientCredentials"]


class ClientCredentials:
    """Answer ``client_credentials``."""

    name = "client_credentials"
    anybodys = False

    def __init__(self, tokens: Tokens, judge: Judge, resources: Resources) -> None:
        self._tokens = tokens
        self._judge = judge
        self._resources = resources

    async def answer(self, asking: Asking) -> Given:
        """Return an access token of the client's own."""
        client = asking.client
        wanted = frozenset(asking.form.get("scope", "").split()) or client.scopes
        if not wanted <= client.scopes:
            return refused(REFUSED_GRANT, "scope", "invalid_scope")
        if not self._resources.allowed(asking.resources, client):
            return refused(REFUSED_GRANT, "resource", "invalid_target")
        details = self._judge.details(asking.form.get("authorization_details", ""), client)
        if details is None:
            return refused(REFUSED_GRANT, "authorization_details", BAD_DETAILS)
        terms = Terms(wanted, asking.resources, asking.cnf, details=details)
        return response_of(await self._tokens.for_client(client, terms), details)
