"""Read the exceptions that operators make: ``[lint] allow``, and comments such as ``# lint: allow WW101 reason``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from watchword.lint.case import Case
from watchword.lint.rule import Finding, Rule, Severity, Spot, rule
from watchword.server.config.file import Key, outside_strings

__all__ = ["RULES", "STALE", "Exceptions"]

_COMMENT: Final = re.compile(r"#\s*lint:\s*allow\b[\s:]*((?:[A-Za-z]+\d+[\s,]*)*)(.*)$")
_ID: Final = re.compile(r"[A-Za-z]+\d+")
_WORDS: Final = 3  # characters of a reason that says something


@dataclass(slots=True)
class _Comment:
    """Be one comment: where it stands, which line and table it speaks of, what it allows, why, what it did allow."""

    line: int
    covers: int
    table: Key
    rules: tuple[str, ...]
    reason: str
    used: set[str] = field(default_factory=set)


class Exceptions:
    """Hold what is allowed, and by which words."""

    def __init__(self, case: Case, given: Iterable[str] = ()) -> None:
        """``given`` are the rules allowed from outside: by ``--allow``."""
        self._given = tuple(each.upper() for each in given)
        self._listed = {each.upper(): number for number, each in enumerate(case.settings.lint.allow)}
        self._case = case
        self._used: set[str] = set()
        self.comments: tuple[_Comment, ...] = tuple(_comments(case))

    def allows(self, finding: Finding, key: Key) -> str:
        """Return what allows a finding, "" where nothing does."""
        if finding.rule in self._given:
            return f"--allow {finding.rule}"
        for comment in self.comments:
            if finding.rule in comment.rules and _speaks_of(comment, finding, key, self._case.file):
                comment.used.add(finding.rule)
                return f"{self._case.file}, line {comment.line}"
        if finding.rule in self._listed:
            self._used.add(finding.rule)
            return "lint.allow"
        return ""

    def stale(self, asked: frozenset[str]) -> Iterator[Spot]:
        """Yield what allows nothing of the rules that were ``asked``; call it when all findings were looked at."""
        for name, number in self._listed.items():
            if name in asked and name not in self._used:
                yield Spot(("lint", "allow", number), f"nothing breaks {name} any more", f'remove "{name}" from allow')
        for comment in self.comments:
            for name in comment.rules:
                if name in asked and name not in comment.used:
                    message = f"nothing here breaks {name} any more"
                    yield Spot(("lint",), message, "remove the comment", place=self._case.file, line=comment.line)


def _speaks_of(comment: _Comment, finding: Finding, key: Key, file: str) -> bool:
    if finding.file != file:
        return False
    return finding.line == comment.covers or (bool(comment.table) and key[: len(comment.table)] == comment.table)


def _comments(case: Case) -> Iterator[_Comment]:
    lines = case.text.splitlines()
    for number, line in outside_strings(case.text):
        found = _COMMENT.search(line)
        if found is None:
            continue
        covers = number
        while covers <= len(lines) and lines[covers - 1].lstrip()[:1] in ("#", ""):
            covers += 1  # a comment of its own speaks of the line after it
        rules = tuple(dict.fromkeys(each.upper() for each in _ID.findall(found[1])))
        yield _Comment(number, covers, _table(case, covers, lines), rules, found[2].strip(" \t:-"))


def _table(case: Case, covers: int, lines: list[str]) -> Key:
    """Return the table in which a line stands, () above the first one."""
    line = max((each for each in case.lines.values() if each <= covers), default=0)
    key = max((key for key, each in case.lines.items() if each == line), key=len, default=())
    return key if line and lines[line - 1].lstrip().startswith("[") else key[:-1]


@rule(
    "WW002",
    Severity.WARNING,
    "An exception names no rule",
    why="It allows nothing, and whoever reads it believes that it does.",
    fix="write the rule's id: `watchword lint --rules` shows them",
    sources=("CWE-1116",),
)
def unknown(case: Case) -> Iterator[Spot]:
    """Check the ids."""
    for number, name in enumerate(case.settings.lint.allow):
        if name.upper() not in case.known:
            yield Spot(("lint", "allow", number), f"there is no rule {name[:40]!r}")
    for comment in _comments(case):
        for name in comment.rules or ("",):
            if name not in case.known:
                what = f"there is no rule {name[:40]!r}" if name else "the comment names no rule"
                yield Spot(("lint",), what, place=case.file, line=comment.line)


@rule(
    "WW003",
    Severity.NOTE,
    "A comment allows something without saying why",
    why="In a year nobody knows whether the reason still holds.",
    fix="# lint: allow WW101 the gateway before us limits",
    sources=("CWE-1053",),
)
def unexplained(case: Case) -> Iterator[Spot]:
    """Check for a reason."""
    for comment in _comments(case):
        if comment.rules and len(comment.reason) < _WORDS:
            fix = f"# lint: allow {' '.join(comment.rules)} and then the reason"
            yield Spot(("lint",), "the exception has no reason", fix, place=case.file, line=comment.line)


@rule(
    "WW004",
    Severity.NOTE,
    "An exception that nothing needs",
    why="It would hide the same fault when it comes back.",
    fix="remove it",
    sources=("CWE-561",),
)
def stale(case: Case) -> Iterator[Spot]:
    """Find nothing yet: what is stale is known once all others were asked."""
    return iter(())


STALE: Final[Rule] = stale
RULES: Final[tuple[Rule, ...]] = (unknown, unexplained, stale)
