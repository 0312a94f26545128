"""The ``claims`` parameter: OpenID Connect Core 1.0 section 5.5, its examples first."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from watchword.codec.oauth.claims_request import NO_CLAIMS, ClaimsAsked, claims_asked, claims_of

# Core section 5.5, the example of the parameter.
EXAMPLE = """
  {
   "userinfo":
    {
     "given_name": {"essential": true},
     "nickname": null,
     "email": {"essential": true},
     "email_verified": {"essential": true},
     "picture": null,
     "http://example.info/claims/groups": null
    },
   "id_token":
    {
     "auth_time": {"essential": true},
     "acr": {"values": ["urn:mace:incommon:iap:silver"] }
    }
  }
"""


def asked(value: object) -> ClaimsAsked:
    found = claims_asked(json.dumps(value))
    assert found is not None
    return found


def test_oidc_core_5_5_example() -> None:
    found = claims_asked(EXAMPLE)
    assert found == ClaimsAsked(userinfo=frozenset({"email", "email_verified"}))
    assert found.scopes == {"email"}
    assert claims_of(json.loads(EXAMPLE)) == found


def test_oidc_core_5_5_1_a_subject_by_value() -> None:
    assert asked({"id_token": {"sub": {"value": "248289761001"}}}).subjects == {"248289761001"}
    assert asked({"id_token": {"sub": {"values": ["a", "b"]}}}).subjects == {"a", "b"}
    both = {"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}
    assert asked(both).subjects == frozenset()
    assert asked({"id_token": {"sub": {"value": 5}}}).subjects == frozenset()
    assert asked({"id_token": {"sub": None}}).subjects is None
    assert asked({"id_token": {"sub": {"essential": True}}}).subjects is None


@pytest.mark.parametrize(
    ("acr", "strong", "unmet"),
    [
        (None, False, False),
        ({"essential": True}, False, False),
        ({"essential": True, "value": "aal2"}, True, False),
        ({"values": ["aal2"]}, True, False),
        ({"essential": True, "values": ["aal2", "aal1"]}, False, False),
        ({"essential": True, "values": ["urn:mace:incommon:iap:silver"]}, False, True),
        ({"values": ["urn:mace:incommon:iap:silver"]}, False, False),
        ({"essential": True, "values": []}, False, True),
    ],
)
def test_oidc_core_5_5_1_1_acr(acr: object, strong: bool, unmet: bool) -> None:
    found = asked({"id_token": {"acr": acr}})
    assert (found.strong, found.unmet) == (strong, unmet)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "null",
        "5",
        '{"userinfo": null}',
        '{"userinfo": []}',
        '{"id_token": 5}',
        '{"id_token": {"email": 5}}',
        '{"id_token": {"email": true}}',
        '{"id_token": {"email": {"essential": "yes"}}}',
        '{"id_token": {"acr": {"values": "aal2"}}}',
        '{"id_token": {"acr": {"value": "aal2", "values": ["aal2"]}}}',
        '{"id_token": {"email": null, "email": null}}',
        '{"userinfo": {}, "userinfo": {}}',
        json.dumps({"userinfo": {f"c{n}": None for n in range(65)}}),
        json.dumps({"userinfo": {"acr": {"values": ["x"] * 65}}}),
        json.dumps({"userinfo": {"x" * 4_096: None}}),
        '{"a":' * 100 + "1" + "}" * 100,
        '{"userinfo": {"email": {"value": NaN}}}',
    ],
)
def test_what_is_malformed_is_refused(text: str) -> None:
    assert claims_asked(text) is None


def test_unknown_members_and_claims_are_passed_over() -> None:
    assert asked({"verified_claims": {"x": 1}, "id_token": {"unheard_of": {"x": 5}}}) == NO_CLAIMS
    assert claims_of(None) == NO_CLAIMS


@given(
    some.recursive(
        some.none() | some.booleans() | some.text(max_size=5),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(
                some.sampled_from(["userinfo", "id_token", "sub", "acr", "email", "value", "values", "essential"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_nothing_breaks_it(value: object) -> None:
    found = claims_asked(json.dumps(value))
    assert found is None or found.userinfo | found.id_token <= {"email"}
