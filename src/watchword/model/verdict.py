"""What a decision is made of: principals, rejections, challenges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from watchword.model.reason import Reason

__all__ = [
    "NO_CONSTRAINTS",
    "Allow",
    "Challenge",
    "Constraints",
    "Decision",
    "Deny",
    "Headers",
    "Network",
    "Principal",
    "Rate",
    "Rejection",
    "SecurityScheme",
]

Network: TypeAlias = IPv4Network | IPv6Network
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
SecurityScheme: TypeAlias = Mapping[str, Any]  # one OpenAPI 3.1 security scheme object


@dataclass(frozen=True, slots=True)
class Rate:
    """Allow ``count`` requests in any ``seconds``."""

    count: int
    seconds: int

    def __str__(self) -> str:
        unit = {1: "s", 60: "min", 3600: "h", 86400: "d"}.get(self.seconds)
        return f"{self.count}/{unit}" if unit else f"{self.count}/{self.seconds}s"


@dataclass(frozen=True, slots=True)
class Constraints:
    """Bound the use of one credential: where from, how often, until when (Unix seconds)."""

    networks: tuple[Network, ...] = ()
    limit: Rate | None = None
    expires_at: float | None = None


NO_CONSTRAINTS = Constraints()
"""The bounds of a credential that has none: there is one such object, so that guards need not look further."""

_NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


class Principal(NamedTuple):
    """Say who is calling.

    ``subject`` is "user:alice" or "service:billing"; ``scheme`` how it was proved; ``credential`` the public id
    of the proof; ``factors`` the authentication methods (RFC 8176 names); ``authenticated_at`` Unix seconds;
    ``actor`` the application through which a user acts. Shared between requests, so a tuple: nobody can change it, and
    making one costs a quarter of what a frozen dataclass does.
    """

    subject: str
    scheme: str
    credential: str
    scopes: frozenset[str] = frozenset()
    factors: tuple[str, ...] = ()
    authenticated_at: int = 0
    claims: Mapping[str, Any] = _NO_CLAIMS
    actor: str | None = None
    constraints: Constraints = NO_CONSTRAINTS

    @property
    def kind(self) -> str:
        """Return "user" or "service"."""
        return self.subject.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Refuse, with the precise reason.

    ``detail``, ``scheme`` and ``credential`` (a public id) are for the audit and never hold a secret; ``headers`` go
    into the response.
    """

    reason: Reason
    detail: str = ""
    headers: Headers = ()
    scheme: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Ask for one scheme of RFC 9110 section 11.6.1: its name and parameters, in order."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()


class Allow(NamedTuple):
    """Let the request in; ``principal`` is None only where the policy says ``public``."""

    principal: Principal | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Deny:
    """Keep the request out; ``reference`` joins what the caller sees with the audit event."""

    rejection: Rejection
    reference: str
    challenges: tuple[Challenge, ...] = ()
    headers: Headers = ()


Decision: TypeAlias = Allow | Deny
