"""Hold routes, and ask the table that the server itself asks which of them stand in each other's way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from watchword.policy import Policy, alternatives, names, parse
from watchword.policy.tree import has_public
from watchword.routes import RouteTable
from watchword.server.config.file import Key
from watchword.server.config.settings import RouteTableEntry

__all__ = ["READING", "Lost", "Overlaps", "Place", "sample"]

READING: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""

_PARAMETER: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(:path)?\}")
_ASKED: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MOST: Final = 500  # routes; more are not compared with each other: it takes the square of their number


def sample(path: str) -> str:
    """Return a path of the template that no other template means in particular."""
    return _PARAMETER.sub(lambda found: "zq7/zq8" if found[1] else "zq7", path)


class Place:
    """Be one ``[[route]]``: its number from 0, what it demands, and how it is called in messages."""

    def __init__(self, number: int, entry: RouteTableEntry) -> None:
        self.number: int = number
        self.entry: RouteTableEntry = entry
        self.policy: Policy = parse(entry.accept, None)
        self.schemes: frozenset[str] = frozenset(names(self.policy))
        self.public: bool = has_public(self.policy)
        self.methods: frozenset[str] = frozenset(method.upper() for method in entry.methods)

    @property
    def writes(self) -> bool:
        """Tell whether something may be changed by it."""
        return not self.methods or not self.methods <= READING

    @property
    def ways(self) -> tuple[frozenset[str], ...]:
        """Return the schemes of each alternative."""
        return tuple(frozenset(names(each)) for each in alternatives(self.policy))

    def key(self, name: str = "") -> Key:
        """Return the key of one of its settings, or of the whole table."""
        return ("route", self.number, name) if name else ("route", self.number)

    def __str__(self) -> str:
        return " ".join((*self.entry.methods, self.entry.path[:80]))


@dataclass(frozen=True, slots=True)
class Lost:
    """Tell that ``first`` answers for ``place``: for which methods, and whether those are all that it has."""

    place: Place
    first: Place
    methods: tuple[str, ...]
    whole: bool


class Overlaps:
    """Compare every route with the table."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places: Sequence[Place] = places if len(places) <= _MOST else ()

    @cached_property
    def _table(self) -> RouteTable:
        pairs: list[tuple[Any, Any]] = [(place.entry, place) for place in self._places]
        return RouteTable(pairs)

    def _first(self, method: str, place: Place) -> Place | None:
        found: Any = self._table.find(method, sample(place.entry.path))
        return None if found is None else self._places[found.number]

    @cached_property
    def lost(self) -> tuple[Lost, ...]:
        """Return the routes that another one stands before."""
        return tuple(self._lost())

    def _lost(self) -> Iterator[Lost]:
        for place in self._places:
            methods = sorted(place.methods) or list(_ASKED)
            found: dict[int, list[str]] = {}
            for method in methods:
                first = self._first(method, place)
                if first is not None and first is not place:
                    found.setdefault(first.number, []).append(method)
            for number, lost in found.items():
                yield Lost(place, self._places[number], tuple(lost), len(lost) == len(methods))

    @cached_property
    def left(self) -> tuple[tuple[Place, str, Place], ...]:
        """Return for each route the methods that write and that it does not name, and the route that takes each."""
        return tuple(self._left())

    def _left(self) -> Iterator[tuple[Place, str, Place]]:
        for place in self._places:
            for method in _ASKED if place.methods else ():
                other = None
                if method not in place.methods and method not in READING:
                    other = self._first(method, place)
                if other is not None:
                    yield place, method, other
