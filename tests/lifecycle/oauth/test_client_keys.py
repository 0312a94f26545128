"""The keys that prove clients: given or fetched, through rotations, outages and storms."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.tokens import ED, ES, NOW, CountingFetch, Ticker
from watchword.codec.jose import Header, SigningKey, VerificationKey
from watchword.lifecycle.oauth.client_keys import ClientKeys
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched, Unavailable

PLACE = "https://app.example/jwks"
NEXT = SigningKey.generate()


def client(name: str = "cli_1", **detail: Any) -> Credential:
    return Credential(name, Kind.OAUTH_CLIENT, "service:app", NOW, detail={"client_id": name, **detail})


def header(kid: str | None, algorithm: str = "EdDSA") -> Header:
    return Header(b"", algorithm, kid, "JWT")


def ask(keys: ClientKeys, who: Credential, kid: str | None, algorithm: str = "EdDSA") -> VerificationKey | None:
    return asyncio.run(keys.key(who, header(kid, algorithm)))


def remote(clock: Ticker) -> tuple[ClientKeys, CountingFetch]:
    fetch = CountingFetch(**{PLACE: {"keys": [ED.public_jwk(), ES.public_jwk()]}})
    return ClientKeys(fetch, clock=clock), fetch


def test_given_keys() -> None:
    keys = ClientKeys(None, clock=Ticker())
    who = client(jwks={"keys": [ED.public_jwk(), ES.public_jwk(), {"kty": "oct", "k": "c2VjcmV0"}]})
    found = ask(keys, who, ED.kid)
    assert found is not None
    assert found.algorithm == "EdDSA"
    assert ask(keys, who, None, "ES256") is not None
    assert ask(keys, who, "other") is None
    assert ask(keys, client(), ED.kid) is None
    assert ask(keys, client(jwks={"keys": []}), ED.kid) is None


def test_one_clients_keys_are_no_others() -> None:
    keys = ClientKeys(None, clock=Ticker())
    one, other = client(jwks={"keys": [ED.public_jwk()]}), client("cli_2", jwks={"keys": [NEXT.public_jwk()]})
    assert ask(keys, one, ED.kid) is not None
    assert ask(keys, other, ED.kid) is None
    assert ask(keys, other, NEXT.kid) is not None


def test_changed_keys_count_at_once() -> None:
    keys = ClientKeys(None, clock=Ticker())
    assert ask(keys, client(jwks={"keys": [ED.public_jwk()]}), ED.kid) is not None
    changed = client(jwks={"keys": [NEXT.public_jwk()]})
    assert ask(keys, changed, ED.kid) is None
    assert ask(keys, changed, NEXT.kid) is not None


def test_must_13_fetched_keys_are_fetched_again_seldom() -> None:
    clock = Ticker()
    keys, fetch = remote(clock)
    who = client(jwks_uri=PLACE)
    assert ask(keys, who, ED.kid) is not None
    for number in range(1_000):
        assert ask(keys, who, f"unknown{number}") is None
    assert len(fetch.calls) == 1
    fetch.answers[PLACE] = {"keys": [NEXT.public_jwk()]}
    clock.now += 60
    assert ask(keys, who, NEXT.kid) is not None
    assert ask(keys, who, ED.kid) is None


@pytest.mark.parametrize("answer", [Unavailable("down"), Fetched(302, b""), Fetched(200, b"{}"), Fetched(503, b"")])
def test_cve_2026_48524_an_outage_changes_nothing(answer: Any) -> None:
    clock = Ticker()
    keys, fetch = remote(clock)
    who = client(jwks_uri=PLACE)
    assert ask(keys, who, ED.kid) is not None
    fetch.answers[PLACE] = answer
    clock.now += 7_200
    assert ask(keys, who, ED.kid) is not None
    assert ask(keys, who, "unknown") is None


def test_without_any_key_it_is_broken_and_not_asked_in_a_storm() -> None:
    clock = Ticker()
    keys, fetch = remote(clock)
    fetch.answers[PLACE] = Unavailable("down")
    for _ in range(50):
        with pytest.raises(Unavailable):
            ask(keys, client(jwks_uri=PLACE), ED.kid)
        clock.now += 0.5
    assert len(fetch.calls) == 1
    fetch.answers[PLACE] = {"keys": [ED.public_jwk()]}
    clock.now += 6
    assert ask(keys, client(jwks_uri=PLACE), ED.kid) is not None


def test_without_a_way_to_fetch_it_says_so() -> None:
    with pytest.raises(Unavailable, match="fetch"):
        ask(ClientKeys(None), client(jwks_uri=PLACE), ED.kid)


def test_what_is_held_is_bounded() -> None:
    keys = ClientKeys(None, clock=Ticker())
    jwks = {"keys": [ED.public_jwk()]}
    for number in range(510):
        assert ask(keys, client(f"cli_{number}", jwks=jwks), ED.kid) is not None
    assert len(keys._held) == 500
    assert next(iter(keys._held))[0] == "cli_10"


def test_what_is_fetched_is_bounded() -> None:
    keys, fetch = remote(Ticker())
    fetch.answers[PLACE] = {"keys": [ED.public_jwk()], "x": "x" * 16_384}
    with pytest.raises(Unavailable, match="more than"):
        ask(keys, client(jwks_uri=PLACE), ED.kid)
