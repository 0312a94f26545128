"""Model ``[oauth]`` and ``[[resource]]``: what the operator of the authorization server decides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from watchword.codec.oauth.protected_resource import checked_resource
from watchword.lifecycle.oauth.rules import OAuthRules, Resource, Words
from watchword.server.config.values import Scopes, Table, UrlText, checked

__all__ = ["OAuthTable", "ResourceEntry", "Text", "rules_of"]


class ResourceEntry(Table):
    """Hold one ``[[resource]]``."""

    uri: Annotated[UrlText, checked(checked_resource), Field(min_length=1)]
    name: str = Field(default="", max_length=64)
    scopes: Scopes = ()
    documentation: UrlText = ""

    def resource(self) -> Resource:
        """Return the API that the entry names."""
        return Resource(self.uri, self.name, frozenset(self.scopes), self.documentation)


def _worded(value: object) -> object:
    """Read words for people: one text, or one for each language."""
    return {"en": value} if isinstance(value, str) else value


class Text(Table):
    """Hold a text in the languages that the pages speak."""

    en: str = Field(min_length=1, max_length=200)
    de: str = Field(default="", max_length=200)

    def words(self) -> Words:
        """Return the text by language."""
        return {"en": self.en, "de": self.de or self.en}


Worded = Annotated[dict[str, Annotated[Text, BeforeValidator(_worded)]], Field(max_length=1000)]
"""What people read of each name."""


class OAuthTable(Table):
    """Hold ``[oauth]``."""

    profile: Literal["", "fapi2"] = ""
    require_par: bool = False
    require_dpop: bool = False
    dpop_nonces: bool = False
    scopes: Worded = Field(default_factory=dict)
    authorization_details: Worded = Field(default_factory=dict)


def rules_of(table: OAuthTable, resources: tuple[ResourceEntry, ...]) -> OAuthRules:
    """Return the rules that the settings make."""
    return OAuthRules(
        resources=tuple(each.resource() for each in resources),
        profile=table.profile,
        require_par=table.require_par,
        require_dpop=table.require_dpop,
        dpop_nonces=table.dpop_nonces,
        scopes={name: text.words() for name, text in table.scopes.items()},
        details={name: text.words() for name, text in table.authorization_details.items()},
    )
