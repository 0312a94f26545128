"""What tokens are bound to, and who may have none without: settled once for every grant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import asking, house
from watchword.codec.claims import certificate_confirmation
from watchword.codec.jose import open_token, peek
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.lifecycle.oauth.terms import Sender
from watchword.model.credential import Kind

CERTIFICATE, KEY = Sender(b"der"), Sender(b"der", "jkt-of-a-key")
NOTHING = Sender()
THUMBPRINT, JKT = certificate_confirmation(b"der"), {"jkt": "jkt-of-a-key"}
PROOF, EITHER = "invalid_dpop_proof", "invalid_request"
BOUND, CERTIFIED = {"dpop_bound_access_tokens": True}, {"tls_client_certificate_bound_access_tokens": True}

KEYED = {"auth_method": "private_key_jwt"}


async def _got(sender: Sender, options: dict[str, Any], **house_options: Any) -> Any:
    """Return what the token is bound to, None for nothing; or the error."""
    async with house(**house_options) as opened:
        client = (await opened.issue(Kind.OAUTH_CLIENT, options=options)).credential
        form = {"grant_type": "client_credentials"}
        given = await opened.watchword.oauth.grants.answer(asking(), form, client, sender)
        if not isinstance(given, dict):
            return given.error
        raw = given["access_token"].encode()
        header: Any = peek(raw)
        token: Any = open_token(raw, header)
        bound = token.claims.get("cnf")
        assert given["token_type"] == ("DPoP" if bound and "jkt" in bound else "Bearer")
        return bound


@pytest.mark.parametrize(
    ("sender", "options", "house_options", "wanted"),
    [
        (NOTHING, {}, {}, None),
        (CERTIFICATE, {}, {}, None),  # a certificate alone binds nothing that nobody asked for
        (KEY, {}, {}, JKT),
        (CERTIFICATE, {}, {"bind_tokens": True}, THUMBPRINT),
        (KEY, {}, {"bind_tokens": True}, JKT),
        (NOTHING, {}, {"bind_tokens": True}, None),
        (NOTHING, CERTIFIED, {}, EITHER),
        (CERTIFICATE, CERTIFIED, {}, THUMBPRINT),
        (KEY, CERTIFIED, {}, JKT),
        (NOTHING, BOUND, {}, PROOF),
        (CERTIFICATE, BOUND, {"bind_tokens": True}, PROOF),
        (KEY, BOUND, {}, JKT),
        (CERTIFICATE, {}, {"oauth": OAuthRules(require_dpop=True)}, PROOF),
        (KEY, {}, {"oauth": OAuthRules(require_dpop=True)}, JKT),
        (NOTHING, KEYED, {"oauth": OAuthRules(profile="fapi2")}, EITHER),
        (CERTIFICATE, KEYED, {"oauth": OAuthRules(profile="fapi2")}, THUMBPRINT),
        (KEY, KEYED, {"oauth": OAuthRules(profile="fapi2")}, JKT),
    ],
)
def test_what_a_token_is_bound_to(
    sender: Sender, options: dict[str, Any], house_options: dict[str, Any], wanted: Any
) -> None:
    assert asyncio.run(_got(sender, options, **house_options)) == wanted
