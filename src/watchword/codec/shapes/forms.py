"""Tell by its look what secret of ours a text is: a prefix, and a checksum that chance does not meet.

A checksum is six characters of base62 and fits one text in 62^6 (5.7e10). So of the 2.3e7 look-alikes that fill a
gigabyte, one is taken for a secret in one gigabyte of 2,500; in random text, where prefixes are rare, in one of 1e6.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from json import loads
from typing import Any, Final

from watchword.codec.secrets import digest, well_formed

__all__ = [
    "JWT",
    "REFRESH",
    "ROOT_KEY",
    "SHAPES",
    "SHORTEST",
    "Shape",
    "ends_at",
    "fingerprint",
    "shape_of",
    "shown",
    "signed_here",
]

SHORTEST: Final = 36
"""Characters of base62, one after another, that every secret of ours with a checksum has."""

_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """Name a kind of secret: ``name`` for rules and reports, what it is ``prefix``ed with, and ``what`` it is."""

    name: str
    prefix: str
    what: str


SHAPES: Final = (
    Shape("api-key", "ak_live_", "API key"),
    Shape("api-key", "ak_test_", "API key for tests"),
    Shape("hmac", "hs_live_", "secret that requests are signed with"),
    Shape("hmac", "hs_test_", "secret that requests are signed with in tests"),
    Shape("oauth-client", "cs_live_", "OAuth client's secret"),
    Shape("registration", "rat_", "token that changes an OAuth client"),
    Shape("refresh", "rt_", "refresh token"),
    Shape("session", "ws_", "session cookie"),
    Shape("access-token", "at_", "access token"),
    Shape("link", "lk_", "link out of a letter"),
    Shape("code", "ac_", "authorization code"),
    Shape("device-code", "dc_", "device code"),
)
"""Every secret with a checksum, those first whose prefix ends like another's."""

JWT: Final = Shape("access-token", "eyJ", "access token (JWT)")
ROOT_KEY: Final = Shape("root-key", "", "root key, which opens everything that is sealed")
REFRESH: Final = next(shape for shape in SHAPES if shape.name == "refresh")

_FAMILY: Final = re.compile(r"rt_[0-9A-Za-z]{20}\.([0-9A-Za-z]{36})\.([0-9]{1,10})\.([0-9A-Za-z]{36})")
_KEY_ID: Final = re.compile(r"sig_[0-9A-Za-z]{20}")
_TYPES: Final = frozenset({"at+jwt", "jwt"})  # what OAuth clients get, and what a login gives
_CLAIM: Final = "jti"  # what an access token is taken back by; nothing else that is signed has it
_DOTS: Final = 2
_LONGEST_HEADER: Final = 1024
_ROOT: Final = re.compile(r"[0-9A-Za-z_-]{42}[AEIMQUYcgkosw048]=?")  # 32 bytes: the last character holds four bits


def shape_of(text: str) -> Shape | None:
    """Return what secret of ours ``text`` is as a whole, by its look alone; None for everything else."""
    if text.startswith(REFRESH.prefix):
        match = _FAMILY.fullmatch(text)
        return REFRESH if match and well_formed(match[1], "") and well_formed(match[3], "") else None
    if text.startswith(JWT.prefix):
        return JWT if text.count(".") == _DOTS and signed_here(text) and _CLAIM in _said(_payload(text)) else None
    for shape in SHAPES:
        if text.startswith(shape.prefix) and well_formed(text, shape.prefix):
            rest = text[len(shape.prefix) :]
            return shape if rest.isascii() and rest.isalnum() else None
    return ROOT_KEY if _ROOT.fullmatch(text) else None


def signed_here(text: str) -> bool:
    """Return whether the header of a JWT is as of our access tokens: its type, and how a key is named.

    No signature is checked.
    """
    header = text.partition(".")[0]
    said = _said(header) if len(header) <= _LONGEST_HEADER else {}
    kid = said.get("kid")
    named = isinstance(kid, str) and _KEY_ID.fullmatch(kid) is not None
    return named and str(said.get("typ", "")).lower() in _TYPES


def ends_at(text: str) -> float | None:
    """Return the Unix second in which a JWT says that it ends, None where it says none."""
    end = _said(_payload(text)).get("exp")
    return end if isinstance(end, int | float) and not isinstance(end, bool) else None


def _payload(text: str) -> str:
    return text.partition(".")[2].partition(".")[0]


def _said(part: str) -> dict[str, Any]:
    """Return what a part of a JWT says, nothing where it is none."""
    try:
        said = loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def shown(text: str) -> str:
    """Return as much of a secret as may be shown: what it is prefixed with, and its last four characters."""
    shape = shape_of(text)
    return f"{'' if shape is None else shape.prefix}\u2026{text[-_SHOWN:]}"


def fingerprint(text: str) -> str:
    """Return the public name of a secret wherever it is found: 16 hex digits. No store looks a secret up by it."""
    return digest(f"watchword-scan\n{text}").hex()[:16]
