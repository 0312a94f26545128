"""Redeeming a code; over HTTP it is tested in tests/server/oauth."""

from __future__ import annotations

import pytest

from tests.house import House, played
from tests.lifecycle.oauth.grants.stage import Stage, error, members
from watchword.lifecycle.oauth.terms import Sender


@played
async def test_a_code_gives_tokens_once(opened: House) -> None:
    stage = await Stage.of(opened)
    code = await stage.code("openid", "a")
    given = members(await stage.redeemed(code))
    assert given["token_type"] == "Bearer"
    assert given["scope"] == "a openid"
    assert {"access_token", "refresh_token", "id_token"} <= given.keys()
    assert error(await stage.redeemed(code)) == "invalid_grant"
    assert error(await stage.refreshed(given["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"code": ""}, "invalid_request"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/cb/"}, "invalid_grant"),
    ],
    ids=str,
)
def test_must_4_and_5_a_code_is_bound_to_its_request(change: dict[str, str], expected: str) -> None:
    @played
    async def test(opened: House) -> None:
        stage = await Stage.of(opened)
        code = await stage.code()
        form = {"code": code, **change}
        assert error(await stage.redeemed(form.pop("code"), **form)) == expected

    test()


@played
async def test_an_app_without_a_secret_keeps_the_key_that_it_began_with(opened: House) -> None:
    stage = await Stage.of(opened, public=True)
    given = members(await stage.redeemed(await stage.code(), Sender(jkt="mine")))
    assert given["token_type"] == "DPoP"
    token = given["refresh_token"]
    assert error(await stage.refreshed(token)) == "invalid_grant"
    assert error(await stage.refreshed(token, Sender(jkt="another"))) == "invalid_grant"
    assert members(await stage.refreshed(token, Sender(jkt="mine")))["token_type"] == "DPoP"
