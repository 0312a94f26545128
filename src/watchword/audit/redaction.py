"""Take secrets out of what callers choose, before it is kept anywhere."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

__all__ = ["place", "redact"]

_SHOWN: Final = 512  # characters of a path
_LEVELS: Final = 3  # of percent-encoding that are looked under
_REDACTED: Final = "[redacted]"
_SECRET: Final = re.compile(
    r"(?:ak|hs)_(?:live|test)_[0-9A-Za-z]+|(?:rt|ws|cs|lk|ac)_[0-9A-Za-z._-]{20,}|(?:at|dc)_[0-9A-Za-z]{36,}"
    r"|://[^/@:\s]+:[^/@\s]+@"
)
_RUN: Final = re.compile(r"[\w.-]+")  # what a JWT is made of
_JWT: Final = "eyJ"  # how it begins


def redact(text: str) -> str:
    """Return ``text`` with everything that has a credential's shape replaced by "[redacted]". It takes linear time."""
    text = _SECRET.sub(_REDACTED, text)
    return _RUN.sub(_without_jwt, text) if _JWT in text else text


def _without_jwt(run: re.Match[str]) -> str:
    """Return a run of a JWT's characters without the JWT: one pattern for it would try each beginning to the end."""
    before, begins, rest = run[0].partition(_JWT)
    return before + _REDACTED if rest.count(".") > 1 else before + begins + rest


@lru_cache(1024)
def place(path: bytes) -> str:
    """Return a raw path as it may be shown."""
    text = redact(path.decode("utf-8", "backslashreplace"))
    plain = text
    for _ in range(_LEVELS if "%" in text else 0):
        plain = unquote(plain, errors="backslashreplace")
        if redact(plain) != plain:  # a secret does not become fit to be kept by being encoded
            return redact(plain)[:_SHOWN]
    return text[:_SHOWN]
