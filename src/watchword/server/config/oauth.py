"""Model ``[oauth]`` and ``[[resource]]``: what the operator of the authorization server decides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchword.lifecycle.oauth.rules import OAuthRules, Resource
from watchword.server.config.values import Scopes, Table, UrlText

__all__ = ["OAuthTable", "ResourceEntry", "rules_of"]


class ResourceEntry(Table):
    """Hold one ``[[resource]]``."""

    uri: Annotated[UrlText, Field(min_length=1)]
    name: str = Field(default="", max_length=64)
    scopes: Scopes = ()

    def resource(self) -> Resource:
        """Return the API that the entry names."""
        return Resource(self.uri, self.name, frozenset(self.scopes))


class OAuthTable(Table):
    """Hold ``[oauth]``."""


def rules_of(table: OAuthTable, resources: tuple[ResourceEntry, ...]) -> OAuthRules:
    """Return the rules that the settings make."""
    return OAuthRules(resources=tuple(each.resource() for each in resources))
