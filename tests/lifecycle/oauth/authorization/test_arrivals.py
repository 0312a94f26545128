"""What counts of a request, wherever it comes from."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from watchword.codec.jose import SigningKey
from watchword.lifecycle.oauth.asking import Refusal
from watchword.lifecycle.oauth.authorization.arrivals import Arrival, Arrivals
from watchword.lifecycle.oauth.authorization.pushed import Pushed
from watchword.lifecycle.oauth.authorization.request_objects import RequestObjects
from watchword.lifecycle.oauth.client_keys import ClientKeys
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential, Kind
from watchword.stores.opening import open_store

NOW, ISSUER = 1_000_000.0, "https://login.example"
KEY, RSA = SigningKey.generate("EdDSA"), SigningKey.generate("RS256")
CLIENT = Credential(
    "cli_x",
    Kind.OAUTH_CLIENT,
    "service:app",
    1,
    detail={"client_id": "cli_x", "jwks": {"keys": [KEY.public_jwk(), RSA.public_jwk()]}},
)


def signed(key: SigningKey = KEY, **more: object) -> str:
    claims = {"iss": "cli_x", "aud": ISSUER, "exp": NOW + 60, "scope": "openid", **more}
    return key.sign(claims, "oauth-authz-req+jwt")


def test_rfc9101_5_only_what_is_inside_counts() -> None:
    async def run() -> None:
        store = open_store("memory:", clock=lambda: NOW)
        await store.open()
        pushed = Pushed(store, lambda: NOW)
        arrivals = Arrivals(pushed, RequestObjects(ClientKeys(None), ISSUER, lambda: NOW), OAuthRules())
        plain = {"client_id": "cli_x", "scope": "openid admin", "state": "outside"}
        assert await arrivals.open(plain, CLIENT) == Arrival(plain)
        inside = {"client_id": "cli_x", "scope": "openid"}
        assert await arrivals.open({**plain, "request": signed()}, CLIENT) == Arrival(inside, signed=True)
        uri = await pushed.push("cli_x", inside, signed=True)
        assert await arrivals.open({**plain, "request_uri": uri}, CLIENT) == Arrival(inside, uri, True)
        for fields, error in (
            ({"request": signed() + "x"}, "invalid_request_object"),
            ({"request": signed(iss="cli_y")}, "invalid_request_object"),
            ({"request": signed(), "request_uri": uri}, "invalid_request"),
            ({"request_uri": "https://app.example/request"}, "invalid_request_uri"),
        ):
            found = await arrivals.open({**plain, **fields}, CLIENT)
            assert isinstance(found, Refusal)
            assert (found.error, found.redirect_uri) == (error, "")
        other = replace(CLIENT, detail={"client_id": "cli_y"})
        assert isinstance(await arrivals.open({**plain, "request_uri": uri}, other), Refusal)
        assert isinstance(await arrivals.open({**plain, "request": signed()}, other), Refusal)
        await store.close()

    asyncio.run(run())


def test_fapi2_5_4_1_rs256_signs_nothing_under_the_profile() -> None:
    async def run(rules: OAuthRules) -> Arrival | Refusal:
        store = open_store("memory:", clock=lambda: NOW)
        await store.open()
        objects = RequestObjects(ClientKeys(None), ISSUER, lambda: NOW)
        found = await Arrivals(Pushed(store, lambda: NOW), objects, rules).unsealed({"request": signed(RSA)}, CLIENT)
        await store.close()
        return found

    assert isinstance(asyncio.run(run(OAuthRules())), Arrival)
    assert isinstance(asyncio.run(run(OAuthRules(profile="fapi2"))), Refusal)
