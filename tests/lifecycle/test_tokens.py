"""Access tokens: short, and void when what they came from is."""

from __future__ import annotations

import base64
import json
from ipaddress import ip_network
from typing import Any

import pytest

from tests.house import House, accepted, bearing, played, reason
from watchword import Allow, Principal, Watchword
from watchword.codec.claims import certificate_confirmation
from watchword.lifecycle.tokens import Terms, opaque_place
from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Kind
from watchword.model.verdict import Constraints, Rate


def claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = (
        json.loads(base64.urlsafe_b64decode(part + "==")) if i < 2 else {} for i, part in enumerate(token.split("."))
    )
    return head, body


async def family(opened: House, **more: Any) -> Any:
    if await opened.watchword.store.subject("user:alice") is None:
        await opened.watchword.lifecycle.add_subject("user:alice", by="x")
    who = Principal("user:alice", "session", "ses_1", frozenset({"b", "a"}), ("pwd", "otp"), 1000)
    return (await opened.watchword.families.start(who, by="x", **more)).family


@played
async def test_a_persons_token_says_how_and_when_they_proved_themselves(opened: House) -> None:
    origin = await family(opened)
    token = opened.watchword.tokens.for_family(origin)
    head, body = claims(token.text)
    assert head["typ"] == "JWT"
    assert "jwk" not in head
    now = int(opened.clock.now)
    assert body | {"jti": ""} == {
        "iss": "http://127.0.0.1:8000",
        "sub": "user:alice",
        "aud": "http://127.0.0.1:8000",
        "iat": now,
        "exp": now + 600,
        "jti": "",
        "sid": origin.id,
        "scope": "a b",
        "amr": ["pwd", "otp"],
        "acr": "aal1",
        "auth_time": 1000,
        "proved": {"pwd": 1000, "otp": 1000},
    }
    assert token.expires_in == 600
    assert token.text not in repr(token)
    who = accepted(await opened.decide("jwt", bearing(b"Bearer " + token.text.encode()))).principal
    assert who is not None
    assert (who.subject, who.factors, who.authenticated_at) == ("user:alice", ("pwd", "otp"), 1000)
    assert who.scopes == frozenset({"a", "b"})


@played
async def test_a_clients_token_is_an_access_token_of_rfc_9068(opened: House) -> None:
    client = await opened.issue(Kind.OAUTH_CLIENT, scopes=["a", "b"])
    token = await opened.watchword.tokens.for_client(client.credential, Terms(frozenset({"a"})))
    head, body = claims(token.text)
    assert head["typ"] == "at+jwt"
    assert (body["client_id"], body["sub"], body["scope"]) == (client.material["client_id"], "service:billing", "a")
    value = bearing(b"Bearer " + token.text.encode())
    assert accepted(await opened.decide("oauth2", value)).principal is not None
    assert reason(await opened.decide("jwt", value)) == "no_credential"  # one type is not the other


@played
async def test_no_two_tokens_are_alike(opened: House) -> None:
    origin = await family(opened)
    found = {claims(opened.watchword.tokens.for_family(origin).text)[1]["jti"] for _ in range(20)}
    assert len(found) == 20


@played
async def test_a_token_never_outlives_what_it_came_from(opened: House) -> None:
    now = int(opened.clock.now)
    origin = await family(opened)
    opened.clock.now = origin.expires_at - 50
    assert opened.watchword.tokens.for_family(origin).expires_in == 50
    opened.clock.now = now
    client = await opened.issue(Kind.OAUTH_CLIENT)
    await opened.watchword.lifecycle.rotate(client.credential.id, overlap=30, by="x")
    retiring = await opened.watchword.lifecycle.show(client.credential.id)
    token = await opened.watchword.tokens.for_client(retiring, Terms(frozenset()))
    assert token.expires_in == 30
    opened.clock.now += 100
    ended = await opened.watchword.tokens.for_client(retiring, Terms(frozenset()))
    assert ended.expires_in == 0
    assert reason(await opened.decide("oauth2", bearing(b"Bearer " + ended.text.encode()))) == "expired"


@played
async def test_one_token_can_be_voided(opened: House) -> None:
    origin = await family(opened)
    first, second = (opened.watchword.tokens.for_family(origin).text for _ in range(2))
    one, other = (bearing(b"Bearer " + text.encode()) for text in (first, second))
    accepted(await opened.decide("jwt", one))
    body = claims(first)[1]
    await opened.watchword.lifecycle.revoke_token(
        body["jti"], until=body["exp"], subject="user:alice", reason="r", by="x"
    )
    assert reason(await opened.decide("jwt", one)) == "revoked"
    accepted(await opened.decide("jwt", other))


@pytest.mark.parametrize("lifetime", [-1, 0, REMEMBERED + 1])
def test_no_token_outlives_what_the_feed_remembers_of_its_revocation(lifetime: int) -> None:
    with pytest.raises(ValueError, match="access token lives 1 to"):
        Watchword(access_lifetime=lifetime)
    assert Watchword(access_lifetime=REMEMBERED)


@played
async def test_a_token_is_bound_as_what_it_came_from(opened: House) -> None:
    """Whoever steals it must be where its owner may be, and shares its owner's limit."""
    issued = await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"], networks=["192.0.2.0/24"], limit=Rate(2, 60))
    token = (await opened.watchword.tokens.for_client(issued.credential, Terms(frozenset({"a"})))).text.encode()
    assert reason(await opened.decide("oauth2", bearing(b"Bearer " + token, address="198.51.100.1"))) == (
        "network_not_allowed"
    )
    for _ in range(2):
        accepted(await opened.decide("oauth2", bearing(b"Bearer " + token, address="192.0.2.1")))
    assert reason(await opened.decide("oauth2", bearing(b"Bearer " + token, address="192.0.2.1"))) == "rate_limited"


