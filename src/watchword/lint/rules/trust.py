"""Rules about others who are believed: issuers, introspection endpoints, providers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case, host_of, loopback
from watchword.lint.rule import Rule, Severity, Spot, rule

__all__ = ["RULES"]

_CLAIM: Final = re.compile(r"\{([^{}]+)\}")
_CHANGEABLE: Final = frozenset({"email", "preferred_username", "upn", "name", "nickname", "username", "unique_name"})
_ANY_TENANT: Final = ("/common/", "/organizations/", "/consumers/")


@rule(
    "WW701",
    Severity.WARNING,
    "An outside issuer's tokens need no type",
    why="Where typ may be missing, or be that of any JWT, an id_token or a logout token passes for an access token.",
    fix='types = ["at+jwt"]',
    sources=("RFC 8725 3.11", "RFC 9068 4", "ASVS 5.0 9.2.2"),
)
def types(case: Case) -> Iterator[Spot]:
    """Check ``types``; "jwt" is what many issuers still write, so that is a note."""
    for number, entry in enumerate(case.settings.trusted_issuer):
        given = {each.lower() for each in entry.types}
        if "bearer" in entry.use and given & {"", "jwt"}:
            severity = None if "" in given else Severity.NOTE
            yield Spot(
                ("trusted_issuer", number, "types"), f"{entry.url[:80]}: any JWT of it passes", severity=severity
            )


@rule(
    "WW702",
    Severity.WARNING,
    "A name that can change says who somebody is",
    why=(
        "Addresses and user names are given to others, or changed by their owner; then somebody else is the "
        "same subject here."
    ),
    fix='subject = "user:{sub}"',
    sources=("OpenID Connect Core 5.7", "ASVS 5.0 6.8.1"),
)
def changeable(case: Case) -> Iterator[Spot]:
    """Check the rules that make subjects of claims."""
    settings = case.settings
    rules = [(("trusted_issuer", n, "subject"), each.subject) for n, each in enumerate(settings.trusted_issuer)]
    rules += [(("introspection", n, "subject"), each.subject) for n, each in enumerate(settings.introspection)]
    for key, text in rules:
        for name in sorted(_CHANGEABLE.intersection(_CLAIM.findall(text))):
            yield Spot(key, f"{text[:80]!r} is made of {name}")


@rule(
    "WW703",
    Severity.WARNING,
    "Two issuers name the same subjects",
    why=(
        "Each can say that its somebody is the other's: user:alice of one is user:alice of the other, and of "
        "this server."
    ),
    fix='subject = "user:partner-{sub}"',
    sources=("ASVS 5.0 6.8.1", "OpenID Connect Core 2"),
)
def same_subjects(case: Case) -> Iterator[Spot]:
    """Check whether the rules of two issuers make the same names."""
    settings = case.settings
    rules = [
        (("trusted_issuer", number, "subject"), each.subject, each.url)
        for number, each in enumerate(settings.trusted_issuer)
        if not each.subjects
    ]
    rules += [
        (("introspection", number, "subject"), each.subject, each.endpoint)
        for number, each in enumerate(settings.introspection)
    ]
    before: dict[str, str] = {}
    for key, text, who in rules:
        shape = _CLAIM.sub("{}", text)
        if shape in before and before[shape] != who:
            yield Spot(key, f"{who[:60]} and {before[shape][:60]} both name {text[:60]!r}")
        before.setdefault(shape, who)


@rule(
    "WW704",
    Severity.WARNING,
    "An assertion may be used again",
    why="Who reads one on its way, or in a log, gets tokens for it until it ends.",
    fix='use = ["assertion"]',
    sources=("RFC 7523 3", "RFC 7521 8.2"),
)
def reusable(case: Case) -> Iterator[Spot]:
    """Check ``use``."""
    for number, entry in enumerate(case.settings.trusted_issuer):
        if "reusable-assertion" in entry.use:
            yield Spot(("trusted_issuer", number, "use"), f"assertions of {entry.url[:80]} are good more than once")


@rule(
    "WW705",
    Severity.WARNING,
    "A provider's tokens need not be for this API",
    why="Every token that the provider gave to anybody, for any API, then opens this one.",
    fix='audience = "https://api.example.com"',
    sources=("RFC 7662 4", "RFC 9700 2.3", "ASVS 5.0 9.2.3"),
)
def no_audience(case: Case) -> Iterator[Spot]:
    """Check ``introspection.audience``."""
    for number, entry in enumerate(case.settings.introspection):
        if not entry.audience:
            yield Spot(("introspection", number, "audience"), f"{entry.endpoint[:80]}: no audience is demanded")


@rule(
    "WW706",
    Severity.WARNING,
    "Tokens are shown to providers that did not issue them",
    why=(
        "Where there are several providers and one has no prefix, it is asked about the tokens of all: it, "
        "and who reads its logs, can use them."
    ),
    fix='prefix = "gho_"   # how this provider\'s tokens begin',
    sources=("RFC 7662 4", "RFC 9700 4.9"),
)
def no_prefix(case: Case) -> Iterator[Spot]:
    """Check ``introspection.prefix`` where there are several."""
    entries = case.settings.introspection
    for number, entry in enumerate(entries):
        if len(entries) > 1 and not entry.prefix:
            yield Spot(("introspection", number, "prefix"), f"{entry.endpoint[:80]} is shown every token")


@rule(
    "WW707",
    Severity.WARNING,
    "A secret is not in the environment",
    why="The provider is asked with an empty secret, and refuses: nobody gets in by it.",
    fix="set the variable that client_secret_env names",
    sources=("RFC 7662 2.1",),
)
def no_secret(case: Case) -> Iterator[Spot]:
    """Check the variables of our secrets at introspection endpoints."""
    for number, entry in enumerate(case.settings.introspection):
        source = entry.source
        if source.kind == "env" and not case.environment.get(source.name) and not _in_dotenv(case, source.name):
            message, fix = f"{source.name[:60]} is not set", f"export {source.name[:60]}=…"
            yield Spot(("introspection", number, "client_secret_env"), message, fix)


def _in_dotenv(case: Case, name: str) -> bool:
    from dotenv import dotenv_values

    path = case.settings.place(".env")
    return path.is_file() and bool(dotenv_values(path).get(name))


@rule(
    "WW708",
    Severity.WARNING,
    "Any organisation's people may sign up",
    why=(
        "With an endpoint for all tenants, whoever makes an organisation of their own there has accounts that "
        "log in here."
    ),
    fix='tenants = ["00000000-0000-0000-0000-000000000000"]   # yours',
    sources=("ASVS 5.0 6.8.1", "OpenID Connect Core 5.7"),
)
def tenants(case: Case) -> Iterator[Spot]:
    """Check ``tenants`` where the issuer speaks for many organisations."""
    for number, entry in enumerate(case.settings.provider):
        everybody = entry.preset == "microsoft" or any(part in entry.issuer + "/" for part in _ANY_TENANT)
        if everybody and not entry.tenants and entry.sign_up:
            yield Spot(("provider", number, "tenants"), f"{entry.title}: every tenant's people may sign up")


@rule(
    "WW709",
    Severity.WARNING,
    "An outside issuer is not https",
    why="An issuer's name is a URL, where others look for its keys; over http anybody on the way can answer.",
    fix='url = "https://issuer.example"',
    sources=("RFC 8414 2", "RFC 9207 2"),
)
def http_issuer(case: Case) -> Iterator[Spot]:
    """Check ``trusted_issuer.url``."""
    for number, entry in enumerate(case.settings.trusted_issuer):
        if entry.url.startswith("http:") and not loopback(host_of(entry.url)):
            yield Spot(("trusted_issuer", number, "url"), f"{entry.url[:80]} is not https")


RULES: Final[tuple[Rule, ...]] = (
    *(types, changeable, same_subjects, reusable, no_audience, no_prefix, no_secret, tenants, http_issuer),
)
