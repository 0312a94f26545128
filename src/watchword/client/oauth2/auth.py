"""Fetch tokens by OAuth 2 client credentials, and keep them until they end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode

from watchword.client.flight import Renewal, RenewingAuth
from watchword.client.tokens import Token, failure, json_object, token_of
from watchword.client.transport import Call, Sending, origin_of
from watchword.codec.fields import render_basic

__all__ = ["OAuth2Auth"]


class OAuth2Auth(RenewingAuth[Token]):
    """Prove a machine by a token of the client credentials grant (RFC 6749 section 4.4).

    The client proves itself by Basic, id and secret form-encoded (section 2.3.1). ``scope`` is space-separated,
    ``resource`` the API that the token is for (RFC 8707). ``origin`` (a URL) keeps the token from requests to anywhere
    else. A 401 fetches a new token once. Raises AuthenticationFailed when the token endpoint refuses.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
        *,
        resource: str | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(origin)
        origin_of(token_url)
        form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        basic = render_basic(quote_plus(client_id), quote_plus(client_secret))
        self._call = Call(
            "POST",
            token_url,
            {
                "Authorization": basic.decode("ascii"),
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            urlencode({name: value for name, value in form.items() if value is not None}).encode(),
        )

    def current(self) -> Token | None:
        """Return the token until shortly before it ends."""
        token = self._proof
        return token if token is not None and time.monotonic() < token.renew_at else None

    def attach(self, proof: Token, sending: Sending) -> Mapping[str, str]:
        """Carry the token as RFC 6750 section 2.1 says."""
        return {"Authorization": f"Bearer {proof.access}"}

    def renew(self) -> Renewal[Token]:
        """Ask the token endpoint."""
        asked = time.monotonic()
        reply = yield self._call
        token = token_of(json_object(reply), "access_token", asked) if reply.status == 200 else None
        if token is None:
            raise failure("the token endpoint refused", reply)
        return token
