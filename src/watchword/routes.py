"""Say what each place in the API demands, and find the place of a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from watchword.gate import Route

__all__ = ["RouteTable", "Rule"]

# Dot segments, empty segments, backslashes, controls: applications and what they mount tidy them up after the judging.
_strange = re.compile(r"/(?:/|\.{1,2}(?:/|$))|[\\\x00-\x1f\x7f]").search
_SHORT = 256  # characters of a path that is remembered
_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(:path)?\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """Demand proof at ``path``, such as ``/orders/{id}`` or ``/files/{rest:path}``.

    ``methods`` empty means all; ``accept`` is the policy text; ``limit`` such as "600/min"; ``networks`` CIDR texts;
    ``factors`` and ``within`` (seconds) ask for step-up; ``body`` is "upstream" where a gateway forwards the content
    unseen and hashes it later. ``resource`` is the URL of the API that the place is part of: access tokens must be for
    that one, and challenges say where its metadata is (RFC 9728).
    """

    path: str
    accept: str
    methods: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    limit: str = ""
    networks: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    within: float | None = None
    body: str = ""
    resource: str = ""


class RouteTable:
    """Find the route of a method and a decoded path: exact paths first, then templates in the order given.

    A place that no rule names has no route, and what has no route is refused. So is a path that another reader tidies
    up into another one, such as ``/files/x/../private`` or ``/files//private``, where a parameter would take it in, and
    a method that is not in capitals, which some applications take for the one that is (RFC 9110 section 9.1).
    """

    def __init__(self, rules: Iterable[tuple[Rule, Route]] = ()) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._any: dict[str, Route] = {}
        self._templates: list[tuple[re.Pattern[str], frozenset[str], Route]] = []
        self.entries: tuple[tuple[Rule, Route], ...] = tuple(rules)
        self._paths: dict[int, str] = {id(route): rule.path for rule, route in self.entries}
        for rule, route in self.entries:
            methods = frozenset(method.upper() for method in rule.methods)
            if _PARAMETER.search(rule.path):
                self._templates.append((_pattern(rule.path), methods, route))
            elif methods:
                for method in methods:
                    self._exact.setdefault((method, rule.path), route)
            else:
                self._any.setdefault(rule.path, route)
        self._remembered = lru_cache(maxsize=4096)(self._find)

    def find(self, method: str, path: str) -> Route | None:
        """Return the route, or None. Places asked for lately are remembered."""
        return self._remembered(method, path) if len(path) <= _SHORT else self._find(method, path)

    def template(self, method: str, path: str) -> str | None:
        """Return the path of the rule whose route is found, as it was configured."""
        route = self._find(method, path)
        return None if route is None else self._paths[id(route)]

    def _find(self, method: str, path: str) -> Route | None:
        """Return the route, or None. HEAD is judged as GET where HEAD is not named (RFC 9110 section 9.3.2).

        A rule for all methods names none: were HEAD its, it would show the fields of what GET must prove itself for.
        """
        if method == "HEAD":
            return self._named("HEAD", path) or self._find("GET", path)
        exact = self._exact.get((method, path))
        if exact is not None or not method.isupper():
            return exact
        route = self._any.get(path)
        if route is not None or _strange(path):
            return route
        for pattern, methods, candidate in self._templates:
            if (not methods or method in methods) and pattern.fullmatch(path):
                return candidate
        return None

    def _named(self, method: str, path: str) -> Route | None:
        exact = self._exact.get((method, path))
        if exact is not None or _strange(path):
            return exact
        found = (route for pattern, methods, route in self._templates if method in methods and pattern.fullmatch(path))
        return next(found, None)


def _pattern(template: str) -> re.Pattern[str]:
    """Return the template as a pattern; a parameter is one non-empty segment, ``:path`` the rest."""
    parts, end = [], 0
    for match in _PARAMETER.finditer(template):
        parts.append(re.escape(template[end : match.start()]))
        parts.append(".+" if match[1] else "[^/]+")
        end = match.end()
    parts.append(re.escape(template[end:]))
    return re.compile("".join(parts), re.DOTALL)
