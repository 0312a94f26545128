"""Rules about routes that stand in each other's way, asked of the table that the server itself asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case
from watchword.lint.overlaps import Place, sample
from watchword.lint.rule import Rule, Severity, Spot, rule

__all__ = ["RULES"]


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
    for each in case.overlaps.lost:
        place, first = each.place, each.first
        same = sample(first.entry.path) == sample(place.entry.path)  # then who reads and who writes may be meant so
        if first.public and not place.public and (each.whole or not same):
            methods = "" if each.whole else f"{' '.join(each.methods)} "
            where = f"{methods}{place.entry.path[:80]}"
            yield Spot(place.key("path"), f"{where} is public: {_named(case, first)} is before it")


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
    for each in case.overlaps.lost:
        if each.whole and not (each.first.public and not each.place.public):
            message = f"{each.place} is never asked: {_named(case, each.first)} takes its requests"
            yield Spot(each.place.key("path"), message)


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
    told: set[int] = set()
    for place, method, other in case.overlaps.left:
        if other.public and not other.methods and not place.public and place.number not in told:
            told.add(place.number)
            message = f"{place} demands proof, {method} there is public: {_named(case, other)} takes it"
            yield Spot(place.key("methods"), message)


RULES: Final[tuple[Rule, ...]] = (opened, shadowed, leftover)
