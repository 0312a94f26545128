"""Judge the reading of challenges by RFC 9110 section 11.6.1 and what servers send."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.client.oauth2.challenges import challenges_of, said_of
from watchword.codec.fields import render_challenge
from watchword.model.verdict import Challenge


def test_rfc_9110_example_of_two_challenges() -> None:
    field = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'
    assert challenges_of(field) == [
        ("basic", {"realm": "simple"}),
        ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
    ]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        ("Bearer", [("bearer", {})]),
        ("Bearer, DPoP", [("bearer", {}), ("dpop", {})]),
        ('Bearer ERROR="x" , Scope = "a b"', [("bearer", {"error": "x", "scope": "a b"})]),
        ('Bearer realm="a, b=c", DPoP algs="ES256"', [("bearer", {"realm": "a, b=c"}), ("dpop", {"algs": "ES256"})]),
        ('Bearer error="first", error="second"', [("bearer", {"error": "first"})]),
        ('Bearer error="open', []),
        ('realm="no scheme"', []),
        ('Bearer error="x", é="y"', [("bearer", {"error": "x"})]),
    ],
)
def test_fields(field: str, expected: object) -> None:
    found = challenges_of(field)
    assert found == expected or [each for each in found if each[1]] == expected


def test_the_error_is_found_wherever_it_stands() -> None:
    field = 'Basic realm="a", Bearer resource_metadata="https://m", DPoP error="use_dpop_nonce", Bearer error="x"'
    said = said_of(field)
    assert (said["error"], said["resource_metadata"]) == ("use_dpop_nonce", "https://m")
    assert "realm" not in said


@pytest.mark.parametrize(
    "field", ['Bearer a="' + "\\" * 20_000, "a" * 20_000, ", " * 9_000, 'a="b"' * 4_000, "= " * 9_000]
)
def test_hostile_fields_take_no_time(field: str) -> None:
    begun = time.perf_counter()
    challenges_of(field)
    assert time.perf_counter() - begun < 0.5


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, VALUES, max_size=4)), max_size=4))
def test_what_our_own_servers_print_is_read_as_it_was_meant(challenges: list[tuple[str, dict[str, str]]]) -> None:
    field = b", ".join(render_challenge(Challenge(scheme, tuple(values.items()))) for scheme, values in challenges)
    assert challenges_of(field.decode()) == challenges


@given(st.text(max_size=200))
def test_any_text_is_read(field: str) -> None:
    for scheme, values in challenges_of(field):
        assert scheme
        assert all(values)
