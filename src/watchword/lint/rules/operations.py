"""Rules about running it: what is kept, what is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case
from watchword.lint.files import folder_of
from watchword.lint.rule import Rule, Severity, Spot, rule

__all__ = ["RULES"]

_MUCH: Final = 64 * 1024 * 1024
_PASSING: Final = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/")  # noqa: S108 - looked for, not written to


@rule(
    "WW901",
    Severity.WARNING,
    "Everything is forgotten at the next start",
    why="Credentials, what was revoked, and the audit live in memory alone.",
    fix='url = "sqlite:///watchword.db"',
    sources=("ASVS 5.0 16.4.2",),
)
def in_memory(case: Case) -> Iterator[Spot]:
    """Check ``store.url``."""
    url = case.store_url
    if url and not url.startswith("postgresql:") and case.database is None:
        severity = Severity.NOTE if case.development else None
        yield Spot(("store", "url"), "the store is in memory", severity=severity)


@rule(
    "WW902",
    Severity.WARNING,
    "Credentials that stood in a URL stay valid",
    why="A URL is in logs, histories and Referer fields: a credential that travelled in one has leaked.",
    fix="burn_url_credentials = true",
    sources=("RFC 6750 5.3", "RFC 9700 4.3.2", "ASVS 5.0 14.2.1"),
)
def not_burnt(case: Case) -> Iterator[Spot]:
    """Check ``burn_url_credentials``."""
    if not case.settings.burn_url_credentials:
        yield Spot(("burn_url_credentials",), "they are refused, and not revoked")


@rule(
    "WW903",
    Severity.WARNING,
    "Large contents are read to check a signature",
    why="They are held in memory before anybody is known, one for each request under way.",
    fix="max_body = 1048576",
    sources=("ASVS 5.0 15.2.2", "ASVS 5.0 5.2.1"),
)
def large(case: Case) -> Iterator[Spot]:
    """Check ``server.max_body``."""
    most = case.settings.server.max_body
    if most > _MUCH:
        yield Spot(("server", "max_body"), f"{most // 1024 // 1024} MiB are read of each request")


@rule(
    "WW904",
    Severity.WARNING,
    "The database is where files do not last",
    why="Temporary folders are emptied at a restart or by a timer, and others may write into them.",
    fix='url = "sqlite:////var/lib/watchword/watchword.db"',
    sources=("ASVS 5.0 16.4.2", "CWE-377"),
)
def passing(case: Case) -> Iterator[Spot]:
    """Check the database's folder; while one develops it is a note."""
    if case.database is not None and f"{folder_of(case.database)}/".startswith(_PASSING):
        severity = Severity.NOTE if case.development else None
        yield Spot(("store", "url"), f"{case.database.name} is in a temporary folder", severity=severity)


RULES: Final[tuple[Rule, ...]] = (in_memory, not_burnt, large, passing)
