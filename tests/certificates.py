"""Make certificates for tests, right ones and every wrong kind, with nothing of Watchword's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["DAY", "NOW", "Made", "crl_of", "make", "uri"]

NOW = 1_800_000_000
DAY = 86_400


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def uri(subject: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(f"urn:watchword:{subject}")


def make(
    issuer: Made | None = None,
    names: Sequence[x509.GeneralName] = (),
    *,
    common: str | Sequence[str] = "leaf",
    ca: bool = False,
    now: float = NOW,
    span: tuple[int, int] = (-60, 30 * DAY),
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    critical_names: bool = False,
    key_usage: bool = True,
    constraints: bool = True,
    crl_sign: bool = True,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Made:
    """Make a leaf (or, with ``ca``, a CA) signed by ``issuer`` or by itself."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    commons = [common] if isinstance(common, str) else common
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in commons])
    signer = issuer or Made(None, own)  # type: ignore[arg-type]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(int(now) + span[0], UTC))
        .not_valid_after(datetime.fromtimestamp(int(now) + span[1], UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
    )
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if key_usage:
        builder = builder.add_extension(_usage(ca, crl_sign), critical=True)
    if usages and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=critical_names)
    return Made(builder.sign(signer.key, SHA256()), own)


def _usage(ca: bool, crl_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not ca, False, False, False, False, ca, ca and crl_sign, False, False)


def crl_of(issuer: Made, revoked: Sequence[int], *, now: float = NOW, next_update: float | None = None) -> bytes:
    """Make the issuer's CRL in PEM; it ends in an hour unless ``next_update`` says otherwise."""
    end = now + 3600 if next_update is None else next_update
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(datetime.fromtimestamp(int(min(now, end) - 60), UTC))
        .next_update(datetime.fromtimestamp(int(end), UTC))
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(
            entry.revocation_date(datetime.fromtimestamp(int(now) - 120, UTC)).build()
        )
    return builder.sign(issuer.key, SHA256()).public_bytes(Encoding.PEM)
