"""Rules about certificates: each is broken by one certificate, and not by another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.certificates import DAY, make
from tests.lint.example import NOW, Example
from watchword.lint import Severity

TLS = '[server.tls]\ncertificate = "server.pem" #!\nprivate_key = "server.key"\n'
CLIENTS = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"\nclient_ca = "ca.pem" #!\n'
ISSUER = 'issuer = "https://auth.example.com"\n'

NAMED = make(names=[x509.DNSName("auth.example.com")], now=NOW).pem
WILD = make(names=[x509.DNSName("*.example.com")], now=NOW).pem
OTHER = make(names=[x509.DNSName("example.org")], now=NOW).pem
ADDRESS = make(names=[x509.IPAddress(ip_address("192.0.2.7"))], now=NOW).pem
NAMELESS = make(now=NOW).pem
ENDED = make(ca=True, now=NOW, span=(-9 * DAY, -DAY)).pem
ENDING = make(ca=True, now=NOW, span=(-9 * DAY, 13 * DAY)).pem
CA = make(ca=True, now=NOW).pem


def short_rsa() -> bytes:
    """Return a certificate of an RSA key of 1024 bits."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is the weak one
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak")])
    now = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=90))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def files(bad: bytes, good: bytes = NAMED, name: str = "server.pem") -> Callable[[Path, bool], None]:
    """Return what writes the certificates beside the configuration."""

    def write(folder: Path, broken: bool) -> None:
        for each in ("server.pem", "server.key"):
            (folder / each).write_bytes(NAMED)
        (folder / name).write_bytes(bad if broken else good)

    return write


EXAMPLES = [
    Example("WW208", TLS, TLS, before=files(ENDED)),
    Example("WW208", TLS, TLS, Severity.WARNING, before=files(ENDING)),
    Example("WW208", CLIENTS, CLIENTS, before=files(CA + ENDED, CA, "ca.pem")),
    Example("WW209", TLS, TLS, before=files(short_rsa())),
    Example("WW210", ISSUER + TLS, ISSUER + TLS, before=files(OTHER)),
    Example("WW210", ISSUER + TLS, ISSUER + TLS, before=files(NAMELESS, WILD)),
    Example(
        "WW210",
        'issuer = "https://192.0.2.9"\n' + TLS,
        'issuer = "https://192.0.2.7"\n' + TLS,
        before=files(OTHER, ADDRESS),
    ),
    Example("WW210", ISSUER + TLS, TLS, before=files(OTHER, OTHER)),
    Example("WW211", CLIENTS, CLIENTS, before=files(CA * 21, CA, "ca.pem")),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_certificate_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


def test_what_cannot_be_read_is_for_the_server_to_tell(tmp_path: Path) -> None:
    assert Example("WW208", TLS, before=files(b"no certificate")).found(tmp_path, bad=True) == []
