"""RFC 8032 section 7.1 by both libraries; then signatures that neither may take, and that they agree on all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.jose.edwards import by_libsodium, by_openssl, verifier

Maker = Callable[[Ed25519PublicKey], Callable[[bytes, bytes], bool]]
BOTH = pytest.mark.parametrize("made", [by_libsodium, by_openssl])

ORDER = 2**252 + 27742317777372353535851937790883648493
NOBODY = bytes([1]) + bytes(31)  # the point of order one: multiplied by whatever, it is itself

# Public key, text, signature: tests 1 to 3.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]
KEY = Ed25519PrivateKey.generate()
TEXT = b"header.claims"
SIGNATURE = KEY.sign(TEXT)


@BOTH
@pytest.mark.parametrize(("key", "text", "signature"), VECTORS)
def test_rfc_8032_section_7_1(made: Maker, key: str, text: str, signature: str) -> None:
    verifies = made(Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)))
    assert verifies(bytes.fromhex(text), bytes.fromhex(signature))
    assert not verifies(bytes.fromhex(text) + b"x", bytes.fromhex(signature))


@BOTH
def test_a_signature_has_one_form_and_one_length(made: Maker) -> None:
    verifies = made(KEY.public_key())
    assert verifies(TEXT, SIGNATURE)
    scalar = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    assert not verifies(TEXT, SIGNATURE[:32] + scalar.to_bytes(32, "little")), (
        "the same modulo the order, RFC 8032 5.1.7"
    )
    for length in (0, 1, 32, 63):
        assert not verifies(TEXT, SIGNATURE[:length])
    assert not verifies(TEXT, SIGNATURE + b"\0")
    assert not verifies(TEXT[1:], SIGNATURE + TEXT[:1]), "what follows a signature is no part of the text"
    assert not verifies(TEXT, bytes(64))


def test_a_key_of_small_order_signs_nothing_where_libsodium_looks() -> None:
    key, forged = Ed25519PublicKey.from_public_bytes(NOBODY), NOBODY + bytes(32)
    assert by_openssl(key)(TEXT, forged), "anybody can sign for it; OpenSSL does not mind"
    assert not by_libsodium(key)(TEXT, forged)


@given(
    text=st.binary(max_size=40),
    bit=st.none() | st.integers(0, 511),
    other=st.booleans(),
)
def test_both_libraries_agree(text: bytes, bit: int | None, other: bool) -> None:
    signature = bytearray(KEY.sign(text))
    if bit is not None:
        signature[bit // 8] ^= 1 << bit % 8
    said = text + b"x" if other else text
    answers = {made(KEY.public_key())(said, bytes(signature)) for made in (by_libsodium, by_openssl, verifier)}
    assert answers == {bit is None and not other}


def test_without_pynacl_openssl_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "nacl"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nacl", None)
    with pytest.raises(ImportError):
        by_libsodium(KEY.public_key())
    verifies = verifier(KEY.public_key())
    assert verifies(TEXT, SIGNATURE)
    assert not verifies(TEXT + b"x", SIGNATURE)
