"""Model ``watchword.toml``: every key, its form and its default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from watchword.codec.oauth.protected_resource import checked_resource
from watchword.codec.subject_rule import parse_rule
from watchword.lifecycle.errors import LifecycleError
from watchword.routes import Rule
from watchword.server.config.audit import AlertEntries, AlertsTable, AuditTable
from watchword.server.config.file import NOT_A_TWIN
from watchword.server.config.issuers import IssuerEntry
from watchword.server.config.leaks import LeaksTable
from watchword.server.config.oauth import OAuthTable, ResourceEntry
from watchword.server.config.people import AccountsTable, MailTable, MfaTable, PagesTable, PasswordsTable
from watchword.server.config.providers import Providers
from watchword.server.config.rotation import RotationTable
from watchword.server.config.secrets import Kept, Secrets, sources_of
from watchword.server.config.sources import SecretSource, Source, source_of
from watchword.server.config.telemetry import MetricsTable, OtelTable
from watchword.server.config.values import (
    ClaimRule,
    Duration,
    Grace,
    Networks,
    PathText,
    PolicyText,
    RateText,
    Scopes,
    Table,
    UrlText,
    Variable,
    Words,
    address_of,
    at_most,
    checked,
    listed,
    seldom,
)
from watchword.stores.opening import open_store

__all__ = ["Settings", "address_of"]


class Tls(Table):
    """Hold ``[server.tls]``."""

    certificate: str = ""
    private_key: str = ""
    client_ca: str = ""


class Server(Table):
    """Hold ``[server]``."""

    listen: Annotated[str, checked(address_of)] = "127.0.0.1:8000"
    workers: int = Field(default=1, ge=1, le=256)
    trusted_proxies: Networks = ()
    max_body: int = Field(default=1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    tls: Tls = Tls()


def _place(value: object) -> object:
    """Read the store's URL, or where it comes from."""
    if isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{")):
        return source_of(value)
    if isinstance(value, str) and value:
        open_store(value)
    return value


class StoreTable(Table):
    """Hold ``[store]``."""

    url: Annotated[Source | SecretStr, NoDecode, BeforeValidator(_place)] = SecretStr("sqlite:///watchword.db")
    shared: Literal[""] = ""


class RootKey(Table):
    """Hold ``[root_key]``."""

    env: Variable = NOT_A_TWIN
    file: str = ""
    command: Words = ()
    credential: str = ""
    keyring: str = ""

    @model_validator(mode="after")
    def _whole(self) -> RootKey:
        chosen = [kind for kind in ("file", "command", "credential", "keyring") if getattr(self, kind)]
        if len(chosen) > 1:
            raise LifecycleError(f"{' and '.join(chosen)} exclude each other", "keep one")
        if chosen:
            source_of({chosen[0]: getattr(self, chosen[0])})
        return self

    @property
    def source(self) -> Source:
        """Return where the root key comes from."""
        chosen = next((kind for kind in ("command", "file", "credential", "keyring") if getattr(self, kind)), "env")
        return source_of({chosen: getattr(self, chosen)})


class RouteTableEntry(Table):
    """Hold one ``[[route]]``."""

    path: PathText
    accept: PolicyText
    methods: Words = ()
    scopes: Scopes = ()
    limit: RateText = ""
    networks: Networks = ()
    factors: Words = ()
    within: Duration | None = None
    body: Literal["", "upstream"] = ""
    resource: Annotated[str, checked(checked_resource)] = ""

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
            self.resource,
        )


class TokensTable(Table):
    """Hold ``[tokens]``."""

    access: Annotated[Duration, at_most("2d")] = 600
    refresh: Duration = 30 * 86400
    refresh_grace: Annotated[Grace, at_most("1m")] = 10
    key_rotation: Annotated[Grace, AfterValidator(seldom)] = 90 * 86400
    bind_to_certificate: bool = False
    stale_feed: Literal["refuse", "accept"] = "refuse"
    feed_bound: Duration = 30


class Sessions(Table):
    """Hold ``[sessions]``."""

    idle: Duration = 3600
    absolute: Duration = 12 * 3600


