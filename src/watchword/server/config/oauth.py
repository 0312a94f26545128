"""Model ``[oauth]`` and ``[[resource]]``: what the operator of the authorization server decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from watchword.codec.oauth.protected_resource import checked_resource
from watchword.lifecycle.clients.fields import grant_of
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.described.rules import DescribedRules
from watchword.lifecycle.oauth.rules import OAuthRules, Resource, TrustedIssuer, Words
from watchword.lifecycle.values import rate_of, scopes_of
from watchword.server.config.values import Duration, Grace, RateText, Scopes, Table, UrlText, at_most, checked, listed

__all__ = ["OAuthTable", "ResourceEntry", "Text", "rules_of"]

_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?|::1?")


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
    if not isinstance(value, str | Mapping | Text):
        raise LifecycleError("it must be a text", '"See your orders", or { en = "…", de = "…" } for each language')
    return {"en": value} if isinstance(value, str) else value


def _scope(name: object) -> object:
    if not isinstance(name, str) or scopes_of([name]) != {name}:
        raise LifecycleError(f"{str(name)[:60]!r} is not one scope", "such as orders:read")
    return name


class Text(Table):
    """Hold a text in the languages that the pages speak."""

    en: str = Field(min_length=1, max_length=200)
    de: str = Field(default="", max_length=200)

    def words(self) -> Words:
        """Return the text by language."""
        return {"en": self.en, "de": self.de or self.en}


_Entry = Annotated[Text, BeforeValidator(_worded)]
Worded = Annotated[dict[str, _Entry], Field(max_length=1000)]
"""What people read of each name."""
WordedScopes = Annotated[dict[Annotated[str, BeforeValidator(_scope)], _Entry], Field(max_length=1000)]


_DESCRIBED: Final = DescribedRules()


def _grants(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return [grant_of(each) for each in value]
    return value


def _hosts(value: object) -> object:
    for host in value if isinstance(value, list | tuple) else ():
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise LifecycleError(f"{str(host)[:60]!r} is no host", "the name or address alone, in lower case")
    return value


Grants = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_grants), BeforeValidator(listed)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts), BeforeValidator(listed)]


class OAuthTable(Table):
    """Hold ``[oauth]``."""

    profile: Literal["", "fapi2"] = ""
    require_par: bool = False
    require_dpop: bool = False
    dpop_nonces: bool = False
    scopes: WordedScopes = Field(default_factory=dict)
    authorization_details: Worded = Field(default_factory=dict)
    registration: Literal["off", "token", "open"] = "off"
    registration_grants: Grants = tuple(sorted(_DESCRIBED.grants))
    registration_scopes: Scopes = ()
    registration_access: Annotated[Grace, at_most("2d")] = 0
    registration_refresh: Grace = 0
    registration_limit: RateText = "20/h"
    registration_most: int = Field(default=_DESCRIBED.most, ge=1, le=1_000_000)
    registration_unused: Duration = _DESCRIBED.unused
    registration_idle: Duration = _DESCRIBED.idle
    documents: bool = True
    document_hosts: Hosts = ()
    private_hosts: Hosts = ()

    def described(self) -> DescribedRules:
        """Return what clients may have that describe themselves."""
        return DescribedRules(
            registration=self.registration,
            documents=self.documents,
            document_hosts=frozenset(self.document_hosts),
            grants=frozenset(self.registration_grants),
            scopes=frozenset(self.registration_scopes) or None,
            access_lifetime=self.registration_access or None,
            refresh_lifetime=self.registration_refresh or None,
            limit=rate_of(self.registration_limit),
            most=self.registration_most,
            unused=self.registration_unused,
            idle=self.registration_idle,
        )


def rules_of(
    table: OAuthTable, resources: tuple[ResourceEntry, ...], issuers: tuple[TrustedIssuer, ...] = ()
) -> OAuthRules:
    """Return the rules that the settings make."""
    return OAuthRules(
        issuers=issuers,
        resources=tuple(each.resource() for each in resources),
        profile=table.profile,
        require_par=table.require_par,
        require_dpop=table.require_dpop,
        dpop_nonces=table.dpop_nonces,
        scopes={name: text.words() for name, text in table.scopes.items()},
        details={name: text.words() for name, text in table.authorization_details.items()},
        described=table.described(),
    )
