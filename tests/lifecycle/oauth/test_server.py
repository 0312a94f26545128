"""The parts of the authorization server are put together, and what all grants share is settled before any of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House, asking, played
from watchword.lifecycle.oauth.terms import Refused, Sender
from watchword.model.credential import Kind

FORM = {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("form", "options", "error"),
    [
        ({}, {}, "invalid_request"),
        ({"grant_type": "password"}, {}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, {}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, {}, "unauthorized_client"),
        ({**FORM, "scope": "b"}, {}, "invalid_scope"),
    ],
    ids=str,
)
def test_what_is_refused_before_a_grant_is_asked(form: dict[str, str], options: dict[str, Any], error: str) -> None:
    @played
    async def test(opened: House) -> None:
        client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"], options=options)).credential
        given = await opened.watchword.oauth.grants.answer(asking(), form, client)
        assert isinstance(given, Refused)
        assert given.error == error

    test()


@played
async def test_cve_2025_69196_a_resource_that_is_not_known_is_no_target(opened: House) -> None:
    client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"])).credential
    grants, ours = opened.watchword.oauth.grants, opened.watchword.audience
    given = await grants.answer(asking(), FORM, client, several={"resource": ("https://other.example",)})
    assert isinstance(given, Refused)
    assert given.error == "invalid_target"
    assert isinstance(await grants.answer(asking(), FORM, client, several={"resource": (ours,)}), dict)


@played
async def test_a_proof_of_a_key_binds_the_token_to_it(opened: House) -> None:
    client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"])).credential
    given = await opened.watchword.oauth.grants.answer(asking(), FORM, client, Sender(jkt="thumbprint"))
    assert isinstance(given, dict)
    assert given["token_type"] == "DPoP"
