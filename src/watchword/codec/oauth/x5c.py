"""Read the certificates that JSON Web Keys bring with them, and make such keys of certificates (RFC 7517 section 4.7).

Certificates are as clients of ``self_signed_tls_client_auth`` register them (RFC 8705 section 2.2.2). Nothing in one
is proved before its key is; the key is what counts, so a certificate of another key than the JWK's is refused.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from watchword.codec.jose import KeyRefused, VerificationKey
from watchword.codec.x509 import ClientCertificate, parse_certificate
from watchword.model.verdict import Rejection

__all__ = ["certificate_of", "jwks_of", "self_signed_in"]

_MOST: Final = 8  # certificates of one key: the first is the key's, those after it vouch for one another
_LONGEST: Final = 16_384  # characters of one


def certificate_of(jwk: Mapping[str, Any]) -> ClientCertificate | None:
    """Return the first certificate of ``x5c``, None where a public JWK has none. Raise KeyRefused where it is unfit."""
    if "x5c" not in jwk:
        return None
    chain = jwk["x5c"]
    if not isinstance(chain, list) or not 0 < len(chain) <= _MOST:
        raise KeyRefused(f"x5c must be a list of 1 to {_MOST} certificates")
    first, *_ = map(_der, chain)
    certificate = parse_certificate(first)
    if isinstance(certificate, Rejection):
        raise KeyRefused("the first of x5c cannot be read as a certificate")
    if _key_of(certificate.parsed).thumbprint() != VerificationKey.from_jwk(jwk).thumbprint():
        raise KeyRefused("the first of x5c is a certificate of another key")
    return certificate


def _der(text: object) -> bytes:
    try:
        return b64decode(text if isinstance(text, str) and 0 < len(text) <= _LONGEST else "?", validate=True)
    except (Error, ValueError):
        raise KeyRefused("x5c must hold certificates as DER in base64, not base64url") from None


def _key_of(certificate: x509.Certificate) -> VerificationKey:
    try:
        return VerificationKey(certificate.public_key())  # type: ignore[arg-type]  # other kinds are refused
    except KeyRefused:
        raise
    except Exception:  # whatever a hostile key breaks on the way in, it is refused
        raise KeyRefused("the certificate's key cannot be read") from None


def self_signed_in(jwks: object) -> list[ClientCertificate]:
    """Return the certificates of a JWK Set that are signed by their own keys; what is unfit is left out."""
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    found: list[ClientCertificate] = []
    for jwk in keys if isinstance(keys, list) else ():
        try:
            certificate = certificate_of(jwk) if isinstance(jwk, Mapping) else None
        except KeyRefused:
            continue
        if certificate is not None and _signs_itself(certificate.parsed):
            found.append(certificate)
    return found


def _signs_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):  # another issuer, or no signature of it
        return False
    return True


def jwks_of(pem: bytes) -> dict[str, Any]:
    """Return the JWK Set of certificates in PEM, each with its ``x5c``. Raise KeyRefused; private keys are not read."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise KeyRefused("there is no certificate in PEM that can be read") from None
    return {"keys": [_jwk_of(each) for each in certificates]}


def _jwk_of(certificate: x509.Certificate) -> dict[str, Any]:
    return {**_key_of(certificate).public_jwk(), "x5c": [b64encode(certificate.public_bytes(Encoding.DER)).decode()]}
