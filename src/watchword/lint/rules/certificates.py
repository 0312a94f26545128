"""Rules about the certificates that the configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from watchword.lint.case import Case
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.server.config.file import Key

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["RULES"]

_DAY: Final = 86400
_SOON: Final = 14 * _DAY
_LEAST_RSA: Final = 2048
_LEAST_EC: Final = 256
_BROKEN: Final = frozenset({"md5", "sha1"})
_MANY: Final = 20  # certificates: a bundle of the public authorities has more than a hundred


def _read(case: Case, name: str) -> list[Certificate]:
    """Return the certificates of a PEM file; what cannot be read is told when the server starts."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(case.settings.place(name).read_bytes())
    except (OSError, ValueError):
        return []


def _served(case: Case) -> Certificate | None:
    name = case.settings.server.tls.certificate
    return next(iter(_read(case, name)), None) if name else None


def _named(case: Case) -> Iterator[tuple[Key, str, Certificate]]:
    """Yield every certificate that is named, the server's own first."""
    tls = case.settings.server.tls
    for field, name in (("certificate", tls.certificate), ("client_ca", tls.client_ca)):
        if name and name != "watchword":
            for certificate in _read(case, name):
                yield ("server", "tls", field), name, certificate


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


@rule(
    "WW208",
    Severity.ERROR,
    "A certificate has ended, or ends soon",
    why="From its end on no caller that looks can connect; those that go on have turned looking off.",
    fix="renew it",
    sources=("RFC 5280 4.1.2.5", "ASVS 5.0 12.2.2"),
)
def ending(case: Case) -> Iterator[Spot]:
    """Check how long the certificates are valid; two weeks before the end it is a warning."""
    for key, name, certificate in _named(case):
        left = certificate.not_valid_after_utc.timestamp() - case.now
        if left < _SOON:
            verb, severity = ("ended", None) if left < 0 else ("ends", Severity.WARNING)
            yield Spot(key, f"{name[:80]} {verb} on {_day(certificate.not_valid_after_utc)}", severity=severity)


@rule(
    "WW209",
    Severity.ERROR,
    "A certificate's key or signature is weak",
    why=(
        "RSA under 2048 bits can be factored, and MD5 and SHA-1 let others make a second certificate that looks signed."
    ),
    fix=(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out "
        "server.pem -days 90"
    ),
    sources=("NIST SP 800-131A", "RFC 9155", "ASVS 5.0 11.2.3"),
)
def weak(case: Case) -> Iterator[Spot]:
    """Check keys, and the hashes of signatures that somebody relies on: nobody does on those of self-made roots."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for key, name, certificate in _named(case):
        public = certificate.public_key()
        least = _LEAST_RSA if isinstance(public, rsa.RSAPublicKey) else _LEAST_EC
        if isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and public.key_size < least:
            yield Spot(key, f"{name[:80]}: its key has {public.key_size} bits")
        algorithm = certificate.signature_hash_algorithm
        if algorithm is not None and algorithm.name in _BROKEN and certificate.issuer != certificate.subject:
            yield Spot(key, f"{name[:80]}: it is signed with {algorithm.name}")


@rule(
    "WW210",
    Severity.WARNING,
    "The certificate is not for the issuer's host",
    why="Callers that look refuse the connection; people learn to turn looking off.",
    fix="get a certificate whose subjectAltName has the issuer's host",
    sources=("RFC 9525 4", "ASVS 5.0 12.3.2"),
)
def other_host(case: Case) -> Iterator[Spot]:
    """Check the names of the server's certificate, where nobody stands before it."""
    certificate = _served(case)
    host = case.issuer_host.lower()
    if certificate is None or not case.settings.issuer or case.proxied:
        return
    names = _names(certificate)
    wild = "*." + host.partition(".")[2]
    if host not in names and wild not in names:
        shown = ", ".join(sorted(names))[:80] or "nobody"
        yield Spot(("server", "tls", "certificate"), f"it is for {shown}, the issuer is {host[:80]}")


def _names(certificate: Certificate) -> set[str]:
    from cryptography.x509 import DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName

    try:
        found = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return set()
    names = {name.lower() for name in found.get_values_for_type(DNSName)}
    return names | {str(address) for address in found.get_values_for_type(IPAddress)}


@rule(
    "WW211",
    Severity.WARNING,
    "Client certificates of public authorities are accepted",
    why="Anybody can have a certificate from one of them, for a name that your rule takes for a subject's.",
    fix='client_ca = "watchword"   # or the PEM file of an authority of your own',
    sources=("RFC 8705 7.4", "ASVS 5.0 12.3.4"),
)
def public_authorities(case: Case) -> Iterator[Spot]:
    """Check whether the client authorities are a system's bundle."""
    name = case.settings.server.tls.client_ca
    count = len(_read(case, name)) if name not in ("", "watchword") else 0
    if count > _MANY or name.startswith(("/etc/ssl/", "/etc/pki/", "/usr/share/ca-certificates/")):
        yield Spot(("server", "tls", "client_ca"), f"{name[:80]} has {count} authorities")


RULES: Final[tuple[Rule, ...]] = (ending, weak, other_host, public_authorities)
