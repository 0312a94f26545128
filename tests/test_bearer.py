"""What all schemes that take Bearer tokens have in common; what each makes of them is tested beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tokens import API, ED, ENTRIES, OURS, THEIRS, Entry, Ticker, entry, own_keys, refused
from watchword.bearer import BearerToken, Trust, bearer_token
from watchword.codec.jose import SigningKey
from watchword.keyring import Issuer
from watchword.model import reason as why
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection
from watchword.verdicts import Revocations, Verdicts


@pytest.fixture(params=ENTRIES)
def place(request: pytest.FixtureRequest) -> Entry:
    return entry(request.param)


def presented(value: bytes) -> BearerToken | Rejection | None:
    return bearer_token(Request("GET", b"/", b"", [(b"authorization", value)], Peer()))


def test_rfc6750_2_1_what_is_a_bearer_token() -> None:
    token = ED.sign({}).encode()
    for scheme in (b"Bearer ", b"bearer ", b"BEARER   "):
        found = presented(scheme + token)
        assert isinstance(found, BearerToken)
        assert (found.token, found.header is not None) == (token, True)
        assert token.decode() not in repr(found)
    opaque = presented(b"Bearer mF_9.B5f-4.1JqM.x")
    assert isinstance(opaque, BearerToken)
    assert opaque.header is None
    for value in (b"Basic " + token, b"Bearer", b"Bearer ak_live_a.b.c", b"DPoP " + token):
        assert presented(value) is None
    assert presented(b"Bearer a.b.c") == Rejection(why.MALFORMED_CREDENTIAL)
    assert presented(b"Bearer a.b.c.d.e") == Rejection(why.MALFORMED_CREDENTIAL)


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "orders:read \ud800"},
        {"scope": "orders:read\r\nset-cookie: x"},
        {"scope": ..., "scp": ["orders:read", "\udfff"]},
        {"amr": ["pwd", "\ud800"]},
        {"amr": ["pwd\nmfa"]},
    ],
    ids=ascii,
)
def test_what_cannot_be_written_down_is_refused(place: Entry, claims: dict[str, Any]) -> None:
    """A signed half of a surrogate pair got in, and broke whoever wrote it down: the assertion for services behind."""
    half = "\\ud" in ascii(claims)  # no text at all, so that nothing of such a token is read
    reason = why.MALFORMED_CREDENTIAL if half else why.BAD_CLAIMS
    refused(place, place.forged(place.header(), place.changed(**claims)), reason)


def test_two_scopes_in_one_stay_out(place: Entry) -> None:
    """Joined with others by spaces, as services behind read them, one scope would become two."""
    refused(place, place.token(scope=..., scp=["orders:read orders:admin"]), why.BAD_CLAIMS)
    assert isinstance(place.verdict(place.token(scope=..., scp=["orders:read", "orders:write"])), Principal)


def test_who_is_trusted_is_named_once_and_whole() -> None:
    clock = Ticker()
    own = own_keys(clock)
    theirs = Issuer(THEIRS, API, keys=[SigningKey.generate().verification], clock=clock)
    for ours, issuers, names in (
        (own, {}, {"issuer": OURS}),
        (own, {}, {"audience": API}),
        (None, {THEIRS + "/": theirs}, {}),
        (own, {THEIRS: theirs}, {"issuer": THEIRS, "audience": API}),
    ):
        with pytest.raises(ValueError, match="issuer"):
            Trust("jwt", ours, issuers, Verdicts(), Revocations(), **names)


def test_a_subject_of_no_kind_of_ours_is_none(place: Entry) -> None:
    for sub in ("alice", "User:alice", "admin:alice", " user:alice", ":"):
        if place.claims["iss"] == OURS:
            refused(place, place.token(sub=sub), why.BAD_CLAIMS)
        else:
            answer = place.verdict(place.token(sub=sub))
            assert isinstance(answer, Principal)
            assert answer.subject == f"user:partner/{sub}"
