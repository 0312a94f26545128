"""Model ``[[trusted_issuer]]``: outside issuers, and what their tokens are good for here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from watchword.keyring import Issuer
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.rules import TrustedIssuer
from watchword.lifecycle.values import subject_of
from watchword.model.ports import Fetch
from watchword.server.config.file import nearest
from watchword.server.config.values import ClaimRule, Table, UrlText, Words, listed

__all__ = ["IssuerEntry", "issuers_of"]

_BEARER: Final = "bearer"
_USES: Final = (_BEARER, "assertion", "reusable-assertion", "id-jag", "exchange")


def _uses(value: object) -> object:
    for word in value if isinstance(value, list | tuple) else ():
        if word not in _USES:
            raise LifecycleError(f"there is no use {str(word)[:40]!r}", nearest(str(word), _USES))
    return value


def _subjects(value: object) -> object:
    """Hold who tokens are of to subjects of ours, written in their one spelling."""
    return {name: subject_of(str(text)) for name, text in value.items()} if isinstance(value, dict) else value


Uses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_uses), BeforeValidator(listed)]
Named = Annotated[dict[str, str], BeforeValidator(_subjects), Field(max_length=1000)]


class IssuerEntry(Table):
    """Hold one ``[[trusted_issuer]]``."""

    url: str = Field(min_length=1)
    audience: str = ""
    jwks_uri: UrlText = Field(min_length=1)
    subject: ClaimRule = "user:{sub}"
    types: Words = ("jwt",)
    use: Uses = (_BEARER,)
    subjects: Named = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> IssuerEntry:
        if not self.use:
            raise ValueError("use is empty: a token would be good for nothing")
        if _BEARER in self.use and not self.audience:
            raise ValueError("audience is missing: the name by which the issuer calls this API")
        if _BEARER in self.use and self.subjects:
            raise ValueError("subjects is for assertions alone: for use = bearer there is the rule in subject")
        if {"assertion", "reusable-assertion"} <= set(self.use):
            raise ValueError("an assertion is either used once or reusable")
        return self

    def issuer(self, us: str, fetch: Fetch) -> Issuer:
        """Return the issuer; one that calls no API here knows us by our own name."""
        given: dict[str, Any] = {"types": self.types, "subject": self.subject, "fetch": fetch}
        return Issuer(self.url, self.audience or us, jwks_uri=self.jwks_uri, **given)


def issuers_of(
    entries: Iterable[IssuerEntry], us: str, fetch: Fetch
) -> tuple[dict[str, Issuer], tuple[TrustedIssuer, ...]]:
    """Return the issuers whose tokens open APIs, and those whose assertions are good for tokens: each fetched once."""
    bearers: dict[str, Issuer] = {}
    trusted = []
    for entry in entries:
        issuer = entry.issuer(us, fetch)
        if _BEARER in entry.use:
            bearers[entry.url] = issuer
        others = frozenset(entry.use) - {_BEARER}
        if others:
            trusted.append(TrustedIssuer(issuer, others, entry.subjects))
    return bearers, tuple(trusted)
