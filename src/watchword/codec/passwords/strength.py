"""Estimate how soon a password is guessed, by zxcvbn where it is installed, and say why in words of our own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Strength", "strength"]

_LONGEST: Final = 100  # characters that are looked at

_WHY: Final = {
    "StraightRowsOfKeysAreEasyToGuess": "Rows of keys are guessed early.",
    "ShortKeyboardPatternsAreEasyToGuess": "Patterns on the keyboard are guessed early.",
    "RepeatsLikeAaaAreEasyToGuess": "One character over and over is guessed early.",
    "RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess": "A word over and over is hardly better than the word.",
    "ThisIsATop10Password": "It is among the ten passwords that are tried first.",
    "ThisIsATop100Password": "It is among the hundred passwords that are tried first.",
    "ThisIsACommonPassword": "Many people have this password.",
    "ThisIsSimilarToACommonlyUsedPassword": "It is close to a password that many people have.",
    "SequencesLikeAbcAreEasyToGuess": "Sequences of letters or digits are guessed early.",
    "RecentYearsAreEasyToGuess": "Years are guessed early.",
    "AWordByItselfIsEasyToGuess": "One word alone is guessed early.",
    "DatesAreOftenEasyToGuess": "Dates are guessed early.",
    "NamesAndSurnamesByThemselvesAreEasyToGuess": "Names alone are guessed early.",
    "CommonNamesAndSurnamesAreEasyToGuess": "Common names are guessed early.",
}
_PLAIN: Final = "It is guessed early."


@dataclass(frozen=True, slots=True)
class Strength:
    """Tell how many guesses a password stands: 0 (under 10^3), 1 (10^6), 2 (10^8), 3 (10^10) or 4, and why so few."""

    score: int
    why: str


def strength(password: str, about: Iterable[str] = ()) -> Strength | None:
    """Return how strong the password is, known that ``about`` is easily found out; None where zxcvbn is missing.

    The first 100 characters are looked at, so it takes some milliseconds at most.
    """
    try:
        from zxcvbn_rs_py import zxcvbn
    except ImportError:
        return None
    text = password.encode("utf-8", "replace").decode()
    found: Any = zxcvbn(text[:_LONGEST], [word[:_LONGEST] for word in about])
    warning = getattr(found.feedback, "warning", None)
    return Strength(int(found.score), _WHY.get(repr(warning).rpartition(".")[2], _PLAIN))
