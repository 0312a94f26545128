"""Name an API by its URL, and find what it says about itself (RFC 8707, RFC 9728)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

__all__ = ["WELL_KNOWN", "checked_resource", "metadata_url", "origin_of"]

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
_LONGEST: Final = 512


def checked_resource(uri: str) -> str:
    """Return an http(s) URL that can name an API: absolute, without user and fragment (RFC 8707 section 2).

    Raise ValueError for anything else.
    """
    parts = urlsplit(uri) if uri.isascii() and uri.isprintable() and len(uri) <= _LONGEST else None
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{uri!r} names no API: write an absolute URL such as https://api.example.com/orders")
    if "#" in uri:
        raise ValueError(f"{uri!r} names no API: it must have no fragment (RFC 8707 section 2)")
    if set(uri) & set(' "<>\\^`{|}'):
        raise ValueError(f"{uri!r} names no API: some characters must be percent-encoded (RFC 3986)")
    return uri


def origin_of(uri: str) -> str:
    """Return scheme and authority of a URL that was checked."""
    return "/".join(uri.split("/")[:3]).partition("?")[0]


def metadata_url(uri: str) -> str:
    """Return where the API's metadata is: the well-known path goes between host and path (RFC 9728 section 3.1)."""
    origin = origin_of(uri)
    rest = uri[len(origin) :]
    path, mark, query = rest.partition("?")
    return f"{origin}{WELL_KNOWN}{'' if path == '/' else path}{mark}{query}"
