"""Read ``watchword.toml`` and its environment twins, strictly, and build what they describe."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from watchword.app import ROOT_KEY, Watchword
from watchword.assembly import ENTRY_POINTS
from watchword.codec.x509 import ChainVerifier
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.ceremonies import PROVABLE
from watchword.lifecycle.people.password_rules import PasswordRules
from watchword.policy import PolicyError
from watchword.server.config.audit import arrange
from watchword.server.config.file import (
    ConfigError,
    Key,
    Problem,
    key_lines,
    known_keys,
    nearest,
    place_of,
    problems_of,
    read_toml,
    stamp,
    stray_names,
)
from watchword.server.config.issuers import issuers_of
from watchword.server.config.oauth import rules_of
from watchword.server.config.secrets import Kept, sources_of
from watchword.server.config.settings import Settings, address_of
from watchword.server.config.sources import Source, SourceError
from watchword.server.late import LateOutward

__all__ = ["ConfigError", "Problem", "Settings", "address_of", "load", "root_key_of", "watchword_of"]

CONFIG: Final = "WATCHWORD_CONFIG"
OWN_CA: Final = "watchword"


def load(path: Path | str | None = None) -> Settings:
    """Read the file at ``path`` and the environment (None: the environment alone). Raise ConfigError with all problems.

    A ``.env`` beside the file gives the root key where the environment does not.
    """
    file = None if path is None else Path(path)
    seen = None if file is None else stamp(file)
    data, text = ({}, "") if file is None else read_toml(file)
    lines, known = key_lines(text), known_keys(Settings)
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = Settings(**data)
    except ValidationError as error:
        problems += problems_of(error, Settings, file, lines)
    except SettingsError:
        problems.append(Problem("the environment", "", "a WATCHWORD_ variable of a whole table is not JSON"))
    named = data.get("root_key")
    variable = named.get("env") if isinstance(named, dict) else None
    stray = stray_names(known, [ROOT_KEY, CONFIG, str(variable or ROOT_KEY), *_variables(settings)])
    problems = [each for each in problems if each.place not in {name.place for name in stray}] + stray
    if settings is not None:
        settings.beside(Path() if file is None else file.parent, file)
        settings._seen = seen
        problems += _conflicts(settings, file, lines)
    if problems or settings is None:
        raise ConfigError(problems)
    return settings


def _variables(settings: Settings | None) -> list[str]:
    """Return the names of the variables that secrets are in."""
    if settings is None:
        return []
    sources = [*sources_of(settings).values(), settings.store.url]
    named = [each.name for each in sources if isinstance(each, Source) and each.kind == "env"]
    return [*named, settings.mail.password_env]


def _conflicts(settings: Settings, file: Path | None, lines: dict[Key, int]) -> list[Problem]:
    """Return what is wrong between settings that are each right."""
    tls = settings.server.tls
    found: list[tuple[Key, str, str]] = []
    if bool(tls.certificate) != bool(tls.private_key):
        found.append((("server", "tls"), "certificate and private_key go together", "set both or neither"))
    for key in ("certificate", "private_key"):
        name = getattr(tls, key)
        if name and not settings.place(name).is_file():
            found.append((("server", "tls", key), f"there is no file {name[:80]!r}", "a PEM file"))
    theme, ca = settings.pages.theme, settings.mail.ca
    if theme and not settings.place(theme).is_file():
        found.append((("pages", "theme"), f"there is no file {theme[:80]!r}", "a stylesheet"))
    authorities: list[tuple[Key, str]] = [(("mail", "ca"), ca), (("audit", "syslog", "ca"), settings.audit.syslog.ca)]
    for where, pem in authorities:
        fault = _authority_fault(settings.place(pem)) if pem else ""
        if fault:
            found.append((where, fault, "a PEM file"))
    if settings.audit.otel and find_spec("opentelemetry") is None:
        found.append((("audit", "otel"), "OpenTelemetry is not installed", 'pip install "watchword[otel]"'))
    found += _unheard_of(settings)
    if tls.client_ca and not tls.certificate:
        hint = "set certificate and private_key"
        found.append((("server", "tls", "client_ca"), "client certificates need TLS", hint))
    if tls.client_ca and tls.client_ca != OWN_CA:
        fault = _authority_fault(settings.place(tls.client_ca))
        if fault:
            found.append((("server", "tls", "client_ca"), fault, 'a PEM file, or "watchword" for our own CA'))
    if settings.mfa.rp_id or settings.mfa.origins:
        fault = settings.mfa.site(settings.issuer_url).fault()
        if fault:
            hint = "a browser makes passkeys for rp_id at https://rp_id and below it"
            found.append((("mfa", "origins" if settings.mfa.origins else "rp_id"), fault, hint))
    found += _twice(settings)
    return [_at(key, message, hint, file, lines) for key, message, hint in found]


def _twice(settings: Settings) -> list[tuple[Key, str, str]]:
    """Return the tables of which two have the same name."""
    tables: list[tuple[str, str, list[str]]] = [
        ("trusted_issuer", "an issuer", [each.url for each in settings.trusted_issuer]),
        ("resource", "an API", [each.uri for each in settings.resource]),
        ("provider", "a provider", [each.title for each in settings.provider]),
    ]
    hints = {"provider": "give each a name of its own"}
    return [
        ((key,), f"{what} is named twice", hints.get(key, "one table for each"))
        for key, what, names in tables
        if len(names) != len(set(names))
    ]


def _unheard_of(settings: Settings) -> list[tuple[Key, str, str]]:
    """Return the factors of routes that nobody can ever prove: those of no issuer but ours have names that we know."""
    if settings.trusted_issuer or settings.introspection or entry_points(group=ENTRY_POINTS):
        return []
    return [
        (("route", place, "factors"), f"nobody here can prove {name[:60]!r}", nearest(name, PROVABLE))
        for place, route in enumerate(settings.route)
        for name in route.factors
        if name not in PROVABLE
    ]


def _at(key: Key, message: str, hint: str, file: Path | None, lines: dict[Key, int]) -> Problem:
    line = place_of(key, lines)
    place = "the settings" if file is None else f"{file}, line {line}" if line else str(file)
    name = ".".join(str(part + 1) if isinstance(part, int) else part for part in key)
    return Problem(place, name, message, hint)


def _authority_fault(path: Path) -> str:
    """Return why the client CA cannot be used: with an empty one everybody might pass (CVE-2026-27586)."""
    try:
        ChainVerifier(path.read_bytes())
    except OSError:
        return f"there is no file {path.name[:80]!r}"
    except ValueError as error:
        return str(error)
    return ""


def root_key_of(settings: Settings) -> str | None:
    """Return the root key, or several of them with commas between, from where the settings say it is.

    None when no variable has one. Raise ConfigError, without the key, when its source fails.
    """
    source = settings.root_key.source
    try:
        return source.read(settings.place(""))
    except SourceError as error:
        if source.kind == "env":
            return None
        raise ConfigError([Problem(f"root_key.{source.kind}", "", str(error))]) from None


def watchword_of(settings: Settings, *, workers: int | None = None, **more: Any) -> Watchword:
    """Return the Watchword that the settings describe, not yet started.

    ``workers`` is how many processes share the store; None: not known. ``more`` goes to the constructor and wins.
    Raise ConfigError.
    """
    tls = settings.server.tls
    outside = None
    if tls.client_ca and tls.client_ca != OWN_CA:
        outside = settings.place(tls.client_ca).read_bytes()
    try:
        arguments: dict[str, Any] = {**_arguments(settings, outside), "workers": workers, **more}
        if "root_key" not in arguments:
            arguments["root_key"] = root_key_of(settings)
        house = Watchword(settings.store_url, **arguments)
    except (PolicyError, LifecycleError) as error:
        raise ConfigError([Problem("the settings", "", str(error), getattr(error, "hint", ""))]) from None
    except ValueError as error:
        raise ConfigError([Problem("the settings", "", str(error))]) from None
    arrange(house, settings)
    house.operations.rotation.rules = settings.rotation.rules()
    if settings.root_key.source.at_once and "root_key" not in more:
        house.sealer.reread = lambda: root_key_of(settings)
    return house


def _arguments(settings: Settings, client_ca: bytes | None) -> dict[str, Any]:
    return {
        "issuer": settings.issuer_url,
        "audience": settings.audience or None,
        "rules": [each.rule() for each in settings.route],
        "trusted_proxies": settings.server.trusted_proxies,
        "client_ca": client_ca,
        "client_subject": settings.mtls.subject or None,
        "address_limit": settings.limits.address or None,
        "account_limit": settings.limits.account or None,
        "logins_limit": settings.limits.logins or None,
        "subject_limit": settings.limits.subject or None,
        "burn": settings.burn_url_credentials,
        "plaintext_passwords": settings.passwords.plaintext,
        "password_cost": settings.passwords.cost(),
        "password_rules": _rules(settings),
        "access_lifetime": settings.tokens.access,
        "refresh_lifetime": settings.tokens.refresh,
        "fetch": LateOutward(settings.oauth.private_hosts),
        "refresh_grace": float(settings.tokens.refresh_grace),
        "key_rotation": settings.tokens.key_rotation,
        "bind_tokens": settings.tokens.bind_to_certificate,
        "stale_feed": settings.tokens.stale_feed,
        "feed_bound": float(settings.tokens.feed_bound),
        "session_idle": settings.sessions.idle,
        "session_lifetime": settings.sessions.absolute,
        "site": settings.mfa.site(settings.issuer_url),
        "mfa": settings.mfa.required,
        **_providers(settings),
    }


def _rules(settings: Settings) -> PasswordRules:
    table = settings.passwords
    return PasswordRules(
        minimum=table.minimum,
        minimum_with_factor=table.minimum_with_factor,
        strength=table.strength,
        service=filter(None, (urlsplit(settings.issuer_url).hostname,)),
    )


def _secret(settings: Settings, number: int) -> Kept | str:
    """Return the secret of an introspection endpoint; where it takes no time to see, one that is missing is seen."""
    kept = settings.secret(f"introspection.{number}.client_secret")
    if kept is not None and settings.introspection[number - 1].source.at_once:
        kept()
    return kept or ""


def _providers(settings: Settings) -> dict[str, Any]:
    """Return outside issuers and introspection endpoints, with the one client that asks them, and what they may do."""
    if not settings.trusted_issuer and not settings.introspection:
        return {"oauth": rules_of(settings.oauth, settings.resource)}
    from watchword.schemes.oauth2 import Introspection
    from watchword.server.fetch import HttpFetch

    fetch = HttpFetch()
    issuers, trusted = issuers_of(settings.trusted_issuer, settings.issuer_url, fetch)
    asked = [
        Introspection(
            each.endpoint,
            each.client_id,
            _secret(settings, number),
            fetch,
            issuer=each.issuer,
            audience=each.audience,
            prefix=each.prefix,
            subject=each.subject,
        )
        for number, each in enumerate(settings.introspection, 1)
    ]
    rules = rules_of(settings.oauth, settings.resource, trusted)
    return {"issuers": issuers, "introspection": asked, "oauth": rules}
