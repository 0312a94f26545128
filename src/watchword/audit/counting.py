"""Name what decisions are counted by, and keep the names few: callers choose paths and addresses as they like."""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

__all__ = ["REST", "Counted", "Crowd", "Names", "fitting", "method_of", "network_of", "shape_of"]

REST: Final = "…"
"""What stands for all those that are too many to be named."""

_PIECE: Final = "{…}"
_PIECES: Final = 8  # of a path that are named
_LONGEST: Final = 32  # characters of a word
_WORD: Final = re.compile(rf"[A-Za-z_.~-]{{0,{_LONGEST}}}|v[0-9]{{1,2}}")
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}")
_MIXED: Final = re.compile(r"[a-z][A-Z]")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_TURNS: Final = 3  # changes of case in a word that people may have written


class Counted(NamedTuple):
    """Say what one decision is counted by: all of a ``Tally`` but when and how many."""

    credential: str
    subject: str
    scheme: str
    route: str
    network: str
    verdict: str
    reason: str


@lru_cache(8192)
def network_of(address: str) -> str:
    """Return the network of an address: IPv4 /24, IPv6 /48. What is no address is "unknown", none at all is ""."""
    if not address:
        return ""
    if _IPV4.fullmatch(address):  # a tenth of what the library takes, and floods come from ever new addresses
        return f"{address[: address.rindex('.')]}.0/24"
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return network_of(str(found.ipv4_mapped))
        return str(ip_network((int(found) >> 80 << 80, 48)))
    return str(ip_network((int(found) >> 8 << 8, 24)))


def shape_of(method: str, path: str) -> str:
    """Return a method and a path without what looks like an id: "GET /orders/{…}"."""
    pieces = path.split("/")
    named = "/".join(piece if _plain(piece) else _PIECE for piece in pieces[: _PIECES + 1])
    rest = f"/{REST}" if len(pieces) > _PIECES + 1 else ""
    return f"{method_of(method)} {named}{rest}"


def method_of(method: str) -> str:
    """Return a method that is known, or what stands for all others."""
    return method if method in _METHODS else REST


def _plain(piece: str) -> bool:
    """Tell whether people named a piece of a path so: a word, not an id."""
    if piece.isalpha() and piece.islower() and piece.isascii():
        return len(piece) <= _LONGEST
    return _WORD.fullmatch(piece) is not None and len(_MIXED.findall(piece)) < _TURNS


class Crowd:
    """Hold the places and networks that one minute's counts name to a number, whatever callers send.

    ``each`` is how many pairs of a route and a network one name may have, ``total`` how many all of them. What is
    refused goes by a name of its own: however many are let in, who tries is told apart.
    """

    __slots__ = ("_each", "_known", "_minute", "_total", "_used")

    def __init__(self, each: int = 64, total: int = 20_000) -> None:
        self._each, self._total = each, total
        self._minute, self._used = 0, 0
        self._known: dict[Hashable, set[tuple[str, str]]] = {}

    def place(self, minute: int, whose: Hashable, route: str, network: str) -> tuple[str, str]:
        """Return route and network to count under: themselves, or "…" for one or both."""
        if minute > self._minute:
            self._minute, self._used = minute, 0
            self._known.clear()
        known = self._known.get(whose)
        if known is None:
            known = self._known[whose] = set()
        pair = route, network
        if pair in known:
            return pair
        if self._used < self._total:
            for likely, most in ((pair, self._each), ((route, REST), self._each + self._each // 2)):
                if likely in known:
                    return likely
                if len(known) < most:
                    known.add(likely)
                    self._used += 1
                    return likely
        return REST, REST


class Names:
    """Hold the names of each kind that one minute's counts have to a number: ``each`` of a kind."""

    __slots__ = ("_each", "_known", "_minute")

    def __init__(self, each: int = 300) -> None:
        self._each = each
        self._minute = 0
        self._known: dict[Hashable, set[str]] = {}

    def name(self, minute: int, kind: Hashable, name: str) -> str:
        """Return the name to count under: itself, or "…"."""
        if minute > self._minute:
            self._minute = minute
            self._known.clear()
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = set()
        if name in known:
            return name
        if len(known) >= self._each:
            return REST
        known.add(name)
        return name


def fitting(text: str, most: int) -> str:
    """Return a text that every store can keep as part of a key of at most so many bytes; "…" for any other."""
    if text.isascii() and "\0" not in text:
        return text if len(text) <= most else REST
    if "\0" in text:
        return REST
    try:
        return text if len(text.encode()) <= most else REST
    except UnicodeEncodeError:
        return REST
