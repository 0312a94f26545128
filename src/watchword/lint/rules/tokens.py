"""Rules about how long tokens, sessions and keys live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case
from watchword.lint.rule import Rule, Severity, Spot, rule

__all__ = ["LONGEST_ACCESS", "LONGEST_REFRESH", "RULES", "shown"]

_HOUR: Final = 3600
_DAY: Final = 86400
LONGEST_ACCESS: Final = _HOUR
LONGEST_REFRESH: Final = 90 * _DAY
_YEAR: Final = 366 * _DAY
_LONGEST_BOUND: Final = 300
_LONGEST_GRACE: Final = 30
_LONGEST_IDLE: Final = _DAY
_LONGEST_SESSION: Final = 30 * _DAY


def shown(seconds: int) -> str:
    """Return seconds as settings write them: "90d"."""
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


@rule(
    "WW301",
    Severity.WARNING,
    "Access tokens live long",
    why=(
        "A JWT is believed until it ends. A stolen one is good for as long as that; the refresh token is what "
        "may live long."
    ),
    fix='access = "10m"',
    sources=("mistake: long-lived tokens", "RFC 6750 5.3"),
)
def access(case: Case) -> Iterator[Spot]:
    """Check ``tokens.access``."""
    lives = case.settings.tokens.access
    if lives > LONGEST_ACCESS:
        yield Spot(("tokens", "access"), f"access tokens live {shown(lives)}; an hour is long")


@rule(
    "WW302",
    Severity.WARNING,
    "Refresh tokens live no longer than access tokens",
    why="Then people log in anew each time, or access tokens are made long so that they need not.",
    fix='access = "10m"\nrefresh = "30d"',
    sources=("mistake: long-lived tokens", "RFC 9700 2.2.2"),
)
def refresh_pointless(case: Case) -> Iterator[Spot]:
    """Check that refreshing is of use."""
    tokens = case.settings.tokens
    if tokens.refresh <= tokens.access:
        yield Spot(("tokens", "refresh"), f"refresh is {shown(tokens.refresh)}, access {shown(tokens.access)}")


@rule(
    "WW303",
    Severity.WARNING,
    "A login lasts for months",
    why="A refresh token that was copied from a lost device goes on giving access tokens until the family ends.",
    fix='refresh = "30d"',
    sources=("RFC 9700 4.14.2", "ASVS 5.0 10.4.8"),
)
def refresh(case: Case) -> Iterator[Spot]:
    """Check ``tokens.refresh``."""
    lives = case.settings.tokens.refresh
    if lives > LONGEST_REFRESH:
        yield Spot(("tokens", "refresh"), f"a login can be refreshed for {shown(lives)}")


@rule(
    "WW304",
    Severity.WARNING,
    "The signing key is not replaced",
    why=(
        "A key that leaked unseen signs tokens for anybody, for as long as it is in use; and what was never "
        "done fails when it must be."
    ),
    fix='key_rotation = "90d"',
    sources=("NIST SP 800-57-1 5.3", "ASVS 5.0 11.1.1", "ASVS 5.0 13.3.4"),
)
def key_rotation(case: Case) -> Iterator[Spot]:
    """Check ``tokens.key_rotation``."""
    every = case.settings.tokens.key_rotation
    if not every or every > _YEAR:
        said = f"every {shown(every)}" if every else "never"
        yield Spot(("tokens", "key_rotation"), f"the signing key is replaced {said}")


@rule(
    "WW305",
    Severity.WARNING,
    "Tokens are believed that may be revoked",
    why=(
        "While revocations cannot be read, a stolen token that was taken back is accepted again, for as long "
        "as that lasts."
    ),
    fix='stale_feed = "refuse"',
    sources=("RFC 7009 3", "ASVS 5.0 7.4.1"),
)
def stale_feed(case: Case) -> Iterator[Spot]:
    """Check ``tokens.stale_feed``."""
    if case.settings.tokens.stale_feed == "accept":
        yield Spot(("tokens", "stale_feed"), "revocations that cannot be read are passed over")


@rule(
    "WW306",
    Severity.WARNING,
    "Revocations may be missed for long",
    why="For so long a credential that was taken back is believed on a node that cannot read the store.",
    fix='feed_bound = "30s"',
    sources=("ASVS 5.0 7.4.1",),
)
def feed_bound(case: Case) -> Iterator[Spot]:
    """Check ``tokens.feed_bound``."""
    bound = case.settings.tokens.feed_bound
    if bound > _LONGEST_BOUND:
        yield Spot(("tokens", "feed_bound"), f"revocations may be missed for {shown(bound)}")


@rule(
    "WW307",
    Severity.NOTE,
    "A refresh token is good twice for long",
    why=(
        "Within this time a second use of a refresh token gets the same answer, so a thief who is quick is not noticed."
    ),
    fix='refresh_grace = "10s"',
    sources=("RFC 9700 4.14.2", "ASVS 5.0 10.4.5"),
)
def grace(case: Case) -> Iterator[Spot]:
    """Check ``tokens.refresh_grace``."""
    lasts = case.settings.tokens.refresh_grace
    if lasts > _LONGEST_GRACE:
        yield Spot(("tokens", "refresh_grace"), f"the same answer is given for {shown(lasts)}")


@rule(
    "WW308",
    Severity.NOTE,
    "Callers have certificates, and tokens are not bound to them",
    why="A token that is bound to the connection's certificate is of no use to who steals it alone.",
    fix="bind_to_certificate = true",
    sources=("RFC 8705 3", "RFC 9700 2.2.1", "ASVS 5.0 10.4.14"),
)
def unbound(case: Case) -> Iterator[Spot]:
    """Check ``tokens.bind_to_certificate`` where certificates are asked for."""
    if case.settings.server.tls.client_ca and not case.settings.tokens.bind_to_certificate:
        yield Spot(("tokens", "bind_to_certificate"), "tokens work over any connection")


@rule(
    "WW309",
    Severity.WARNING,
    "A session that nobody uses goes on",
    why="A browser that was left open, or a cookie that was copied, is logged in for all that time.",
    fix='idle = "1h"',
    sources=("NIST SP 800-63B-4 2.2.3", "ASVS 5.0 7.3.1"),
)
def idle(case: Case) -> Iterator[Spot]:
    """Check ``sessions.idle``."""
    lasts = case.settings.sessions.idle
    if lasts > _LONGEST_IDLE:
        yield Spot(("sessions", "idle"), f"an unused session ends after {shown(lasts)}")


@rule(
    "WW310",
    Severity.WARNING,
    "A session lasts for months",
    why="Whoever took it over once stays in for as long as they come back.",
    fix='absolute = "12h"',
    sources=("NIST SP 800-63B-4 2.1.3", "ASVS 5.0 7.3.2"),
)
def absolute(case: Case) -> Iterator[Spot]:
    """Check ``sessions.absolute``."""
    lasts = case.settings.sessions.absolute
    if lasts > _LONGEST_SESSION:
        yield Spot(("sessions", "absolute"), f"a session lasts {shown(lasts)}")


@rule(
    "WW311",
    Severity.NOTE,
    "The end of idle sessions never comes",
    why=(
        "Sessions end by age before they could end by being unused, so a browser that was left open stays "
        "logged in to the end."
    ),
    fix='idle = "1h"',
    sources=("ASVS 5.0 7.3.1",),
)
def idle_never(case: Case) -> Iterator[Spot]:
    """Check that ``sessions.idle`` is shorter than ``sessions.absolute``."""
    sessions = case.settings.sessions
    if sessions.idle >= sessions.absolute:
        message = f"idle is {shown(sessions.idle)}, absolute {shown(sessions.absolute)}"
        yield Spot(("sessions", "idle"), message)


RULES: Final[tuple[Rule, ...]] = (
    *(access, refresh_pointless, refresh, key_rotation, stale_feed, feed_bound, grace, unbound),
    *(idle, absolute, idle_never),
)
