"""Read and write header fields: credentials, challenges, cookies, Basic, dates. Pure; bytes in, bytes out."""

from __future__ import annotations

import binascii
import time
from base64 import b64decode, b64encode
from calendar import timegm
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from watchword.model.verdict import Challenge

__all__ = [
    "DUPLICATE",
    "CookieValue",
    "Duplicate",
    "cookie_reader",
    "parse_authorization",
    "parse_basic",
    "parse_date",
    "read_cookie",
    "render_basic",
    "render_challenge",
    "render_date",
]


class Duplicate(Enum):
    """Type the one value DUPLICATE, so that a type checker tells it from a cookie's value."""

    DUPLICATE = "duplicate"


DUPLICATE: Final = Duplicate.DUPLICATE
"""Say that a cookie came more than once: two readers might each believe another one."""

CookieValue: TypeAlias = bytes | Literal[Duplicate.DUPLICATE] | None
"""What a cookie holds; None when it is not there, DUPLICATE when it is more than once."""

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_DATE_LENGTH: Final = 29


def parse_authorization(value: bytes) -> tuple[bytes, bytes]:
    """Split an Authorization field into its scheme, lower-case, and the credentials after it (RFC 9110 section 11.4).

    The credentials are as sent, without the spaces around them; b"" when there are none.
    """
    scheme, _, credentials = value.partition(b" ")
    return scheme.lower(), credentials.strip(b" ")


@lru_cache(maxsize=512)
def render_challenge(challenge: Challenge) -> bytes:
    """Print one challenge of a WWW-Authenticate field (RFC 9110 section 11.6.1), every value a quoted-string.

    No value can end the string or the field: quotes and backslashes are escaped, controls become spaces, what is not
    ASCII becomes "?". Raises ValueError for a scheme or parameter name that is not a token: those are our own.
    """
    parts = [f"{_token(name)}={_quoted(value)}" for name, value in challenge.parameters]
    scheme = _token(challenge.scheme)
    return f"{scheme} {', '.join(parts)}".encode("ascii") if parts else scheme.encode("ascii")


def _token(text: str) -> str:
    if not text or text.encode("ascii", "replace").translate(None, _TOKEN) or not text.isascii():
        raise ValueError("a challenge's scheme and parameter names are tokens (RFC 9110 section 5.6.2)")
    return text


def _quoted(text: str) -> str:
    safe = "".join(char if " " <= char <= "~" else " " if char < " " else "?" for char in text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'


def cookie_reader(cookie: str) -> Callable[[bytes], CookieValue]:
    """Return what reads one cookie of a Cookie field, as ``read_cookie`` does, only faster."""
    name = cookie.encode("ascii")
    begin, length = name + b"=", len(name) + 1

    def read(header: bytes) -> CookieValue:
        at = header.find(begin)
        if at < 0:
            return None
        # Where the name stands once, at the beginning of a pair, it is that cookie and there is no other.
        if (at == 0 or header[at - 2 : at] == b"; ") and header.find(begin, at + length) < 0:
            end = header.find(b";", at)
            return (header[at + length :] if end < 0 else header[at + length : end]).rstrip(b" \t")
        return read_cookie(header, name)

    return read


def read_cookie(header: bytes, name: bytes) -> CookieValue:
    """Return the value of the cookie ``name``, None when there is none, DUPLICATE when there are several.

    The name is compared exactly (RFC 6265 section 5.4). A cookie without a name never matches, whatever its value
    looks like: a page of a sibling domain can set ``=__Host-session=x`` (CVE-2023-23934). The value is as sent.
    """
    found: bytes | None = None
    for pair in header.split(b";"):
        key, equals, value = pair.strip(b" \t").partition(b"=")
        if key == name and equals:
            if found is not None:
                return DUPLICATE
            found = value
    return found


def parse_basic(credentials: bytes) -> tuple[str, str] | None:
    """Return user-id and password of Basic credentials (RFC 7617), or None when they are malformed.

    Base64 must be canonical, so that one pair has one spelling; the text UTF-8 without control characters. The user-id
    ends at the first colon and is not empty.
    """
    try:
        raw = b64decode(credentials, validate=True)
        if b64encode(raw) != credentials:
            return None
        text = raw.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    if not colon or not user or _has_controls(text):
        return None
    return user, password


def render_basic(user: str, password: str) -> bytes:
    """Print an Authorization value for Basic in UTF-8 (RFC 7617 section 2.1).

    Raises ValueError when the user-id holds a colon or either a control character; the text does not name them.
    """
    if ":" in user or not user or _has_controls(user + password):
        raise ValueError("Basic cannot carry this: a colon or nothing in the user-id, or a control character")
    return b"Basic " + b64encode(f"{user}:{password}".encode())


def _has_controls(text: str) -> bool:
    return any(char < " " or "\x7f" <= char <= "\x9f" for char in text)


def render_date(at: float) -> bytes:
    """Print Unix seconds as IMF-fixdate (RFC 9110 section 5.6.7): ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    t = time.gmtime(at)
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (
        _DAYS[t.tm_wday],
        t.tm_mday,
        _MONTHS[t.tm_mon - 1],
        t.tm_year,
        t.tm_hour,
        t.tm_min,
        t.tm_sec,
    )


def parse_date(value: bytes) -> int | None:
    """Return the Unix seconds of an IMF-fixdate, or None when it is not exactly one."""
    if len(value) != _DATE_LENGTH:
        return None
    month = value[8:11]
    numbers = (value[12:16], value[5:7], value[17:19], value[20:22], value[23:25])
    if month not in _MONTHS or not all(number.isdigit() for number in numbers):
        return None
    year, day, hour, minute, second = map(int, numbers)
    try:
        at = timegm((year, _MONTHS.index(month) + 1, day, hour, minute, second))
        return at if render_date(at) == value else None
    except (OverflowError, ValueError):
        return None
