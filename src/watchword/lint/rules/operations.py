"""Rules about running it: what is kept, what is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case, host_of, loopback, parts_of
from watchword.lint.files import folder_of
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.lint.rules.routes import EVERYBODY
from watchword.lint.rules.tokens import shown

__all__ = ["RULES"]

_DAY: Final = 86400
_LEAST_KEPT: Final = 90 * _DAY
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


@rule(
    "WW905",
    Severity.WARNING,
    "Who was let in is not in the audit",
    why="After a leak nobody can say what the credential did: only refusals are kept.",
    fix='accesses = "full"',
    sources=("ASVS 5.0 16.3.1", "ASVS 5.0 16.2.1"),
)
def not_kept(case: Case) -> Iterator[Spot]:
    """Check ``audit.accesses``; a sample is worth a note."""
    kept = case.settings.audit.accesses
    if kept != "full":
        said = "none is kept" if kept == "refused" else f"one in {round(1 / case.settings.audit.sample)} is kept"
        severity = None if kept == "refused" else Severity.NOTE
        yield Spot(("audit", "accesses"), f"of those who were let in, {said}", severity=severity)


@rule(
    "WW906",
    Severity.WARNING,
    "The audit is kept for weeks",
    why="Intrusions are found after months, and what they did must be found then.",
    fix='keep = "400d"',
    sources=("ASVS 5.0 16.1.1", "NIST SP 800-92 5"),
)
def soon_gone(case: Case) -> Iterator[Spot]:
    """Check ``audit.keep``: 90 days are little."""
    keep = case.settings.audit.keep
    if 0 < keep < _LEAST_KEPT:
        yield Spot(("audit", "keep"), f"the audit is removed after {shown(keep)}")


@rule(
    "WW907",
    Severity.WARNING,
    "The audit is not signed",
    why="The chain alone does not bind who can rewrite all of it; a signed checkpoint that was copied elsewhere does.",
    fix='checkpoint = "15m"',
    sources=("ASVS 5.0 16.4.2",),
)
def unsigned(case: Case) -> Iterator[Spot]:
    """Check ``audit.checkpoint``."""
    every = case.settings.audit.checkpoint
    if not every or every > _DAY:
        yield Spot(("audit", "checkpoint"), f"it is signed {f'every {shown(every)}' if every else 'never'}")


@rule(
    "WW908",
    Severity.WARNING,
    "The audit crosses the network in the clear",
    why="Names, addresses and paths can be read on the way, and by UDP anybody can add lines of their own.",
    fix='address = "tls://logs.example.com:6514"',
    sources=("RFC 5425 1", "ASVS 5.0 12.3.1", "ASVS 5.0 16.4.3"),
)
def clear_syslog(case: Case) -> Iterator[Spot]:
    """Check ``audit.syslog.address``."""
    parts = parts_of(case.settings.audit.syslog.address)
    if parts.scheme in ("udp", "tcp") and not loopback(parts.hostname or ""):
        yield Spot(("audit", "syslog", "address"), f"{parts.scheme}://{(parts.hostname or '')[:60]} is not encrypted")


@rule(
    "WW909",
    Severity.WARNING,
    "Nobody is told of alerts",
    why="A leaked credential is used for weeks before somebody looks; what that looks like is known from the start.",
    fix='[alerts]\nemail = ["ops@example.com"]',
    sources=("ASVS 5.0 16.3.3", "ASVS 5.0 6.3.5"),
)
def nobody_told(case: Case) -> Iterator[Spot]:
    """Check for receivers of alerts; while one develops nothing is said."""
    if not case.settings.alerts.receivers() and not case.development:
        yield Spot(("alerts",), "alerts have no receiver")


@rule(
    "WW910",
    Severity.WARNING,
    "Everybody may read the metrics",
    why="They tell how many callers there are, what is refused and when, and whether an attack is noticed.",
    fix='networks = ["10.0.0.0/8"]',
    sources=("ASVS 5.0 13.4.5",),
)
def open_metrics(case: Case) -> Iterator[Spot]:
    """Check ``[metrics]``."""
    table = case.settings.metrics
    if not EVERYBODY.isdisjoint(table.networks) and not table.accept:
        yield Spot(("metrics", "networks"), "/metrics answers every address, without proof")


@rule(
    "WW911",
    Severity.NOTE,
    "A rule of the alerts is off",
    why="What it looks for goes by unseen.",
    fix="on = true",
    sources=("ASVS 5.0 16.3.3",),
)
def silenced(case: Case) -> Iterator[Spot]:
    """Check ``[[alert]]``, and how grave an alert must be."""
    for number, entry in enumerate(case.settings.alert):
        if entry.on is False:
            yield Spot(("alert", number, "on"), f"{entry.rule[:40]} is off")
    if case.settings.alerts.least == "high":
        yield Spot(("alerts", "least"), "only the gravest alerts are told", 'least = "low"')


@rule(
    "WW912",
    Severity.WARNING,
    "Traces cross the network in the clear",
    why="Each span has who called which place from where; anybody on the way to the collector reads along.",
    fix='endpoint = "https://otel.example.com:4318"',
    sources=("ASVS 5.0 12.3.1",),
)
def clear_traces(case: Case) -> Iterator[Spot]:
    """Check ``otel.endpoint``."""
    endpoint = case.settings.otel.endpoint
    if endpoint.startswith("http:") and not loopback(host_of(endpoint)):
        yield Spot(("otel", "endpoint"), f"{host_of(endpoint)[:60]} is asked by http")


@rule(
    "WW913",
    Severity.NOTE,
    "The audit is in one place",
    why="Who takes this server over can remove it whole, and nothing elsewhere says what was in it.",
    fix='[audit.syslog]\naddress = "tls://logs.example.com:6514"',
    sources=("ASVS 5.0 16.4.3",),
)
def one_place(case: Case) -> Iterator[Spot]:
    """Check whether the audit goes anywhere else; while one develops nothing is said."""
    table = case.settings.audit
    if not table.syslog.address and not table.otel and not case.development:
        yield Spot(("audit",), "the audit goes nowhere else")


RULES: Final[tuple[Rule, ...]] = (
    *(in_memory, not_burnt, large, passing, not_kept, soon_gone, unsigned, clear_syslog),
    *(nobody_told, open_metrics, silenced, clear_traces, one_place),
)
