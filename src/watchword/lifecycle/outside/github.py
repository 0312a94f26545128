"""Ask GitHub, which speaks OAuth 2.0 without OpenID Connect: its API says who a token is of."""

from __future__ import annotations

import json
from inspect import isawaitable
from typing import Any, Final

from watchword.codec.oidc import Metadata
from watchword.codec.strict import json_object
from watchword.lifecycle.outside.identities import Outsider
from watchword.model.ports import Fetch, Fetched, Unavailable
from watchword.model.reason import BAD_CLAIMS
from watchword.model.verdict import Rejection

__all__ = ["GITHUB", "github_metadata", "outsider_of_github"]

GITHUB: Final = "https://github.com"
_API: Final = "https://api.github.com"
_VERSION: Final = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}


def github_metadata(issuer: str) -> Metadata:
    """Return GitHub's endpoints, or those of an Enterprise Server at ``issuer``; GitHub publishes no metadata."""
    base = issuer.rstrip("/")
    return Metadata(base, f"{base}/login/oauth/authorize", f"{base}/login/oauth/access_token")


async def outsider_of_github(fetch: Fetch, provider: str, issuer: str, access: str) -> Outsider | Rejection:
    """Return the owner of an access token: by the number that stays, never by the login, which changes hands.

    The label is the primary address if GitHub has verified it, else the login. Raise Unavailable.
    """
    base = issuer.rstrip("/")
    api = _API if base == GITHUB else f"{base}/api/v3"
    user = json_object((await _got(fetch, f"{api}/user", access)).body)
    number = None if user is None else user.get("id")
    if user is None or number.__class__ is not int or number <= 0:
        return Rejection(BAD_CLAIMS, "the provider names nobody", scheme="login")
    login = _text(user.get("login"))
    address = _primary((await _got(fetch, f"{api}/user/emails", access, anyhow=True)).body)
    return Outsider(provider, base, str(number), address or login or str(number), login, _text(user.get("name")))


async def _got(fetch: Fetch, url: str, access: str, *, anyhow: bool = False) -> Fetched:
    answer = fetch(url, headers={**_VERSION, "authorization": f"Bearer {access}"})
    fetched = await answer if isawaitable(answer) else answer
    if fetched.status != 200 and not anyhow:
        raise Unavailable(f"{url}: status {fetched.status}")
    return fetched


def _primary(raw: bytes) -> str:
    try:
        listed: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("primary") is True and each.get("verified") is True:
            return _text(each.get("email"))
    return ""


def _text(value: object) -> str:
    return value[:128] if isinstance(value, str) and value.isprintable() else ""
