"""Say what the operator of an authorization server decides."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OAuthRules", "Resource"]


@dataclass(frozen=True, slots=True)
class Resource:
    """Name an API that tokens may be for (RFC 8707): an absolute URI, compared character by character."""

    uri: str
    name: str = ""
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OAuthRules:
    """Hold the operator's decisions. ``resources`` are the APIs besides our own ``audience``."""

    resources: tuple[Resource, ...] = ()
