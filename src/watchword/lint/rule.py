"""Say what a rule is, what it finds, and how both read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from watchword.server.config.file import Key

if TYPE_CHECKING:
    from watchword.lint.case import Case

__all__ = ["Finding", "Rule", "Severity", "Spot", "fresh", "order", "rule"]


class Severity(StrEnum):
    """Say how bad it is: ``error`` is dangerous for sure, ``warning`` probably, ``note`` is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_RANK: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Spot:
    """Point at one place where a rule is broken.

    ``key`` is the setting, numbers in it count tables from 0. ``fix`` and ``severity`` win over the rule's. ``place``
    (and ``line``) name a place that is no setting: a file, a credential.
    """

    key: Key
    message: str
    fix: str = ""
    severity: Severity | None = None
    place: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Describe one rule; ``check`` yields the spots where it is broken.

    ``sources`` say who demands it: RFC and section, ASVS 5.0 requirement, NIST SP 800-63B-4 section, or the mistake
    that it stands for. ``issued``: it looks at what the store holds.
    """

    id: str
    severity: Severity
    title: str
    why: str
    fix: str
    sources: tuple[str, ...]
    check: Callable[[Case], Iterable[Spot]] = field(compare=False, repr=False)
    issued: bool = False

    def values(self) -> Mapping[str, Any]:
        """Return it as JSON values."""
        return {
            "rule": self.id,
            "severity": self.severity.value,
            "title": self.title,
            "why": self.why,
            "fix": self.fix,
            "sources": list(self.sources),
            "issued": self.issued,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Tell of one spot: which rule, how bad, where, what, why, and the exact text that mends it.

    ``file`` is the configuration's file, the environment variable that holds the setting, another file, or a
    credential's id; ``line`` counts from 1, None where there is none. ``key`` is the setting, tables counted from 1.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None
    message: str
    why: str
    fix: str
    key: str = ""
    sources: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return "watchword.toml, line 7"."""
        return self.file if self.line is None else f"{self.file}, line {self.line}"

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.severity} {self.rule}: {self.message}"

    def values(self) -> Mapping[str, Any]:
        """Return the finding as JSON values."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "key": self.key,
            "message": self.message,
            "why": self.why,
            "fix": self.fix,
            "sources": list(self.sources),
        }


def order(finding: Finding) -> tuple[int, str, int, str, str]:
    """Sort by this: what is worst comes first, then by place."""
    return _RANK[finding.severity], finding.file, finding.line or 0, finding.rule, finding.key


def rule(
    id: str, severity: Severity, title: str, *, why: str, fix: str, sources: Iterable[str], issued: bool = False
) -> Callable[[Callable[[Case], Iterable[Spot]]], Rule]:
    """Make a rule of the function that checks it."""

    def made(check: Callable[[Case], Iterable[Spot]]) -> Rule:
        return Rule(id, severity, title, why, fix, tuple(sources), check, issued)

    return made


def fresh(rule: Rule, spot: Spot, file: str, line: int | None) -> Finding:
    """Return the finding that a spot is."""
    name = ".".join(str(part + 1) if isinstance(part, int) else part for part in spot.key)
    severity = spot.severity or rule.severity
    return Finding(rule.id, severity, file, line, spot.message, rule.why, spot.fix or rule.fix, name, rule.sources)
