"""Certificates: what is read, what is trusted, what was taken back."""

from __future__ import annotations

import os
from ipaddress import ip_address

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificates import DAY, NOW, Made, crl_of, make, uri
from watchword.codec.secrets import digest
from watchword.codec.x509 import (
    ChainVerifier,
    ClientCertificate,
    RevocationLists,
    der_of,
    parse_certificate,
    serial_of,
)
from watchword.model.ports import Unavailable
from watchword.model.reason import EXPIRED, MALFORMED_CREDENTIAL, NOT_YET_VALID, REVOKED, UNTRUSTED_CERTIFICATE
from watchword.model.verdict import Rejection

CA = make(common="Test CA", ca=True, span=(-DAY, 3650 * DAY))
BILLING = make(CA, [uri("service:billing")], common="billing")
VERIFIER = ChainVerifier(CA.pem)


def parsed(made: Made) -> ClientCertificate:
    certificate = parse_certificate(made.der)
    assert isinstance(certificate, ClientCertificate), certificate
    return certificate


def verdict(made: Made, verifier: ChainVerifier = VERIFIER, now: float = NOW) -> object:
    issuer = verifier.issuer_of(parsed(made), now)
    return issuer.reason if isinstance(issuer, Rejection) else issuer


def same_length(made: Made, old: bytes, new: bytes) -> bytes:
    """Return the DER with what the builder would refuse to write."""
    assert len(old) == len(new)
    assert made.der.count(old) == 1
    return made.der.replace(old, new)


def test_what_a_certificate_says() -> None:
    names = [
        uri("service:billing"),
        x509.DNSName("billing.example.com"),
        x509.RFC822Name("billing@example.com"),
        x509.IPAddress(ip_address("10.0.0.1")),
    ]
    made = make(CA, names, common="billing")
    certificate = parsed(made)
    assert certificate.fingerprint == digest(made.der)
    assert certificate.serial == made.certificate.serial_number == serial_of(made.der)
    assert certificate.uris == ("urn:watchword:service:billing",)
    assert certificate.dns_names == ("billing.example.com",)
    assert certificate.emails == ("billing@example.com",)
    assert certificate.common_names == ("billing",)
    assert (certificate.not_before, certificate.not_after) == (NOW - 60, NOW + 30 * DAY)
    assert der_of(made.pem) == made.der


def test_a_certificate_without_names_is_read() -> None:
    assert parsed(make(CA)).uris == ()


@pytest.mark.parametrize("der", [b"", b"\x30", b"0" * 100, BILLING.der[:-1], BILLING.der + b"\0", BILLING.pem])
def test_what_is_no_certificate_is_malformed(der: bytes) -> None:
    refused = parse_certificate(der)
    assert isinstance(refused, Rejection)
    assert refused.reason is MALFORMED_CREDENTIAL


def test_a_huge_certificate_is_not_even_parsed() -> None:
    refused = parse_certificate(BILLING.der + bytes(70_000))
    assert isinstance(refused, Rejection)
    assert refused.detail == "certificate too large"


@pytest.mark.parametrize("char", ["\0", "\x01", "\n", "\x7f"])
@pytest.mark.parametrize("kind", [x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name])
def test_cve_2025_66220_control_characters_in_names(kind: type[x509.DNSName], char: str) -> None:
    refused = parse_certificate(make(CA, [kind(f"admin.example.com{char}.evil.example")]).der)
    assert isinstance(refused, Rejection)
    assert refused.reason is MALFORMED_CREDENTIAL
    assert "admin" not in refused.detail


@pytest.mark.parametrize("common", ["admin\0evil", "admin\nx", "admin\u202ekcah", "ad\u200bmin", "a\u2028b"])
def test_cve_2025_66220_control_characters_in_the_common_name(common: str) -> None:
    refused = parse_certificate(make(CA, [uri("user:a")], common=common).der)
    assert isinstance(refused, Rejection)
    assert refused.reason is MALFORMED_CREDENTIAL


def test_non_ascii_bytes_in_a_dns_name() -> None:
    made = make(CA, [x509.DNSName("admin.example.com")])
    refused = parse_certificate(same_length(made, b"admin.example.com", b"\xc3\xa1min.example.com"))
    assert isinstance(refused, Rejection)
    assert refused.reason is MALFORMED_CREDENTIAL


def test_letters_of_any_script_in_the_common_name_are_fine() -> None:
    assert parsed(make(CA, common="Zoë Λ")).common_names == ("Zoë Λ",)


