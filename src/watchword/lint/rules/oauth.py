"""Rules about the authorization server: what RFC 9700 asks of one, and what strangers may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case, host_of, loopback
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.lint.rules.tokens import LONGEST_ACCESS, LONGEST_REFRESH, shown

__all__ = ["ADMIN", "RULES"]

ADMIN: Final = "admin:"
"""How scopes begin that administer this server."""

_METADATA: Final = frozenset({"169.254.169.254", "fd00:ec2::254", "metadata.google.internal", "100.100.100.200"})


@rule(
    "WW401",
    Severity.WARNING,
    "Anybody may register an application",
    why="A stranger's application can call itself what it likes and ask your people for consent.",
    fix='registration = "token"',
    sources=("RFC 7591 5",),
)
def registration(case: Case) -> Iterator[Spot]:
    """Check ``oauth.registration``."""
    if case.settings.oauth.registration == "open":
        yield Spot(("oauth", "registration"), "applications register themselves, without a token of yours")


@rule(
    "WW402",
    Severity.WARNING,
    "Applications that register themselves get tokens without a person",
    why="By client_credentials an application asks nobody: who registers it has access at once, in its own name.",
    fix='registration_grants = ["authorization_code", "refresh_token"]',
    sources=("RFC 7591 5", "RFC 6749 4.4", "ASVS 5.0 10.4.11"),
)
def stranger_services(case: Case) -> Iterator[Spot]:
    """Check ``oauth.registration_grants``."""
    table = case.settings.oauth
    if table.registration != "off" and "client_credentials" in table.registration_grants:
        said = "anybody" if table.registration == "open" else "whoever has a registration token"
        yield Spot(("oauth", "registration_grants"), f"{said} may have client_credentials")


@rule(
    "WW403",
    Severity.ERROR,
    "Applications of strangers may ask for scopes of the administration",
    why="One operator who clicks once too often hands this server over to an application that nobody here added.",
    fix='registration_scopes = ["orders:read"]',
    sources=("RFC 9700 2.3", "ASVS 5.0 10.4.11"),
)
def stranger_admins(case: Case) -> Iterator[Spot]:
    """Check ``oauth.registration_scopes``."""
    for name in case.settings.oauth.registration_scopes:
        if name.startswith(ADMIN):
            yield Spot(("oauth", "registration_scopes"), f"{name[:60]} administers this server")


@rule(
    "WW404",
    Severity.WARNING,
    "Tokens of applications that register themselves live long",
    why="You know least about these applications, so what they hold should end soonest.",
    fix='registration_access = "5m"\nregistration_refresh = "7d"',
    sources=("RFC 6750 5.3", "ASVS 5.0 10.4.8"),
)
def stranger_tokens(case: Case) -> Iterator[Spot]:
    """Check the lifetimes that such applications get."""
    table = case.settings.oauth
    if table.registration_access > LONGEST_ACCESS:
        message = f"their access tokens live {shown(table.registration_access)}"
        yield Spot(("oauth", "registration_access"), message, 'registration_access = "5m"')
    if table.registration_refresh > LONGEST_REFRESH:
        message = f"they may refresh for {shown(table.registration_refresh)}"
        yield Spot(("oauth", "registration_refresh"), message, 'registration_refresh = "7d"')


@rule(
    "WW405",
    Severity.NOTE,
    "Access tokens are bound to nobody",
    why=(
        "Whoever gets hold of a bearer token can use it; one that is bound to a key of the client's needs the "
        "key besides."
    ),
    fix="[oauth]\nrequire_dpop = true   # or tokens.bind_to_certificate = true",
    sources=("RFC 9700 2.2.1", "RFC 9449", "ASVS 5.0 10.4.14"),
)
def bearer(case: Case) -> Iterator[Spot]:
    """Check whether tokens for APIs of others' applications are bound."""
    settings = case.settings
    used = bool(settings.resource or settings.oauth.scopes or any(case.accepting("oauth2")))
    bound = settings.oauth.require_dpop or settings.tokens.bind_to_certificate or settings.oauth.profile
    if used and not bound:
        yield Spot(("oauth", "require_dpop"), "access tokens are good for whoever has them")


@rule(
    "WW406",
    Severity.NOTE,
    "Proofs of possession can be made ahead",
    why="Without a nonce of ours, who can use a client's key for a moment can sign proofs for times to come.",
    fix="dpop_nonces = true",
    sources=("RFC 9449 8", "RFC 9449 11.2"),
)
def no_nonces(case: Case) -> Iterator[Spot]:
    """Check ``oauth.dpop_nonces`` where proofs are demanded."""
    table = case.settings.oauth
    if table.require_dpop and not table.dpop_nonces:
        yield Spot(("oauth", "dpop_nonces"), "proofs need no nonce of ours")


@rule(
    "WW407",
    Severity.NOTE,
    "This server may be sent to addresses inside",
    why=(
        "Applications say where documents and keys are fetched from. A name that is listed here may lead to "
        "any address of your network."
    ),
    fix="private_hosts = []",
    sources=("RFC 7591 5", "ASVS 5.0 13.2.4"),
)
def private_hosts(case: Case) -> Iterator[Spot]:
    """Check ``oauth.private_hosts``; where credentials of the machine are handed out it is an error."""
    for name in case.settings.oauth.private_hosts:
        cloud = name in _METADATA
        message = f"{name[:60]} hands out the machine's own credentials" if cloud else f"{name[:60]} may be inside"
        yield Spot(("oauth", "private_hosts"), message, severity=Severity.ERROR if cloud else None)


@rule(
    "WW408",
    Severity.WARNING,
    "An API is named by an http URL",
    why="Tokens for it are sent there in the clear, and clients find its metadata where anybody can change them.",
    fix='resource = "https://api.example.com/orders"',
    sources=("RFC 9728 1.2", "RFC 6750 5.3", "ASVS 5.0 12.2.1"),
)
def http_resource(case: Case) -> Iterator[Spot]:
    """Check ``route.resource``."""
    for place in case.routes:
        uri = place.entry.resource
        if uri.startswith("http:") and not loopback(host_of(uri)):
            yield Spot(place.key("resource"), f"{uri[:80]} is not https", f'resource = "https{uri[4:80]}"')


@rule(
    "WW409",
    Severity.NOTE,
    "FAPI 2.0 is asked for, and anybody may register",
    why="The profile is for clients that are known and prove who they are; what registers itself unasked is neither.",
    fix='registration = "off"',
    sources=("FAPI 2.0 Security Profile 5.3.2",),
)
def fapi(case: Case) -> Iterator[Spot]:
    """Check what goes beside ``profile``."""
    table = case.settings.oauth
    if table.profile and table.registration == "open":
        yield Spot(("oauth", "registration"), "the profile fapi2 with open registration")


RULES: Final[tuple[Rule, ...]] = (
    *(registration, stranger_services, stranger_admins, stranger_tokens, bearer, no_nonces),
    *(private_hosts, http_resource, fapi),
)
