"""Certificates of our own CA: what they say, and that every verifier in the house accepts them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from watchword.codec.subject_rule import OWN_RULE, subject_of
from watchword.codec.x509 import ChainVerifier, ClientCertificate, der_of, parse_certificate
from watchword.lifecycle.certificates import issue_client_certificate, issue_server_certificate, new_ca, new_serial
from watchword.model.reason import UNTRUSTED_CERTIFICATE
from watchword.model.verdict import Rejection

NOW = 1_800_000_000.7
DAY = 86_400
CA, CA_KEY = new_ca("Example CA", NOW)


def client(subject: str = "service:billing", expires_at: float = NOW + DAY) -> ClientCertificate:
    pem, _, _ = issue_client_certificate(CA, CA_KEY, subject, NOW, expires_at)
    certificate = parse_certificate(der_of(pem))
    assert isinstance(certificate, ClientCertificate)
    return certificate


def test_the_ca_issues_leaves_only() -> None:
    ca = x509.load_pem_x509_certificate(CA)
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert ca.subject.rfc4514_string() == "CN=Example CA"
    assert ca.not_valid_before_utc.timestamp() == int(NOW) - 60
    assert abs(ca.not_valid_after_utc.timestamp() - NOW - 3652.5 * DAY) < 1
    ca.verify_directly_issued_by(ca)


def test_a_ca_may_end_after_2050() -> None:
    pem, _ = new_ca("Long CA", NOW, years=40)
    assert x509.load_pem_x509_certificate(pem).not_valid_after_utc.year >= 2066


@pytest.mark.parametrize("subject", ["service:billing", "user:zoë", "user:a@example.com", f"user:{'x' * 128}"])
def test_a_client_certificate_proves_its_subject(subject: str) -> None:
    certificate = client(subject)
    assert subject_of(certificate, OWN_RULE) == subject
    assert isinstance(ChainVerifier(CA).issuer_of(certificate, NOW), x509.Certificate)
    assert (certificate.not_before, certificate.not_after) == (int(NOW) - 60, int(NOW) + DAY)


def test_the_parts_of_a_client_certificate() -> None:
    pem, key_pem, chain = issue_client_certificate(CA, CA_KEY, "service:billing", NOW, NOW + DAY, 42)
    certificate = x509.load_pem_x509_certificate(pem)
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")  # PKCS#8
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == certificate.public_key()
    assert certificate.serial_number == 42
    assert chain == CA
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    mine = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    theirs = x509.load_pem_x509_certificate(CA).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert mine.key_identifier == theirs.digest


def test_serials_are_random_positive_and_short_enough() -> None:
    serials = {new_serial() for _ in range(1000)}
    assert len(serials) == 1000
    assert all(serial.bit_length() == 158 for serial in serials)
    assert client().serial != client().serial


def test_every_certificate_has_its_own_key() -> None:
    first = issue_client_certificate(CA, CA_KEY, "user:a", NOW, NOW + DAY)[1]
    assert issue_client_certificate(CA, CA_KEY, "user:a", NOW, NOW + DAY)[1] != first


@pytest.mark.parametrize("expires_at", [NOW - 1, NOW, NOW + 20 * 365 * DAY])
def test_a_certificate_ends_after_now_and_before_its_ca(expires_at: float) -> None:
    with pytest.raises(ValueError, match="must end after now"):
        client(expires_at=expires_at)


@pytest.mark.parametrize("subject", ["billing", "root:x", "user:", ""])
def test_only_subjects_get_certificates(subject: str) -> None:
    with pytest.raises(ValueError, match="not a subject"):
        client(subject)


def test_the_key_must_be_the_cas() -> None:
    _, other_key = new_ca("Example CA", NOW)
    with pytest.raises(ValueError, match="does not belong"):
        issue_client_certificate(CA, other_key, "user:a", NOW, NOW + DAY)


def test_a_server_certificate_serves_its_names_and_is_no_client() -> None:
    pem, _, chain = issue_server_certificate(CA, CA_KEY, ["localhost", "127.0.0.1", "::1"], NOW, NOW + DAY)
    leaf = x509.load_pem_x509_certificate(pem)
    store = Store([x509.load_pem_x509_certificate(chain)])
    builder = PolicyBuilder().store(store).time(datetime.fromtimestamp(NOW, UTC))
    assert builder.build_server_verifier(x509.DNSName("localhost")).verify(leaf, [])
    refused = ChainVerifier(CA).issuer_of(_parsed(pem), NOW)
    assert isinstance(refused, Rejection)
    assert refused.reason is UNTRUSTED_CERTIFICATE
    assert ssl.PEM_cert_to_DER_cert(pem.decode()) == der_of(pem)
    with pytest.raises(ValueError, match="needs a host name"):
        issue_server_certificate(CA, CA_KEY, [], NOW, NOW + DAY)


def _parsed(pem: bytes) -> ClientCertificate:
    certificate = parse_certificate(der_of(pem))
    assert isinstance(certificate, ClientCertificate)
    return certificate
