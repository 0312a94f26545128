"""Logout tokens: Back-Channel Logout 1.0 section 2.4's example first, then all that section 2.6 refuses."""

from __future__ import annotations

from typing import Any

import pytest

from watchword.codec.oauth.logout_token import LOGOUT_EVENT, logout_claims, logout_refusal

# Section 2.4, the example.
EXAMPLE: dict[str, Any] = {
    "iss": "https://server.example.com",
    "sub": "248289761001",
    "aud": "s6BhdRkqt3",
    "iat": 1471566154,
    "exp": 1471569754,
    "jti": "bWJq",
    "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
    "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
}


def code(claims: dict[str, Any], now: float = 1471566160) -> str:
    found = logout_refusal(claims, issuer="https://server.example.com", client_id="s6BhdRkqt3", now=now)
    return "" if found is None else found.code


def test_section_2_4_example() -> None:
    assert code(EXAMPLE) == ""


def test_must_20_ours_has_what_it_must_and_no_nonce() -> None:
    made = logout_claims(
        issuer="https://server.example.com", client_id="s6BhdRkqt3", subject="a", session="b", jti="j", now=1471566160.5
    )
    assert made.keys() == {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "events"}
    assert made["exp"] - made["iat"] == 120
    assert code(made) == ""


@pytest.mark.parametrize("name", ["iss", "aud", "iat", "exp", "jti", "events"])
def test_must_20_each_claim_is_needed(name: str) -> None:
    assert code({key: value for key, value in EXAMPLE.items() if key != name}) != ""


def test_one_of_sub_and_sid_will_do() -> None:
    for name in ("sub", "sid"):
        assert code({key: value for key, value in EXAMPLE.items() if key != name}) == ""
    assert code({key: value for key, value in EXAMPLE.items() if key not in ("sub", "sid")}) == "bad_claims"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nonce": "n"}, "bad_claims"),
        ({"nonce": None}, "bad_claims"),
        ({"events": []}, "bad_claims"),
        ({"events": [LOGOUT_EVENT]}, "bad_claims"),
        ({"events": {}}, "bad_claims"),
        ({"events": {LOGOUT_EVENT: None}}, "bad_claims"),
        ({"events": {LOGOUT_EVENT: []}}, "bad_claims"),
        ({"events": {LOGOUT_EVENT + "/": {}}}, "bad_claims"),
        ({"jti": 5}, "bad_claims"),
        ({"jti": ""}, "bad_claims"),
        ({"sub": ["248289761001"]}, "bad_claims"),
        ({"sid": ""}, "bad_claims"),
        ({"iat": "now"}, "bad_claims"),
        ({"iat": 1471566300}, "not_yet_valid"),
        ({"iat": 1471560000}, "expired"),
        ({"exp": 1471566160}, "expired"),
        ({"iss": "https://server.example.com/"}, "wrong_issuer"),
        ({"iss": ["https://server.example.com"]}, "wrong_issuer"),
        ({"aud": "another"}, "wrong_audience"),
        ({"aud": ["another"]}, "wrong_audience"),
    ],
    ids=str,
)
def test_section_2_6_what_is_refused(change: dict[str, Any], reason: str) -> None:
    assert code({**EXAMPLE, **change}) == reason


def test_our_place_among_several_audiences() -> None:
    assert code({**EXAMPLE, "aud": ["another", "s6BhdRkqt3"]}) == ""
