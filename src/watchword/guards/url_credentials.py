"""Refuse credentials in the URL, where logs, histories and Referer fields keep them (RFC 9700 section 4.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

from watchword.model.reason import CREDENTIAL_IN_URL
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rejection

__all__ = ["UrlCredentials"]

_UNDERSCORE: Final = ord("_")  # every credential of ours has one; a number is found faster than bytes are
_PERCENT: Final = ord("%")
_LEVELS: Final = 3  # of percent-encoding that are looked under
_LOOKED_AT: Final = 64  # matches; finding a match's parameter takes time
_MOST: Final = 16  # credentials reported of one URL

# What a parameter means by its name alone. "token", "key", "code", "sig" mean too many things: there, the value tells.
_NAMED: Final = re.compile(
    rb"(?:^|[&;])((?:access|refresh)[_-]?token|(?:x-)?api[_-]?key|client[_-]?secret|password|passwd|authorization)"
    rb"=([^&;]+)",
    re.IGNORECASE,
)
_OURS: Final = rb"(?<![0-9A-Za-z])(?:(?:ak|hs)_(?:live|test)_[0-9A-Za-z]+|rt_[0-9A-Za-z]{20,})"
_PATH: Final = re.compile(_OURS)
_VALUE: Final = re.compile(_OURS + rb"|(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{4,}\.[0-9A-Za-z_-]*")
# Where standards put a JWT into a URL: OpenID Connect RP-Initiated Logout section 2, RFC 9101 section 5.1.
_JWT_NAMES: Final = frozenset({b"id_token_hint", b"request"})

# Encoded separators stand for themselves until the end, so that they never split a parameter.
_HIDDEN: Final = ((b"%26", b"\x01"), (b"%3b", b"\x02"), (b"%3B", b"\x02"), (b"%3d", b"\x03"), (b"%3D", b"\x03"))
_SHOWN: Final = bytes.maketrans(b"\x01\x02\x03", b"&;=")


class UrlCredentials:
    """Refuse a request whose query or path holds a credential, by a parameter's name or by the look of a value.

    ``on_burnt`` is called with what was found: whatever was in a URL counts as leaked. It takes linear time.
    """

    __slots__ = ("_on_burnt",)

    def __init__(self, on_burnt: Callable[[list[str]], None] | None = None) -> None:
        self._on_burnt = on_burnt

    def check(self, request: Request, who: Principal | None) -> Rejection | Headers:
        """Return CREDENTIAL_IN_URL, which names the parameter and never the value, or nothing."""
        if not request.query and _UNDERSCORE not in request.path and _PERCENT not in request.path:
            return ()
        found = _found(request)
        if not found:
            return ()
        if self._on_burnt is not None:
            self._on_burnt([value for _, value in found])
        return Rejection(CREDENTIAL_IN_URL, f"in {found[0][0]}")

    def burnt(self, request: Request) -> list[str]:
        """Return the credentials in the URL, at most 16, for the lifecycle to look up and mark as leaked."""
        return list(dict.fromkeys(value for _, value in _found(request)))


def _found(request: Request) -> list[tuple[str, str]]:
    """Return (where, credential) pairs."""
    found = [("the path", match[0].decode()) for match in _matches(_PATH, filter(_suspicious, _levels(request.path)))]
    if request.query:
        levels = _levels(request.query)
        named = _matches(_NAMED, levels[:2])  # a server decodes a name once
        found += [(f"parameter {match[1].decode().lower()}", _text(match[2])) for match in named]
        found += [(_where(_name(match)), match[0].decode()) for match in _matches(_VALUE, filter(_suspicious, levels))]
    return found[:_MOST]


def _levels(raw: bytes) -> list[bytes]:
    """Return the text as sent and percent-decoded once, twice and so on."""
    levels = [raw]
    while _PERCENT in levels[-1] and len(levels) <= _LEVELS:
        text = levels[-1]
        if b"%2" in text or b"%3" in text:
            for encoded, hidden in _HIDDEN:
                text = text.replace(encoded, hidden)
        levels.append(unquote_to_bytes(text))
    return levels


def _suspicious(text: bytes) -> bool:
    """Return whether a search for values can find anything; most URLs have no such part, and this costs less."""
    return b"_live_" in text or b"_test_" in text or b"rt_" in text or b"eyJ" in text


def _matches(pattern: re.Pattern[bytes], levels: Iterable[bytes]) -> list[re.Match[bytes]]:
    found: list[re.Match[bytes]] = []
    for text in levels:
        seen = islice(pattern.finditer(text), _LOOKED_AT)
        found += islice(filter(_misplaced, seen), _MOST)
    return found


def _misplaced(match: re.Match[bytes]) -> bool:
    return not match[0].startswith(b"eyJ") or _name(match) not in _JWT_NAMES


def _name(match: re.Match[bytes]) -> bytes:
    """Return the name of the parameter that the match is in, b"" when it is in the name itself."""
    text = match.string
    start = max(text.rfind(b"&", 0, match.start()), text.rfind(b";", 0, match.start())) + 1
    name, equals, _ = text[start : match.start()].partition(b"=")
    return name.lower() if equals else b""


def _where(name: bytes) -> str:
    clean = re.fullmatch(rb"[a-z0-9_.\[\]-]{1,64}", name) and not _VALUE.search(name)
    return f"parameter {name.decode()}" if clean else "the query"


def _text(value: bytes) -> str:
    return unquote_to_bytes(value).translate(_SHOWN).decode("utf-8", "replace")
