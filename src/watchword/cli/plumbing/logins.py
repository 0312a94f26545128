"""Log in by OAuth 2 for ``call``: from a profile's values to a client, with tokens that are kept between calls."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from watchword.cli.plumbing.output import note, warn
from watchword.cli.plumbing.shell import REFUSED, Stop, nearest

if TYPE_CHECKING:
    from watchword.client.oauth2 import Keep, OAuth2Auth, Prompt

__all__ = ["check", "forget", "needs_secret", "oauth_of", "tokens_folder"]

MACHINE: Final = "client-credentials"
_FLOWS: Final = (MACHINE, "code", "device")
_KEEPS: Final = ("keyring", "file", "none")
_REDIRECT: Final = "http://127.0.0.1/callback"


def tokens_folder() -> Path:
    """Return where tokens are kept that are in no keyring, and locks."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "watchword" / "tokens"


def check(place: str, values: Mapping[str, str]) -> None:
    """Stop at values of a profile that go together in no way; ``place`` is where they stand."""
    _one_of(place, "flow", values, _FLOWS)
    _one_of(place, "keep", values, _KEEPS)
    _one_of(place, "dpop", values, ("true", "false"))
    machine = values.get("flow", MACHINE) == MACHINE
    if not machine and values.get("token_url"):
        raise Stop(f"{place}: flow {values['flow']!r} needs more than token_url", "say issuer; it knows the rest")
    if machine and not values.get("issuer") and not values.get("token_url"):
        raise Stop(f"{place}: oauth needs issuer", "the authorization server's, such as https://auth.example.com")
    if not _here(values.get("redirect_uri", _REDIRECT)):
        raise Stop(f"{place}: redirect_uri is not on this machine", f"such as {_REDIRECT}: the port may be left open")


def _here(redirect_uri: str) -> bool:
    """Return whether it is http://127.0.0.1, with a path and no more than a port: what ``code`` listens on."""
    try:
        parts = urlsplit(redirect_uri)
        port = parts.port
    except ValueError:
        return False
    place = "127.0.0.1" if port is None else f"127.0.0.1:{port}"
    return redirect_uri == f"http://{place}{parts.path}" and bool(parts.path)


def _one_of(place: str, key: str, values: Mapping[str, str], words: tuple[str, ...]) -> None:
    value = values.get(key, words[0])
    if value not in words:
        near = nearest(value, words)
        raise Stop(
            f"{place}: there is no {key} {value[:40]!r}", f"did you mean {near}?" if near else " or ".join(words)
        )


def needs_secret(values: Mapping[str, str]) -> bool:
    """Return whether the client proves itself by a secret, which is asked for where it is not given."""
    if values.get("secret"):
        return True
    if values.get("signing_key"):
        return False
    certificate = values.get("certificate") and not os.environ.get("WATCHWORD_SECRET")
    return values.get("flow", MACHINE) == MACHINE and not certificate


def oauth_of(values: Mapping[str, str], secret: str, url: str | None, name: str) -> OAuth2Auth:
    """Return the client for requests to the origin of ``url``; tokens are kept for the profile ``name``."""
    from watchword.client.oauth2 import AuthorizationCode, DeviceAuthorization, OAuth2Auth

    flow: Any = None
    if values.get("flow") == "code":
        redirect = urlsplit(values.get("redirect_uri", _REDIRECT))
        flow = AuthorizationCode(redirect.path, redirect.port or 0, show=_show_url)
    elif values.get("flow") == "device":
        flow = DeviceAuthorization(_show_code)
    key = values.get("signing_key")
    return OAuth2Auth(
        values.get("token_url") or None,
        values["client_id"],
        secret or None,
        values.get("scope") or None,
        flow=flow,
        issuer=values.get("issuer") or None,
        resource=values.get("resource") or None,
        origin=url,
        private_key=None if not key else _pem(Path(key).expanduser()),
        kid=values.get("kid") or None,
        mtls=bool(values.get("certificate")) and not secret and not key,
        dpop=values.get("dpop") == "true",
        keep=_keep(values, name),
    )


def _pem(path: Path) -> bytes:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise Stop(f"{path} may be read by others", f"chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise Stop(f"signing_key: {path} cannot be read: {error.strerror}", "a private key, PEM") from None


def _keep(values: Mapping[str, str], name: str) -> Keep | None:
    """Return where the profile's tokens are kept: a person's always, a machine's when the profile says where."""
    from watchword.client.oauth2 import KeyringKeep, TokenFile

    where = values.get("keep", "none" if values.get("flow", MACHINE) == MACHINE else "")
    if not name or where == "none":
        return None
    if where == "keyring" and not KeyringKeep.usable():
        raise Stop("there is no keyring on this system", 'pip install keyring, or say keep = "file"')
    if where == "keyring" or (not where and KeyringKeep.usable()):
        return KeyringKeep(name, tokens_folder())
    return TokenFile(tokens_folder() / f"{name}.json")


def _show_url(url: str) -> None:
    from watchword.client.oauth2.code import has_browser, open_browser

    note(f"Log in in your browser; if none opens, go to\n  {url}")
    if not has_browser():
        note('It has to be a browser of this very machine; from any other, log in with flow = "device".')
    open_browser(url)


def _show_code(prompt: Prompt) -> None:
    note(f"Go to {prompt.verification_uri} on any device, and enter\n\n  {prompt.user_code}\n")
    if prompt.complete:
        note(f"or follow {prompt.complete}")


def forget(auth: OAuth2Auth, name: str, tls: Any) -> bool:
    """Delete the tokens of a profile and have the server revoke them; return whether there were any."""
    import httpx2

    from watchword.client import AuthenticationFailed
    from watchword.client.oauth2.sharing import NOT_REVOKED
    from watchword.client.transport import drive

    try:
        with httpx2.Client(verify=tls, timeout=10) as client:
            return drive(client, auth.forgotten())
    except (AuthenticationFailed, httpx2.HTTPError) as error:
        if isinstance(error, AuthenticationFailed) and error.type != NOT_REVOKED:
            raise Stop(f"the login of {name} is not forgotten: {error}", code=REFUSED) from None
        warn(f"the tokens of {name} are deleted here, but the server did not revoke them: {error}")
        return True
