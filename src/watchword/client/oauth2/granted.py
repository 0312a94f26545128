"""Hold what a token endpoint granted, and write it down to be kept between processes."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Granted", "granted_of", "kept_of", "revocable", "to_keep"]

_MARGIN: Final = 30.0  # seconds before the end at which a token is renewed, or a tenth of its life if that is less


@dataclass(frozen=True, slots=True)
class Granted:
    """Hold an access token; ``renew_at`` and ``ends_at`` are on the monotonic clock, infinite when no end was told."""

    access: str = field(repr=False)
    bound: bool  # to the client's DPoP key
    scopes: frozenset[str]
    renew_at: float
    ends_at: float
    refresh: str = field(default="", repr=False)


def granted_of(body: Mapping[str, Any], asked: frozenset[str], now: float) -> Granted | None:
    """Return the token of a token response (RFC 6749 section 5.1), None when there is none that can be used.

    ``asked`` are the scopes that were asked for: where the answer names none, those were granted. ``now``, on the
    monotonic clock, is when it was asked for.
    """
    access, kind, seconds = body.get("access_token"), body.get("token_type"), body.get("expires_in")
    scope, refresh = body.get("scope"), body.get("refresh_token", "")
    if not _plain(access) or not isinstance(kind, str) or kind.lower() not in {"bearer", "dpop"}:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e10:
        seconds = float("inf")
    return Granted(
        access=str(access),
        bound=kind.lower() == "dpop",
        scopes=frozenset(scope.split()) if isinstance(scope, str) else asked,
        renew_at=now + seconds - min(_MARGIN, seconds / 10) if seconds != float("inf") else seconds,
        ends_at=now + seconds,
        refresh=str(refresh) if _plain(refresh) else "",
    )


def _plain(text: object) -> bool:
    return isinstance(text, str) and bool(text) and text.isascii() and text.isprintable() and " " not in text


def to_keep(granted: Granted, purpose: str, key: str, issuer: str = "", *, monotonic: float, now: float) -> str:
    """Write a grant down; ``purpose`` says what it was for, ``key`` is the text of its DPoP key, "" for none.

    ``issuer`` is who gave it, where that is known.
    """
    ends = None if granted.ends_at == float("inf") else int(now + granted.ends_at - monotonic)
    return json.dumps(
        {
            "purpose": purpose,
            "issuer": issuer,
            "access_token": granted.access,
            "token_type": "DPoP" if granted.bound else "Bearer",
            "scope": " ".join(sorted(granted.scopes)),
            "ends_at": ends,
            "refresh_token": granted.refresh,
            "dpop_key": key,
        }
    )


def kept_of(text: str | None, purpose: str, *, monotonic: float, now: float) -> tuple[Granted, str] | None:
    """Return what ``to_keep`` wrote, with the text of its key; None for anything else, and for another purpose."""
    try:
        body = json.loads(text) if text is not None else None
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("purpose"), str) or not isinstance(body.get("scope"), str):
        return None
    if not hmac.compare_digest(body["purpose"].encode(), purpose.encode()):
        return None
    ends, key = body.get("ends_at"), body.get("dpop_key", "")
    left = ends - now if isinstance(ends, (int, float)) else None
    granted = granted_of({**body, "expires_in": None if left is None else max(left, 0)}, frozenset(), monotonic)
    return None if granted is None or not isinstance(key, str) else (granted, key)


def revocable(text: str | None) -> tuple[str, str]:
    """Return who gave what ``to_keep`` wrote, whatever it was for, and its token to revoke; "" for what it has not."""
    try:
        body = json.loads(text) if text is not None else None
    except ValueError:
        return "", ""
    said = body if isinstance(body, dict) else {}
    token, issuer = said.get("refresh_token") or said.get("access_token"), said.get("issuer")
    return issuer if isinstance(issuer, str) else "", token if isinstance(token, str) else ""
