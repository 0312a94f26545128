"""Say for which APIs a token may be (RFC 8707)."""

from __future__ import annotations

from collections.abc import Iterable

from watchword.lifecycle.oauth.rules import Resource
from watchword.model.credential import Credential

__all__ = ["Resources"]


class Resources:
    """Know the APIs: our own ``audience``, and those that the operator names."""

    def __init__(self, audience: str, known: Iterable[Resource] = ()) -> None:
        self.known: dict[str, Resource] = {audience: Resource(audience), **{each.uri: each for each in known}}

    def allowed(self, asked: tuple[str, ...], client: Credential) -> bool:
        """Return whether each of what was asked for is known, and for this client."""
        mine = client.detail.get("audiences") or self.known
        return all(uri in self.known and uri in mine for uri in asked)
