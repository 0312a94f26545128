"""Find secrets of ours in any bytes: text, binaries, UTF-16, and what is base64 in either.

One pattern for all of them reads 90 MB/s. So bytes are first turned into classes, in which two short texts are looked
for: a separator before 36 characters of base62, which every checksum has, and a run that can be base64. What is found
there is then judged by itself. Source code has little of either, and goes by at several hundred MB/s.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from watchword.codec.secrets import well_formed
from watchword.codec.shapes.forms import JWT, REFRESH, ROOT_KEY, SHAPES, SHORTEST, Shape, shape_of, signed_here

__all__ = ["LONGEST", "Hit", "hits"]

LONGEST: Final = 16_384
"""Bytes that a secret takes at most, in whatever form."""

_BASE62: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CLASSES: Final = bytes(ord("x" if code in _BASE62 else "s" if code in b"_." else " ") for code in range(256))
_FULL_STOP: Final = ord(".")
_AFTER_SEPARATOR: Final = b"s" + b"x" * SHORTEST
_ENCODED: Final = b"x" * 48  # the shortest secret has 39 bytes: 52 characters of base64, of which 48 are its own

_FAMILY: Final = re.compile(rb"rt_[0-9A-Za-z]{20}")
_AFTER_FAMILY: Final = re.compile(rb"\.[0-9A-Za-z]{36}\.[0-9]{1,10}\.[0-9A-Za-z]{36}")
_TO_FAMILY: Final = 23  # bytes before the first full stop of a refresh token

_JWT: Final = re.compile(rb"eyJ[0-9A-Za-z]{20,240}\.[0-9A-Za-z_-]{8,12000}\.[0-9A-Za-z_-]{40,700}")
_HEADER: Final = 240  # bytes that the header of a JWT of ours takes at most
_HEADERS: Final = 4  # places that are tried: there may be letters right before it, as in "%20eyJ"

_NAME: Final = b"WATCHWORD_ROOT_KEY"
_KEY: Final = rb"[0-9A-Za-z_-]{42}[AEIMQUYcgkosw048](?![0-9A-Za-z_-])"
_VALUE: Final = re.compile(
    rb"""WATCHWORD_ROOT_KEY["'\])]{0,2}[ \t]{0,8}[:=, \t][ \t]{0,8}["']?""" + b"((?:%b,? ?){1,8})" % _KEY
)
_KEYS: Final = re.compile(_KEY)

_GROUP: Final = 4  # characters of base64, for three bytes (RFC 4648 section 4)
_FIRSTS: Final = bytes(ord("x" if code in b"LMNOPQRSTUVWXYZabcde" else " ") for code in range(256))
_ROW: Final = b"x" * 12
_RUN: Final = re.compile(b"x+")
_ALPHABET: Final = re.compile(rb"[0-9A-Za-z]+")
_FRAGMENT: Final = 10  # characters of base64 that a prefix takes at most
_IN_UTF16: Final = (b"\x00_\x00", b"\x00y\x00J\x00")

_BEGINS: Final = 20  # bytes after a prefix that are always of base62
_NEAR: Final = 40  # characters of base64 that hold these
_REACH: Final = 160  # characters of base64 that hold any secret with a checksum


@dataclass(frozen=True, slots=True)
class Hit:
    """Say where a secret was found: at which byte, in what ``form`` ("", "base64", "utf-16"), how many bytes long."""

    at: int
    shape: Shape
    text: str = field(repr=False)
    form: str = ""
    length: int = 0


def hits(data: bytes) -> list[Hit]:
    """Return every secret of ours in ``data``, by place. It takes linear time."""
    found = list(_plain(data))
    if any(sign in data for sign in _IN_UTF16):  # each other byte is zero there; which ones tells the byte order
        for odd in (0, 1):
            for hit in _plain(data[odd::2]):
                found.append(replace(hit, at=2 * hit.at + odd, length=2 * hit.length, form="utf-16"))
    return sorted(found, key=lambda hit: hit.at)


def _plain(data: bytes) -> Iterator[Hit]:
    classes = data.translate(_CLASSES)
    return chain(_with_checksum(data, classes), _in_runs(data, classes), _root_keys(data))


def _with_checksum(data: bytes, classes: bytes) -> Iterator[Hit]:
    at = classes.find(_AFTER_SEPARATOR)
    while at >= 0:
        if data[at - 2 : at + 1] in _ENDS:
            hit = _after_underscore(data, at)
        else:
            hit = _after_family(data, at) if data[at] == _FULL_STOP else None
        if hit is not None:
            yield hit
        at = classes.find(_AFTER_SEPARATOR, at + 1)


_PREFIXES: Final = tuple((shape.prefix.encode(), shape) for shape in SHAPES if shape is not REFRESH)
_ENDS: Final = frozenset(prefix[-3:] for prefix, _ in _PREFIXES)


