"""Model ``[[provider]]``: whom people may log in with, and what is known of the large ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.outside.github import GITHUB
from watchword.lifecycle.outside.relying import Provider
from watchword.server.config.sources import SecretSource, Source, SourceError
from watchword.server.config.values import Scopes, Table, UrlText, Variable, Words, checked, listed

__all__ = ["ProviderEntry", "Providers"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PRESETS: Final[dict[str, dict[str, Any]]] = {
    "google": {"label": "Google", "issuer": "https://accounts.google.com"},
    "microsoft": {"label": "Microsoft", "issuer": "https://login.microsoftonline.com/common/v2.0"},
    "github": {"label": "GitHub", "issuer": GITHUB, "scopes": ("read:user", "user:email")},
}
_OPENID: Final = ("openid", "profile", "email")


def _name(text: str) -> None:
    if not _NAME.fullmatch(text):
        raise LifecycleError("a name stands in URLs", "lower-case letters, digits and -, such as google")


class ProviderEntry(Table):
    """Hold one ``[[provider]]``."""

    name: Annotated[str, checked(_name)] = ""
    preset: Literal["", "google", "microsoft", "github"] = ""
    label: str = Field(default="", max_length=64)
    issuer: UrlText = ""
    client_id: str = Field(min_length=1)
    client_secret_env: Variable = ""
    client_secret: SecretSource = None
    scopes: Scopes = ()
    tenants: Words = ()
    sign_up: bool = False
    grants: Scopes = ()

    @model_validator(mode="after")
    def _whole(self) -> ProviderEntry:
        if not self.preset and not (self.name and self.issuer):
            raise ValueError("a provider without a preset needs a name and an issuer")
        if self.scopes and "openid" not in self.scopes and self.preset != "github":
            raise ValueError("without the scope openid a provider does not say who logs in")
        if self.client_secret_env and self.client_secret is not None:
            raise ValueError("client_secret_env and client_secret say the same: keep one")
        return self

    @property
    def source(self) -> Source | None:
        """Return where the secret comes from that the provider gave."""
        return self.client_secret or (Source("env", self.client_secret_env) if self.client_secret_env else None)

    @property
    def title(self) -> str:
        """Return the name that stands in URLs: by default the preset's."""
        return self.name or self.preset

    def provider(self, secret: Callable[[], str] | None = None) -> Provider:
        """Return what is asked of the provider, by ``secret``. Raise ValueError where that cannot be read."""
        known = _PRESETS.get(self.preset, {})
        given: str | Callable[[], str] = secret or ""
        try:
            if secret is not None:
                secret()
            elif self.source is not None:
                given = self.source.read(Path())
        except SourceError as error:
            raise ValueError(f"provider {self.title}: {error}") from None
        return Provider(
            self.title,
            self.label or known.get("label", self.title),
            self.issuer or known["issuer"],
            self.client_id,
            given,
            kind="github" if self.preset == "github" else "openid",
            scopes=self.scopes or known.get("scopes", _OPENID),
            many_tenants=self.preset == "microsoft",
            tenants=self.tenants,
            sign_up=self.sign_up,
            grants=self.grants,
        )


Providers = Annotated[tuple[ProviderEntry, ...], NoDecode, BeforeValidator(listed)]
