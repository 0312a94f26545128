"""Judge the demand for scopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.guards.scopes import Scopes, scope_token
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection

REQUEST = Request("GET", b"/", b"", [], Peer())
SCOPES = st.frozensets(st.sampled_from(["a", "b", "orders:read", "orders:write"]))


def who(*scopes: str) -> Principal:
    return Principal("user:alice", "api-key", "key_1", frozenset(scopes))


@given(SCOPES, SCOPES)
def test_all_required_scopes_are_needed_and_the_missing_ones_named(required, held):
    answer = Scopes(required).check(REQUEST, who(*held))
    if required - held:
        assert answer.reason.code == "insufficient_scope"
        assert answer.reason.status == 403
        assert answer.detail.split() == sorted(required - held)
    else:
        assert answer == ()


def test_nobody_has_no_scopes():
    assert Scopes({"a"}).check(REQUEST, None).reason.code == "no_credential"
    assert Scopes(()).check(REQUEST, None) == ()


def test_scopes_are_compared_whole_and_by_case():
    for held in ("orders", "orders:rea", "orders:read2", "Orders:Read", "orders:*", "*"):
        assert isinstance(Scopes({"orders:read"}).check(REQUEST, who(held)), Rejection)


@pytest.mark.parametrize("text", ["a", "orders:read", "https://example.com/scope", "!#[]~", "a,b"])
def test_rfc_6749_section_3_3_scopes(text):
    assert scope_token(text)
    assert Scopes({text}).required == {text}


@pytest.mark.parametrize("text", ["", "a b", 'a"b', "a\\b", "ü", "a\n", "\x7f", "a\tb"])
def test_what_is_no_scope(text):
    assert not scope_token(text)
    with pytest.raises(ValueError, match="not a scope"):
        Scopes({text})
