"""Rules about who can listen on the way, and who may speak for others."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final
from urllib.parse import parse_qs

from watchword.lint.case import Case, loopback, parts_of
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.lint.rules.routes import EVERYBODY
from watchword.server.config.settings import address_of

__all__ = ["RULES"]

_WIDEST: Final = {4: 16, 6: 32}  # prefix lengths of public networks that a fleet of proxies may have
_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
_VERIFIED: Final = frozenset({"verify-ca", "verify-full"})


@rule(
    "WW201",
    Severity.ERROR,
    "Passwords are accepted without TLS",
    why=(
        "Everybody between caller and server reads the password, of Basic and of the login page, and the "
        "secrets of OAuth clients."
    ),
    fix="remove plaintext = true; where TLS ends at a proxy, set server.trusted_proxies, so that it can say so",
    sources=("RFC 7617 4", "RFC 6749 2.3.1", "ASVS 5.0 12.2.1"),
)
def plaintext(case: Case) -> Iterator[Spot]:
    """Check ``passwords.plaintext``; on one machine nobody is between."""
    if case.settings.passwords.plaintext:
        severity = Severity.NOTE if case.development else None
        yield Spot(("passwords", "plaintext"), "passwords are accepted without TLS", severity=severity)


@rule(
    "WW202",
    Severity.ERROR,
    "Credentials travel in the clear",
    why=(
        "The server listens beyond this machine, without TLS, and the issuer is not https: every key, token "
        "and cookie can be read and used by who sees it pass."
    ),
    fix='[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"',
    sources=("RFC 6750 5.3", "RFC 9700 2.6", "ASVS 5.0 12.2.1"),
)
def clear(case: Case) -> Iterator[Spot]:
    """Check what is listened on."""
    if not (case.inside or case.tls or case.https):
        yield Spot(("server", "listen"), f"{case.settings.server.listen} is reachable from elsewhere, without TLS")


@rule(
    "WW203",
    Severity.ERROR,
    "The issuer is not https",
    why=(
        "Clients fetch the keys that tokens are verified with from there: who can change the answer on its "
        "way can make tokens."
    ),
    fix='issuer = "https://auth.example.com"',
    sources=("RFC 8414 2", "OpenID Connect Core 16.17", "ASVS 5.0 12.2.1"),
)
def issuer(case: Case) -> Iterator[Spot]:
    """Check ``issuer``, where it is not this machine."""
    if case.settings.issuer and not case.https and not loopback(case.issuer_host):
        fix = f'issuer = "https://{case.issuer_host}"'
        yield Spot(("issuer",), f"{case.settings.issuer[:80]} is not https", fix)


@rule(
    "WW204",
    Severity.ERROR,
    "Everybody is a trusted proxy",
    why=(
        "Whoever connects may then say in a header which address they call from and that they came by TLS: "
        "networks, limits of addresses and the audit hold nothing."
    ),
    fix='trusted_proxies = ["10.0.0.7"]   # the addresses that your proxies connect from',
    sources=("RFC 9700 4.13", "RFC 7239 8.1", "ASVS 5.0 4.1.3"),
)
def open_proxies(case: Case) -> Iterator[Spot]:
    """Check ``trusted_proxies`` for all addresses; where only this machine can connect it is a warning."""
    for name in EVERYBODY.intersection(case.settings.server.trusted_proxies):
        severity = Severity.WARNING if case.inside else None
        yield Spot(("server", "trusted_proxies"), f"{name} is every address", severity=severity)


@rule(
    "WW205",
    Severity.WARNING,
    "A large part of the Internet is a trusted proxy",
    why="Whoever has an address in it may say that they are somebody else.",
    fix='trusted_proxies = ["10.0.0.0/8"]   # the addresses that your proxies connect from',
    sources=("RFC 9700 4.13", "ASVS 5.0 4.1.3"),
)
def wide_proxies(case: Case) -> Iterator[Spot]:
    """Check ``trusted_proxies`` for wide public networks."""
    for name in case.settings.server.trusted_proxies:
        network = ip_network(name)
        wide = network.prefixlen < _WIDEST[network.version] and not network.is_private
        if wide and name not in EVERYBODY:
            yield Spot(("server", "trusted_proxies"), f"{name} has {network.num_addresses} public addresses")


@rule(
    "WW206",
    Severity.WARNING,
    "A proxy is in front, and is not trusted",
    why=(
        "The issuer is https but TLS does not end here. All callers have the proxy's address then: one limit "
        "holds for all of them, and where the proxy is on this machine everything counts as local."
    ),
    fix='[server]\ntrusted_proxies = ["127.0.0.1"]   # the address that your proxy connects from',
    sources=("RFC 9700 4.13", "ASVS 5.0 4.1.3"),
)
def unknown_proxy(case: Case) -> Iterator[Spot]:
    """Check for TLS that ends elsewhere."""
    if case.https and not case.tls and not case.proxied:
        yield Spot(("server", "trusted_proxies"), "TLS ends before this server, at a proxy that it does not know")


@rule(
    "WW207",
    Severity.ERROR,
    "Cookies are sent without Secure",
    why=(
        "The login is answered over http, so the session's cookie cannot be Secure: it travels with every "
        "request to that host in the clear."
    ),
    fix="remove plaintext = true",
    sources=("RFC 6265 8.3", "ASVS 5.0 3.3.1"),
)
def insecure_cookies(case: Case) -> Iterator[Spot]:
    """Check whether the login works without TLS from elsewhere."""
    if case.settings.passwords.plaintext and not case.tls and not case.development:
        yield Spot(("passwords", "plaintext"), "sessions begin over http, with cookies that are not Secure")


@rule(
    "WW212",
    Severity.WARNING,
    "Mail travels in the clear",
    why="Letters hold links that open accounts; who reads them on their way to the mail server can use them first.",
    fix='encryption = "starttls"',
    sources=("ASVS 5.0 12.3.1", "RFC 8314 3"),
)
def mail(case: Case) -> Iterator[Spot]:
    """Check ``mail.encryption``."""
    table = case.settings.mail
    if table.server and table.encryption == "none":
        severity = Severity.NOTE if loopback(address_of(table.server)[0]) else None
        yield Spot(("mail", "encryption"), "letters are handed to the mail server unencrypted", severity=severity)


@rule(
    "WW213",
    Severity.WARNING,
    "The database is asked without TLS",
    why=(
        "Digests, sealed secrets and everybody's names cross the network; who can answer in the database's "
        "place decides who is let in."
    ),
    fix='url = "postgresql://…?sslmode=verify-full"',
    sources=("ASVS 5.0 12.3.1", "ASVS 5.0 12.3.2"),
)
def database(case: Case) -> Iterator[Spot]:
    """Check ``sslmode`` of a PostgreSQL elsewhere."""
    parts = parts_of(case.store_url)
    asked = parse_qs(parts.query)
    host = asked.get("host", [parts.hostname or ""])[0]
    if parts.scheme != "postgresql" or not host or host.startswith("/") or loopback(host):
        return
    mode = asked.get("sslmode", ["prefer"])[0]
    if mode not in _VERIFIED:
        what = "its certificate is not looked at" if mode in _ENCRYPTED else "TLS is left to chance"
        severity = Severity.NOTE if mode in _ENCRYPTED else None
        yield Spot(("store", "url"), f"sslmode is {mode[:20]}: {what}", severity=severity)


@rule(
    "WW214",
    Severity.WARNING,
    "Certificates of another CA name nobody",
    why=(
        "Without a rule in [mtls] only certificates of our own CA name a subject; those of the CA in "
        "client_ca are refused."
    ),
    fix='[mtls]\nsubject = "dns:service"',
    sources=("RFC 8705 2.1.2",),
)
def no_subject(case: Case) -> Iterator[Spot]:
    """Check ``mtls.subject`` where the client authority is another's."""
    ca = case.settings.server.tls.client_ca
    if ca and ca != "watchword" and not case.settings.mtls.subject:
        yield Spot(("server", "tls", "client_ca"), f"{ca[:80]}: no rule says whom its certificates name")


@rule(
    "WW215",
    Severity.WARNING,
    "A certificate's common name says who calls",
    why=(
        "A common name is free text that no authority is held to; what a certificate stands for is in its "
        "subjectAltName."
    ),
    fix='[mtls]\nsubject = "dns:service"',
    sources=("RFC 9525 2", "RFC 8705 2.1.2"),
)
def common_name(case: Case) -> Iterator[Spot]:
    """Check ``mtls.subject``."""
    rule_text = case.settings.mtls.subject
    if any(step.strip().startswith("cn:") for step in rule_text.split("|")):
        yield Spot(("mtls", "subject"), f"{rule_text[:80]!r} reads the common name")


RULES: Final[tuple[Rule, ...]] = (
    *(plaintext, clear, issuer, open_proxies, wide_proxies, unknown_proxy, insecure_cookies),
    *(mail, database, no_subject, common_name),
)
