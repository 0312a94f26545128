"""Claims, judged without a token around them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.claims import (
    audience_refusal,
    bounds,
    claim_rule,
    factors,
    is_name,
    moment,
    outside_name,
    refusal,
    scopes,
    texts,
    time_refusal,
)
from watchword.model import reason as why
from watchword.model.verdict import NO_CONSTRAINTS, Constraints, Rate

# RFC 7519 section 3.1
EXAMPLE = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
# RFC 9068 section 2.2.3 (figure 2)
ACCESS_TOKEN = {
    "iss": "https://authorization-server.example.com/",
    "sub": "5ba552d67",
    "aud": "https://rs.example.com/",
    "exp": 1639528912,
    "iat": 1618354090,
    "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
    "client_id": "s6BhdRkqt3",
    "scope": "openid profile reademail",
}


def judged(now: float = 1618354100, **changes: Any) -> why.Reason | None:
    claims = {name: value for name, value in {**ACCESS_TOKEN, **changes}.items() if value is not ...}
    issuer, audience = "https://authorization-server.example.com/", "https://rs.example.com/"
    return refusal(claims, issuer=issuer, audience=audience, now=now, leeway=30)


def test_rfc_9068_section_2_2() -> None:
    assert judged() is None
    assert judged(1639528911.9) is None
    assert judged(1639528912) is why.EXPIRED
    assert scopes(ACCESS_TOKEN) == {"openid", "profile", "reademail"}


def test_rfc_7519_section_3_1_has_neither_audience_nor_subject() -> None:
    assert refusal(EXAMPLE, issuer="joe", audience="x", now=1300819379, leeway=0) is why.WRONG_AUDIENCE
    assert time_refusal(EXAMPLE, 1300819379, 0) is None
    assert time_refusal(EXAMPLE, 1300819380, 0) is why.EXPIRED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": ["https://authorization-server.example.com/"]}, why.WRONG_ISSUER),
        ({"aud": "https://rs.example.com"}, why.WRONG_AUDIENCE),
        ({"aud": ["https://rs.example.com/"] * 65}, why.WRONG_AUDIENCE),
        ({"exp": ...}, why.BAD_CLAIMS),
        ({"sub": ...}, why.BAD_CLAIMS),
        ({"exp": True}, why.BAD_CLAIMS),
        ({"nbf": 1618354131}, why.NOT_YET_VALID),
        ({"client_id": 7}, why.BAD_CLAIMS),
        ({"cnf": {"jkt": "x"}}, why.BAD_TYPE),
        ({"nonce": "n"}, why.BAD_TYPE),
    ],
)
def test_refusals(changes: dict[str, Any], reason: why.Reason) -> None:
    assert judged(**changes) is reason


def test_leeway_excuses_their_clock_but_stretches_no_expiry() -> None:
    assert judged(nbf=1618354130, iat=1618354130) is None
    assert time_refusal({"exp": 100}, 100, 3600) is why.EXPIRED


@pytest.mark.parametrize("value", [True, False, None, "1", -1, -0.5, float("nan"), float("inf"), 10**12, [], {}])
def test_no_moment(value: object) -> None:
    assert moment(value) is None


@given(st.integers(0, 253_402_300_800) | st.floats(0, 253_402_300_800))
def test_a_moment_is_itself(value: float) -> None:
    assert moment(value) == value


def test_texts_and_scopes() -> None:
    assert texts("a") == ("a",)
    assert texts(["a", "b"]) == ("a", "b")
    assert texts([]) == ()
    assert [texts(value) for value in (None, 1, ["a", 1], {"a": 1}, ["a"] * 65)] == [None] * 5
    assert scopes({"scope": "b a  b"}) == {"a", "b"}
    assert scopes({"scp": ["a", "b"]}) == {"a", "b"}
    assert scopes({"scope": "a", "scp": "b"}) == {"a"}
    assert scopes({}) == frozenset()
    assert scopes({"scope": 1}) is None
    assert scopes({"scope": None, "scp": "b"}) is None
    assert [scopes({"scope": "a\nb"}) for _ in range(2)] == [None, None]
    assert factors({"amr": ["\ud800", "\udc00"]}) is None
    assert audience_refusal({"aud": ["x", "y"]}, "y") is None
    assert audience_refusal({"aud": "xyz"}, "y") is why.WRONG_AUDIENCE


@pytest.mark.parametrize("value", ["", "x" * 256, "a\nb", "a\x00", "\ud800", "\u202e", None, 1, ["a"]])
def test_no_name(value: object) -> None:
    assert not is_name(value)


def test_a_rule_makes_a_subject() -> None:
    assert claim_rule("user:{sub}")({"sub": "alice"}) == "user:alice"
    assert claim_rule("service:ci/{repository}")({"repository": "a/b"}) == "service:ci/a/b"
    assert claim_rule("user:{email}")({"sub": "alice"}) is None
    assert claim_rule("user:{sub}")({"sub": "a\nb"}) is None
    # What a claim holds is data, never a rule.
    assert claim_rule("user:{sub}")({"sub": "{email}", "email": "x"}) == "user:{email}"


def test_a_rule_may_take_a_whole_subject_over() -> None:
    whole = claim_rule("{sub}")
    assert whole({"sub": "user:alice"}) == "user:alice"
    assert whole({"sub": "service:billing"}) == "service:billing"
    for other in ("alice", "admin:alice", "user:", "users:alice", " user:alice", "user:a\nb", 7, None, ["user:alice"]):
        assert whole({"sub": other}) is None


NO_RULES = [
    "",
    "alice",
    "user:",
    "user:alice",
    "admin:{sub}",
    "user:{sub}{iss}",
    "user:{",
    "{sub}x",
    "x{sub}",
    "user:{a.b}",
]


@pytest.mark.parametrize("rule", NO_RULES)
def test_no_rule(rule: str) -> None:
    with pytest.raises(ValueError, match="subject rule"):
        claim_rule(rule)


def test_a_name_that_others_gave_never_names_a_second_credential() -> None:
    assert outside_name("jti", "plain") == "jti:plain"
    assert "+" not in outside_name("jti", "x+key_of_somebody_else")


def test_bounds_of_our_own_tokens() -> None:
    assert bounds({}) is NO_CONSTRAINTS
    found = bounds({"networks": ["10.0.0.0/8", "2001:db8::/32"], "limit": [5, 60]})
    assert found == Constraints((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")), Rate(5, 60))


@pytest.mark.parametrize(
    "claims",
    [{"networks": ["x"]}, {"networks": 5}, {"networks": [None]}, {"limit": [5]}, {"limit": 5}, {"networks": {}}],
)
def test_spoilt_bounds_are_none_at_all(claims: dict[str, object]) -> None:
    found = bounds(claims)
    assert found is None or found == Constraints()
