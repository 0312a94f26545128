"""Say things in the reader's language: English, and what the catalogues beside this file hold.

The English text is the key. A catalogue is a TOML table of such texts and their translations; ``{name}`` in both stands
for a value. A text that came with its values in it ("Use at least 15 characters.") is found by its pattern.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from watchword.lifecycle.people.accounts import LOCALES

__all__ = ["SPOKEN", "Spoken", "ago", "catalogue", "language_of", "translated"]

SPOKEN: ContextVar[str] = ContextVar("SPOKEN", default=LOCALES[0])
"""The language that the request being answered is answered in."""

_HERE: Final = Path(__file__).parent / "languages"
_SLOT: Final = re.compile(r"\\\{([a-z_]+)\\\}")
_SENTENCE: Final = re.compile(r"(?<=[.!?]) ")
_MOST: Final = 16  # languages of one Accept-Language that are looked at
_UNITS: Final = ((86400, "{n} d ago"), (3600, "{n} h ago"), (60, "{n} min ago"))


class Spoken:
    """Answer each request in the language that it asks for."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection event of ASGI."""
        accept = next((value for name, value in scope.get("headers", ()) if name == b"accept-language"), b"")
        SPOKEN.set(language_of(accept) or LOCALES[0])
        await self._app(scope, receive, send)


def language_of(accept: bytes) -> str:
    """Return the language that we have and Accept-Language likes best (RFC 9110 section 12.5.4), "" for none."""
    best, found = 0.0, ""
    for part in accept.decode("latin-1").split(",")[:_MOST]:
        named, _, parameter = part.partition(";")
        language = named.strip().partition("-")[0].lower()
        weight = _weight(parameter)
        if language in LOCALES and weight > best:
            best, found = weight, language
    return found


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@lru_cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return a language's translations by the English text; none for English."""
    return _read(language) | _read(f"{language}-console")


def _read(name: str) -> dict[str, str]:
    path = _HERE / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@lru_cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return what finds texts with values in them, the longest first: it says the most.

    Not those of the console, whose templates alone say them: "{kind} for {subject}" fits too much.
    """
    known = _read(language)
    texts = sorted((text for text in known if "{" in text), key=len, reverse=True)
    return tuple((re.compile(_SLOT.sub(r"(?P<\1>.+)", re.escape(text))), known[text]) for text in texts)


def translated(text: str, language: str, /, **values: object) -> str:
    """Return a text in a language, its slots filled with ``values``; what nobody translated stays English."""
    known = catalogue(language)
    if values:
        return known.get(text, text).format(**values)
    if not known or text in known:
        return known.get(text, text)
    return _by_pattern(text, language) or _by_sentence(text, language)


def _by_pattern(text: str, language: str) -> str:
    for pattern, other in _patterns(language):
        if found := pattern.fullmatch(text):
            return other.format(**found.groupdict())
    return ""


def _by_sentence(text: str, language: str) -> str:
    sentences = _SENTENCE.split(text)
    return " ".join(translated(each, language) for each in sentences) if len(sentences) > 1 else text


def ago(seconds: float, language: str) -> str:
    """Return how long ago something was, roughly, in words."""
    for unit, text in _UNITS:
        if seconds >= unit:
            return translated(text, language, n=int(seconds) // unit)
    return translated("just now", language)
