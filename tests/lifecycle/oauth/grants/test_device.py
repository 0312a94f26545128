"""The device grant below HTTP; what it decides is tested in tests/lifecycle/oauth/test_devices.py."""

from __future__ import annotations

from tests.house import House, played
from tests.lifecycle.oauth.grants.stage import Stage, error, members
from watchword.lifecycle.oauth.devices import Begun
from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.lifecycle.oauth.terms import Sender

KEY = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


async def approved(opened: House, stage: Stage, *scopes: str) -> str:
    devices = opened.watchword.oauth.devices
    begun = await devices.begin(stage.client, frozenset(scopes))
    assert isinstance(begun, Begun)
    await devices.open(begun.user_code, stage.who)
    await devices.approve(begun.user_code, stage.who)
    return begun.device_code


@played
async def test_rfc8628_3_4_tokens_of_who_approved(opened: House) -> None:
    stage = await Stage.of(opened, grants=[DEVICE_GRANT, "refresh_token"])
    code = await approved(opened, stage, "a", "openid")
    given = members(await stage.answer(grant_type=DEVICE_GRANT, device_code=code))
    assert given.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (given["token_type"], given["scope"]) == ("Bearer", "a openid")
    assert members(await stage.refreshed(given["refresh_token"]))["scope"] == "a openid"


@played
async def test_a_client_that_may_not_refresh_gets_nothing_to_refresh_with(opened: House) -> None:
    stage = await Stage.of(opened, grants=[DEVICE_GRANT])
    code = await approved(opened, stage)
    given = members(await stage.answer(grant_type=DEVICE_GRANT, device_code=code))
    assert given.keys() == {"access_token", "token_type", "expires_in", "scope"}


@played
async def test_what_a_device_gets_is_bound_to_its_key(opened: House) -> None:
    stage = await Stage.of(opened, grants=[DEVICE_GRANT, "refresh_token"], public=True)
    code = await approved(opened, stage)
    given = members(await stage.answer(Sender(jkt=KEY), grant_type=DEVICE_GRANT, device_code=code))
    assert given["token_type"] == "DPoP"
    assert error(await stage.refreshed(given["refresh_token"])) == "invalid_grant"
    assert members(await stage.refreshed(given["refresh_token"], Sender(jkt=KEY)))["token_type"] == "DPoP"


@played
async def test_errors_are_those_of_the_rfc(opened: House) -> None:
    stage = await Stage.of(opened, grants=[DEVICE_GRANT])
    assert error(await stage.answer(grant_type=DEVICE_GRANT)) == "invalid_request"
    assert error(await stage.answer(grant_type=DEVICE_GRANT, device_code="dc_x")) == "invalid_grant"
    other = await Stage.of(opened)
    assert error(await other.answer(grant_type=DEVICE_GRANT, device_code="dc_x")) == "unauthorized_client"
