"""Say what the operator decides about clients that describe themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from watchword.model.verdict import Rate

__all__ = ["DescribedRules"]

DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"

_DAY: Final = 86_400
_LIMIT: Final = Rate(20, 3_600)


@dataclass(frozen=True, slots=True)
class DescribedRules:
    """Hold what such clients may have and how many there may be.

    ``registration`` is "off", "token" (with an initial access token; RFC 7591 section 3) or "open". ``documents`` says
    that a ``client_id`` may be the URL of a document, at one of ``document_hosts`` (none given: anywhere).
    ``scopes`` are what they may ask people for; None: those that the operator publishes with APIs or words for people.
    Lifetimes of their tokens are in seconds, None as everybody's. ``limit`` is registrations of one address; ``most``
    records stay of such clients, and who never got a token within ``unused`` seconds, or none for ``idle``, is dropped.
    """

    registration: str = "off"
    documents: bool = True
    document_hosts: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset({"authorization_code", "refresh_token", DEVICE})
    scopes: frozenset[str] | None = None
    access_lifetime: int | None = None
    refresh_lifetime: int | None = None
    limit: Rate = _LIMIT
    most: int = 10_000
    unused: int = 7 * _DAY
    idle: int = 180 * _DAY

    def lifetimes(self) -> dict[str, Any]:
        """Return the members of a client's detail that bound its tokens."""
        given = {"access_lifetime": self.access_lifetime, "refresh_lifetime": self.refresh_lifetime}
        return {name: value for name, value in given.items() if value is not None}
