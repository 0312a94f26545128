"""Read the token responses of a login and of a token endpoint, and know when to fetch the next."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchword.client.transport import AuthenticationFailed, Reply

__all__ = ["Token", "failure", "json_object", "token_of"]

_KIND = re.compile(r"[!#-\[\]-~]{1,128}")  # RFC 6749 section 5.2: it is shown to people
_MARGIN = 30.0  # seconds before the end at which a token is renewed, or a tenth of its life if that is less


@dataclass(frozen=True, slots=True)
class Token:
    """Hold an access token; ``renew_at`` and ``ends_at`` are on the monotonic clock, infinite when no end was told."""

    access: str = field(repr=False)
    renew_at: float
    ends_at: float


def json_object(reply: Reply) -> Mapping[str, Any]:
    """Return the JSON object in the reply's body, an empty one when there is none."""
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def failure(what: str, reply: Reply) -> AuthenticationFailed:
    """Describe a refusal by its status and type; the body's prose stays out, as it may quote what was sent."""
    body = json_object(reply)
    kind = body.get("error", body.get("type", ""))
    kind = kind if isinstance(kind, str) and _KIND.fullmatch(kind) else ""
    return AuthenticationFailed(f"{what}: {reply.status}{' ' + kind if kind else ''}", reply.status, kind)


def token_of(body: Mapping[str, Any], member: str, now: float) -> Token | None:
    """Return the Bearer token in a token response (RFC 6749 section 5.1), None when there is none that can be used."""
    access, kind, seconds = body.get(member), body.get("token_type", "Bearer"), body.get("expires_in")
    if not isinstance(access, str) or not access or not access.isascii() or not access.isprintable():
        return None
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return Token(access, float("inf"), float("inf"))
    return Token(access, now + seconds - min(_MARGIN, seconds / 10), now + seconds)
