"""Statements: a JWS of a type of its own, which says exactly what its row says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.jose import SigningKey, VerificationKey
from watchword.lifecycle.operations.checkpoints.statements import (
    TYPE,
    Statement,
    digest_of,
    key_named,
    opened,
    signed,
)
from watchword.model.evidence import Checkpoint, Cut, Span

KEY = SigningKey.generate(kid="sig_1")
PUBLIC = VerificationKey.from_jwk(KEY.public_jwk())
ENDS = {"a" * 32: (3, b"\x01" * 32)}
SPAN = Span(2, 1_790_000_000, 5, 9, 4, b"\x02" * 32, ENDS)
STATEMENT = Statement(SPAN, digest_of("before"), 1, Cut(5, 1, ENDS), "sig_1")


@pytest.mark.parametrize("statement", [STATEMENT, replace(STATEMENT, cut=None, cut_by=0)])
def test_what_was_signed_comes_back(statement: Statement) -> None:
    checkpoint = signed(statement, KEY)
    assert (checkpoint.number, checkpoint.at) == (2, 1_790_000_000)
    assert key_named(checkpoint) == "sig_1"
    assert opened(checkpoint, PUBLIC) == statement


@given(st.integers(0), st.integers(1, 255))
def test_any_other_text_is_none(place: int, change: int) -> None:
    checkpoint = signed(STATEMENT, KEY)
    text = checkpoint.statement.encode()[:-1]  # of the last character some bits say nothing
    at = place % len(text)
    spoilt = text[:at] + bytes([text[at] ^ change]) + text[at + 1 :]
    assert opened(replace(checkpoint, statement=spoilt.decode("latin-1") + checkpoint.statement[-1]), PUBLIC) is None


def test_a_row_cannot_say_something_else_than_its_statement() -> None:
    checkpoint = signed(STATEMENT, KEY)
    assert opened(replace(checkpoint, number=3), PUBLIC) is None
    assert opened(replace(checkpoint, at=checkpoint.at + 1), PUBLIC) is None


def test_another_key_does_not_prove_it() -> None:
    other = SigningKey.generate(kid="sig_1")
    assert opened(signed(STATEMENT, other), PUBLIC) is None


def test_nothing_else_that_the_key_signs_is_taken_for_one() -> None:
    """An access token with the same claims (RFC 8725 section 3.11)."""
    checkpoint = signed(STATEMENT, KEY)
    import base64

    claims = json.loads(base64.urlsafe_b64decode(checkpoint.statement.split(".")[1] + "=="))
    for typ in ("at+jwt", "JWT", "logout+jwt"):
        assert opened(Checkpoint(2, checkpoint.at, KEY.sign(claims, typ)), PUBLIC) is None
    assert opened(Checkpoint(2, checkpoint.at, KEY.sign(claims, TYPE)), PUBLIC) == STATEMENT


@pytest.mark.parametrize("missing", ["number", "iat", "from", "to", "rows", "digest", "ends", "previous", "cut_by"])
def test_a_statement_that_lacks_something_is_none(missing: str) -> None:
    import base64

    checkpoint = signed(STATEMENT, KEY)
    claims = json.loads(base64.urlsafe_b64decode(checkpoint.statement.split(".")[1] + "=="))
    del claims[missing]
    assert opened(Checkpoint(2, checkpoint.at, KEY.sign(claims, TYPE)), PUBLIC) is None
    assert opened(Checkpoint(2, checkpoint.at, KEY.sign({**claims, missing: [1]}, TYPE)), PUBLIC) is None


@given(st.text(max_size=60))
def test_garbage_is_none(text: str) -> None:
    assert opened(Checkpoint(1, 1, text), PUBLIC) is None
    assert key_named(Checkpoint(1, 1, text)) == ""


def test_the_largest_statement_fits() -> None:
    """60 writers in the span and 60 that go on after a cut: a JWS is 16 KiB at most."""
    ends = {f"{n:032x}": (10**9, bytes(32)) for n in range(60)}
    checkpoint = signed(Statement(replace(SPAN, ends=ends), "f" * 64, 9, None), KEY)
    assert len(checkpoint.statement) < 16_384
    assert opened(checkpoint, PUBLIC) is not None
