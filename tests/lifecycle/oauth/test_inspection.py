"""Introspection and revocation without HTTP: RFC 7662, RFC 7009, MUST 19."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any

import pytest

from tests.house import House, accepted, bearing, house, played, reason
from tests.lifecycle.oauth.grants.stage import Stage, members
from watchword.codec.secrets import new_secret
from watchword.lifecycle.oauth.inspection import INACTIVE
from watchword.lifecycle.oauth.terms import Refused
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Unavailable

FORMATS = ["jwt", "opaque"]
API, OTHER = "https://api.example", "https://other.example"


async def look(opened: House, token: str, asker: Credential) -> Mapping[str, Any]:
    found = opened.watchword.oauth.inspection.look(token, asker)
    return await found if isawaitable(found) else found


async def take_back(opened: House, token: str, client: Credential) -> Refused | None:
    """Revoke, and read the feed as the next request would."""
    refused = await opened.watchword.oauth.inspection.revoke(token, client)
    await heard(opened)
    return refused


async def heard(opened: House) -> None:
    reading = opened.watchword.watch.sync(opened.clock())
    if reading is not None:
        await reading


async def acting(opened: House, format: str = "jwt", **options: Any) -> tuple[Stage, dict[str, Any]]:
    stage = await Stage.of(opened, token_format=format, **options)
    return stage, members(await stage.redeemed(await stage.code()))


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_rfc7662_2_2_what_is_said_of_a_persons_token(format: str) -> None:
    async def play(opened: House) -> None:
        stage, given = await acting(opened, format)
        now = int(opened.clock())
        for _ in range(2):  # judged, and remembered
            said = dict(await look(opened, given["access_token"], stage.client))
            assert said.pop("jti").startswith("jti_")
            assert said == {
                "active": True,
                "token_type": "Bearer",
                "iss": opened.watchword.issuer,
                "sub": "user:alice",
                "username": "alice",
                "aud": opened.watchword.audience,
                "client_id": stage.client.id,
                "scope": "a",
                "iat": now,
                "exp": now + 600,
                "auth_time": 1,
                "acr": "aal1",
                "amr": ["pwd"],
            }
            json.dumps(said)

    run(play)


def run(play: Any, **options: Any) -> None:
    async def open_and_play() -> None:
        async with house(**options) as opened:
            await play(opened)

    asyncio.run(open_and_play())


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_said_of_a_clients_own_token(format: str) -> None:
    async def play(opened: House) -> None:
        client = (await Stage.of(opened, token_format=format)).client
        terms = Terms(
            frozenset({"a"}),
            (API, OTHER),
            {"jkt": "k"},
            act={"sub": "service:agent"},
            details=({"type": "payment"},),
        )
        token = await opened.watchword.tokens.for_client(client, terms)
        said = await look(opened, token.text, client)
        assert (said["sub"], said["client_id"], said["token_type"]) == (client.subject, client.id, "DPoP")
        assert (said["aud"], said["cnf"], said["act"]) == ([API, OTHER], {"jkt": "k"}, {"sub": "service:agent"})
        assert said["authorization_details"] == [{"type": "payment"}]
        assert "username" not in said

    run(play)


@played
async def test_what_is_said_of_a_refresh_token(opened: House) -> None:
    stage, given = await acting(opened)
    said = dict(await look(opened, given["refresh_token"], stage.client))
    assert said.pop("exp") > opened.clock()
    assert said == {
        "active": True,
        "token_type": "N_A",  # no API takes it for an access token
        "iss": opened.watchword.issuer,
        "sub": "user:alice",
        "username": "alice",
        "client_id": stage.client.id,
        "scope": "a",
        "iat": int(opened.clock()),
        "auth_time": 1,
    }


@played
async def test_bounds_of_the_credential_are_said_too(opened: House) -> None:
    issued = await opened.issue(Kind.OAUTH_CLIENT, networks=["192.0.2.0/24"], options={"grants": []})
    token = await opened.watchword.tokens.for_client(issued.credential, Terms(frozenset()))
    said = await look(opened, token.text, issued.credential)
    assert said["networks"] == ["192.0.2.0/24"]


# --- to whom ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_must_19_cve_2026_37979_only_own_tokens_or_audience(format: str) -> None:
    async def play(opened: House) -> None:
        stage = await Stage.of(opened, token_format=format)
        terms = Terms(frozenset({"a"}), (API, OTHER))
        token = (await opened.watchword.tokens.for_client(stage.client, terms)).text
        foreign = (await Stage.of(opened, audiences=[API])).client  # may ask for tokens for it: that is not being it
        behind = [(await Stage.of(opened, introspects=[each])).client for each in (API, OTHER)]
        nearly = [f"{API}/", API[:-1], API.upper(), f"{API}#", ""]
        others = [(await Stage.of(opened, introspects=[each])).client for each in nearly]
        for _ in range(2):
            for asker in (stage.client, *behind):
                assert (await look(opened, token, asker))["active"] is True
            for asker in (foreign, *others):
                assert await look(opened, token, asker) == {"active": False}

    run(play)


@played
async def test_a_refresh_token_is_no_apis_business(opened: House) -> None:
    _, given = await acting(opened)
    api = (await Stage.of(opened, introspects=[opened.watchword.audience])).client
    assert (await look(opened, given["access_token"], api))["active"] is True
    assert await look(opened, given["refresh_token"], api) == INACTIVE


# --- what is not active -----------------------------------------------------------------------------------------------


@played
async def test_what_was_never_a_token_is_not_active(opened: House) -> None:
    stage, given = await acting(opened)
    key, _ = await opened.key()
    signed = opened.watchword.keys.signing_key().sign
    now = int(opened.clock())
    base = {"iss": opened.watchword.issuer, "sub": "user:alice", "aud": "x", "iat": now, "exp": now + 60, "jti": "j"}
    texts = [
        *("", " ", ".", "..", "a.b.c", "at_", "rt_", "rt_x.y.0.z", "\0", "ÿ", "\udc80", "a" * 16_000, "eyJ" * 99),
        *(key.decode().removeprefix("Bearer "), stage.who.credential, stage.client.id, new_secret("at_")),
        given.get("id_token", signed({**base, "at_hash": "x", "sid": "ses_x"})),
        *(signed({**base, "sid": "fam_x"}, typ) for typ in ("logout+jwt", "dpop+jwt", "", "oauth-id-jag+jwt")),
        *(signed({k: v for k, v in {**base, "sid": "f"}.items() if k != name}, "at+jwt") for name in base),
        signed({**base, "sid": "fam_x", "iss": f"{base['iss']}/"}, "at+jwt"),
        signed({**base, "sid": "fam_x", "exp": now}, "at+jwt"),
        signed({**base, "sid": "fam_x", "iat": now + 60}, "at+jwt"),
        signed({**base, "sid": "fam_x", "aud": []}, "at+jwt"),
        signed({**base, "sid": 7}, "at+jwt"),
        signed({**base, "sid": "fam_x", "events": {}}, "at+jwt"),
    ]
    api = (await Stage.of(opened, introspects=["x"])).client
    assert (await look(opened, signed({**base, "sid": "fam_x"}, "at+jwt"), api))["active"] is True
    for text in texts:
        for asker in (stage.client, api):
            assert await look(opened, text, asker) == INACTIVE, text
        assert await take_back(opened, text, stage.client) is None, text


@pytest.mark.parametrize("format", FORMATS)
def test_cve_2026_27840_every_prefix_is_rejected(format: str) -> None:
    async def play(opened: House) -> None:
        stage, given = await acting(opened, format)
        for name in ("access_token", "refresh_token"):
            token = given[name]
            for cut in range(len(token)):
                assert await look(opened, token[:cut], stage.client) == INACTIVE
            assert (await look(opened, token, stage.client))["active"] is True

    run(play)


@pytest.mark.parametrize("format", FORMATS)
def test_ghsa_5jhw_7jv7_qcqq_variants_of_a_revoked_token(format: str) -> None:
    async def play(opened: House) -> None:
        stage, given = await acting(opened, format)
        token = given["access_token"]
        assert (await look(opened, token, stage.client))["active"] is True
        variants = [token + end for end in ("=", "==", " ", "\n", ".", "A", "\0")]
        variants += [f" {token}", token.replace("-", "+").replace("_", "/"), token[:-1] + chr(ord(token[-1]) ^ 1)]
        for each in variants:
            if each != token:
                assert await look(opened, each, stage.client) == INACTIVE, each
        assert await take_back(opened, token, stage.client) is None
        for each in (token, *variants):
            assert await look(opened, each, stage.client) == INACTIVE, each

    run(play)


@pytest.mark.parametrize("format", FORMATS)
def test_what_has_ended_is_not_active(format: str) -> None:
    async def play(opened: House) -> None:
        stage, given = await acting(opened, format)
        for ahead, active in ((599, True), (1, False)):
            opened.clock.now += ahead
            assert (await look(opened, given["access_token"], stage.client))["active"] is active
        assert (await look(opened, given["refresh_token"], stage.client))["active"] is True
        opened.clock.now += 31 * 86_400
        assert await look(opened, given["refresh_token"], stage.client) == INACTIVE
        assert await take_back(opened, given["access_token"], stage.client) is None
        assert await take_back(opened, given["refresh_token"], stage.client) is None

    run(play)


@played
async def test_of_a_family_only_the_last_refresh_token_is_active(opened: House) -> None:
    stage, given = await acting(opened)
    first = given["refresh_token"]
    second = members(await stage.refreshed(first))["refresh_token"]
    assert await look(opened, first, stage.client) == INACTIVE
    assert (await look(opened, second, stage.client))["active"] is True
    proof = second.split(".")[1]
    for forged in (f"{second}x", second.replace(proof, "A" * len(proof)), second.rpartition(".")[0]):
        assert await look(opened, forged, stage.client) == INACTIVE


WITHDRAWALS: dict[str, Any] = {
    "family": lambda opened, stage, sid: opened.watchword.lifecycle.revoke(sid, reason="x", by="t"),
    "person": lambda opened, stage, _: opened.watchword.lifecycle.set_enabled("user:alice", False, by="t"),
    "everything": lambda opened, stage, _: opened.watchword.sessions.end_everything("user:alice", by="t"),
    "client": lambda opened, stage, _: opened.watchword.lifecycle.revoke(stage.client.id, reason="x", by="t"),
    "client's tokens": lambda opened, stage, _: opened.watchword.lifecycle.revoke_client_tokens(
        stage.client.id, reason="x", by="t"
    ),
    "keys": lambda opened, stage, _: opened.watchword.lifecycle.revoke(
        opened.watchword.keys.signing_key().kid, reason="x", by="t"
    ),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("withdrawal", WITHDRAWALS)
def test_what_was_withdrawn_is_not_active(withdrawal: str, format: str) -> None:
    async def play(opened: House) -> None:
        if (withdrawal, format) == ("keys", "opaque"):
            return  # nothing is signed there
        stage, given = await acting(opened, format)
        api = (await Stage.of(opened, introspects=[opened.watchword.audience])).client
        assert (await look(opened, given["access_token"], api))["active"] is True
        (family,) = await opened.watchword.store.credentials(kind=Kind.REFRESH)
        await WITHDRAWALS[withdrawal](opened, stage, family.id)
        await heard(opened)
        assert await look(opened, given["access_token"], api) == INACTIVE
        assert await look(opened, given["access_token"], stage.client) == INACTIVE

    run(play)


@played
async def test_introspection_and_verification_agree(opened: House) -> None:
    stage, given = await acting(opened)
    bearer = b"Bearer " + given["access_token"].encode()
    accepted(await opened.decide("oauth2", bearing(bearer)))
    await take_back(opened, given["access_token"], stage.client)
    assert reason(await opened.decide("oauth2", bearing(bearer))) == "revoked"


# --- taking back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_rfc7009_2_1_an_access_token_goes_alone(format: str) -> None:
    async def play(opened: House) -> None:
        stage, first = await acting(opened, format)
        second = members(await stage.refreshed(first["refresh_token"]))
        assert await take_back(opened, first["access_token"], stage.client) is None
        assert await look(opened, first["access_token"], stage.client) == INACTIVE
        for name in ("access_token", "refresh_token"):
            assert (await look(opened, second[name], stage.client))["active"] is True
        assert await take_back(opened, first["access_token"], stage.client) is None  # again

    run(play)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("generation", [0, 1])
def test_rfc7009_2_1_with_a_refresh_token_goes_everything_that_came_from_it(format: str, generation: int) -> None:
    async def play(opened: House) -> None:
        stage, first = await acting(opened, format)
        second = members(await stage.refreshed(first["refresh_token"]))
        for each in (first, second):
            assert (await look(opened, each["access_token"], stage.client))["active"] is True
        assert await take_back(opened, (first, second)[generation]["refresh_token"], stage.client) is None
        for each in (first, second):
            for name in ("access_token", "refresh_token"):
                assert await look(opened, each[name], stage.client) == INACTIVE
        (family,) = await opened.watchword.store.credentials(kind=Kind.REFRESH)
        assert family.state(opened.clock()) is State.REVOKED
        assert family.revoked_by == stage.client.subject

    run(play)


@pytest.mark.parametrize("format", FORMATS)
def test_must_19_rfc7009_2_1_another_clients_token_is_refused_and_stays(format: str) -> None:
    async def play(opened: House) -> None:
        stage, given = await acting(opened, format)
        foreign = (await Stage.of(opened, introspects=[opened.watchword.audience])).client
        for name in ("access_token", "refresh_token"):
            refused = await take_back(opened, given[name], foreign)
            assert refused is not None
            assert refused.error == "invalid_grant"
            assert (await look(opened, given[name], stage.client))["active"] is True

    run(play)


@played
async def test_a_logins_own_tokens_are_no_clients(opened: House) -> None:
    stage = await Stage.of(opened)
    begun = await opened.watchword.families.start(stage.who, by="t")
    token = opened.watchword.tokens.for_family(begun.family).text
    for each in (token, begun.token):
        assert await look(opened, each, stage.client) == INACTIVE
        refused = await take_back(opened, each, stage.client)
        assert refused is not None
    api = (await Stage.of(opened, introspects=[opened.watchword.audience])).client
    assert (await look(opened, token, api))["sub"] == "user:alice"


@played
async def test_a_rotated_clients_tokens_are_still_its_own(opened: House) -> None:
    stage, given = await acting(opened)
    rotated = await opened.watchword.lifecycle.rotate(stage.client.id, overlap=60, by="t")
    assert rotated.credential.id != stage.client.id
    assert (await look(opened, given["access_token"], rotated.credential))["active"] is True
    assert await take_back(opened, given["access_token"], rotated.credential) is None
    assert await look(opened, given["access_token"], rotated.credential) == INACTIVE


# --- what breaks ------------------------------------------------------------------------------------------------------


def test_cve_2020_15223_a_failing_store_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(opened: House) -> None:
        stage, given = await acting(opened, "opaque")

        async def broken(*_: Any, **__: Any) -> Any:
            raise Unavailable("the store is away")

        store = opened.watchword.store
        for name in ("get", "credential", "write"):
            monkeypatch.setattr(store, name, broken)
        for token in given["access_token"], given["refresh_token"]:
            with pytest.raises(Unavailable):
                await look(opened, token, stage.client)
            with pytest.raises(Unavailable):
                await take_back(opened, token, stage.client)
        monkeypatch.undo()
        for token in given["access_token"], given["refresh_token"]:
            assert (await look(opened, token, stage.client))["active"] is True

    run(play)


@played
async def test_what_is_remembered_costs_no_look_up(opened: House) -> None:
    stage, given = await acting(opened, "opaque")
    await look(opened, given["access_token"], stage.client)
    found = opened.watchword.oauth.inspection.look(given["access_token"], stage.client)
    assert not isawaitable(found)
    assert found["active"] is True


@played
async def test_what_is_read_while_it_is_taken_back_is_not_remembered(opened: House) -> None:
    stage, given = await acting(opened, "opaque")
    store: Any = opened.watchword.store
    get = store.get

    async def slow(place: str) -> bytes | None:
        store.get = get
        raw = await get(place)
        await take_back(opened, given["access_token"], stage.client)
        return raw

    store.get = slow
    await look(opened, given["access_token"], stage.client)
    assert store.get == get
    assert await look(opened, given["access_token"], stage.client) == INACTIVE