@played
async def test_a_persons_token_is_bound_as_their_password(opened: House) -> None:
    await opened.issue(Kind.API_KEY, "user:alice")
    bound = Constraints((ip_network("192.0.2.0/24"),))
    who = Principal("user:alice", "login", "pwd_1", factors=("pwd",), authenticated_at=1, constraints=bound)
    family = (await opened.watchword.families.start(who, by="test")).family
    token = opened.watchword.tokens.for_family(family).text.encode()
    accepted(await opened.decide("jwt", bearing(b"Bearer " + token, address="192.0.2.1")))
    assert reason(await opened.decide("jwt", bearing(b"Bearer " + token, address="198.51.100.1"))) == (
        "network_not_allowed"
    )


@played
async def test_a_token_says_when_each_factor_was_proven_and_how_strong_that_is(opened: House) -> None:
    await opened.watchword.lifecycle.add_subject("user:alice", by="x")
    who = Principal("user:alice", "session", "ses_1", frozenset(), ("pwd", "webauthn", "mfa"), 1000)
    more = {"proved": {"pwd": 900, "webauthn": 1000}}
    family = (await opened.watchword.families.start(who, by="x", more=more)).family
    _, body = claims(opened.watchword.tokens.for_family(family).text)
    assert (body["acr"], body["amr"], body["proved"]) == ("aal2", ["pwd", "webauthn", "mfa"], more["proved"])


@played
async def test_whoever_logs_in_right_after_everything_was_taken_back_has_a_token_that_holds(opened: House) -> None:
    watchword, origin = opened.watchword, await family(opened)
    before = bearing(b"Bearer " + watchword.tokens.for_family(origin).text.encode())
    assert isinstance(await opened.decide("jwt", before), Allow)
    await watchword.lifecycle.revoke_tokens("user:alice", reason="lost laptop", by="x")
    assert reason(await opened.decide("jwt", before)) == "revoked"
    fresh = bearing(b"Bearer " + watchword.tokens.for_family(await family(opened)).text.encode())
    accepted(await opened.decide("jwt", fresh))  # in the very same second
    assert reason(await opened.decide("jwt", before)) == "revoked"


@played
async def test_a_clients_token_can_be_bound_to_its_certificate(opened: House) -> None:
    client = await opened.issue(Kind.OAUTH_CLIENT)
    for cnf in (certificate_confirmation(b"der"), None):
        terms = Terms(frozenset(), cnf=cnf)
        _, body = claims((await opened.watchword.tokens.for_client(client.credential, terms)).text)
        assert body.get("cnf") == cnf


@played
async def test_an_opaque_token_says_nothing_and_its_claims_are_kept(opened: House) -> None:
    client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"])).credential
    silent = client.changed(detail={**client.detail, "token_format": "opaque", "access_lifetime": 60})
    token = await opened.watchword.tokens.for_client(silent, Terms(frozenset({"a"}), ("https://a", "https://b")))
    assert (token.text[:3], token.token_type, token.expires_in) == ("at_", "Bearer", 60)
    kept = await opened.watchword.store.get(opaque_place(token.text))
    assert kept is not None
    body = json.loads(kept)
    assert (body["sub"], body["aud"], body["scope"]) == (client.subject, ["https://a", "https://b"], "a")
    opened.clock.now += 61
    assert await opened.watchword.store.get(opaque_place(token.text)) is None


@played
async def test_an_app_is_told_who_acts_for_how_long_and_in_which_detail(opened: House) -> None:
    origin = await family(opened)
    app = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"])).credential
    began = origin.changed(detail={**origin.detail, "client": app.id})
    details = ({"type": "payment", "amount": "1"},)
    terms = Terms(frozenset({"a"}), ("https://a",), {"jkt": "k"}, {"sub": "service:x"}, details, opened.clock.now + 5)
    token = await opened.watchword.tokens.for_app(began, app, terms)
    head, body = claims(token.text)
    assert (head["typ"], token.token_type, token.expires_in) == ("at+jwt", "DPoP", 5)
    assert (body["client_id"], body["aud"], body["cnf"]) == (app.id, "https://a", {"jkt": "k"})
    assert (body["act"], body["authorization_details"]) == ({"sub": "service:x"}, list(details))


@pytest.mark.parametrize("whose", ["subject", "client", "disabled"])
def test_taken_back_over_and_over_within_one_second_no_token_of_before_holds(whose: str) -> None:
    @played
    async def test(opened: House) -> None:
        watchword = opened.watchword
        client = (await opened.issue(Kind.OAUTH_CLIENT)).credential

        async def token() -> Any:
            if whose == "client":
                text = (await watchword.tokens.for_client(client, Terms(frozenset()))).text
            else:
                text = watchword.tokens.for_family(await family(opened)).text
            return bearing(b"Bearer " + text.encode())

        async def take_back() -> None:
            if whose == "client":
                await watchword.lifecycle.revoke_client_tokens(client.id, reason="x", by="x")
                return
            if whose == "disabled":
                await watchword.lifecycle.set_enabled("user:alice", False, by="x")
                await watchword.lifecycle.set_enabled("user:alice", True, by="x")
            await watchword.lifecycle.revoke_tokens("user:alice", reason="x", by="x")

        held = []
        for _ in range(2):
            held.append(await token())
            accepted(await opened.decide("jwt | oauth2", held[-1]))
            await take_back()
            for each in held:
                assert reason(await opened.decide("jwt | oauth2", each)) == "revoked"
        opened.clock.now += 10
        accepted(await opened.decide("jwt | oauth2", await token()))

    test()
