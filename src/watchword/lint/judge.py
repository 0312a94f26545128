"""Ask every rule, leave out what is allowed, and put what is found in order."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, overload

from watchword.lint import exceptions as allowing
from watchword.lint.case import Case
from watchword.lint.holdings import Shelf, pages
from watchword.lint.rule import Finding, Rule, Severity, Spot, fresh, order, rule
from watchword.lint.rules import certificates, issued, operations, people, routes, secrets, tokens, transport, trust
from watchword.lint.rules import oauth as authorization
from watchword.lint.rules import order as routing
from watchword.policy import parse
from watchword.server.config.file import ConfigError, Key
from watchword.server.config.settings import Settings, address_of

__all__ = ["RULES", "Allowed", "Report", "examine", "examine_store", "lint", "unusable"]

_MOST: Final = 25  # findings of one rule about what is issued that are shown one by one
_LINE: Final = re.compile(r"(.+), line (\d+)")


@rule(
    "WW001",
    Severity.ERROR,
    "The configuration cannot be used",
    why="The server does not start with it.",
    fix="write it as the message says",
    sources=("CWE-16",),
)
def broken(case: Case) -> Iterator[Spot]:
    """Check what only the whole tells, and the server when it starts. What cannot be read at all never comes here."""
    settings = case.settings
    asked: list[tuple[Key, Callable[[], object]]] = [
        (("server", "listen"), lambda: settings.issuer_url),
        (("server", "listen"), lambda: address_of(settings.server.listen)),
        (("root_key",), lambda: settings.root_key.source),
        (("admin", "accept"), lambda: parse(settings.admin.accept, None)),
    ]
    asked += [
        (("route", number, "accept"), partial(parse, entry.accept, None)) for number, entry in enumerate(settings.route)
    ]
    told: set[Key] = set()
    for key, ask in asked:
        try:
            ask()
        except ValueError as error:
            if key not in told:
                told.add(key)
                yield Spot(key, str(error).partition("\n")[0], getattr(error, "hint", ""))


RULES: Final[Mapping[str, Rule]] = {
    each.id: each
    for each in sorted(
        (
            *(broken, *allowing.RULES, *routes.RULES, *routing.RULES, *transport.RULES, *certificates.RULES),
            *(*tokens.RULES, *authorization.RULES, *secrets.RULES, *people.RULES, *trust.RULES, *issued.RULES),
            *operations.RULES,
        ),
        key=lambda each: each.id,
    )
}
"""Every rule by its id."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Tell of a finding that somebody allowed, and by which words: ``--allow WW201``, ``lint.allow``, a line."""

    finding: Finding
    by: str


@dataclass(frozen=True, slots=True)
class Report:
    """Hold what was found, the worst first, and what was allowed."""

    findings: tuple[Finding, ...]
    allowed: tuple[Allowed, ...] = ()

    def of(self, *severities: Severity) -> tuple[Finding, ...]:
        """Return the findings of these severities."""
        return tuple(each for each in self.findings if each.severity in severities)


def examine(
    settings: Settings,
    text: str,
    *,
    file: str = "",
    environment: Mapping[str, str] | None = None,
    now: float | None = None,
    allow: Iterable[str] = (),
) -> Report:
    """Judge a configuration: ``settings`` as read, ``text`` of the file (for lines and comments), "" without one.

    ``file`` is what findings call it (by default what it was read from), ``environment`` what was read besides (by
    default the process's), ``now`` Unix seconds, ``allow`` ids of rules that are allowed.
    """
    case = _case(settings, text, file, environment, now)
    found = [(each, spot) for each in RULES.values() if not each.issued for spot in each.check(case)]
    return _settled(case, found, allow, (each.id for each in RULES.values() if not each.issued))


async def examine_store(
    settings: Settings,
    text: str,
    store: Shelf,
    *,
    file: str = "",
    environment: Mapping[str, str] | None = None,
    now: float | None = None,
    allow: Iterable[str] = (),
) -> Report:
    """Judge a configuration and what is issued. It reads every credential that is good now: once, a page at a time."""
    case = _case(settings, text, file, environment, now)
    found = [(each, spot) for each in RULES.values() if not each.issued for spot in each.check(case)]
    count: Counter[str] = Counter()
    async for holdings in pages(store, case.now):
        case.holdings = holdings
        for each in RULES.values():
            for spot in each.check(case) if each.issued else ():
                count[each.id] += 1
                if count[each.id] <= _MOST:
                    found.append((each, spot))
    for name, number in count.items():
        if number > _MOST:
            message = f"{number - _MOST} more: {RULES[name].title[:1].lower()}{RULES[name].title[1:]}"
            found.append((RULES[name], Spot((), message, place="the store")))
    return _settled(case, found, allow, RULES)


@overload
def lint(settings: Settings, text: str, *, file: str = "", store: None = None) -> list[Finding]:
    """Judge the configuration."""


@overload
def lint(settings: Settings, text: str, *, file: str = "", store: Shelf) -> Awaitable[list[Finding]]:
    """Judge the configuration and what is issued."""


def lint(
    settings: Settings, text: str, *, file: str = "", store: Shelf | None = None
) -> list[Finding] | Awaitable[list[Finding]]:
    """Return what is wrong with a configuration, the worst first; with a ``store`` an awaitable of that.

    ``text`` is that of the file, "" where there is none.
    """
    if store is None:
        return list(examine(settings, text, file=file).findings)
    return _with_store(settings, text, file, store)


async def _with_store(settings: Settings, text: str, file: str, store: Shelf) -> list[Finding]:
    return list((await examine_store(settings, text, store, file=file)).findings)


def unusable(error: ConfigError) -> Report:
    """Return what is wrong with a configuration that cannot be used, as findings."""
    found = []
    for problem in error.problems:
        place = _LINE.fullmatch(problem.place)
        file, line = (place[1], int(place[2])) if place else (problem.place, None)
        message = f"{problem.key}: {problem.message}" if problem.key else problem.message
        fix = problem.hint or broken.fix
        found.append(
            Finding(broken.id, broken.severity, file, line, message, broken.why, fix, problem.key, broken.sources)
        )
    return Report(tuple(sorted(found, key=order)))


def _case(settings: Settings, text: str, file: str, environment: Mapping[str, str] | None, now: float | None) -> Case:
    return Case(
        settings,
        text,
        file=file or str(settings.file or ("watchword.toml" if text else "the settings")),
        environment=os.environ if environment is None else environment,
        now=time.time() if now is None else now,
        known=frozenset(RULES),
    )


def _settled(case: Case, found: Iterable[tuple[Rule, Spot]], allow: Iterable[str], asked: Iterable[str]) -> Report:
    """Take out what is allowed; what allows nothing is a finding itself."""
    exceptions = allowing.Exceptions(case, allow)
    findings, allowed = [], []
    for each, spot in found:
        finding = _placed(case, each, spot)
        by = exceptions.allows(finding, spot.key)
        if by:
            allowed.append(Allowed(finding, by))
        else:
            findings.append(finding)
    for spot in exceptions.stale(frozenset(asked)):
        finding = _placed(case, allowing.STALE, spot)
        findings += [] if exceptions.allows(finding, spot.key) else [finding]
    return Report(tuple(sorted(findings, key=order)), tuple(sorted(allowed, key=lambda each: order(each.finding))))


def _placed(case: Case, rule: Rule, spot: Spot) -> Finding:
    key: Key = spot.key
    file, line = (spot.place, spot.line) if spot.place else case.place_of(key) if key else (case.file, None)
    return fresh(rule, spot, file, line)
