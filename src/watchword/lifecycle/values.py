"""Read what operators type: subjects, scopes, networks, durations, rates. Errors name place and nearest word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Final

from watchword.codec.names import normal_name
from watchword.codec.oauth.redirect_uri import redirect_fault
from watchword.lifecycle.errors import LifecycleError
from watchword.model.verdict import Rate

__all__ = ["duration_of", "networks_of", "rate_of", "redirect_of", "scopes_of", "subject_of"]

_UNITS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_KINDS: Final = ("user", "service")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
_LONGEST: Final = 100 * 366 * 86400


def subject_of(text: str) -> str:
    """Return the normal form of "user:NAME" or "service:NAME"."""
    kind, colon, name = text.partition(":")
    if not colon:
        raise LifecycleError(f"{text[:80]!r} is not a subject", "write user:NAME or service:NAME")
    if kind not in _KINDS:
        near = get_close_matches(kind, _KINDS, 1, 0.4)
        raise LifecycleError(
            f"unknown kind of subject {kind[:40]!r} at position 1",
            f"did you mean {near[0] if near else 'user'}:{name[:40]}?",
        )
    normal = normal_name(name)
    if normal is None:
        raise LifecycleError(f"{name[:80]!r} at position {len(kind) + 2} is not a name", "use letters, digits and ._@-")
    return f"{kind}:{normal}"


def scopes_of(texts: Iterable[str]) -> frozenset[str]:
    """Return the scopes, each a scope-token of RFC 6749 section 3.3."""
    scopes: set[str] = set()
    for text in texts:
        for word in text.split():
            bad = _SCOPE.match(word)
            if bad is None or bad.end() != len(word):
                place = (bad.end() if bad else 0) + 1
                raise LifecycleError(f"bad character at position {place} of scope {word[:80]!r}", "such as orders:read")
            scopes.add(word)
    return frozenset(scopes)


def networks_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return networks in CIDR form, each parsed once to be sure."""
    networks = []
    for text in texts:
        try:
            networks.append(str(ip_network(text.strip(), strict=True)))
        except ValueError as error:
            hint = "such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"
            with suppress(ValueError):
                hint = f"did you mean {ip_network(text.strip(), strict=False)}?"
            raise LifecycleError(f"{text[:80]!r} is not a network: {error}", hint) from None
    return tuple(networks)


def duration_of(text: str) -> int:
    """Return seconds of "15m", "90d", "1h"."""
    match = re.fullmatch(r"(\d{1,9})([a-z]*)", text.strip())
    if match is None or not match[2]:
        place = re.match(r"\d*", text.strip())
        raise LifecycleError(
            f"{text[:40]!r} is not a duration: position {(place.end() if place else 0) + 1}",
            "such as 30s, 15m, 12h or 90d",
        )
    return _seconds(match[1], match[2], text, len(match[1]) + 1)


def rate_of(text: str) -> Rate:
    """Return the rate of "600/min"."""
    match = re.fullmatch(r"(\d{1,9})/(\d{0,6})([a-z]+)", text.strip())
    if match is None or int(match[1]) == 0:
        raise LifecycleError(f"{text[:40]!r} is not a rate", "such as 600/min, 10/s or 5000/h")
    return Rate(int(match[1]), _seconds(match[2] or "1", match[3], text, text.index("/") + 2))


def redirect_of(uri: str) -> str:
    """Return a redirect URI that can be compared exactly and sends no code in the open (RFC 9700 section 4.1, 8252)."""
    fault = redirect_fault(uri)
    if fault is not None:
        raise LifecycleError(f"{uri[:80]!r} {fault[0]}", fault[1])
    return uri


def _seconds(count: str, unit: str, text: str, place: int) -> int:
    if unit not in _UNITS:
        near = get_close_matches(unit, _UNITS, 1, 0.3)
        hint = f"did you mean {near[0]}?" if near else f"units are {', '.join(_UNITS)}"
        raise LifecycleError(f"unknown unit {unit[:20]!r} at position {place} of {text[:40]!r}", hint)
    seconds = int(count) * _UNITS[unit]
    if not 0 < seconds <= _LONGEST:
        raise LifecycleError(f"{text[:40]!r} is out of range", "between 1s and 100 years")
    return seconds
