"""Read base64url and JSON strictly: one spelling for one value, so that no two readers see two things."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from math import isfinite
from typing import Any, Final

__all__ = ["from_base64url", "json_object", "to_base64url"]

_MOST_DEPTH: Final = 32  # of nested JSON
_SPACE: Final = " \t\n\r"  # what JSON calls white space

# Whatever is not base64url becomes "!", which strict decoding refuses; so do padding and white space.
_TO_BASE64: Final = bytes(
    {45: 43, 95: 47}.get(code, code if chr(code).isascii() and chr(code).isalnum() else 33) for code in range(256)
)
# What may stand last, by length modulo 4: other characters carry bits that decoding drops (GHSA-5jhw-7jv7-qcqq).
_LAST: Final[tuple[frozenset[int], ...]] = (
    frozenset(range(256)),
    frozenset(),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)
_PADDING: Final = (b"", b"", b"==", b"=")


def from_base64url(text: bytes) -> bytes:
    """Return the bytes of one unpadded base64url text (RFC 4648 section 5), or raise ValueError.

    There is exactly one text for given bytes: padding, white space and stray trailing bits are refused.
    """
    rest = len(text) & 3
    if text and text[-1] not in _LAST[rest]:
        raise ValueError("not base64url")
    if not text.isalnum():  # for others there is nothing to translate, and most JSON has no others
        text = text.translate(_TO_BASE64)
    return a2b_base64(text + _PADDING[rest], strict_mode=True)


def to_base64url(raw: bytes) -> bytes:
    """Return the unpadded base64url text."""
    return urlsafe_b64encode(raw).rstrip(b"=")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _no_constant(text: str) -> None:
    raise ValueError("not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):  # 1e999 is written like a number, and could not be written again
        raise ValueError("not a number that we can hold")
    return value


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def json_object(raw: bytes) -> dict[str, Any] | None:
    """Return the JSON object, or None for anything else (RFC 8259).

    Refused too: a member that occurs twice in one object, NaN and Infinity and numbers as large, half a character
    (``\\ud800``; RFC 7493 section 2.1), a byte order mark, nesting beyond 32.
    """
    try:
        text = raw.decode()
        if text[:1] != "{":
            text = text.lstrip(_SPACE)
        value, end = _JSON.raw_decode(text)
        if end != len(text) and text[end:].strip(_SPACE):
            return None
        if "\\" in text and "\\u" in text:  # one character is found ten times as fast as two
            json.dumps(value, ensure_ascii=False).encode()  # half a character is no text, and nothing can be made of it
    except (ValueError, RecursionError):
        return None
    if value.__class__ is not dict or (text.count("[") + text.count("{") > _MOST_DEPTH and not _shallow(value)):
        return None
    return value


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_MOST_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return True
    return False
