"""Model ``watchword.toml``: every key, its form and its default."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from watchword.assembly import ENTRY_POINTS
from watchword.codec.claims import claim_rule
from watchword.codec.subject_rule import parse_rule
from watchword.keyring import checked_url
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import duration_of, networks_of, rate_of, scopes_of
from watchword.policy import parse
from watchword.routes import Rule
from watchword.server.config.file import NOT_A_TWIN
from watchword.stores.opening import open_store

__all__ = ["Settings", "address_of"]

_SCHEMES: Final = ("api-key", "basic", "hmac", "jwt", "mtls", "oauth2", "session")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


def _duration(value: object) -> object:
    """Read "15m" as seconds; "0s" is none at all."""
    if not isinstance(value, str):
        raise LifecycleError("a duration is a text", "such as 30s, 15m, 12h or 90d")
    return 0 if re.fullmatch(r"0+[a-z]*", value) else duration_of(value)


def _positive(value: object) -> object:
    seconds = _duration(value)
    if not seconds:
        raise LifecycleError("it cannot be nothing", "such as 30s, 15m, 12h or 90d")
    return seconds


def _listed(value: object) -> object:
    """Read an environment twin: JSON, or words with commas between."""
    if not isinstance(value, str):
        return value
    if value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("not JSON") from None
    return [word.strip() for word in value.split(",") if word.strip()]


def _networks(value: object) -> object:
    return (
        networks_of(value)
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        else value
    )


def _policy(text: str) -> None:
    # A package's own scheme is known only once it is loaded; then the gate names what is unknown.
    parse(text, None if entry_points(group=ENTRY_POINTS) else _SCHEMES)


def _scopes(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        scopes_of(value)
    return value


def _path(value: str) -> None:
    if not value.startswith("/"):
        raise LifecycleError("a path starts with /", f"write /{value[:60]}")


def _variable(value: str) -> None:
    if not _VARIABLE.fullmatch(value):
        hint = "capital letters, digits and _; never the secret itself"
        raise LifecycleError("not the name of an environment variable", hint)


def _checked(check: Callable[[str], object]) -> BeforeValidator:
    """Hold a text, if it is not empty, to ``check``, which raises ValueError, and keep the text."""

    def validate(value: object) -> object:
        if isinstance(value, str) and value:
            check(value)
        return value

    return BeforeValidator(validate)


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of "127.0.0.1:8000" or "[::1]:8000". Raise LifecycleError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]*)):(\d{1,5})", listen.strip())
    if match is None or int(match[3]) > 65535:
        raise LifecycleError(f"{listen[:60]!r} is not HOST:PORT", "such as 127.0.0.1:8000 or [::1]:8000")
    return match[1] or match[2] or "0.0.0.0", int(match[3])  # noqa: S104 - ":8000" asks for every address


Duration = Annotated[int, BeforeValidator(_positive)]
Grace = Annotated[int, BeforeValidator(_duration)]
RateText = Annotated[str, _checked(rate_of)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_networks), BeforeValidator(_listed)]
Scopes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_scopes), BeforeValidator(_listed)]
UrlText = Annotated[str, _checked(checked_url)]
Variable = Annotated[str, _checked(_variable)]
ClaimRule = Annotated[str, _checked(claim_rule)]


class _Table(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Tls(_Table):
    """Hold ``[server.tls]``."""

    certificate: str = ""
    private_key: str = ""
    client_ca: str = ""


class Server(_Table):
    """Hold ``[server]``."""

    listen: Annotated[str, _checked(address_of)] = "127.0.0.1:8000"
    workers: int = Field(default=1, ge=1, le=256)
    trusted_proxies: Networks = ()
    max_body: int = Field(default=1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    tls: Tls = Tls()


class StoreTable(_Table):
    """Hold ``[store]``."""

    url: Annotated[SecretStr, _checked(open_store)] = SecretStr("sqlite:///watchword.db")
    shared: Literal[""] = ""


class RootKey(_Table):
    """Hold ``[root_key]``."""

    env: Variable = NOT_A_TWIN
    file: str = ""
    command: Words = ()


class RouteTableEntry(_Table):
    """Hold one ``[[route]]``."""

    path: Annotated[str, _checked(_path)]
    accept: Annotated[str, _checked(_policy)]
    methods: Words = ()
    scopes: Scopes = ()
    limit: RateText = ""
    networks: Networks = ()
    factors: Words = ()
    within: Duration | None = None
    body: Literal["", "upstream"] = ""

    def rule(self) -> Rule:
        """Return the rule that the gate compiles."""
        within = None if self.within is None else float(self.within)
        return Rule(
            self.path,
            self.accept,
            self.methods,
            self.scopes,
            self.limit,
            self.networks,
            self.factors,
            within,
            self.body,
        )


class TokensTable(_Table):
    """Hold ``[tokens]``."""

    access: Duration = 600
    refresh: Duration = 30 * 86400
    refresh_grace: Grace = 0


class Sessions(_Table):
    """Hold ``[sessions]``."""

    idle: Duration = 3600
    absolute: Duration = 12 * 3600


class Limits(_Table):
    """Hold ``[limits]``."""

    address: RateText = "300/min"
    account: RateText = "10/min"
    subject: RateText = ""


class MtlsTable(_Table):
    """Hold ``[mtls]``."""

    subject: Annotated[str, _checked(parse_rule)] = ""


class IssuerEntry(_Table):
    """Hold one ``[[trusted_issuer]]``."""

    url: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_uri: UrlText = Field(min_length=1)
    subject: ClaimRule = "user:{sub}"
    types: Words = ("jwt",)


class IntrospectionEntry(_Table):
    """Hold one ``[[introspection]]``."""

    endpoint: UrlText = Field(min_length=1)
    client_id: str = Field(min_length=1)
    client_secret_env: Variable = Field(min_length=1)
    issuer: str = ""
    audience: str = ""
    prefix: str = ""
    subject: ClaimRule = "user:{sub}"


class PasswordsTable(_Table):
    """Hold ``[passwords]``."""

    plaintext: bool = False


Routes = Annotated[tuple[RouteTableEntry, ...], NoDecode, BeforeValidator(_listed)]
Issuers = Annotated[tuple[IssuerEntry, ...], NoDecode, BeforeValidator(_listed)]
Introspections = Annotated[tuple[IntrospectionEntry, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """Hold the whole configuration: the file's values, over them the environment's."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="WATCHWORD_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    issuer: str = ""
    audience: str = ""
    burn_url_credentials: bool = True
    server: Server = Field(default_factory=Server)
    store: StoreTable = StoreTable()
    root_key: RootKey = RootKey()
    route: Routes = ()
    tokens: TokensTable = TokensTable()
    sessions: Sessions = Sessions()
    limits: Limits = Limits()
    mtls: MtlsTable = MtlsTable()
    trusted_issuer: Issuers = ()
    introspection: Introspections = ()
    passwords: PasswordsTable = PasswordsTable()
    _folder: Path = PrivateAttr(default=Path())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what the file says, which arrives as arguments."""
        if isinstance(env_settings, EnvSettingsSource):
            environment = env_settings.env_vars.items()
            env_settings.env_vars = {name: value for name, value in environment if name.upper() != NOT_A_TWIN}
        return env_settings, init_settings

    def place(self, name: str) -> Path:
        """Return a file that the settings name: relative ones are beside ``watchword.toml``."""
        return self._folder / name

    @property
    def issuer_url(self) -> str:
        """Return who we are in tokens: ``issuer``, or the address that is listened on."""
        if self.issuer:
            return self.issuer.rstrip("/")
        host, port = address_of(self.server.listen)
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.server.tls.certificate else 'http'}://{shown}:{port}"

    @property
    def store_url(self) -> str:
        """Return the store's URL, a relative SQLite path made absolute. It may hold a password."""
        url = self.store.url.get_secret_value()
        relative = re.fullmatch(r"sqlite:///(?!/)(?!:memory:)(.+)", url)
        if relative is None:
            return url
        return f"sqlite:///{quote(str(self._folder.resolve()))}/{relative[1]}"
