"""Signed authorization requests without HTTP: RFC 9101."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from watchword.codec.jose import SigningKey
from watchword.codec.strict import to_base64url
from watchword.lifecycle.oauth.authorization.request_objects import RequestObjects
from watchword.lifecycle.oauth.client_keys import ClientKeys
from watchword.model.credential import Credential, Kind
from watchword.model.reason import Reason

NOW = 1_000_000.0
ISSUER = "https://login.example"
KEY, OTHER = SigningKey.generate("ES256", "k1"), SigningKey.generate("ES256", "k1")
CLIENT = Credential(
    "cli_x", Kind.OAUTH_CLIENT, "service:app", 1, detail={"client_id": "cli_x", "jwks": {"keys": [KEY.public_jwk()]}}
)
CLAIMS: dict[str, Any] = {
    "iss": "cli_x",
    "aud": ISSUER,
    "exp": int(NOW) + 300,
    "client_id": "cli_x",
    "response_type": "code",
    "redirect_uri": "https://app.example/cb",
    "scope": "openid",
    "state": "af0ifjsldkj",
    "max_age": 86400,
    "claims": {"userinfo": {"given_name": {"essential": True}}},
    "resource": ["https://a.example", "https://b.example"],
}


def opened(text: str) -> dict[str, str] | Reason:
    return asyncio.run(RequestObjects(ClientKeys(None), ISSUER, lambda: NOW).open(text, CLIENT))


def signed(key: SigningKey = KEY, typ: str = "oauth-authz-req+jwt", **change: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    return key.sign(claims, typ)


def test_rfc9101_4_the_parameters_are_the_claims() -> None:
    assert opened(signed()) == {
        "client_id": "cli_x",
        "response_type": "code",
        "redirect_uri": "https://app.example/cb",
        "scope": "openid",
        "state": "af0ifjsldkj",
        "max_age": "86400",
        "claims": '{"userinfo":{"given_name":{"essential":true}}}',
        "resource": "https://a.example https://b.example",
    }
    assert isinstance(opened(signed(aud=["https://other.example", ISSUER])), dict)
    assert isinstance(opened(signed(client_id=None)), dict)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "cli_y"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"client_id": "cli_y"}, "wrong_issuer"),
        ({"aud": None}, "wrong_audience"),
        ({"aud": ISSUER + "/"}, "wrong_audience"),
        ({"aud": "https://other.example"}, "wrong_audience"),
        ({"exp": None}, "bad_claims"),
        ({"exp": int(NOW)}, "expired"),
        ({"exp": int(NOW) + 3601}, "bad_claims"),
        ({"exp": "never"}, "bad_claims"),
        ({"nbf": int(NOW) + 60}, "not_yet_valid"),
        ({"request": "x"}, "bad_claims"),
        ({"request_uri": "https://app.example/request"}, "bad_claims"),
        ({"sub": "cli_x"}, "bad_type"),
        ({"resource": [1]}, "bad_claims"),
        ({"state": True}, "bad_claims"),
    ],
    ids=str,
)
def test_rfc9101_6_what_does_not_hold(change: dict[str, Any], code: str) -> None:
    found = opened(signed(**change))
    assert isinstance(found, Reason)
    assert found.code == code


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "dpop+jwt", "client-authentication+jwt", "logout+jwt"])
def test_rfc9101_10_8_no_other_jwt_is_a_request(typ: str) -> None:
    found = opened(signed(typ=typ))
    assert isinstance(found, Reason)
    assert found.code == "bad_type"


def test_signed_by_others_or_by_nobody() -> None:
    """CVE-2026-11800, CVE-2026-28802, CVE-2022-29217: the matrix of every way in for JWTs."""
    found = opened(signed(OTHER))
    assert isinstance(found, Reason)
    assert found.code == "bad_signature"
    stranger = opened(signed(SigningKey.generate("ES256", "k2")))
    assert isinstance(stranger, Reason)
    assert stranger.code == "unknown_key"
    payload = to_base64url(json.dumps(CLAIMS).encode()).decode()
    for head in (
        {"alg": "none"},
        {"alg": "NONE"},
        {"alg": "HS256", "kid": "k1"},
        {"alg": "RS256", "kid": "k1"},
        {"alg": "ES256", "kid": "k1", "jwk": OTHER.public_jwk()},
        {"alg": "ES256", "kid": "k1", "crit": ["exp"]},
        {"alg": "ES256", "kid": "k1", "jku": "https://evil.example/jwks"},
        {"kid": "k1"},
    ):
        segment = to_base64url(json.dumps({**head, "typ": "oauth-authz-req+jwt"}).encode()).decode()
        assert isinstance(opened(f"{segment}.{payload}."), Reason), head
        assert isinstance(opened(f"{segment}.{payload}.{signed().rpartition('.')[2]}"), Reason), head


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é", signed() + ".x", signed()[:-4], "{}"])
def test_what_is_no_jwt(text: str) -> None:
    assert isinstance(opened(text), Reason)
