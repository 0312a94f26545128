"""Build the exact bytes that a signed request signs: one row for each profile.

A signature proves only what the signed bytes say, so two different requests must never give the same bytes. Profile
``v1`` guarantees that: ten lines, and no component may hold a newline. Profile ``concat`` cannot (see ``_concat``).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

__all__ = ["DEFAULT_PROFILE", "PROFILES", "Canonical", "Parts", "body_digest", "canonical", "sign"]

_HEAD: Final = b"watchword-hmac-v1"
_BREAKS: Final = 9  # newlines between ten lines
_RETURN, _NUL = ord("\r"), ord("\0")  # numbers are found faster than bytes are
# What may stand raw in a path and query (RFC 3986 sections 3.3 and 3.4).
_TARGET: Final = b"-._~!$&'()*+,;=:@/?%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODYLESS: Final = frozenset(
    {"GET", "HEAD", "DELETE", "OPTIONS"}
)  # content has no meaning there (RFC 9110 section 9.3)
_SECONDS: Final = 10  # digits of a timestamp from 2001 until 2286


class Parts(NamedTuple):
    """Hold what a profile may sign, in the order of ``v1``.

    ``timestamp`` is the text as sent; ``nonce``, ``query`` and ``content_type`` are b"" when absent; ``authority`` as
    sent in Host; ``path`` raw; ``query`` raw without "?"; ``body_sha256`` lower-case hex; ``body`` None when nobody
    read it.
    """

    key_id: bytes
    timestamp: bytes
    nonce: bytes
    method: str
    authority: bytes
    path: bytes
    query: bytes
    content_type: bytes
    body_sha256: str
    body: bytes | None


Canonical: TypeAlias = Callable[[bytes, bytes, bytes, str, bytes, bytes, bytes, bytes, str, bytes | None], bytes | None]
"""Return the bytes to sign, or None when the request cannot be told from another one by them. It takes Parts, spelled
out: one call is made for each signed request, and a tuple for it would cost a third as much again."""


def _v1(
    key_id: bytes,
    timestamp: bytes,
    nonce: bytes,
    method: str,
    authority: bytes,
    path: bytes,
    query: bytes,
    content_type: bytes,
    body_sha256: str,
    body: bytes | None,
) -> bytes | None:
    """Join the ten lines of ``v1``; None when a component holds a newline, a carriage return or a NUL."""
    if not (method.isascii() and body_sha256.isascii()):
        return None
    verb, host, digest = method.encode(), authority.lower(), body_sha256.encode()
    message = b"\n".join((_HEAD, key_id, timestamp, nonce, verb, host, path, query, content_type, digest))
    if message.count(b"\n") != _BREAKS or _RETURN in message or _NUL in message:
        return None
    return message


def _concat(
    key_id: bytes,
    timestamp: bytes,
    nonce: bytes,
    method: str,
    authority: bytes,
    path: bytes,
    query: bytes,
    content_type: bytes,
    body_sha256: str,
    body: bytes | None,
) -> bytes | None:
    """Join method, raw target, body and timestamp with nothing between, as the article has it.

    Nothing marks where one part ends, and host, content type and nonce are not signed at all. Bound is what can be:

    - method | target: a method has letters only, and the target starts with "/".
    - body | timestamp: the timestamp is the last ten digits, always ten.
    - target | body, half: the target holds only what RFC 3986 allows raw, so a body that starts otherwise, as JSON
      does, cannot lend bytes to the target. GET, HEAD, DELETE and OPTIONS must come without a body, so theirs cannot
      lend any to it.

    What stays open is a POST, PUT or PATCH: whoever holds one that was not yet accepted can cut the target short and
    put what was cut before the body, or, for a form, the other way round. ``v1`` has no such hole.
    """
    if body is None or len(timestamp) != _SECONDS or not timestamp.isdigit():
        return None
    if not (method.isascii() and method.isalpha()) or not path.startswith(b"/"):
        return None
    if body and method in _BODYLESS:
        return None
    target = path + b"?" + query if query else path
    if target.translate(None, _TARGET):
        return None
    return b"".join((method.encode(), target, body, timestamp))


PROFILES: Final[Mapping[str, Canonical]] = MappingProxyType({"v1": _v1, "concat": _concat})
"""Map each profile's name to its canonical form. A key is bound to one of them."""

DEFAULT_PROFILE: Final = "v1"


def canonical(profile: str, parts: Parts) -> bytes | None:
    """Return the bytes that ``profile`` signs, or None when the request cannot be told from another one by them.

    Raises KeyError for an unknown profile.
    """
    return PROFILES[profile](*parts)


def body_digest(body: bytes) -> str:
    """Return the lower-case hex SHA-256 of a body."""
    return hashlib.sha256(body).hexdigest()


def sign(secret: str | bytes, message: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 (RFC 2104) of ``message``; a text secret is its UTF-8.

    Raises ValueError for an empty secret: anybody could sign with it.
    """
    key = secret.encode() if isinstance(secret, str) else secret
    if not key:
        raise ValueError("an empty secret signs nothing")
    return hmac.digest(key, message, "sha256").hex()
