"""Who calls: a proof from a profile, from the environment, from options; made into a client's auth."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchword.cli.plumbing.logins import check, needs_secret, oauth_of
from watchword.cli.plumbing.shell import Stop, nearest
from watchword.cli.plumbing.typed import prompted, secret_from

if TYPE_CHECKING:
    from watchword.client.transport import Auth

__all__ = ["SCHEMES", "Proof", "auth_of", "profile_named", "profiles_file"]

# What each scheme needs, and what it may have besides.
SCHEMES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "api-key": (("secret",), ()),
    "basic": (("username",), ("secret",)),
    "hmac": (("key_id",), ("secret", "signing")),
    "oauth": (
        ("client_id",),
        (
            "secret",
            "scope",
            "flow",
            "issuer",
            "token_url",
            "resource",
            "dpop",
            "signing_key",
            "kid",
            "redirect_uri",
            "keep",
        ),
    ),
    "login": (("base_url", "username"), ("secret",)),
    "session": (("base_url", "username"), ("secret",)),
    "mtls": (("certificate", "private_key"), ()),
}
_ANYWHERE: Final = ("scheme", "url", "certificate", "private_key", "ca")
_KEYS: Final = sorted({*_ANYWHERE, *(key for need, may in SCHEMES.values() for key in (*need, *may))})
_WORDS: Final = {"basic": "Password", "login": "Password", "session": "Password", "oauth": "Client secret"}
_VARIABLE: Final = "WATCHWORD_PROFILE_"


@dataclass(frozen=True, slots=True)
class Proof:
    """Hold what proves the caller: the scheme, "" for none, and its values; secrets may be "@FILE" or "env:NAME"."""

    scheme: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = ""
    name: str = ""  # the profile's

    def path(self, key: str) -> Path | None:
        """Return a file that a value names."""
        return Path(self.values[key]).expanduser() if self.values.get(key) else None

    def but(self, **values: str | None) -> Proof:
        """Return the same with those values that are given put over its own."""
        given = {key: value for key, value in values.items() if value}
        return replace(self, values={**self.values, **given})


def profiles_file() -> Path:
    """Return where profiles are kept."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "watchword" / "profiles.toml"


def profile_named(name: str) -> Proof:
    """Return a profile: from the file, and over it ``WATCHWORD_PROFILE_NAME__KEY`` of the environment."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise Stop(f"--as: {name[:64]!r} is not a profile's name", "letters, digits, _ and -")
    path = profiles_file()
    profiles = _read(path)
    twins = f"{_VARIABLE}{name.upper().replace('-', '_')}__"
    values = {key[len(twins) :].lower(): value for key, value in os.environ.items() if key.startswith(twins)}
    if name not in profiles and not values:
        near = nearest(name, profiles)
        hint = f"did you mean {near}?" if near else f"add [{name}] to {path}, or set {twins}SCHEME and what it needs"
        raise Stop(f"--as: there is no profile {name!r}", hint)
    place = f"{path}, [{name}]" if name in profiles else f"{twins}…"
    return replace(_checked(place, {**profiles.get(name, {}), **values}), name=name)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        if path.stat().st_mode & 0o077:
            raise Stop(f"{path} may be read by others", f"chmod 600 {path}")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise Stop(f"{path}, line {line[1] if line else 'last'}: not TOML", 'such as: scheme = "api-key"') from None
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{path} cannot be read", getattr(error, "strerror", "") or "it is not UTF-8") from None
    for name, table in found.items():
        if not isinstance(table, dict):
            raise Stop(f"{path}: {name} stands outside a profile", f"put it under a heading such as [{name}]")
    return found


def _checked(place: str, values: Mapping[str, Any]) -> Proof:
    for key, value in values.items():
        if key not in _KEYS:
            near = nearest(key, _KEYS)
            raise Stop(
                f"{place}: unknown key {key[:40]!r}", f"did you mean {near}?" if near else f"known: {', '.join(_KEYS)}"
            )
        if not isinstance(value, str) and not (key == "dpop" and isinstance(value, bool)):
            raise Stop(f"{place}: {key} must be a text in quotes")
    scheme = values.get("scheme", "")
    if scheme not in SCHEMES:
        near = nearest(scheme, SCHEMES)
        hint = f"did you mean {near}?" if near else f"one of: {', '.join(SCHEMES)}"
        raise Stop(f"{place}: there is no scheme {scheme[:40]!r}" if scheme else f"{place}: scheme is missing", hint)
    missing = [key for key in SCHEMES[scheme][0] if not values.get(key)]
    if missing:
        raise Stop(f"{place}: {scheme} needs {' and '.join(missing)}")
    rest = {key: str(value).lower() if key == "dpop" else value for key, value in values.items()}
    proof = Proof(scheme, {key: rest[key] for key in rest if key not in ("scheme", "url")}, values.get("url", ""))
    if scheme == "oauth":
        check(place, proof.values)
    return proof


def auth_of(proof: Proof, url: str | None) -> Auth | None:
    """Return what proves the caller to the origin of ``url`` (None: to any), None where a certificate does."""
    from watchword.client import ApiKeyAuth, BasicAuth, LoginAuth, SessionAuth, SignatureAuth

    values = proof.values
    if proof.scheme in ("", "mtls"):
        return None
    secret = "" if proof.scheme == "oauth" and not needs_secret(values) else _secret(proof)
    try:
        match proof.scheme:
            case "api-key":
                return ApiKeyAuth(secret, origin=url)
            case "basic":
                return BasicAuth(values["username"], secret, origin=url)
            case "hmac":
                return SignatureAuth(values["key_id"], secret, values.get("signing") or "v1", origin=url)
            case "oauth":
                return oauth_of(values, secret, url, proof.name)
            case "login":
                return LoginAuth(values["base_url"], values["username"], secret)
            case _:
                return SessionAuth(values["base_url"], values["username"], secret)
    except ValueError as error:
        raise Stop(f"{proof.scheme}: {error}") from None


def _secret(proof: Proof) -> str:
    """Return the secret, from where the proof says, from the environment, or asked for on the terminal."""
    word = _WORDS.get(proof.scheme, "Secret")
    given = proof.values.get("secret")
    if given:
        return secret_from(given, "--api-key" if proof.scheme == "api-key" else f"the {word.lower()}")
    for name in ("WATCHWORD_PASSWORD", "WATCHWORD_SECRET") if word == "Password" else ("WATCHWORD_SECRET",):
        if os.environ.get(name):
            return os.environ[name]
    return prompted(word)
