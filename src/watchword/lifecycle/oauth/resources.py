"""Say for which APIs a token may be (RFC 8707), and what each of them says about itself (RFC 9728). Pure.

An API goes by an absolute URI, compared character by character. A token is for those that were asked for, else for our
own audience, and carries no scope of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from watchword.codec.oauth.dpop import ALGORITHMS
from watchword.codec.oauth.protected_resource import metadata_url, origin_of
from watchword.lifecycle.oauth.rules import Resource
from watchword.model.credential import Credential

__all__ = ["MOST_RESOURCES", "Resources"]

MOST_RESOURCES: Final = 10
"""APIs that one token may be for."""


class Resources:
    """Know the APIs: our own ``audience``, and those that the operator names."""

    def __init__(
        self,
        audience: str,
        known: Iterable[Resource] = (),
        *,
        issuer: str = "",
        everywhere: frozenset[str] = frozenset(),
        algorithms: Iterable[str] = ALGORITHMS,
        require_dpop: bool = False,
    ) -> None:
        """Know ``audience`` and ``known``; scopes that are ``everywhere`` are of no API in particular.

        ``algorithms`` are those that proofs may be signed with; ``require_dpop`` says that every token needs some.
        Raise ValueError where two APIs would say what they are at one place.
        """
        self.audience = audience
        self._everywhere = everywhere
        self.known: dict[str, Resource] = {audience: Resource(audience), **{each.uri: each for each in known}}
        self._issuer = issuer or audience
        self._algorithms = list(algorithms)
        self._require_dpop = require_dpop
        self._places = self._at_home()

    def allowed(self, asked: tuple[str, ...], client: Credential) -> bool:
        """Return whether each of what was asked for is known, and for this client (RFC 8707 section 2.2).

        Who asks for nothing asks for our own audience.
        """
        mine = client.detail.get("audiences", self.known)
        wanted = asked or (self.audience,)
        return len(asked) <= MOST_RESOURCES and all(uri in self.known and uri in mine for uri in wanted)

    def narrowed(self, asked: tuple[str, ...], granted: Iterable[str], client: Credential) -> tuple[str, ...] | None:
        """Return what a token is for that comes of a grant for ``granted``; None where that is not to be had.

        Nobody gets more than was granted, or than the client may have by now. Empty means our own audience.
        """
        given = tuple(granted)
        if not asked and not given:
            return () if self.allowed((), client) else None
        if asked:
            wanted = tuple(dict.fromkeys(asked))
            return wanted if set(wanted) <= set(given or (self.audience,)) and self.allowed(wanted, client) else None
        return tuple(uri for uri in given if self.allowed((uri,), client)) or None

    def scopes(self, scopes: frozenset[str], audience: tuple[str, ...]) -> frozenset[str]:
        """Return which of ``scopes`` a token for ``audience`` carries: an API that lists its scopes sees no others."""
        named = [self.known.get(uri) for uri in audience or (self.audience,)]
        if any(each is None or not each.scopes for each in named):
            return scopes
        return scopes & self._everywhere.union(*(each.scopes for each in named if each is not None))

    def described(self, place: str) -> Mapping[str, Any] | None:
        """Return the metadata that is at ``place``, a path with its query, or None (RFC 9728 section 3.1)."""
        found = self._places.get(place)
        return None if found is None else self._said(found)

    def _said(self, resource: Resource) -> dict[str, Any]:
        said: dict[str, Any] = {
            "resource": resource.uri,
            "authorization_servers": [self._issuer],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": self._algorithms,
        }
        if self._require_dpop:
            said["dpop_bound_access_tokens_required"] = True
        if resource.scopes:
            said["scopes_supported"] = sorted(resource.scopes)
        if resource.name:
            said["resource_name"] = resource.name
        if resource.documentation:
            said["resource_documentation"] = resource.documentation
        return said

    def _at_home(self) -> dict[str, Resource]:
        """Return the APIs at the issuer's own origin by the place of their metadata; ours is at the bare one, too."""
        origin, bare = origin_of(self._issuer), metadata_url(origin_of(self._issuer))
        found: dict[str, Resource] = {}
        for uri, resource in self.known.items():
            if origin_of(uri) == origin:
                place = metadata_url(uri)
                if place in found:
                    raise ValueError(f"the resources {found[place].uri} and {uri} share the metadata at {place}")
                found[place] = resource
        found.setdefault(bare, self.known[self.audience])
        return {place.removeprefix(origin): resource for place, resource in found.items()}
