"""The one lifecycle that all credentials share.

issued -> active -> (retiring: its successor is already valid) -> retired | revoked | leaked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from watchword.model.reason import EXPIRED, NOT_YET_VALID, RETIRED, REVOKED, Reason
from watchword.model.verdict import NO_CONSTRAINTS, Constraints, Rate

__all__ = ["Credential", "Kind", "State"]


class Kind(StrEnum):
    """Name every kind of credential."""

    API_KEY = "api-key"
    HMAC = "hmac"
    PASSWORD = "password"  # noqa: S105 - a kind's name
    CLIENT_CERT = "client-cert"
    OAUTH_CLIENT = "oauth-client"
    SESSION = "session"
    REFRESH = "refresh"
    SIGNING_KEY = "signing-key"
    CA = "ca"
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY = "recovery-codes"
    EMAIL = "email"
    IDENTITY = "identity"
    CONSENT = "consent"


class State(StrEnum):
    """Name the states; all but ``revoked`` and ``leaked`` follow from times."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LEAKED = "leaked"


_REFUSED: Mapping[State, Reason] = {
    State.PENDING: NOT_YET_VALID,
    State.RETIRED: RETIRED,
    State.EXPIRED: EXPIRED,
    State.REVOKED: REVOKED,
    State.LEAKED: REVOKED,
}


@dataclass(frozen=True, slots=True)
class Credential:
    """Record one credential of any kind.

    ``lookup`` is the digest it is found by (None when the public id finds it); ``secret`` a digest, a password
    hash or a sealed secret, never plaintext; ``detail`` what the kind needs besides (JSON values). Times are
    Unix seconds. ``retire_at`` ends the overlap after a rotation; ``replaced_by`` names the successor.
    ``version`` starts at 1 and is what a compare-and-swap compares.
    """

    id: str
    kind: Kind
    subject: str
    created_at: int
    scopes: frozenset[str] = frozenset()
    lookup: bytes | None = field(default=None, repr=False)
    secret: bytes = field(default=b"", repr=False)
    networks: tuple[str, ...] = ()
    limit: Rate | None = None
    not_before: int | None = None
    expires_at: int | None = None
    retire_at: int | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    revoked_at: int | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None
    leaked: bool = False
    last_used_at: int | None = None
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    version: int = 1

    def state(self, now: float) -> State:
        """Return the state at ``now`` (Unix seconds)."""
        if self.leaked:
            return State.LEAKED
        if self.revoked_at is not None:
            return State.REVOKED
        if self.expires_at is not None and now >= self.expires_at:
            return State.EXPIRED
        if self.retire_at is not None:
            return State.RETIRED if now >= self.retire_at else State.RETIRING
        if self.not_before is not None and now < self.not_before:
            return State.PENDING
        return State.ACTIVE

    def refusal(self, now: float) -> Reason | None:
        """Return why the credential may not be used at ``now``, or None when it may."""
        return _REFUSED.get(self.state(now))

    def ends_at(self) -> float | None:
        """Return the earliest known end (expiry or retirement), or None."""
        ends = [end for end in (self.expires_at, self.retire_at) if end is not None]
        return min(ends) if ends else None

    def changed(self, **fields: Any) -> Credential:
        """Return the next version with ``fields`` changed, to be swapped for this one."""
        return replace(self, version=self.version + 1, **fields)

    def constraints(self) -> Constraints:
        """Return the parsed bounds of its use."""
        if not self.networks and self.limit is None and self.ends_at() is None:
            return NO_CONSTRAINTS
        from ipaddress import ip_network

        return Constraints(tuple(ip_network(text) for text in self.networks), self.limit, self.ends_at())
