"""Replacing a refresh token; over HTTP it is tested in tests/server/oauth."""

from __future__ import annotations

from tests.house import House, played
from tests.lifecycle.oauth.grants.stage import Stage, error, members


@played
async def test_fewer_scopes_may_be_asked_for_and_never_more(opened: House) -> None:
    stage = await Stage.of(opened)
    token = members(await stage.redeemed(await stage.code("openid", "a")))["refresh_token"]
    assert error(await stage.refreshed(token, scope="a b")) == "invalid_scope"
    fewer = members(await stage.refreshed(token, scope="a"))
    assert fewer["scope"] == "a"
    assert "id_token" not in fewer
    assert members(await stage.refreshed(fewer["refresh_token"]))["scope"] == "a openid"


@played
async def test_another_clients_token_is_not_spent_by_trying_it(opened: House) -> None:
    stage, other = await Stage.of(opened), await Stage.of(opened)
    token = members(await stage.redeemed(await stage.code()))["refresh_token"]
    assert error(await other.refreshed(token)) == "invalid_grant"
    assert error(await stage.refreshed("")) == "invalid_request"
    assert members(await stage.refreshed(token))["refresh_token"] != token


@played
async def test_a_client_may_have_a_shorter_time_to_refresh_than_others(opened: House) -> None:
    stage = await Stage.of(opened, refresh_lifetime=3600, access_lifetime=60)
    given = members(await stage.redeemed(await stage.code("a")))
    assert given["expires_in"] == 60
    opened.clock.now += 3599
    token = members(await stage.refreshed(given["refresh_token"]))
    assert token["expires_in"] == 1, "and no access token outlives that"
    opened.clock.now += 1
    assert error(await stage.refreshed(token["refresh_token"])) == "invalid_grant"
