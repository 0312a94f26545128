"""Judging authorization requests without HTTP; over HTTP it is tested in tests/server/oauth/test_authorize.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import URIS
from tests.server.oauth.test_authorize import HOSTILE
from watchword.codec.oidc import challenge_of
from watchword.lifecycle.oauth.asking import Ask, Judge, Refusal, fresh_enough, registered
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential, Kind

KNOWN = ("https://app.example/cb", "http://127.0.0.1/native", "http://[::1]:8080/v6", "com.example.app:/cb")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CLIENT = Credential(
    "cli_x",
    Kind.OAUTH_CLIENT,
    "service:app",
    1,
    scopes=frozenset({"a", "b"}),
    detail={"client_id": "cli_x", "grants": ["authorization_code"], "redirect_uris": list(KNOWN), "first_party": True},
)
JUDGE = Judge(Resources("https://api.example"), OAuthRules())
FIELDS = {
    "client_id": "cli_x",
    "redirect_uri": KNOWN[0],
    "response_type": "code",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


def test_registered_redirect_uris() -> None:
    for uri in (*KNOWN, "http://127.0.0.1:1/native", "http://127.0.0.1:65535/native", "http://[::1]/v6"):
        assert registered(uri, KNOWN), uri
    for uri in (*HOSTILE, *URIS):
        assert not registered(uri, KNOWN), uri


def test_must_2_the_port_may_differ_on_a_loopback_address_alone() -> None:
    """Not on localhost, which a name server can lead elsewhere (RFC 8252 section 8.3), and not on another scheme."""
    for known in ("http://localhost/cb", "http://127.0.0.2/cb", "https://127.0.0.1/cb", "http://[::2]/cb"):
        assert registered(known, (known,))
        assert not registered(known.replace("/cb", ":4711/cb"), (known,)), known


@pytest.mark.parametrize("extra", [{}, {"prompt": "none"}, {"scope": "no such"}, {"response_type": "x"}], ids=str)
def test_cve_2026_7504_no_answer_goes_to_a_hostile_place(extra: dict[str, str]) -> None:
    assert len(set(URIS)) > 150
    for uri in URIS:
        found = JUDGE.judge({**FIELDS, **extra, "redirect_uri": uri}, CLIENT, 10.0)
        assert found == Refusal("invalid_redirect_uri", "the redirect URI is not one of this client's"), uri


@given(st.text(max_size=60))
def test_nothing_else_is_registered(uri: str) -> None:
    assert registered(uri, KNOWN) is (uri in KNOWN)


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "scope", "state", "nonce", "prompt", "max_age"]), st.text(max_size=50))
)
def test_no_request_breaks_and_none_leads_elsewhere(change: dict[str, str]) -> None:
    found = JUDGE.judge({**FIELDS, **change}, CLIENT, 10.0)
    assert found.redirect_uri in ("", KNOWN[0])
    if isinstance(found, Ask):
        assert found.redirect_uri


def test_without_a_scope_the_client_gets_its_own() -> None:
    found = JUDGE.judge(FIELDS, CLIENT, 10.0)
    assert isinstance(found, Ask)
    assert found.scopes == {"a", "b"}


def test_an_expired_client_is_none() -> None:
    from dataclasses import replace

    found = JUDGE.judge(FIELDS, replace(CLIENT, expires_at=5), 10.0)
    assert isinstance(found, Refusal)
    assert found.redirect_uri == ""


@pytest.mark.parametrize(
    ("ask", "at", "asked_at", "fresh"),
    [
        ({}, 0, None, True),
        ({"max_age": "10"}, 95, None, True),
        ({"max_age": "10"}, 80, None, False),
        ({"max_age": "0"}, 99, 99.0, True),
        ({"max_age": "0"}, 99, None, False),
        ({"max_age": "10"}, 80, 90.0, False),
        ({"prompt": "login"}, 99, None, False),
        ({"prompt": "login"}, 99, 99.0, True),
        ({"prompt": "login"}, 98, 99.0, False),
        ({"prompt": "select_account"}, 98, None, False),
        ({"prompt": "login", "max_age": "5"}, 99, 99.0, True),
    ],
)
def test_freshness(ask: dict[str, str], at: float, asked_at: float | None, fresh: bool) -> None:
    found = JUDGE.judge({**FIELDS, **ask}, CLIENT, 10.0)
    assert isinstance(found, Ask)
    assert fresh_enough(found, at, 100.0, asked_at) is fresh
