"""Read forms strictly, and places to go on to: what is ambiguous is refused."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from watchword.model.reason import MALFORMED_REQUEST, UNSUPPORTED_MEDIA
from watchword.model.request import Request
from watchword.model.verdict import Rejection

__all__ = ["FORM", "JSON", "decoded", "fields_of", "fields_with", "form_of", "form_with", "local_path", "media_type"]

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_PLAIN: Final = FORM.encode()
_MOST_FIELDS: Final = 256  # a consent page has one for each scope
_LONGEST_PLACE: Final = 2048
_MEDIA: Final = re.compile(rb"(application/[a-z.+-]+)[ \t]*(?:;[ \t]*charset=\"?utf-8\"?[ \t]*)?", re.IGNORECASE)
_PLACE: Final = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*")
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def media_type(request: Request) -> str:
    """Return the media type, lower-case; "" for none and for one with parameters other than charset=utf-8."""
    said = request.fields.get(b"content-type", b"")
    if said == _PLAIN:
        return FORM
    match = _MEDIA.fullmatch(said)
    return match[1].decode().lower() if match else ""


def decoded(text: str) -> str | None:
    """Return a form-encoded text decoded, None when it is not UTF-8 or has a stray percent sign."""
    if "%" not in text and "+" not in text:
        return text
    if _STRAY_PERCENT.search(text):
        return None
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        return None


def form_of(request: Request) -> dict[str, str] | Rejection:
    """Return the fields of a urlencoded form; a field that came twice is refused (RFC 6749 section 3.2)."""
    if media_type(request) != FORM:
        return Rejection(UNSUPPORTED_MEDIA)
    form = fields_of(request.body or b"")
    return Rejection(MALFORMED_REQUEST, "form") if form is None else form


def form_with(
    request: Request, lists: tuple[str, ...]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]] | Rejection:
    """Return the fields of a urlencoded form, and apart from them those of ``lists``, which may come several times."""
    if media_type(request) != FORM:
        return Rejection(UNSUPPORTED_MEDIA)
    read = fields_with(request.body or b"", lists)
    return Rejection(MALFORMED_REQUEST, "form") if read is None else read


def fields_with(raw: bytes, lists: tuple[str, ...]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]] | None:
    """Return the fields of a form or a query, and apart from them those of ``lists``; None when malformed."""
    form: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    pairs = _pairs(raw)
    if pairs is None:
        return None
    for key, text in pairs:
        if key in lists:
            several[key] = (*several.get(key, ()), text)
        elif key in form:
            return None
        else:
            form[key] = text
    return form, several


def fields_of(raw: bytes) -> dict[str, str] | None:
    """Return the fields of a form or a query; None when malformed, or when one came twice (RFC 6749 section 3.1)."""
    read = fields_with(raw, ())
    return None if read is None else read[0]


def _pairs(raw: bytes) -> list[tuple[str, str]] | None:
    if not raw.isascii() or raw.count(b"&") >= _MOST_FIELDS:
        return None
    pairs: list[tuple[str, str]] = []
    for pair in filter(None, raw.decode("ascii").split("&")):
        name, _, value = pair.partition("=")
        key, text = decoded(name), decoded(value)
        if key is None or text is None:
            return None
        pairs.append((key, text))
    return pairs


def local_path(text: str) -> str | None:
    """Return ``text`` if it is a path of this site that no browser reads as another one, else None.

    It starts with one "/", has no backslash, control character, empty or dot segment, not even encoded.
    """
    if len(text) > _LONGEST_PLACE or not _PLACE.fullmatch(text) or _STRAY_PERCENT.search(text):
        return None
    path = text.partition("?")[0]
    for level in (path, unquote(path), unquote(unquote(path))):
        if "//" in level or "\\" in level or not level.isprintable() or {".", ".."} & set(level.split("/")):
            return None
    return text