class Limits(Table):
    """Hold ``[limits]``."""

    address: RateText = "300/min"
    account: RateText = "10/min"
    logins: RateText = "1200/min"
    subject: RateText = ""


class MtlsTable(Table):
    """Hold ``[mtls]``."""

    subject: Annotated[str, checked(parse_rule)] = ""


class AdminTable(Table):
    """Hold ``[admin]``."""

    accept: PolicyText = "api-key | jwt | oauth2 | mtls"
    networks: Networks = ()
    limit: RateText = "600/min"
    within: Duration = 600


class LintTable(Table):
    """Hold ``[lint]``."""

    allow: Words = ()


class IntrospectionEntry(Table):
    """Hold one ``[[introspection]]``."""

    endpoint: UrlText = Field(min_length=1)
    client_id: str = Field(min_length=1)
    client_secret_env: Variable = ""
    client_secret: SecretSource = None
    issuer: str = ""
    audience: str = ""
    prefix: str = ""
    subject: ClaimRule = "user:{sub}"

    @model_validator(mode="after")
    def _whole(self) -> IntrospectionEntry:
        if bool(self.client_secret_env) is (self.client_secret is not None):
            raise ValueError("client_secret_env is missing: the variable that holds the secret; or client_secret")
        return self

    @property
    def source(self) -> Source:
        """Return where the secret comes from that the provider gave."""
        return self.client_secret or Source("env", self.client_secret_env)


Routes = Annotated[tuple[RouteTableEntry, ...], NoDecode, BeforeValidator(listed)]
Issuers = Annotated[tuple[IssuerEntry, ...], NoDecode, BeforeValidator(listed)]
Resources = Annotated[tuple[ResourceEntry, ...], NoDecode, BeforeValidator(listed)]
Introspections = Annotated[tuple[IntrospectionEntry, ...], NoDecode, BeforeValidator(listed)]


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
    provider: Providers = ()
    passwords: PasswordsTable = PasswordsTable()
    accounts: AccountsTable = AccountsTable()
    mfa: MfaTable = MfaTable()
    mail: MailTable = MailTable()
    pages: PagesTable = PagesTable()
    oauth: OAuthTable = OAuthTable()
    resource: Resources = ()
    admin: AdminTable = AdminTable()
    audit: AuditTable = AuditTable()
    alerts: AlertsTable = AlertsTable()
    alert: AlertEntries = ()
    rotation: RotationTable = RotationTable()
    leaks: LeaksTable = LeaksTable()
    lint: LintTable = LintTable()
    metrics: MetricsTable = MetricsTable()
    otel: OtelTable = OtelTable()
    _folder: Path = PrivateAttr(default=Path())
    _file: Path | None = PrivateAttr(default=None)
    _secrets: Secrets = PrivateAttr(default_factory=Secrets)
    _seen: tuple[int, int, int] | None = PrivateAttr(default=None)

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

    def beside(self, folder: Path, file: Path | None = None) -> None:
        """Say where relative files are: beside ``watchword.toml``, which is ``file``."""
        self._folder = self._secrets.folder = folder
        self._file = file

    @property
    def file(self) -> Path | None:
        """Return the file that the settings were read from, None where the environment alone said them."""
        return self._file

    @property
    def seen(self) -> tuple[int, int, int] | None:
        """Return the stamp of the file as it was read."""
        return self._seen

    @property
    def secrets(self) -> Secrets:
        """Return the secrets that the server shows to others."""
        return self._secrets

    def secret(self, place: str) -> Kept | None:
        """Return the secret of a setting ("mail.password"), None where there is none."""
        source = sources_of(self).get(place)
        return None if source is None else self._secrets.of(place, source)

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
        given = self.store.url
        url = given.read(self._folder) if isinstance(given, Source) else given.get_secret_value()
        relative = re.fullmatch(r"sqlite:///(?!/)(?!:memory:)(.+)", url)
        if relative is None:
            return url
        return f"sqlite:///{quote(str(self._folder.resolve()))}/{relative[1]}"
