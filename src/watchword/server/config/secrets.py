"""Hold the secrets that the settings name, as they were last read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchword.server.config.file import ConfigError, Problem
from watchword.server.config.sources import Source, SourceError

if TYPE_CHECKING:
    from watchword.server.config.settings import Settings
    from watchword.server.config.values import Table

__all__ = ["SECRET_FIELDS", "Kept", "Secrets", "owners_of", "sources_of"]

SECRET_FIELDS: Final = frozenset({"password", "password_env", "client_secret", "client_secret_env"})
"""What says where a secret is; all else in its table says whom it is shown to, and how."""


class Kept:
    """Hold one secret; call it for its value. ``place`` is the setting that names its source.

    What takes no time to read (a variable, a file) is read at each use, and as it was last where it cannot be; what
    does is read once, and again by ``renew``.
    """

    __slots__ = ("_folder", "_source", "_value", "place")

    def __init__(self, place: str, source: Source, folder: Path) -> None:
        self.place: str = place
        self._source = source
        self._folder = folder
        self._value: str | None = None

    def __repr__(self) -> str:
        return f"Kept({self.place}: {self._source})"

    def __reduce__(self) -> Any:  # what was read stays in this process
        return Kept, (self.place, self._source, self._folder)

    def __call__(self) -> str:
        """Return the secret. Raise SourceError where it never could be read."""
        if self._value is None or self._source.at_once:
            try:
                self._value = self._source.read(self._folder)
            except SourceError:
                if self._value is None:
                    raise
        return self._value

    def follow(self, source: Source, value: str) -> None:
        """Take another source, and what was read from it."""
        self._source, self._value = source, value


class Secrets:
    """Hold all of them, by place."""

    def __init__(self, folder: Path = Path()) -> None:
        self.folder = folder
        self._kept: dict[str, Kept] = {}

    def of(self, place: str, source: Source) -> Kept:
        """Return the one of a place: the same object each time, so that who was given it follows what changes."""
        return self._kept.setdefault(place, Kept(place, source, self.folder))

    def read(self, sources: Mapping[str, Source]) -> dict[str, tuple[Source, str]]:
        """Read all of them anew, without taking any. Raise ConfigError with whatever cannot be read."""
        found: dict[str, tuple[Source, str]] = {}
        problems = []
        for place, source in sources.items():
            try:
                found[place] = source, source.read(self.folder)
            except SourceError as error:
                problems.append(Problem(_setting(place, source), "", str(error)))
        if problems:
            raise ConfigError(problems)
        return found

    def take(self, found: Mapping[str, tuple[Source, str]]) -> None:
        """Take what was read."""
        for place, (source, value) in found.items():
            self.of(place, source).follow(source, value)


def sources_of(settings: Settings) -> dict[str, Source]:
    """Return where each secret comes from that the server shows to others, by the setting that says so."""
    return {place: source for place, source, _ in _tables(settings)}


def owners_of(settings: Settings) -> dict[str, object]:
    """Return whom each secret is shown to: equal where it is the same one, in the same way."""
    return {place: table.model_dump(exclude=set(SECRET_FIELDS)) for place, _, table in _tables(settings)}


def _tables(settings: Settings) -> Iterator[tuple[str, Source, Table]]:
    if settings.mail.source is not None:
        yield "mail.password", settings.mail.source, settings.mail
    for provider in settings.provider:
        if provider.source is not None:
            yield f"provider.{provider.title}.client_secret", provider.source, provider
    for number, asked in enumerate(settings.introspection, 1):
        yield f"introspection.{number}.client_secret", asked.source, asked


def _setting(place: str, source: Source) -> str:
    return f"{place}_env" if source.kind == "env" else place
