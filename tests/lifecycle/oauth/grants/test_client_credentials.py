"""A client's token for itself; over HTTP it is tested in tests/server/oauth/test_token.py."""

from __future__ import annotations

from tests.house import House, played
from tests.lifecycle.oauth.grants.stage import Stage, error, members

FORM = {"grant_type": "client_credentials"}


@played
async def test_a_client_gets_what_it_may_and_no_refresh_token(opened: House) -> None:
    stage = await Stage.of(opened, grants=["client_credentials"])
    assert members(await stage.answer(**FORM))["scope"] == "a b"
    given = members(await stage.answer(**FORM, scope="b"))
    assert (given["scope"], "refresh_token" in given) == ("b", False)
    assert error(await stage.answer(**FORM, scope="b c")) == "invalid_scope"


@played
async def test_who_has_no_secret_has_no_token_of_its_own(opened: House) -> None:
    stage = await Stage.of(opened, grants=["client_credentials"], public=True)
    assert error(await stage.answer(**FORM)) == "unauthorized_client"
