"""Name the key that a certificate or a private key in PEM is of, so that one is found by the other."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

__all__ = ["certificate_in", "key_of_certificate", "key_of_private"]

_PRIVATE: Final = re.compile(r"-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----[^-]+-----END \1-----")
_MOST: Final = 65_536  # characters


def certificate_in(text: str) -> bytes | None:
    """Return the first certificate of a PEM text in DER, None where there is none."""
    if len(text) > _MOST or "-----BEGIN CERTIFICATE-----" not in text:
        return None
    try:
        return x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)
    except ValueError:
        return None


def key_of_certificate(der: bytes) -> str:
    """Return the SHA-256 (hex) of a certificate's SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). Raise ValueError."""
    return _named(x509.load_der_x509_certificate(der).public_key().public_bytes(*_FORM))


def key_of_private(text: str) -> str | None:
    """Return the same of a private key in PEM that no password locks; None for everything else."""
    if len(text) > _MOST or "PRIVATE KEY-----" not in text:
        return None
    block = _PRIVATE.search(text)
    try:
        key = load_pem_private_key(b"" if block is None else block[0].encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        return None
    return _named(key.public_key().public_bytes(*_FORM))


_FORM: Final = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _named(info: bytes) -> str:
    return sha256(info).hexdigest()
