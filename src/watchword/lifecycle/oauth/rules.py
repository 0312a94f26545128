"""Say what the operator of an authorization server decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from watchword.codec.oauth.dpop import ALGORITHMS
from watchword.keyring import Issuer
from watchword.lifecycle.oauth.described.rules import DescribedRules

__all__ = ["OAuthRules", "Resource", "TrustedIssuer", "Words"]

Words: TypeAlias = Mapping[str, str]
"""What people read, by language: "en" is always there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Name an API that tokens may be for (RFC 8707): an absolute URI, compared character by character.

    A token for an API that lists ``scopes`` carries no others; without any it may carry all.
    """

    uri: str
    name: str = ""
    scopes: frozenset[str] = frozenset()
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Say what assertions of an outside issuer are good for at the token endpoint.

    ``uses``: "assertion" (RFC 7523: once each), "reusable-assertion" (as often as it is shown: a platform that gives a
    workload one for an hour), "id-jag" (Identity Assertion JWT Authorization Grant), "exchange" (RFC 8693).
    ``subjects`` names by ``sub`` who an assertion is of; where it is empty, the issuer's own rule does.
    """

    issuer: Issuer
    uses: frozenset[str]
    subjects: Mapping[str, str] = field(default_factory=dict)

    def subject_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the subject that the claims mean, None for nobody here."""
        return self.subjects.get(str(claims.get("sub"))) if self.subjects else self.issuer.subject_of(claims)


@dataclass(frozen=True, slots=True)
class OAuthRules:
    """Hold the operator's decisions. ``resources`` are the APIs besides our own ``audience``.

    ``issuers`` are those whose assertions are good for tokens.

    ``profile`` is "" or "fapi2"; ``require_par`` says that every authorization request must be pushed (RFC 9126).
    ``require_dpop``: every access token must be bound to a key (RFC 9449); ``dpop_nonces``: proofs must hold a nonce.
    ``scopes`` says in words what a scope lets an application do, ``details`` the same of each type of
    ``authorization_details`` (RFC 9396); only those types are known.
    ``described`` is what clients may have that describe themselves.
    """

    resources: tuple[Resource, ...] = ()
    issuers: tuple[TrustedIssuer, ...] = ()
    profile: str = ""
    require_par: bool = False
    require_dpop: bool = False
    dpop_nonces: bool = False
    scopes: Mapping[str, Words] = field(default_factory=dict)
    details: Mapping[str, Words] = field(default_factory=dict)
    described: DescribedRules = field(default_factory=DescribedRules)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return the algorithms that clients may sign with: FAPI 2.0 leaves RS256 out (section 5.4.1)."""
        return tuple(each for each in ALGORITHMS if each != "RS256" or self.profile != "fapi2")
