"""Rules about people: passwords, second factors, guesses, sign-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.lint.rules.oauth import ADMIN
from watchword.lint.rules.tokens import shown

__all__ = ["RULES"]

_LONG_ENOUGH: Final = 15
_STRONG_ENOUGH: Final = 3
_LONGEST_STEP: Final = 3600


@rule(
    "WW601",
    Severity.WARNING,
    "Passwords may be short",
    why=(
        "A password that is all there is should have 15 characters: shorter ones are found by trying, once "
        "the hashes leak."
    ),
    fix="minimum = 15",
    sources=("NIST SP 800-63B-4 3.1.1.2", "ASVS 5.0 6.2.1"),
)
def short(case: Case) -> Iterator[Spot]:
    """Check ``passwords.minimum``, unless everybody has a second factor."""
    least = case.settings.passwords.minimum
    if least < _LONG_ENOUGH and case.settings.mfa.required != "required":
        yield Spot(("passwords", "minimum"), f"{least} characters are enough, without a second factor")


@rule(
    "WW602",
    Severity.WARNING,
    "Passwords may be easy to guess",
    why="Names, years and keyboard rows are what attackers try first; length alone does not keep them out.",
    fix="strength = 3",
    sources=("NIST SP 800-63B-4 3.1.1.2", "ASVS 5.0 6.2.4"),
)
def guessable(case: Case) -> Iterator[Spot]:
    """Check ``passwords.strength``."""
    least = case.settings.passwords.strength
    if least < _STRONG_ENOUGH:
        yield Spot(("passwords", "strength"), f"a password of strength {least} of 4 is accepted")


@rule(
    "WW603",
    Severity.WARNING,
    "Second factors are off",
    why="Who has somebody's password is that person. Even those who want to protect their account better cannot.",
    fix='required = "optional"   # or "required"',
    sources=("ASVS 5.0 6.3.3", "NIST SP 800-63B-4 2.2.1"),
)
def no_factors(case: Case) -> Iterator[Spot]:
    """Check ``mfa.required``."""
    if case.settings.mfa.required == "off":
        yield Spot(("mfa", "required"), "nobody is asked for a second factor")


@rule(
    "WW604",
    Severity.WARNING,
    "Guesses at one account are not limited",
    why="From many addresses at once passwords are tried as fast as they can be hashed.",
    fix='account = "10/min"',
    sources=("NIST SP 800-63B-4 3.2.2", "ASVS 5.0 6.3.1"),
)
def account_limit(case: Case) -> Iterator[Spot]:
    """Check ``limits.account``; where addresses have no limit either, nothing slows guessing down."""
    limits = case.settings.limits
    if not limits.account:
        severity = None if limits.address else Severity.ERROR
        more = "" if limits.address else ", nor are addresses"
        yield Spot(("limits", "account"), f"guesses at one account are not limited{more}", severity=severity)


@rule(
    "WW605",
    Severity.WARNING,
    "Failures of one address are not limited",
    why="Anybody may try keys, tokens and names without end, and fill the audit with it.",
    fix='address = "300/min"',
    sources=("ASVS 5.0 6.3.1", "ASVS 5.0 2.4.1"),
)
def address_limit(case: Case) -> Iterator[Spot]:
    """Check ``limits.address``."""
    if not case.settings.limits.address:
        yield Spot(("limits", "address"), "an address may fail as often as it likes")


@rule(
    "WW606",
    Severity.WARNING,
    "Letters go to the log",
    why=(
        "Without a mail server the links that open accounts are printed to the log: nobody gets theirs, and "
        "who reads the log gets all."
    ),
    fix='[mail]\nserver = "smtp.example.com:587"\nsender = "Example <no-reply@example.com>"',
    sources=("ASVS 5.0 16.2.5",),
)
def no_mail(case: Case) -> Iterator[Spot]:
    """Check ``mail.server`` where people sign up by themselves."""
    if case.settings.accounts.sign_up == "open" and not case.settings.mail.server:
        severity = Severity.NOTE if case.development else None
        yield Spot(("accounts", "sign_up"), "sign-up is open, and there is no mail server", severity=severity)


@rule(
    "WW607",
    Severity.WARNING,
    "Sign-up is not limited",
    why=(
        "One caller can make accounts by the thousand, or have a mailbox of somebody else filled with letters from you."
    ),
    fix='limit = "20/h"\nmails = "5/h"',
    sources=("ASVS 5.0 2.4.1", "ASVS 5.0 6.3.1"),
)
def sign_up_limit(case: Case) -> Iterator[Spot]:
    """Check ``accounts.limit`` and ``accounts.mails``."""
    table = case.settings.accounts
    for name, limit, default in (("limit", table.limit, "20/h"), ("mails", table.mails, "5/h")):
        if not limit:
            yield Spot(("accounts", name), f"accounts.{name} is empty", f'{name} = "{default}"')


@rule(
    "WW608",
    Severity.ERROR,
    "Who signs up administers this server",
    why="Scopes of the administration come with every new account.",
    fix='scopes = ["orders:read"]',
    sources=("ASVS 5.0 8.2.1", "RFC 9700 2.3"),
)
def everybody_admin(case: Case) -> Iterator[Spot]:
    """Check the scopes of new accounts; by invitation it is a warning."""
    accounts = case.settings.accounts
    for name in accounts.scopes:
        if name.startswith(ADMIN) and accounts.sign_up != "off":
            severity = None if accounts.sign_up == "open" else Severity.WARNING
            yield Spot(("accounts", "scopes"), f"every new account gets {name[:60]}", severity=severity)
    for number, entry in enumerate(case.settings.provider):
        for name in entry.grants:
            if name.startswith(ADMIN) and entry.sign_up:
                severity = Severity.WARNING if entry.tenants else None
                message = f"who has an account at {entry.title} gets {name[:60]}"
                yield Spot(("provider", number, "grants"), message, severity=severity)


@rule(
    "WW609",
    Severity.WARNING,
    "Operators may come by Basic",
    why=(
        "The password of somebody who administers this server travels with every request, and no second "
        "factor stands beside it."
    ),
    fix='accept = "jwt | oauth2 | mtls"',
    sources=("RFC 7617 4", "ASVS 5.0 8.4.2", "ASVS 5.0 6.3.3"),
)
def admin_basic(case: Case) -> Iterator[Spot]:
    """Check ``admin.accept``."""
    if "basic" in case.admins:
        yield Spot(("admin", "accept"), f"{case.settings.admin.accept[:80]!r} accepts passwords with every request")


@rule(
    "WW610",
    Severity.WARNING,
    "Basic passes by the second factor",
    why=(
        "Everybody must have a second factor, and this route takes the password alone: an attacker chooses "
        "the way that asks for less."
    ),
    fix='accept = "session | jwt"',
    sources=("ASVS 5.0 6.3.4", "ASVS 5.0 6.3.3"),
)
def past_the_factor(case: Case) -> Iterator[Spot]:
    """Check for Basic alone where second factors are required."""
    if case.settings.mfa.required != "required":
        return
    for place in case.routes:
        if any(way == {"basic"} for way in place.ways):
            yield Spot(place.key("accept"), f"{place} takes a password alone")


@rule(
    "WW611",
    Severity.NOTE,
    "Passkeys are for a wider domain than this server",
    why="Every host of that domain can ask people for their passkey: one that is taken over is enough.",
    fix="remove rp_id",
    sources=("WebAuthn Level 3 13.4.9",),
)
def wide_passkeys(case: Case) -> Iterator[Spot]:
    """Check ``mfa.rp_id``."""
    name = case.settings.mfa.rp_id
    if name and name != case.issuer_host:
        yield Spot(("mfa", "rp_id"), f"passkeys are for {name}, this server is {case.issuer_host[:80]}")


@rule(
    "WW612",
    Severity.NOTE,
    "Operators need no second factor",
    why="People may administer this server, and one who enrolled no second factor comes with the password alone.",
    fix='[mfa]\nrequired = "required"',
    sources=("ASVS 5.0 8.4.2", "ASVS 5.0 6.3.3"),
)
def admin_factors(case: Case) -> Iterator[Spot]:
    """Check ``mfa.required`` where people administer; while one develops nothing is said."""
    if (
        {"session", "jwt"}.intersection(case.admins)
        and case.settings.mfa.required == "optional"
        and not case.development
    ):
        yield Spot(("mfa", "required"), "second factors are optional, for operators, too")


@rule(
    "WW613",
    Severity.NOTE,
    "The administration can be asked from everywhere",
    why="Whoever finds a credential of an operator can use it from wherever they are.",
    fix='[admin]\nnetworks = ["10.0.0.0/8"]',
    sources=("ASVS 5.0 8.4.2", "ASVS 5.0 13.2.2"),
)
def admin_networks(case: Case) -> Iterator[Spot]:
    """Check ``admin.networks``; while one develops nothing is said."""
    if not case.settings.admin.networks and not case.development:
        yield Spot(("admin", "networks"), "/admin/v1 answers every address")


@rule(
    "WW614",
    Severity.WARNING,
    "The administration is not limited",
    why="A leaked credential of an operator reads or destroys everything as fast as the server answers.",
    fix='limit = "600/min"',
    sources=("mistake: no limit for each credential", "ASVS 5.0 2.4.1"),
)
def admin_limit(case: Case) -> Iterator[Spot]:
    """Check ``admin.limit``."""
    if not case.settings.admin.limit and not case.settings.limits.subject:
        yield Spot(("admin", "limit"), "requests to /admin/v1 are not limited")


@rule(
    "WW615",
    Severity.WARNING,
    "Something can be destroyed with an old login",
    why="Who finds an operator's open browser can revoke and reveal for as long as that login counts as recent.",
    fix='within = "10m"',
    sources=("ASVS 5.0 7.5.3", "RFC 9470"),
)
def admin_within(case: Case) -> Iterator[Spot]:
    """Check ``admin.within``."""
    lasts = case.settings.admin.within
    if lasts > _LONGEST_STEP:
        yield Spot(("admin", "within"), f"a login counts as recent for {shown(lasts)}")


RULES: Final[tuple[Rule, ...]] = (
    *(short, guessable, no_factors, account_limit, address_limit, no_mail, sign_up_limit, everybody_admin),
    *(admin_basic, past_the_factor, wide_passkeys, admin_factors, admin_networks, admin_limit, admin_within),
)
