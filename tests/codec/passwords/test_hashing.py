"""Judge the preparing and hashing of passwords."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.codec.passwords import Cost, dummy, encode, fits, outdated, prepared
from watchword.model.ports import Unavailable

CHEAP = Cost(memory=8, passes=1)


def test_the_default_cost_is_the_one_that_owasp_names():
    assert encode("correct horse battery", Cost()).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_known_hash_of_another_implementation_fits():
    # From the test vectors of the Argon2 reference code (test.c, version 0x13): t=2, m=2^16, p=1.
    encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    assert fits(encoded, "password")
    assert not fits(encoded, "passwore")


def test_a_hash_fits_its_password_only_and_is_salted():
    first, second = encode("open sesame", CHEAP), encode("open sesame", CHEAP)
    assert first != second
    assert fits(first, "open sesame")
    assert fits(second, "open sesame")
    assert not fits(first, "open sesame ")
    assert not fits(first, "Open sesame")


@pytest.mark.parametrize("length", [64, 72, 73, 128, 1024])
def test_long_passwords_are_verified_whole(length):
    password = "p" * (length - 1) + "x"
    encoded = encode(password, CHEAP)
    assert fits(encoded, password)
    assert not fits(encoded, "p" * (length - 1) + "y")
    assert not fits(encoded, password[:-1])


@pytest.mark.parametrize("password", ["", "a" * 1025, "é" * 513, "a\0b", "a\nb", "a\x7fb", "a\x85b", "\ud800"])
def test_what_cannot_be_a_password_is_refused_and_never_cut(password):
    assert prepared(password) is None
    assert not fits(dummy(CHEAP), password)
    with pytest.raises(ValueError, match=r"1 to 1,024 bytes"):
        encode(password, CHEAP)


# RFC 8265 section 4.3, tables 7 and 8, as far as they are valid and invalid passwords.
@pytest.mark.parametrize(
    ("typed", "bytes_"),
    [
        ("correct horse battery staple", b"correct horse battery staple"),
        ("Correct Horse Battery Staple", b"Correct Horse Battery Staple"),
        ("πßå", "πßå".encode()),
        ("Jack of ♦s", "Jack of ♦s".encode()),
        ("foo\u1680bar", b"foo bar"),
        ("my cat is a \x09by", None),
    ],
)
def test_rfc_8265_opaque_string(typed, bytes_):
    assert prepared(typed) == bytes_


def test_composed_and_decomposed_letters_are_one_password():
    assert fits(encode("caf\u00e9 au lait", CHEAP), "cafe\u0301 au lait")


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_preparing_is_idempotent_and_blind_to_composition(text):
    raw = prepared(text)
    if raw is not None:
        assert prepared(raw.decode()) == raw
        assert prepared(unicodedata.normalize("NFD", text)) == raw


def test_the_dummy_costs_what_a_hash_costs_and_fits_nothing():
    real, fake = encode("x", CHEAP), dummy(CHEAP)
    assert fake.rsplit("$", 2)[0] == real.rsplit("$", 2)[0]
    assert [len(part) for part in fake.split("$")] == [len(part) for part in real.split("$")]
    assert not fits(fake, "x")
    assert dummy(CHEAP) != fake


def test_an_outdated_hash_is_recognised():
    encoded = encode("x", CHEAP)
    assert not outdated(encoded, CHEAP)
    assert outdated(encoded, Cost(memory=16, passes=1))
    assert outdated(encoded, Cost(memory=8, passes=2))
    assert fits(encoded, "x")


@pytest.mark.parametrize("encoded", ["", "plain", "$2b$12$abc", "$argon2id$v=19$m=8,t=1,p=1$short"])
def test_a_damaged_hash_is_broken_and_not_a_wrong_password(encoded):
    with pytest.raises(Exception) as caught:
        fits(encoded, "open sesame")
    assert not isinstance(caught.value, Unavailable)
    assert "open sesame" not in str(caught.value)
