"""Read client certificates, check them against a CA bundle and revocation lists, and name their subject.

Chains are built and checked by ``cryptography.x509.verification`` (RFC 5280 section 6); what it refuses is refused.
A leaf must carry the extended key usage clientAuth and an authority key identifier, and must not be a CA; keys are
RSA of 2048 bits or more, or ECDSA on P-256, P-384 or P-521. Every certificate of the bundle is a trust anchor, so
intermediates are listed there too; what a client sends besides its own certificate is never believed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from watchword.model.ports import Unavailable
from watchword.model.reason import EXPIRED, MALFORMED_CREDENTIAL, NOT_YET_VALID, REVOKED, UNTRUSTED_CERTIFICATE
from watchword.model.verdict import Rejection

__all__ = [
    "ChainVerifier",
    "ClientCertificate",
    "RevocationLists",
    "addresses_of",
    "der_of",
    "has_subject",
    "parse_certificate",
    "serial_of",
]

_MOST: Final = 65_536  # bytes of one certificate; those in use take one to four thousand
_DETAIL: Final = 200  # characters of a library's message that the audit keeps
_CRL_BLOCK: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Hold what a leaf certificate says; nothing in it is proved before ``ChainVerifier.issuer_of``.

    ``fingerprint`` is the SHA-256 of the DER; times are Unix seconds, both ends included (RFC 5280 section 4.1.2.5).
    The names are free of control, invisible and (in DNS names) non-ASCII characters.
    """

    fingerprint: bytes
    serial: int
    not_before: int
    not_after: int
    uris: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    common_names: tuple[str, ...] = ()
    parsed: x509.Certificate = field(repr=False, kw_only=True)


def parse_certificate(der: bytes) -> ClientCertificate | Rejection:
    """Parse one DER certificate. Never raises: what cannot be read, or hides something in a name, is malformed."""
    if len(der) > _MOST:
        return Rejection(MALFORMED_CREDENTIAL, "certificate too large")
    try:
        parsed = x509.load_der_x509_certificate(der)
        certificate = _read(der, parsed)
        subject = [attribute.value for attribute in parsed.subject]
    except _UNREADABLE as error:
        return Rejection(MALFORMED_CREDENTIAL, f"certificate: {type(error).__name__}")
    dns_fit = all(name.isascii() for name in certificate.dns_names)
    if not dns_fit or not all(map(_clean, (*subject, *certificate.uris, *certificate.dns_names, *certificate.emails))):
        return Rejection(MALFORMED_CREDENTIAL, "certificate: a name holds a character that names must not hold")
    return certificate


def _read(der: bytes, parsed: x509.Certificate) -> ClientCertificate:
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    common = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return ClientCertificate(
        fingerprint=sha256(der).digest(),
        serial=parsed.serial_number,
        not_before=int(parsed.not_valid_before_utc.timestamp()),
        not_after=int(parsed.not_valid_after_utc.timestamp()),
        uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)),
        emails=tuple(names.get_values_for_type(x509.RFC822Name)),
        common_names=tuple(str(attribute.value) for attribute in common),
        parsed=parsed,
    )


def der_of(pem: bytes) -> bytes:
    """Return the DER of the one certificate in PEM, which records are found by. Raise ValueError when there is none."""
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def serial_of(der: bytes) -> int:
    """Return the serial number of a certificate in DER. Raise ValueError when it cannot be read."""
    return x509.load_der_x509_certificate(der).serial_number


def has_subject(certificate: ClientCertificate, name: str) -> bool:
    """Return whether a distinguished name as text (RFC 4514) is the certificate's subject: part by part, as it is.

    How a part is encoded (UTF8String, PrintableString) makes no other name; another order does.
    """
    try:
        wanted = x509.Name.from_rfc4514_string(name)
    except _UNREADABLE:
        return False
    return bool(name) and wanted == certificate.parsed.subject


def addresses_of(certificate: ClientCertificate) -> tuple[str, ...]:
    """Return the IP addresses that the certificate is for, as text (RFC 5280 section 4.2.1.6)."""
    try:
        names = certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(address) for address in names.get_values_for_type(x509.IPAddress))


