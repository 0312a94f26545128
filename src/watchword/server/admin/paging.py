"""Read and write the cursors of lists: opaque to who asks, and nothing but a place in an order that an index keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest

from watchword.codec.strict import from_base64url, json_object, to_base64url
from watchword.lifecycle.clients.fields import FieldError
from watchword.model.verdict import Headers
from watchword.stores.rows import storable

__all__ = ["MOST", "PAGE_QUERY", "Page", "listed", "page_of"]

MOST: Final = 100
"""What a page holds at most."""

PAGE_QUERY: Final[Mapping[str, Any]] = {
    "cursor": {"type": "string", "description": "Where to go on: `next` of the page before"},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": MOST},
}
"""The parameters of every list."""

_LONGEST: Final = 4_096
_LARGEST: Final = 1 << 62
_WRONG: Final = FieldError("cursor", "cursor: not one of ours", "take the one that came as `next`, or none")


class Page:
    """Say which page is asked for: after which place (texts and numbers; () is the beginning), and how much of it."""

    __slots__ = ("after", "limit")

    def __init__(self, after: tuple[Any, ...], limit: int) -> None:
        self.after: tuple[Any, ...] = after
        self.limit: int = limit


def page_of(http: HttpRequest, *kinds: type) -> Page:
    """Read ``cursor``, a place of values of these kinds, and ``limit``. Raise FieldError."""
    query = http.query_params
    limit, cursor = query.get("limit", str(MOST)), query.get("cursor", "")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(MOST)) and 0 < int(limit) <= MOST):
        raise FieldError("limit", f"limit: 1 to {MOST}")
    after = _after(cursor) if cursor else ()
    if after and [type(each) for each in after] != list(kinds):
        raise _WRONG
    return Page(after, int(limit))


def listed(http: HttpRequest, name: str, values: list[Any], after: tuple[Any, ...]) -> tuple[dict[str, Any], Headers]:
    """Return what a list answers, and the link to its next page (RFC 8288); ``after`` is where that begins, () nowhere.

    A page may hold fewer than was asked for, and none at all: the end is where ``next`` is null.
    """
    if not after:
        return {name: values, "next": None}, ()
    cursor = to_base64url(json.dumps({"after": after}, separators=(",", ":")).encode()).decode()
    rest = [(key, value) for key, value in http.query_params.multi_items() if key != "cursor"]
    place = f"{http.scope['path']}?{urlencode([*rest, ('cursor', cursor)])}"
    link = f'<{place}>; rel="next"'.encode("ascii", "ignore")
    return {name: values, "next": cursor}, ((b"link", link),)


def _after(cursor: str) -> tuple[Any, ...]:
    try:
        found = json_object(from_base64url(cursor.encode("ascii"))) if len(cursor) <= _LONGEST else None
    except ValueError:
        raise _WRONG from None
    after = None if found is None else found.get("after")
    if not isinstance(after, list) or not after or not all(map(_possible, after)):
        raise _WRONG
    return tuple(after)


def _possible(value: Any) -> bool:
    """Return whether a store can look for it."""
    return storable(value) if isinstance(value, str) else isinstance(value, int) and abs(value) <= _LARGEST
