"""Token responses."""

from __future__ import annotations

from watchword.lifecycle.oauth.grants.response import response_of
from watchword.lifecycle.tokens import AccessToken


def test_rfc6749_5_1_the_members() -> None:
    access = AccessToken("text", 60, frozenset({"b", "a"}), bound=True)
    assert response_of(access) == {"access_token": "text", "token_type": "DPoP", "expires_in": 60, "scope": "a b"}
