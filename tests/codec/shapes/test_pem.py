"""PEM: a certificate and its private key name the same key; everything else names none."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.shapes.pem import certificate_in, key_of_certificate, key_of_private
from watchword.lifecycle.certificates import new_ca

CERTIFICATE, KEY = new_ca("Test", 1_800_000_000)


def pem(key: object, form: PrivateFormat, locked: KeySerializationEncryption | None = None) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, locked or NoEncryption())  # type: ignore[attr-defined]
    return text.decode()


def test_both_name_the_same() -> None:
    der = certificate_in(f"text before\n{CERTIFICATE.decode()}")
    assert der is not None
    name = key_of_certificate(der)
    assert len(name) == 64
    for around in (KEY.decode(), f"x\n{KEY.decode()}\ny", f"{CERTIFICATE.decode()}{KEY.decode()}"):
        assert key_of_private(around) == name


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_every_form_of_a_key(form: PrivateFormat) -> None:
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        assert key_of_private(pem(key, form)) is not None
    assert key_of_private(pem(ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8)) is not None


def test_what_names_none() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert key_of_private(pem(key, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))) is None
    assert key_of_private(pem(x25519.X25519PrivateKey.generate(), PrivateFormat.PKCS8)) is None
    assert key_of_private("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----") is None
    assert key_of_private("PRIVATE KEY-----") is None
    assert certificate_in("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") is None
    assert certificate_in(KEY.decode()) is None
    assert certificate_in("-----BEGIN CERTIFICATE-----" * 10_000) is None


@given(st.text())
def test_any_text(text: str) -> None:
    assert key_of_private(text) is None
    assert certificate_in(text) is None