def test_two_name_extensions_are_malformed() -> None:
    made = make(CA, [uri("user:a")])
    identifier, names = bytes.fromhex("0603551d0e"), bytes.fromhex("0603551d11")  # OIDs 2.5.29.14 and 2.5.29.17
    refused = parse_certificate(same_length(made, identifier, names))
    assert isinstance(refused, Rejection)
    assert refused.reason is MALFORMED_CREDENTIAL


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(BILLING.der) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_mutation_raises_and_none_is_trusted(changes: list[tuple[int, int]]) -> None:
    der = bytearray(BILLING.der)
    for position, value in changes:
        der[position] = value
    certificate = parse_certificate(bytes(der))
    if isinstance(certificate, ClientCertificate) and bytes(der) != BILLING.der:
        assert isinstance(VERIFIER.issuer_of(certificate, NOW), Rejection)


def test_a_leaf_of_the_ca_is_trusted() -> None:
    assert verdict(BILLING) == CA.certificate


def test_validity_includes_both_ends() -> None:
    assert verdict(BILLING, now=NOW - 60) == CA.certificate
    assert verdict(BILLING, now=NOW - 61) is NOT_YET_VALID
    assert verdict(BILLING, now=NOW + 30 * DAY) == CA.certificate
    assert verdict(BILLING, now=NOW + 30 * DAY + 1) is EXPIRED


def test_a_leaf_of_an_expired_ca() -> None:
    old = make(common="Old CA", ca=True, span=(-DAY, -10))
    assert verdict(make(old, [uri("user:a")]), ChainVerifier(old.pem)) is UNTRUSTED_CERTIFICATE


def test_a_leaf_of_another_ca() -> None:
    other = make(common="Other CA", ca=True)
    assert verdict(make(other, [uri("service:billing")])) is UNTRUSTED_CERTIFICATE


def test_a_leaf_of_a_ca_with_the_same_name() -> None:
    twin = make(common="Test CA", ca=True)
    assert verdict(make(twin, [uri("service:billing")])) is UNTRUSTED_CERTIFICATE


def test_a_self_signed_copy_of_all_names() -> None:
    assert verdict(make(None, [uri("service:billing")], common="Test CA")) is UNTRUSTED_CERTIFICATE
    assert verdict(make(None, [uri("service:billing")], common="billing")) is UNTRUSTED_CERTIFICATE


@pytest.mark.parametrize(
    "usages", [(), (Usage.SERVER_AUTH,), (Usage.EMAIL_PROTECTION,), (Usage.ANY_EXTENDED_KEY_USAGE,)]
)
def test_a_leaf_not_for_client_authentication(usages: tuple[x509.ObjectIdentifier, ...]) -> None:
    assert verdict(make(CA, [uri("service:billing")], usages=usages)) is UNTRUSTED_CERTIFICATE


def test_the_ca_itself_as_a_leaf() -> None:
    assert verdict(CA) is UNTRUSTED_CERTIFICATE


def test_a_leaf_issued_by_a_leaf() -> None:
    assert verdict(make(BILLING, [uri("user:admin")])) is UNTRUSTED_CERTIFICATE


def test_a_leaf_that_claims_to_be_a_ca() -> None:
    assert verdict(make(CA, [uri("service:billing")], ca=True)) is UNTRUSTED_CERTIFICATE


def test_a_leaf_named_by_its_subject_alone_or_by_a_critical_name() -> None:
    assert verdict(make(CA, common="billing")) == CA.certificate
    assert verdict(make(CA, [uri("service:billing")], critical_names=True)) == CA.certificate


def test_leaves_of_another_maker() -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("billing@example.com")
    certificate = parse_certificate(der_of(leaf.cert_chain_pems[0].bytes()))
    assert isinstance(certificate, ClientCertificate)
    issuer = ChainVerifier(authority.cert_pem.bytes()).issuer_of(certificate, certificate.not_before + 1)
    assert isinstance(issuer, x509.Certificate)


def test_every_certificate_of_the_bundle_is_trusted() -> None:
    second = make(common="Second CA", ca=True)
    verifier = ChainVerifier(CA.pem + b"\n# the next one\n" + second.pem)
    assert verdict(BILLING, verifier) == CA.certificate
    assert verdict(make(second, [uri("user:a")]), verifier) == second.certificate


