"""Say which rule a request falls under, and of every other one why it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from watchword.gate import Route
from watchword.routes import RouteTable, Rule

__all__ = ["Candidate", "candidates", "rule_of"]

_TEMPLATE: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(:path)?\}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Hold one rule of the configuration: whether it was the one that decided, and why not."""

    rule: Rule
    matched: bool
    why: str = ""
    near: bool = False
    """Whether the path would have fitted: those are what one looks for first."""


def rule_of(rules: Iterable[Rule], method: str, path: str) -> Rule | None:
    """Return the rule that decides about a method and a decoded path, found as the server finds it."""
    table = RouteTable((rule, cast("Route", rule)) for rule in rules)
    return cast("Rule | None", table.find(method, path))


def candidates(rules: Sequence[Rule], method: str, path: str) -> tuple[Candidate, ...]:
    """Return every rule with why it did or did not decide: those whose path fits first, then in the order given."""
    found = rule_of(rules, method, path)
    listed = [_candidate(rule, found, method, path) for rule in rules]
    return tuple(sorted(listed, key=lambda each: (not each.matched, not each.near)))


def _candidate(rule: Rule, found: Rule | None, method: str, path: str) -> Candidate:
    if rule is found:
        return Candidate(rule, True, "HEAD is judged as GET" if _as_get(rule, method) else "", near=True)
    if not path.startswith(rule.path.partition("{")[0]):  # most rules of a long list: nothing is compiled for them
        return Candidate(rule, False, _wrong_path(rule.path, path))
    if rule_of([rule], method, path) is not None:
        exact = found is not None and not _TEMPLATE.search(found.path)
        why = "an exact path goes before it" if exact else f"{found.path if found else '?'} stands before it"
        return Candidate(rule, False, why, near=True)
    fits = rule_of([_for_any_method(rule)], "GET", path) is not None
    if fits:
        return Candidate(rule, False, _wrong_method(rule, method), near=True)
    return Candidate(rule, False, _wrong_path(rule.path, path))


def _as_get(rule: Rule, method: str) -> bool:
    return method == "HEAD" and "HEAD" not in {each.upper() for each in rule.methods}


def _for_any_method(rule: Rule) -> Rule:
    return Rule(rule.path, rule.accept)


def _wrong_method(rule: Rule, method: str) -> str:
    named = ", ".join(each.upper() for each in rule.methods)
    if not rule.methods:  # a rule for all methods takes no method that is not in capitals, and HEAD only where GET is
        return "methods are written in capitals"
    return f"it is for {named}" + ("; methods are written in capitals" if method.upper() in named.split(", ") else "")


def _wrong_path(template: str, path: str) -> str:
    """Return the first segment in which a path differs from a rule's."""
    wanted, given = template.split("/")[1:], path.split("/")[1:]
    if path.rstrip("/") == template or template.rstrip("/") == path:
        return "one of the two ends with /"
    if path.lower() == template.lower():
        return "upper and lower case differ"
    for place, (one, other) in enumerate(zip(wanted, given, strict=False)):
        parameter = _TEMPLATE.fullmatch(one)
        if parameter is not None and parameter[1]:
            return "a path that others tidy up is taken by no parameter"
        if parameter is None and _TEMPLATE.search(one) is None and one != other:
            return (
                f"it has {one or 'nothing'!r} where the request has {other[:40] or 'nothing'!r}"
                if place
                else (f"it begins with /{one}")
            )
    if len(wanted) != len(given):
        return f"it has {_segments(len(wanted))}, the request {_segments(len(given))}"
    return "a path that others tidy up is taken by no parameter"


def _segments(count: int) -> str:
    return f"{count} segment{'' if count == 1 else 's'}"
