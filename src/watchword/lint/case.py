"""Hold what the rules look at: the settings, their text, the environment, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from watchword.lint.overlaps import Overlaps, Place
from watchword.policy import names, parse
from watchword.server.config.file import NOT_A_TWIN, Key, key_lines, place_of, twin
from watchword.server.config.settings import Settings, address_of
from watchword.server.config.sources import Source

if TYPE_CHECKING:
    from watchword.lint.holdings import Holdings

__all__ = ["PEOPLE", "Case", "host_of", "loopback", "parts_of"]

PEOPLE: Final = frozenset({"session", "jwt", "oauth2"})
"""Schemes whose proof may say by which factors a person logged in."""


def loopback(host: str) -> bool:
    """Return whether a host is this machine itself."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def parts_of(url: str) -> SplitResult:
    """Return the parts of a URL; those of one that cannot be read are empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def host_of(url: str) -> str:
    """Return the host of a URL, "" where it has none or cannot be read."""
    return parts_of(url).hostname or ""


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
        return tuple(Place(number, entry) for number, entry in enumerate(self.settings.route) if entry.accept)

    @cached_property
    def overlaps(self) -> Overlaps:
        """Return how the routes stand in each other's way."""
        return Overlaps(self.routes)

    def accepting(self, *schemes: str) -> Iterator[Place]:
        """Yield the routes that accept one of ``schemes``."""
        return (place for place in self.routes if not place.schemes.isdisjoint(schemes))

    @property
    def host(self) -> str:
        """Return the address that is listened on."""
        listen = self.settings.server.listen
        return address_of(listen)[0] if listen else ""

    @property
    def issuer(self) -> str:
        """Return who we are in tokens, "" where nothing says so."""
        settings = self.settings
        return settings.issuer_url if settings.issuer or settings.server.listen else ""

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
        return self.issuer.startswith("https://")

    @property
    def issuer_host(self) -> str:
        """Return the host of the issuer."""
        return host_of(self.issuer)

    @property
    def admins(self) -> frozenset[str]:
        """Return the schemes by which operators come."""
        accept = self.settings.admin.accept
        return frozenset(names(parse(accept, None))) if accept else frozenset()

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

    @cached_property
    def _given(self) -> Mapping[str, str]:
        return {name.upper(): name for name in self.environment}

    def variable_of(self, key: Key) -> str:
        """Return the environment variable that holds a setting, "" where none does."""
        given = self._given
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