def test_an_intermediate_is_trusted_when_listed() -> None:
    middle = make(CA, common="Middle CA", ca=True)
    leaf = make(middle, [uri("user:a")])
    assert verdict(leaf) is UNTRUSTED_CERTIFICATE
    assert verdict(leaf, ChainVerifier(middle.pem)) == middle.certificate


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        b"\n",
        b"junk",
        BILLING.key_pem,
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        CA.pem[:-40],
        CA.pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        CA.der,
    ],
)
def test_cve_2026_27586_a_bundle_that_trusts_nobody_stops_the_start(bundle: bytes) -> None:
    with pytest.raises(ValueError, match=r"client CA bundle"):
        ChainVerifier(bundle)


def test_a_bundle_must_hold_authorities_only() -> None:
    with pytest.raises(ValueError, match=r"CN=billing.* is not allowed to issue"):
        ChainVerifier(CA.pem + BILLING.pem)
    with pytest.raises(ValueError, match=r"CN=Bare.* lacks the extension keyUsage"):
        ChainVerifier(make(common="Bare", ca=True, key_usage=False).pem)
    with pytest.raises(ValueError, match=r"CN=Bare.* lacks the extension basicConstraints"):
        ChainVerifier(make(common="Bare", ca=True, constraints=False).pem)


def test_a_rewritten_signature_is_another_certificate() -> None:
    """ECDSA signatures have a second form; whoever holds a certificate can change its fingerprint with it."""
    twin = second_form(BILLING)
    certificate = parse_certificate(twin)
    assert isinstance(certificate, ClientCertificate)
    assert VERIFIER.issuer_of(certificate, NOW) == CA.certificate
    assert certificate.fingerprint != digest(BILLING.der)
    assert certificate.serial == BILLING.certificate.serial_number


def second_form(made: Made) -> bytes:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    old = made.certificate.signature
    r, s = decode_dss_signature(old)
    new = encode_dss_signature(r, order - s)
    body = made.certificate.tbs_certificate_bytes
    algorithm = made.der[len(made.der) - len(old) - 3 - 12 : len(made.der) - len(old) - 3]
    content = body + algorithm + b"\x03" + bytes([len(new) + 1]) + b"\0" + new
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


def test_a_crl_takes_a_certificate_back() -> None:
    other = parsed(make(CA, [uri("user:b")]))
    lists = RevocationLists(crl_of(CA, [BILLING.certificate.serial_number]), VERIFIER)
    refused = lists.refusal(parsed(BILLING), CA.certificate, NOW)
    assert refused is not None
    assert refused.reason is REVOKED
    assert lists.refusal(other, CA.certificate, NOW) is None
    assert lists.ends_at(CA.certificate) == NOW + 3600


def test_an_expired_crl_is_broken_not_empty() -> None:
    lists = RevocationLists(crl_of(CA, [], next_update=NOW - 1), VERIFIER)
    with pytest.raises(Unavailable):
        lists.refusal(parsed(BILLING), CA.certificate, NOW)


def test_a_crl_of_another_issuer_says_nothing() -> None:
    second = make(common="Second CA", ca=True)
    verifier = ChainVerifier(CA.pem + second.pem)
    lists = RevocationLists(crl_of(second, [BILLING.certificate.serial_number]), verifier)
    with pytest.raises(Unavailable):
        lists.refusal(parsed(BILLING), CA.certificate, NOW)


def test_several_crls_and_the_newer_of_two() -> None:
    second = make(common="Second CA", ca=True)
    verifier = ChainVerifier(CA.pem + second.pem)
    serial = BILLING.certificate.serial_number
    data = crl_of(CA, [serial]) + crl_of(second, []) + crl_of(CA, [], now=NOW - 600)
    refused = RevocationLists(data, verifier).refusal(parsed(BILLING), CA.certificate, NOW)
    assert refused is not None
    assert refused.reason is REVOKED


def test_a_crl_in_der() -> None:
    der = x509.load_pem_x509_crl(crl_of(CA, [7])).public_bytes(Encoding.DER)
    assert RevocationLists(der, VERIFIER).ends_at(CA.certificate) == NOW + 3600


def test_a_crl_that_cannot_be_believed_stops_the_start() -> None:
    twin = make(common="Test CA", ca=True)
    for data in (b"", b"junk", crl_of(twin, []), crl_of(make(common="Other", ca=True), []), os.urandom(64)):
        with pytest.raises(ValueError, match=r"revocation list|CRL"):
            RevocationLists(data, VERIFIER)
    silent = make(common="Silent CA", ca=True, crl_sign=False)
    with pytest.raises(ValueError, match=r"signed by no CA"):
        RevocationLists(crl_of(silent, []), ChainVerifier(silent.pem))
