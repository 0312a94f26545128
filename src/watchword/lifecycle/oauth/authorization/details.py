"""Rights for one act rather than for a kind of act: ``authorization_details`` (RFC 9396). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

from watchword.codec.strict import json_object

__all__ = ["ERROR", "LONGEST", "Details", "details_of", "narrowed", "within"]

Details: TypeAlias = tuple[Mapping[str, Any], ...]
"""The objects of one ``authorization_details``, each with its ``type``."""

ERROR: Final = "invalid_authorization_details"
"""What a request with others than may be is answered (RFC 9396 section 5)."""

LONGEST: Final = 4_096
"""Characters of the whole parameter."""

_MOST: Final = 10
_LONGEST_TYPE: Final = 256
_LISTS: Final = ("locations", "actions", "datatypes", "privileges")  # RFC 9396 section 2.2


def details_of(text: str, known: Collection[str]) -> Details | None:
    """Return the objects that the parameter holds, None where one is malformed or of a type that is not ``known``.

    At most 4,096 characters and 10 objects (RFC 9396 section 2: an array of objects, each with a ``type``).
    """
    if len(text) > LONGEST:
        return None
    try:
        whole = json_object(b'{"details":%b}' % text.encode())
    except UnicodeEncodeError:
        return None
    found = whole["details"] if whole is not None and whole.keys() == {"details"} else None
    if not isinstance(found, list) or not 0 < len(found) <= _MOST:
        return None
    return tuple(found) if all(isinstance(each, dict) and _sound(each, known) for each in found) else None


def _sound(detail: Mapping[str, Any], known: Collection[str]) -> bool:
    kind = detail.get("type")
    if not isinstance(kind, str) or len(kind) > _LONGEST_TYPE or kind not in known:
        return False
    if not isinstance(detail.get("identifier", ""), str):
        return False
    return all(_texts(detail[name]) for name in _LISTS if name in detail)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def within(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Return whether one object asks for no more than another grants.

    What RFC 9396 section 2.2 defines as lists may be shorter, never longer; a list that was granted may not be left
    out, since its absence may mean everything. All else must be the same: nobody here knows what it means.
    """
    for name in _LISTS:
        if name in given and not (name in wanted and set(wanted[name]) <= set(given[name])):
            return False
        if name in wanted and name not in given:
            return False
    return {name: value for name, value in wanted.items() if name not in _LISTS} == {
        name: value for name, value in given.items() if name not in _LISTS
    }


def narrowed(text: str, granted: Sequence[Mapping[str, Any]]) -> Details | None:
    """Return what a token or refresh request asks for of what was granted; None where it asks for more.

    Without ``text`` it is all that was granted (RFC 9396 section 6).
    """
    if not text:
        return tuple(granted)
    wanted = details_of(text, {str(each["type"]) for each in granted})
    if wanted is None or not all(any(within(each, one) for one in granted) for each in wanted):
        return None
    return wanted
