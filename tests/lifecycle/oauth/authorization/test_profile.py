"""The FAPI 2.0 Security Profile as a preset; over HTTP: tests/server/oauth/test_fapi2.py."""

from __future__ import annotations

from typing import Any

import pytest

from watchword.lifecycle.oauth.authorization.profile import client_fault, narrowed_metadata
from watchword.model.credential import Credential, Kind


@pytest.mark.parametrize(
    ("detail", "fits"),
    [
        ({"auth_method": "private_key_jwt"}, True),
        ({"auth_method": "tls_client_auth"}, True),
        ({"auth_method": "self_signed_tls_client_auth"}, True),
        ({"auth_method": "client_secret_basic"}, False),
        ({"auth_method": "client_secret_post"}, False),
        ({"auth_method": "none", "public": True}, False),
        ({"auth_method": "private_key_jwt", "public": True}, False),
        ({}, False),
        ({"auth_method": "private_key_jwt", "id_token_signed_response_alg": "ES256"}, True),
        ({"auth_method": "private_key_jwt", "id_token_signed_response_alg": "RS256"}, False),
        ({"auth_method": "private_key_jwt", "userinfo_signed_response_alg": "RS256"}, False),
    ],
    ids=str,
)
def test_fapi2_5_3_2_1_confidential_clients_with_keys_alone_and_5_4_1_nothing_by_rs256(
    detail: dict[str, Any], fits: bool
) -> None:
    client = Credential("cli_x", Kind.OAUTH_CLIENT, "service:app", 1, detail=detail)
    assert (client_fault(client) == "") is fits


def test_metadata_say_only_what_the_profile_allows() -> None:
    found = narrowed_metadata(
        {
            "issuer": "https://login.example",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256", "RS256"],
            "id_token_signing_alg_values_supported": ["EdDSA", "RS256"],
        }
    )
    assert found == {
        "issuer": "https://login.example",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "require_pushed_authorization_requests": True,
    }
