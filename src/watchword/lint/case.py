"""Hold what the rules look at: the settings, their text, the environment, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from watchword.policy import Policy, alternatives, names, parse
from watchword.policy.tree import has_public
from watchword.server.config.file import NOT_A_TWIN, Key, key_lines, place_of, twin
from watchword.server.config.settings import RouteTableEntry, Settings, address_of
from watchword.server.config.sources import Source

if TYPE_CHECKING:
    from watchword.lint.holdings import Holdings

__all__ = ["PEOPLE", "READING", "Case", "Place", "loopback"]

PEOPLE: Final = frozenset({"session", "jwt", "oauth2"})
"""Schemes whose proof may say by which factors a person logged in."""

READING: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""


def loopback(host: str) -> bool:
    """Return whether a host is this machine itself."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


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


class Case:
    """Hold one configuration. ``file`` is what its findings call it; ``known`` the ids of all rules.

    ``settings`` are read already, so they hold the values of the environment; ``environment`` says which those are.
    """

    def __init__(
        self,
        settings: Settings,
        text: str,
        *,
        file: str,
        environment: Mapping[str, str],
        now: float,
        known: frozenset[str] = frozenset(),
        holdings: Holdings | None = None,
    ) -> None:
        self.settings: Settings = settings
        self.text: str = text
        self.file: str = file
        self.environment: Mapping[str, str] = environment
        self.now: float = now
        self.known: frozenset[str] = known
        self.holdings: Holdings | None = holdings

    @cached_property
    def lines(self) -> dict[Key, int]:
        """Return where each key and table header stands."""
        return key_lines(self.text)

    @cached_property
    def routes(self) -> tuple[Place, ...]:
        """Return the routes."""
        return tuple(Place(number, entry) for number, entry in enumerate(self.settings.route))

    def accepting(self, *schemes: str) -> Iterator[Place]:
        """Yield the routes that accept one of ``schemes``."""
        return (place for place in self.routes if not place.schemes.isdisjoint(schemes))

    @property
    def host(self) -> str:
        """Return the address that is listened on."""
        return address_of(self.settings.server.listen)[0]

    @property
    def inside(self) -> bool:
        """Tell whether nobody but this machine can connect."""
        return loopback(self.host)

    @property
    def tls(self) -> bool:
        """Tell whether the server itself speaks TLS."""
        return bool(self.settings.server.tls.certificate)

    @property
    def https(self) -> bool:
        """Tell whether callers come by https, as the issuer says."""
        return self.settings.issuer_url.startswith("https://")

    @property
    def issuer_host(self) -> str:
        """Return the host of the issuer."""
        return urlsplit(self.settings.issuer_url).hostname or ""

    @property
    def proxied(self) -> bool:
        """Tell whether proxies are trusted."""
        return bool(self.settings.server.trusted_proxies)

    @property
    def development(self) -> bool:
        """Tell whether all of it stays on one machine: what is dangerous elsewhere is not, here."""
        return self.inside and not self.proxied and loopback(self.issuer_host)

    @cached_property
    def store_url(self) -> str:
        """Return the store's URL, "" where it takes a command to know it. It may hold a password."""
        given = self.settings.store.url
        if isinstance(given, Source) and not given.at_once:
            return ""
        try:
            return self.settings.store_url
        except ValueError:  # the server says so when it starts
            return ""

    @property
    def database(self) -> Path | None:
        """Return the database's file, where it is one."""
        if not self.store_url.startswith("sqlite:"):
            return None
        from watchword.stores.opening import sqlite_path

        path = sqlite_path(self.store_url)
        return None if path == ":memory:" else Path(path)

    def variable_of(self, key: Key) -> str:
        """Return the environment variable that holds a setting, "" where none does."""
        given = {name.upper(): name for name in self.environment}
        for end in range(len(key), 0, -1):
            name = twin(key[:end])
            if name in given and name != NOT_A_TWIN:
                return given[name]
        return ""

    def written(self, key: Key) -> bool:
        """Tell whether the setting stands in the file, and the environment says nothing else."""
        return key in self.lines and not self.variable_of(key)

    def place_of(self, key: Key) -> tuple[str, int | None]:
        """Return file and line of a setting, or the environment variable that holds it."""
        variable = self.variable_of(key)
        return (variable, None) if variable else (self.file, place_of(key, self.lines))
