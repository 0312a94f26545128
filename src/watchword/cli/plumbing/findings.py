"""Judge the configuration for the verbs that need it in order, and show what is found."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchword.cli.plumbing.output import clean, colour, note, print_json
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop, nearest

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lint import Allowed, Finding, Report, Severity

__all__ = ["allowed_rules", "note_allowed", "print_findings", "refuse_errors", "summary", "write_sarif"]

_COLOURS: Final[Mapping[str, str]] = {"error": "red", "warning": "yellow", "note": "dim"}
_PAGE: Final = "docs/reference/lint.md"


def allowed_rules(names: Sequence[str]) -> tuple[str, ...]:
    """Return the ids that ``--allow`` names. Stop where there is no such rule."""
    from watchword.lint import RULES

    ids = tuple(name.strip().upper() for text in names for name in text.split(",") if name.strip())
    for name in ids:
        if name not in RULES:
            near = nearest(name.lower(), [each.lower() for each in RULES], 0.6)
            hint = f"did you mean {near.upper()}?" if near else "`watchword lint --rules` shows them"
            raise Stop(f"--allow: there is no rule {name[:40]!r}", hint)
    return ids


def print_findings(asked: Asked, findings: Iterable[Finding]) -> None:
    """Print findings: for programs one object a line, for people a paragraph each, place first."""
    for finding in findings:
        if asked.json:
            print_json(finding.values())
            continue
        severity = colour(finding.severity.value, _COLOURS[finding.severity], sys.stdout)
        where = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
        print(f"{clean(where)}: {severity} {finding.rule}: {clean(finding.message)}")
        print(f"  why  {clean(finding.why)}")
        for label, line in zip(("fix", *[""] * finding.fix.count("\n")), finding.fix.split("\n"), strict=True):
            print(f"  {label:4} {clean(line)}")


def summary(report: Report) -> str:
    """Return how many findings there are of each severity."""
    from watchword.lint import Severity

    said = [_counted(len(report.of(severity)), severity) for severity in Severity if report.of(severity)]
    allowed = f"{len(report.allowed)} allowed" if report.allowed else ""
    return ", ".join(filter(None, [*said, allowed])) or "nothing found"


def _counted(number: int, severity: Severity) -> str:
    return f"{number} {severity.value}{'' if number == 1 else 's'}"


def refuse_errors(report: Report) -> None:
    """Stop where the configuration is dangerous for sure: name each rule, place and fix, and how to go on."""
    from watchword.lint import Severity

    errors, warnings = report.of(Severity.ERROR), report.of(Severity.WARNING)
    if errors:
        lines = [f"{finding}\n  fix: {finding.fix.replace(chr(10), chr(10) + '       ')}" for finding in errors]
        ids = " ".join(f"--allow {name}" for name in dict.fromkeys(finding.rule for finding in errors))
        hint = f"mend it, or start with {ids}, which the audit records; `watchword lint` says why"
        raise Stop("\n".join(["the configuration is dangerous", *lines]), hint, REFUSED)
    if warnings:
        note(f"{_counted(len(warnings), Severity.WARNING)} about the configuration: `watchword lint` tells")


async def note_allowed(watchword: Watchword, allowed: Iterable[Allowed], by: str) -> None:
    """Record in the audit who started the server although a rule says no: an event for each finding."""
    from watchword.audit import redact
    from watchword.model.records import Event

    now = watchword.clock()
    events = [
        Event(
            now,
            "allow",
            "done",
            actor=by,
            detail=redact(f"{each.finding.rule} at {each.finding.place}: {each.finding.message} (by {each.by})")[:256],
        )
        for each in allowed
    ]
    await watchword.store.write(*events)


def write_sarif(report: Report, place: str, config: Path | None) -> None:
    """Write findings as SARIF 2.1.0 into a file, or to standard output for "-"."""
    text = json.dumps(_sarif(report, config), indent=2, ensure_ascii=False) + "\n"
    if place == "-":
        print(text, end="")
        return
    try:
        Path(place).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(f"--sarif: {place}: {error.strerror}") from None


def _sarif(report: Report, config: Path | None) -> Mapping[str, Any]:
    from watchword import __version__
    from watchword.codec.sarif import SarifResult, SarifRule, sarif
    from watchword.lint import RULES

    rules = [
        SarifRule(each.id, each.title, level=each.severity.value, why=each.why, fix=each.fix) for each in RULES.values()
    ]
    results = []
    for finding in report.findings:
        here = finding.line is not None or config is None or finding.file == str(config)
        results.append(
            SarifResult(
                finding.rule,
                f"{'' if here else finding.file + ': '}{finding.message}. {finding.why} Fix: {finding.fix}",
                path=(finding.file if here and config is not None else str(config or "")),
                line=finding.line,
                level=finding.severity.value,
                fingerprint=_fingerprint(finding),
                properties={"fix": finding.fix, "sources": list(finding.sources), "key": finding.key},
            )
        )
    return sarif(rules, results, version=__version__)


def _fingerprint(finding: Finding) -> str:
    named = finding.key or finding.message
    return hashlib.sha256(f"{finding.rule}\n{finding.file}\n{named}".encode()).hexdigest()[:32]
