"""Give a token for an assertion of an issuer that is trusted (RFC 7523 section 2.1), and for an ID-JAG."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from watchword.codec.claims import texts
from watchword.lifecycle.clients.fields import ASSERTION
from watchword.lifecycle.oauth.grants.response import response_of
from watchword.lifecycle.oauth.presented import PresentedTokens, Shown
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.terms import Asking, Given, Refused, refused
from watchword.lifecycle.tokens import Terms, Tokens
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT, UNCONFIRMED
from watchword.model.verdict import Rejection

__all__ = ["JwtBearer"]

_GRANT_ERROR: Final = "invalid_grant"  # RFC 7521 section 4.1.1
_SAID: Final = ("amr", "auth_time")


class JwtBearer:
    """Answer the jwt-bearer grant. There is no refresh token: who needs another token shows another assertion."""

    name = ASSERTION
    anybodys = True  # the assertion proves enough, but an ID-JAG is for clients that prove themselves

    def __init__(self, presented: PresentedTokens, tokens: Tokens, resources: Resources) -> None:
        self._presented = presented
        self._tokens = tokens
        self._resources = resources

    async def answer(self, asking: Asking) -> Given:
        """Return an access token of whom the assertion is of."""
        text, client = asking.form.get("assertion", ""), asking.client
        if not text:
            return refused(MALFORMED_REQUEST, "assertion", "invalid_request")
        shown = await self._presented.assertion(text, client)
        if isinstance(shown, Rejection):
            return Refused(shown, _GRANT_ERROR)
        if not shown.held_with(asking.cnf):
            return refused(UNCONFIRMED, "the assertion is bound to another key", _GRANT_ERROR)
        target = self._target(asking, shown)
        if target is None:
            return refused(REFUSED_GRANT, "resource", "invalid_target")
        asked = frozenset(asking.form.get("scope", "").split())
        possible = client.scopes if shown.scopes is None else client.scopes & shown.scopes
        if not asked <= possible:
            return refused(REFUSED_GRANT, "scope", "invalid_scope")
        spent = await self._presented.spend(shown)
        if spent is not None:
            return Refused(spent, _GRANT_ERROR)
        await self._presented.note("assertion", client, shown, f"of {shown.claims['iss']} about {shown.claims['sub']}")
        more = {name: shown.claims[name] for name in _SAID if name in shown.claims}
        terms = Terms(asked or possible, target, asking.cnf, more=more)
        return response_of(await self._tokens.for_client(replace(client, subject=shown.subject), terms))

    def _target(self, asking: Asking, shown: Shown) -> tuple[str, ...] | None:
        """Return for which APIs the token is: those that the assertion names, or fewer of them; None where none."""
        if "resource" not in shown.claims:
            return asking.resources if self._resources.allowed(asking.resources, asking.client) else None
        named = texts(shown.claims["resource"])
        return self._resources.narrowed(asking.resources, named, asking.client) if named else None
