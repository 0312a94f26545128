"""Give every account one spelling, so that variants share one record and one throttle."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["normal_name"]

_MOST: Final = 128  # characters
_REFUSED: Final = frozenset("/\\:;,?#%\"'<>()[]{}|^`")  # they mean something in a path, a URL, a list or a subject
_KINDS: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})  # beyond ASCII: letters, marks, digits


def normal_name(text: str) -> str | None:
    """Return the name's one spelling: NFKC, case folded. None when it cannot be a name.

    Refused are the empty name, over 128 characters, white space, control and invisible characters, punctuation that
    separates elsewhere, and a combining mark or nothing but dots at the start. The result is a fixed point.
    """
    if not 0 < len(text) <= _MOST:
        return None
    name = text.lower() if text.isascii() else _folded(text)
    if name is None or len(name) > _MOST or not name.strip("."):
        return None
    if any(not _allowed(char) for char in name) or unicodedata.combining(name[0]):
        return None
    return name


def _folded(text: str) -> str | None:
    name = text
    for _ in range(4):  # folding can undo composition and the other way round
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if folded == name:
            return name
        name = folded
    return None


def _allowed(char: str) -> bool:
    if char.isascii():
        return " " < char < "\x7f" and char not in _REFUSED
    return unicodedata.category(char) in _KINDS
