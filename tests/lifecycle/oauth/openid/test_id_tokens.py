"""id_tokens: OpenID Connect Core 1.0 section 2, and what is no id_token of ours."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.house import House, bearing, house, played, reason
from watchword import Principal
from watchword.codec.jose import SigningKey
from watchword.codec.oidc import half_hash
from watchword.lifecycle.oauth.openid.id_tokens import ALGORITHMS, Hint, IdTokens, algorithm_of
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Add, Swap

ISSUER = "http://127.0.0.1:8000"


async def app(opened: House, **options: Any) -> Credential:
    return (await opened.issue(Kind.OAUTH_CLIENT, "service:app", options=options)).credential


async def family(opened: House, client: Credential, **detail: Any) -> Credential:
    if await opened.watchword.store.subject("user:alice") is None:
        await opened.watchword.lifecycle.add_subject("user:alice", by="x", detail={"display": "Alice", "locale": "de"})
    who = Principal("user:alice", "session", "ses_1", frozenset({"openid", "profile"}), ("pwd", "otp", "mfa"), 1000)
    more = {"client": client.detail["client_id"], **detail}
    return (await opened.watchword.families.start(who, by="x", more=more)).family


def part(token: str, number: int = 1) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))
    return value


def openid(opened: House) -> IdTokens:
    return opened.watchword.tokens.openid


@played
async def test_core_2_every_claim(opened: House) -> None:
    client = await app(opened)
    begun = await family(opened, client, session="ses_1")
    token = await openid(opened).issue(begun, client, "the access token", 300, "n-0S6_WzA2Mj")
    now = int(opened.clock.now)
    assert part(token) == {
        "iss": ISSUER,
        "sub": "user:alice",
        "aud": client.detail["client_id"],
        "iat": now,
        "exp": now + 300,
        "auth_time": 1000,
        "nonce": "n-0S6_WzA2Mj",
        "acr": "aal2",
        "amr": ["pwd", "otp", "mfa"],
        "at_hash": half_hash("the access token", "EdDSA"),
        "sid": openid(opened).subjects.session(client, "ses_1"),
    }
    assert part(token, 0)["typ"] == "JWT"


@played
async def test_core_12_2_without_nonce_and_session_where_there_is_none(opened: House) -> None:
    client = await app(opened)
    claims = part(await openid(opened).issue(await family(opened, client), client, "x", 300))
    assert not {"nonce", "sid", "azp", "c_hash", "jti"} & claims.keys()


@played
async def test_core_5_5_claims_by_name(opened: House) -> None:
    client = await app(opened)
    detail = {"address": "alice@example.com", "confirmed_at": 1}
    address = Credential("eml_a", Kind.EMAIL, "user:alice", 1, lookup=b"a", detail=detail)
    assert await opened.watchword.store.write(Add(address))  # there, but not granted
    asked = {"id_token": {"name": None, "email": {"essential": True}}, "userinfo": {"locale": None}}
    claims = part(await openid(opened).issue(await family(opened, client, claims=asked), client, "x", 300))
    assert claims["name"] == "Alice"
    assert not {"locale", "email", "preferred_username"} & claims.keys()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_client_says_by_what_it_is_signed(algorithm: str) -> None:
    async def play() -> None:
        async with house() as opened:
            client = await app(opened, id_token_signed_response_alg=algorithm)
            begun = await family(opened, client)
            many = await asyncio.gather(*(openid(opened).issue(begun, client, "x", 300) for _ in range(10)))
            heads = {json.dumps(part(token, 0)) for token in many}
            assert len(heads) == 1
            head = json.loads(heads.pop())
            assert head["alg"] == algorithm
            assert part(many[0])["at_hash"] == half_hash("x", algorithm)
            assert openid(opened).hinted(many[0]) == Hint(client.id, "user:alice")
            assert len(await opened.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)) == (algorithm != "EdDSA") + 1

    asyncio.run(play())


def test_without_any_key_it_is_broken() -> None:
    async def play() -> None:
        async with house() as opened:
            client = await app(opened)
            opened.watchword.keys._held = {}
            with pytest.raises(Unavailable):
                await openid(opened).issue(await family(opened, client), client, "x", 300)

    asyncio.run(play())


def test_the_default_algorithm() -> None:
    assert algorithm_of(Credential("c", Kind.OAUTH_CLIENT, "s", 1)) == "EdDSA"


@played
async def test_a_hint_may_have_ended_but_not_its_key(opened: House) -> None:
    client = await app(opened)
    token = await openid(opened).issue(await family(opened, client, session="s"), client, "x", 300)
    opened.clock.now += 86_400 * 30
    found = openid(opened).hinted(token)
    assert found is not None
    assert found.session == openid(opened).subjects.session(client, "s")
    assert found.session not in repr(found)
    (key,) = await opened.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)
    await opened.watchword.store.write(Swap(key.changed(retire_at=1)))
    await opened.watchword.keys.load()
    assert openid(opened).hinted(token) is None


@played
async def test_cve_2026_39999_11800_what_is_no_hint(opened: House) -> None:
    client = await app(opened)
    begun = await family(opened, client)
    token = await openid(opened).issue(begun, client, "x", 300)
    key, claims = opened.watchword.keys.signing_key(), part(token)
    elsewhere = SigningKey.generate("EdDSA", kid=key.kid)
    for other in (
        "",
        "x",
        "é",
        token[:-1],
        token + "A",
        opened.watchword.tokens.for_family(begun).text,
        key.sign(claims, "at+jwt"),
        key.sign(claims, "logout+jwt"),
        key.sign({**claims, "jti": "j"}),
        key.sign({**claims, "events": {}}),
        key.sign({**claims, "iss": ISSUER + "/"}),
        key.sign({**claims, "aud": [client.id]}),
        key.sign({**claims, "sub": 5}),
        key.sign({**claims, "sid": 5}),
        key.sign({name: value for name, value in claims.items() if name != "at_hash"}),
        key.sign({name: value for name, value in claims.items() if name != "aud"}),
        elsewhere.sign(claims),
        SigningKey.generate("ES256", kid=key.kid).sign(claims),
    ):
        assert openid(opened).hinted(other) is None, other[:20]
    assert openid(opened).hinted(token) is not None


@played
async def test_must_10_an_id_token_is_never_an_access_token(opened: House) -> None:
    client = await app(opened)
    for aud in (client.id, ISSUER):  # also where a client had our own audience for its name
        begun = await family(opened, client)
        named = begun.changed(detail={**begun.detail, "client": aud})
        token = await openid(opened).issue(named, client, "x", 300)
        for accept in ("jwt", "oauth2", "jwt | oauth2"):
            assert reason(await opened.decide(accept, bearing(b"Bearer " + token.encode()))) in {
                "wrong_audience",
                "bad_type",
                "bad_claims",
                "no_credential",
            }
