"""Judge new passwords by NIST SP 800-63B-4 section 3.1.1.2: long, known to nobody, about nobody, else as one likes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from watchword.codec.passwords.breached import folded, is_breached
from watchword.codec.passwords.hashing import ALONE, MOST_BYTES, WITH_SECOND_FACTOR, prepared
from watchword.codec.passwords.strength import strength
from watchword.lifecycle.errors import LifecycleError

__all__ = ["LEAST", "Complaint", "PasswordRules"]

LEAST: Final = WITH_SECOND_FACTOR
"""Characters that no setting goes below."""
_OWN_WORDS: Final = ("watchword",)
_SHORTEST_WORD: Final = 4  # characters: what is shorter stands in too many other words
_BESIDE: Final = 8  # characters that must be left beside words about the person or the service
_MOST_WORDS: Final = 32


@dataclass(frozen=True, slots=True)
class Complaint:
    """Say what is wrong with a new password: a code for programs, a sentence for people.

    ``code`` is ``too_short``, ``too_long``, ``impossible``, ``breached``, ``personal`` or ``guessable``; ``number`` is
    the bound that was missed, where there is one, for those who write sentences of their own.
    """

    code: str
    text: str
    number: int = 0


class PasswordRules:
    """Hold what a new password must be. There are no rules about which characters, and none for passwords in use.

    ``minimum`` and ``minimum_with_factor`` are characters (code points), where the password is all there is and where a
    second factor is asked for too. ``strength`` is the least score of zxcvbn, 0 to 4, where that is installed; beside a
    second factor, one less.
    ``service`` are words that guessers of this service's passwords try: its name, its host.
    """

    def __init__(
        self,
        *,
        minimum: int = ALONE,
        minimum_with_factor: int = WITH_SECOND_FACTOR,
        strength: int = 3,
        service: Iterable[str] = (),
    ) -> None:
        if min(minimum, minimum_with_factor) < LEAST:
            raise ValueError(f"a password has at least {LEAST} characters")
        self.minimum: int = minimum
        self.minimum_with_factor: int = minimum_with_factor
        self._strength = strength
        self._service = (*_OWN_WORDS, *service)

    def check(self, password: str, *, second_factor: bool = False, about: Iterable[str] = ()) -> tuple[Complaint, ...]:
        """Return what is wrong with a new password; nothing is: ``()``.

        ``about`` is what is known of its owner: user name, address, name. Takes some milliseconds.
        """
        shape = self._shape(password, self.minimum_with_factor if second_factor else self.minimum)
        if shape is not None:
            return (shape,)
        if is_breached(password):
            return (Complaint("breached", "Use another: this one is on the lists that guessers try first."),)
        words, text = _words((*about, *self._service)), folded(password)
        if len(rest := _without(text, words)) < _BESIDE and rest != text:
            more = "Use more than your name, your address or the name of this service."
            return (Complaint("personal", more, _BESIDE),)
        score = self._strength - second_factor
        found = strength(password, words) if score > 0 else None
        if found is not None and found.score < score:
            return (Complaint("guessable", f"{found.why} Add a word or two that have nothing to do with each other."),)
        return ()

    def demand(self, password: str, *, second_factor: bool = False, about: Iterable[str] = ()) -> None:
        """Raise LifecycleError when something is wrong with a new password."""
        for complaint in self.check(password, second_factor=second_factor, about=about):
            raise LifecycleError(f"the password is refused: {_sentence(complaint.text)}", _HINTS[complaint.code])

    def _shape(self, password: str, least: int) -> Complaint | None:
        if len(password.encode("utf-8", "replace")) > MOST_BYTES:
            return Complaint("too_long", f"Use at most {MOST_BYTES:,} bytes.", MOST_BYTES)
        raw = prepared(password)
        if password and raw is None:
            return Complaint("impossible", "Leave out control characters.")
        length = 0 if raw is None else len(raw.decode())
        if length < least:
            return Complaint("too_short", f"Use at least {least} characters; {length} are too few.", least)
        return None


_FEW_WORDS: Final = "some words in a row are easy to remember and hard to guess"
_HINTS: Final = {
    "too_short": f"{_FEW_WORDS}; the settings are passwords.minimum and passwords.minimum_with_factor",
    "too_long": "nobody needs more",
    "impossible": "such as line feeds and tabs",
    "breached": _FEW_WORDS,
    "personal": _FEW_WORDS,
    "guessable": f"{_FEW_WORDS}; the setting is passwords.strength",
}


def _sentence(text: str) -> str:
    return text[0].lower() + text[1:].rstrip(".")


def _words(texts: Iterable[str]) -> list[str]:
    """Return the words in ``texts``, folded, the longest first."""
    words: set[str] = set()
    for text in texts:
        parts = (text, *re.split(r"[\W_]+", text), *re.split(r"\s+|@", text))
        words |= {word for part in parts if len(word := folded(part)) >= _SHORTEST_WORD}
    return sorted(words, key=len, reverse=True)[:_MOST_WORDS]


def _without(text: str, words: Iterable[str]) -> str:
    for word in words:
        text = text.replace(word, "")
    return text
