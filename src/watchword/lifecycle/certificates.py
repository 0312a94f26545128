"""Make certificates: a small CA, client certificates for subjects, server certificates for a demo.

Everything is ECDSA on P-256 with SHA-256; private keys are PKCS#8 in PEM, unencrypted: the caller seals or prints
them. Nothing here stores anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from watchword.codec.subject_rule import subject_uri

__all__ = ["issue_client_certificate", "issue_server_certificate", "new_ca", "new_serial"]

BACKDATED: Final = 60
"""Seconds that a certificate is valid before its issue, for clocks that are behind."""

_COMMON_NAME: Final = 64  # characters at most (RFC 5280 appendix A, ub-common-name)
_DAYS_A_YEAR: Final = 365.25


def new_serial() -> int:
    """Return a random serial number of 158 bits: positive and within 20 octets (RFC 5280 section 4.1.2.2)."""
    return secrets.randbits(158) | 1 << 157


def new_ca(name: str, now: float, years: float = 10) -> tuple[bytes, bytes]:
    """Make a CA that issues leaves only (path length 0). Return its certificate and private key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    ends = now + timedelta(days=years * _DAYS_A_YEAR).total_seconds()
    builder = (
        _builder(subject, subject, key.public_key(), (now, ends))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
    )
    return _pem(builder.sign(key, SHA256())), _key_pem(key)


def issue_client_certificate(
    ca_cert_pem: bytes, ca_key_pem: bytes, subject: str, now: float, expires_at: float, serial: int | None = None
) -> tuple[bytes, bytes, bytes]:
    """Issue a certificate that proves ``subject`` ("service:billing") from a minute ago until ``expires_at``.

    Return the certificate, its new private key and the chain (the CA's certificate), all in PEM. Times are Unix
    seconds. Raise ValueError when ``subject`` is none or ``expires_at`` is past or beyond the CA's own end.
    """
    names = [x509.UniformResourceIdentifier(subject_uri(subject))]
    name = _name(subject) if len(subject) <= _COMMON_NAME else x509.Name([])
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    return _issue((ca_cert_pem, ca_key_pem), name, names, purpose, (now, expires_at), serial=serial)


def issue_server_certificate(
    ca_cert_pem: bytes, ca_key_pem: bytes, names: Sequence[str], now: float, expires_at: float
) -> tuple[bytes, bytes, bytes]:
    """Issue a TLS server certificate for host names and IP addresses; what is returned and raised as for clients."""
    if not names:
        raise ValueError("a server certificate needs a host name or an address")
    general = [_host(name) for name in names]
    name = _name("Watchword server")
    return _issue((ca_cert_pem, ca_key_pem), name, general, ExtendedKeyUsageOID.SERVER_AUTH, (now, expires_at))


def _issue(
    ca: tuple[bytes, bytes],
    subject: x509.Name,
    names: Sequence[x509.GeneralName],
    purpose: x509.ObjectIdentifier,
    span: tuple[float, float],
    *,
    serial: int | None = None,
) -> tuple[bytes, bytes, bytes]:
    authority = x509.load_pem_x509_certificate(ca[0])
    authority_key = load_pem_private_key(ca[1], None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise ValueError("the CA's key is not an elliptic curve key")
    if authority_key.public_key() != authority.public_key():
        raise ValueError("the CA's key does not belong to its certificate")
    now, ends = span
    if not now < ends <= authority.not_valid_after_utc.timestamp():
        raise ValueError("a certificate must end after now and not after its CA")
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(subject, authority.subject, key.public_key(), span, serial=serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        # With an empty subject the name must be critical (RFC 5280 section 4.2.1.6).
        .add_extension(x509.SubjectAlternativeName(names), critical=not list(subject))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return _pem(builder.sign(authority_key, SHA256())), _key_pem(key), _pem(authority)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    span: tuple[float, float],
    *,
    serial: int | None = None,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(new_serial() if serial is None else serial)
        .not_valid_before(datetime.fromtimestamp(int(span[0]) - BACKDATED, UTC))
        .not_valid_after(datetime.fromtimestamp(int(span[1]), UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