def _after_underscore(data: bytes, at: int) -> Hit | None:
    """Return the secret whose prefix ends at this underscore."""
    for prefix, shape in _PREFIXES:
        start = at + 1 - len(prefix)
        if start >= 0 and data.startswith(prefix, start):
            text = data[start : at + 1 + SHORTEST]
            if well_formed(text, prefix):
                return Hit(start, shape, text.decode(), length=len(text))
    return None


def _after_family(data: bytes, at: int) -> Hit | None:
    """Return the refresh token whose first full stop this is."""
    start = at - _TO_FAMILY
    if start < 0 or _FAMILY.fullmatch(data, start, at) is None:
        return None
    rest = _AFTER_FAMILY.match(data, at)
    text = "" if rest is None else data[start : rest.end()].decode()
    return Hit(start, REFRESH, text, length=len(text)) if shape_of(text) is REFRESH else None


def _in_runs(data: bytes, classes: bytes) -> Iterator[Hit]:
    """Look into runs of base62 that are long enough to be base64."""
    at = classes.find(_ENCODED)
    while at >= 0:
        run = _RUN.match(classes, at)
        end = at + len(_ENCODED) if run is None else run.end()
        for start, stop in _like_text(data[at:end]):
            yield from _base64(data, at + start, at + stop)
        if data.startswith(b".", end):
            yield from _jwt(data, max(at, end - _HEADER), end)
        at = classes.find(_ENCODED, end)


def _like_text(run: bytes) -> Iterator[tuple[int, int]]:
    """Yield those parts of base64 in which text may begin that is made of what our secrets are made of.

    Of letters, digits, "_" and "." the upper six bits are among twenty. So a secret is a row of at least twelve such
    characters, each the first in its group of four.
    """
    for phase in range(_GROUP):
        firsts = run[phase::_GROUP].translate(_FIRSTS)
        at = firsts.find(_ROW)
        while at >= 0:
            row = _RUN.match(firsts, at)
            end = at + len(_ROW) if row is None else row.end()
            start = max(0, _GROUP * (at - 1) + phase)
            yield start, min(len(run), _GROUP * (end - len(_ROW) + 2) + phase)
            at = firsts.find(_ROW, end)


def _jwt(data: bytes, start: int, end: int) -> Iterator[Hit]:
    for _ in range(_HEADERS):
        start = data.find(b"eyJ", start, end)
        if start < 0:
            return
        if signed_here(data[start:end].decode()):
            whole = _JWT.match(data, start)
            if whole is not None and shape_of(whole[0].decode()) is JWT:
                yield Hit(start, JWT, whole[0].decode(), length=len(whole[0]))
            return
        start += 1


def _base64(data: bytes, start: int, end: int) -> Iterator[Hit]:
    """Decode what begins where a prefix reads so in base64. A secret there has neither "+" nor "/", "-" nor "_".

    What comes before the prefix may have them, so of that only the character is taken that both share.
    """
    match = _FRAGMENTS.search(data, start, end + _FRAGMENT)
    while match is not None and match.start() < end:
        at = match.start()
        skipped, odd, begun = _ALIGNED[match[0]]
        shared = min(skipped, 1)
        before = b"A" * (skipped - shared)
        near = before + data[at - shared : at + _NEAR] if at >= shared else b""
        # Most of what reads like a prefix is none: that is told by the first characters after it.
        if b64decode(near[: len(near) // _GROUP * _GROUP])[begun : begun + _BEGINS].isalnum():
            run = _ALPHABET.match(data, at - shared, at + _REACH)
            text = before + (b"" if run is None else run[0])
            inside = b64decode(text[: -1 if len(text) % _GROUP == 1 else None] + b"==")
            hit = next((each for each in _with_checksum(inside, inside.translate(_CLASSES)) if each.at == odd), None)
            if hit is not None:
                yield Hit(at - shared, hit.shape, hit.text, "base64", length=(4 * hit.length + 2) // 3)
        match = _FRAGMENTS.search(data, at + 1, end + _FRAGMENT)


def _aligned() -> dict[bytes, tuple[int, int, int]]:
    """Return how each prefix reads in base64, for each of the three ways in which it can lie in groups of three bytes.

    With it: how many characters of the first group come before, at which byte of that group the prefix begins, and at
    which the rest.
    """
    found = {}
    for shape in SHAPES:
        raw = shape.prefix.encode()
        for odd in range(3):
            first, last = -(-8 * odd // 6), 8 * (odd + len(raw)) // 6
            found[b64encode(bytes(odd) + raw + bytes(3))[first:last]] = (first, odd, odd + len(raw))
    return found


_ALIGNED: Final = _aligned()
_FRAGMENTS: Final = re.compile(b"|".join(sorted(_ALIGNED)))


def _root_keys(data: bytes) -> Iterator[Hit]:
    at = data.find(_NAME)
    while at >= 0:
        match = _VALUE.match(data, at)
        for key in _KEYS.finditer(data, *match.span(1)) if match is not None else ():  # several while it is replaced
            yield Hit(key.start(), ROOT_KEY, key[0].decode(), length=len(key[0]))
        at = data.find(_NAME, at + 1)
