"""Judge token responses by RFC 6749 section 5.1, and what is written down of them."""

import json
from typing import Any

import pytest

from watchword.client.oauth2.granted import Granted, granted_of, kept_of, to_keep

BODY = {"access_token": "t", "token_type": "Bearer", "expires_in": 600, "scope": "b a", "refresh_token": "r"}


def read(**more: Any) -> Granted | None:
    body = {name: value for name, value in {**BODY, **more}.items() if value is not None}
    return granted_of(body, frozenset({"asked"}), 1000.0)


def test_a_token_response() -> None:
    assert read() == Granted("t", False, frozenset({"a", "b"}), 1570.0, 1600.0, "r")
    assert read(token_type="DPoP") == Granted("t", True, frozenset({"a", "b"}), 1570.0, 1600.0, "r")


def test_without_a_scope_it_is_what_was_asked_for() -> None:
    found = read(scope=None)
    assert found is not None
    assert found.scopes == {"asked"}


@pytest.mark.parametrize("seconds", [None, "600", True, -1, float("nan"), 1e300])
def test_without_a_lifetime_it_is_kept_until_it_is_refused(seconds: object) -> None:
    found = read(expires_in=seconds)
    assert found is not None
    assert (found.renew_at, found.ends_at) == (float("inf"), float("inf"))


@pytest.mark.parametrize(
    "more",
    [
        *({"access_token": bad} for bad in (None, "", "a b", "a\r\nX: y", "é", 7)),
        *({"token_type": bad} for bad in (None, "mac", 7)),
    ],
)
def test_what_cannot_be_carried_is_no_token(more: dict[str, Any]) -> None:
    assert read(**more) is None


def test_a_grant_is_kept_with_its_key_and_its_end() -> None:
    granted = read(token_type="DPoP")
    assert granted is not None
    text = to_keep(granted, "p", "key", monotonic=1000.0, now=50_000.0)
    assert kept_of(text, "p", monotonic=5.0, now=50_100.0) == (
        Granted("t", True, frozenset({"a", "b"}), 475.0, 505.0, "r"),
        "key",
    )


def test_what_is_kept_for_something_else_is_nothing() -> None:
    granted = read(expires_in=None)
    assert granted is not None
    text = to_keep(granted, "p", "", monotonic=0.0, now=0.0)
    assert kept_of(text, "other", monotonic=0.0, now=0.0) is None
    again = kept_of(text, "p", monotonic=0.0, now=0.0)
    assert again is not None
    assert again[0].ends_at == float("inf")


def test_an_end_that_is_over_is_over() -> None:
    granted = read()
    assert granted is not None
    again = kept_of(to_keep(granted, "p", "", monotonic=1000.0, now=0.0), "p", monotonic=1000.0, now=9_999.0)
    assert again is not None
    assert again[0].renew_at == 1000.0


@pytest.mark.parametrize("text", [None, "", "[]", "{", "{}", json.dumps({"purpose": 7}), json.dumps({"purpose": "p"})])
def test_what_was_not_written_here(text: str | None) -> None:
    assert kept_of(text, "p", monotonic=0.0, now=0.0) is None


def test_tokens_stay_out_of_the_repr() -> None:
    assert "hush" not in repr(read(access_token="hush", refresh_token="hush"))