def _clean(text: str | bytes) -> bool:
    """Return whether another reader sees the same name: a NUL once ended it early (CVE-2025-66220)."""
    if isinstance(text, bytes):  # a bit string attribute, which nothing here reads as a name
        return True
    if text.isascii():
        return text.isprintable()
    return not any(unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" for char in text)


def _needs_client_auth(_policy: Policy, _leaf: x509.Certificate, usage: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ValueError("the extended key usage lacks clientAuth")


class ChainVerifier:
    """Check leaf certificates against a CA bundle (PEM).

    Raise ValueError at construction when the bundle is empty, unreadable, or holds a certificate that cannot issue
    others: a server that would trust nobody, or anybody, must not start (CVE-2026-27586).
    """

    __slots__ = ("_builder", "authorities")

    def __init__(self, ca_pem: bytes) -> None:
        if b"-----BEGIN CERTIFICATE-----" not in ca_pem:
            raise ValueError("the client CA bundle holds no certificate in PEM")
        try:
            authorities = x509.load_pem_x509_certificates(ca_pem)
        except ValueError:
            raise ValueError("the client CA bundle cannot be read: it must be certificates in PEM") from None
        for authority in authorities:
            _check_authority(authority)
        self.authorities: tuple[x509.Certificate, ...] = tuple(authorities)
        # RFC 5280 lets a client be named by its subject alone, and does not forbid a critical name beside one.
        leaf = (
            ExtensionPolicy.webpki_defaults_ee()
            .may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
            .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _needs_client_auth)
        )
        self._builder = (
            PolicyBuilder()
            .store(Store(authorities))
            .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=leaf)
        )

    def issuer_of(self, certificate: ClientCertificate, now: float) -> x509.Certificate | Rejection:
        """Return the CA certificate that vouches for the leaf at ``now`` (Unix seconds), or why none does."""
        if now < certificate.not_before:
            return Rejection(NOT_YET_VALID)
        if now > certificate.not_after:
            return Rejection(EXPIRED)
        verifier = self._builder.time(datetime.fromtimestamp(int(now), UTC)).build_client_verifier()
        try:
            return verifier.verify(certificate.parsed, []).chain[1]
        except (VerificationError, IndexError, *_UNREADABLE) as error:
            return Rejection(UNTRUSTED_CERTIFICATE, str(error)[:_DETAIL])


def _check_authority(authority: x509.Certificate) -> None:
    name = authority.subject.rfc4514_string()
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        missing = error.oid._name
        raise ValueError(f"client CA {name!r} lacks the extension {missing}: RFC 5280 section 4.2.1") from None
    except _UNREADABLE:
        raise ValueError(f"client CA {name!r} has extensions that cannot be read") from None
    if not constraints.ca or not usage.key_cert_sign:
        raise ValueError(f"client CA {name!r} is not allowed to issue certificates")


class RevocationLists:
    """Look certificates up in their issuers' CRLs (RFC 5280 section 5): PEM, one or several, or one in DER.

    Raise ValueError at construction when a list cannot be read, is signed by none of the verifier's CAs, is partial or
    indirect, or has no end.
    """

    __slots__ = ("_lists",)

    def __init__(self, data: bytes, verifier: ChainVerifier) -> None:
        self._lists: dict[x509.Certificate, x509.CertificateRevocationList] = {}
        for crl in _load_lists(data):
            issuers = [authority for authority in verifier.authorities if _signed(crl, authority)]
            if not issuers:
                raise ValueError(f"the CRL of {crl.issuer.rfc4514_string()!r} is signed by no CA of the bundle")
            for issuer in issuers:
                known = self._lists.get(issuer)
                if known is None or known.last_update_utc < crl.last_update_utc:
                    self._lists[issuer] = crl

    def refusal(self, certificate: ClientCertificate, issuer: x509.Certificate, now: float) -> Rejection | None:
        """Return a Rejection when the issuer took the certificate back.

        Raise Unavailable when there is no list of this issuer or it ended: what cannot be told is not let in.
        """
        if now >= self.ends_at(issuer):
            raise Unavailable("the certificate revocation list has expired")
        if self._lists[issuer].get_revoked_certificate_by_serial_number(certificate.serial) is not None:
            return Rejection(REVOKED, "on its issuer's CRL")
        return None

    def ends_at(self, issuer: x509.Certificate) -> float:
        """Return when the issuer's list ends (nextUpdate, Unix seconds). Raise Unavailable when there is none."""
        crl = self._lists.get(issuer)
        if crl is None or crl.next_update_utc is None:
            raise Unavailable("there is no certificate revocation list of this issuer")
        return crl.next_update_utc.timestamp()


def _load_lists(data: bytes) -> list[x509.CertificateRevocationList]:
    blocks = _CRL_BLOCK.findall(data)
    try:
        lists = [x509.load_pem_x509_crl(block) for block in blocks] or [x509.load_der_x509_crl(data)]
        for crl in lists:
            critical = [extension for extension in crl.extensions if extension.critical]
            if critical or crl.next_update_utc is None:
                raise ValueError("a CRL must be complete, direct and have a nextUpdate")
    except (*_UNREADABLE, x509.ExtensionNotFound) as error:
        raise ValueError(f"the certificate revocation list cannot be used: {str(error)[:_DETAIL]}") from None
    return lists


def _signed(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if crl.issuer != authority.subject:
        return False
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    key = authority.public_key()
    try:
        return usage.crl_sign and crl.is_signature_valid(key)  # type: ignore[arg-type]
    except (TypeError, *_UNREADABLE):  # a key of another type than the signature
        return False
