"""Read the ``claims`` parameter (OpenID Connect Core 1.0 section 5.5): which claims an application asks for by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchword.codec.strict import json_object

__all__ = ["CLAIM_SCOPES", "LEVELS", "NO_CLAIMS", "ClaimsAsked", "claims_asked", "claims_of"]

CLAIM_SCOPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("name", "preferred_username", "locale", "updated_at"), "profile"),
    **dict.fromkeys(("email", "email_verified"), "email"),
}
"""The claims about a person that there are, and the scope that covers each (Core section 5.4)."""

LEVELS: Final = ("aal1", "aal2")
"""What ``acr`` can be: one factor, or two."""

_LONGEST: Final = 4_096  # characters
_MOST: Final = 64  # claims of one member, values of one claim
_OF_A_REQUEST: Final = frozenset({"value", "values"})


@dataclass(frozen=True, slots=True)
class ClaimsAsked:
    """Hold what is asked for. ``subjects``: only one of these people will do (Core section 3.1.2.2).

    ``strong`` says that of ``acr`` only "aal2" would do; ``unmet`` that an essential ``acr`` is none that there is
    (Core section 5.5.1.1).
    """

    userinfo: frozenset[str] = frozenset()
    id_token: frozenset[str] = frozenset()
    subjects: frozenset[str] | None = None
    strong: bool = False
    unmet: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """Return the scopes that would have asked for the same: what a person is asked to let be told."""
        return frozenset(CLAIM_SCOPES[name] for name in self.userinfo | self.id_token)


NO_CLAIMS: Final = ClaimsAsked()
"""What a request without the parameter asks for."""


def claims_asked(text: str) -> ClaimsAsked | None:
    """Return what a ``claims`` parameter asks for, None when it is malformed: then the request is.

    Members and claims that are not known are passed over (Core section 5.5). Bounded to 4,096 characters and 64 claims.
    """
    asked = json_object(text.encode("utf-8", "replace")) if len(text) <= _LONGEST else None
    return None if asked is None else claims_of(asked)


def claims_of(asked: Mapping[str, Any] | None) -> ClaimsAsked | None:
    """Return what the parameter's JSON object asks for, as ``claims_asked``; None stands for no parameter."""
    if asked is None:
        return NO_CLAIMS
    userinfo, id_token = (_member(asked.get(name, {})) for name in ("userinfo", "id_token"))
    if userinfo is None or id_token is None:
        return None
    subjects = _values(id_token.get("sub"), userinfo.get("sub"))
    levels = _values(id_token.get("acr"))
    essential = bool((id_token.get("acr") or {}).get("essential"))
    return ClaimsAsked(
        frozenset(userinfo.keys() & CLAIM_SCOPES.keys()),
        frozenset(id_token.keys() & CLAIM_SCOPES.keys()),
        subjects,
        strong=levels is not None and "aal2" in levels and "aal1" not in levels,
        unmet=essential and levels is not None and levels.isdisjoint(LEVELS),
    )


def _member(value: object) -> dict[str, Any] | None:
    """Return the claims of one member by name, None when malformed: each is null or an object."""
    if not isinstance(value, dict) or len(value) > _MOST:
        return None
    for each in value.values():
        if each is None:
            continue
        if not isinstance(each, dict) or not isinstance(each.get("essential", False), bool):
            return None
        values = each.get("values", [])
        if each.keys() >= _OF_A_REQUEST or not isinstance(values, list) or len(values) > _MOST:
            return None
    return value


def _values(*requests: Any) -> frozenset[str] | None:
    """Return the texts that every request allows, None where none of them names a value."""
    found: frozenset[str] | None = None
    for request in requests:
        if not request or _OF_A_REQUEST.isdisjoint(request):
            continue
        named = frozenset(v for v in (request.get("value"), *request.get("values", ())) if isinstance(v, str))
        found = named if found is None else found & named
    return found
