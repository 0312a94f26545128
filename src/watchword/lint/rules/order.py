"""Rules about routes that stand in each other's way, asked of the table that the server itself asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from watchword.lint.case import READING, Case, Place
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.routes import RouteTable

__all__ = ["RULES"]

_PARAMETER: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(:path)?\}")
_ASKED: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MOST: Final = 1000  # routes; more are not compared with each other


def _table(case: Case) -> RouteTable:
    places: list[tuple[Any, Any]] = [(place.entry, place) for place in case.routes]
    return RouteTable(places)


def _sample(path: str) -> str:
    """Return a path of the template that no other template means in particular."""
    return _PARAMETER.sub(lambda found: "zq7/zq8" if found[1] else "zq7", path)


def _taken(case: Case) -> Iterator[tuple[Place, Place, list[str], bool]]:
    """Yield each route that another one stands before: both, for which methods, and whether that is all of them."""
    if len(case.routes) > _MOST:
        return
    table = _table(case)
    for place in case.routes:
        methods = sorted(place.methods) or list(_ASKED)
        found: dict[int, list[str]] = {}
        for method in methods:
            first: Any = table.find(method, _sample(place.entry.path))
            if first is not None and first is not place:
                found.setdefault(first.number, []).append(method)
        for number, lost in found.items():
            yield place, case.routes[number], lost, len(lost) == len(methods)


def _named(case: Case, place: Place) -> str:
    """Return how a route is called, and where it stands."""
    file, line = case.place_of(place.key("path"))
    return f"{place} ({file if line is None else f'line {line}'})"


@rule(
    "WW105",
    Severity.ERROR,
    "A public route stands before one that demands proof",
    why=(
        "Templates are tried in the order in which they are written: the first one that fits decides, and "
        "that one lets everybody in."
    ),
    fix="move the [[route]] that demands proof before the public one",
    sources=("ASVS 5.0 8.2.1",),
)
def opened(case: Case) -> Iterator[Spot]:
    """Check for places that an earlier route opens."""
    for place, first, lost, whole in _taken(case):
        same = _sample(first.entry.path) == _sample(place.entry.path)  # then who reads and who writes may be meant so
        if first.public and not place.public and (whole or not same):
            methods = "" if whole else f"{' '.join(lost)} "
            yield Spot(
                place.key("path"), f"{methods}{place.entry.path[:80]} is public: {_named(case, first)} is before it"
            )


@rule(
    "WW106",
    Severity.WARNING,
    "A route is never asked",
    why="An earlier one takes all its requests, so what it demands is demanded of nobody.",
    fix="move it before the other one, or remove it",
    sources=("ASVS 5.0 8.2.1",),
)
def shadowed(case: Case) -> Iterator[Spot]:
    """Check for routes without requests."""
    for place, first, _, whole in _taken(case):
        if whole and not (first.public and not place.public):
            yield Spot(place.key("path"), f"{place} is never asked: {_named(case, first)} takes its requests")


@rule(
    "WW119",
    Severity.WARNING,
    "Proof is demanded for reading, not for writing",
    why="A route names its methods; the others of the same path fall to a public route that names none.",
    fix='add a [[route]] for the other methods, or name the methods of the public one: methods = ["GET"]',
    sources=("ASVS 5.0 8.2.1", "RFC 9110 9.2.1"),
)
def leftover(case: Case) -> Iterator[Spot]:
    """Check where the methods go that a route does not name."""
    if len(case.routes) > _MOST:
        return
    table = _table(case)
    for place in case.routes:
        if place.public or not place.methods:
            continue
        for method in _ASKED:
            other: Any = None
            if method not in place.methods and method not in READING:
                other = table.find(method, _sample(place.entry.path))
            if other is not None and other.public and not other.methods:
                message = f"{place} demands proof, {method} there is public: {_named(case, other)} takes it"
                yield Spot(place.key("methods"), message)
                break


RULES: Final[tuple[Rule, ...]] = (opened, shadowed, leftover)
