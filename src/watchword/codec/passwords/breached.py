"""Know passwords that are known to everybody: a shipped list of those most often found in breaches.

The list (``breached.bin``; where it comes from: ``breached-NOTICE.md``) holds the first five bytes of each one's
SHA-256, sorted. So it is small, is searched as it is, and one in some ten million other passwords is on it by chance.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Final

__all__ = ["LEAST", "folded", "is_breached", "packed"]

LEAST: Final = 6
"""Characters of the shortest password on the list."""
_WIDTH: Final = 5  # bytes
_LONGEST: Final = 32  # characters of the longest password on the list


def folded(password: str) -> str:
    """Return the password without what guessers try anyway: capitals, spaces and marks between words, width, accents.

    Where nothing else is left, it is the password in small letters.
    """
    small = unicodedata.normalize("NFKC", password).casefold()
    plain = "".join(char for char in unicodedata.normalize("NFKD", small) if not unicodedata.combining(char))
    return "".join(char for char in plain if char not in " -_.,") or small


def packed(passwords: Iterable[str]) -> bytes:
    """Return a list as it is shipped, of those between 6 and 32 characters."""
    texts = {folded(password) for password in passwords}
    return b"".join(sorted({_entry(text) for text in texts if LEAST <= len(text) <= _LONGEST}))


def is_breached(password: str, listed: bytes | None = None) -> bool:
    """Return whether the password is on the list: by itself, two in a row, or one, or anything short, over and over."""
    book = _shipped() if listed is None else listed
    text = folded(password)
    unit = _unit(text)
    if _has(book, text) or _has(book, unit) or len(unit) < min(LEAST, len(text)):
        return True
    return any(_has(book, text[:cut]) and _has(book, text[cut:]) for cut in range(LEAST, len(text) - LEAST + 1))


def _unit(text: str) -> str:
    """Return what ``text`` repeats, or all of it."""
    return text[: (text + text).find(text, 1)]


def _has(book: bytes, text: str) -> bool:
    if not LEAST <= len(text) <= _LONGEST:
        return False
    entry = _entry(text)
    low, high = 0, len(book) // _WIDTH
    while low < high:
        middle = (low + high) // 2
        if book[middle * _WIDTH : (middle + 1) * _WIDTH] < entry:
            low = middle + 1
        else:
            high = middle
    return book[low * _WIDTH : (low + 1) * _WIDTH] == entry


def _entry(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_WIDTH]


@cache
def _shipped() -> bytes:
    from importlib import resources

    return (resources.files("watchword.codec.passwords") / "breached.bin").read_bytes()
