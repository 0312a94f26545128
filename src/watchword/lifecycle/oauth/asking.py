"""Judge authorization requests (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from watchword.model.credential import Credential, Kind

__all__ = ["OPENID_SCOPES", "Ask", "Refusal", "fresh_enough", "judged", "registered"]

OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes of the protocol itself (OpenID Connect Core 1.0 sections 5.4 and 11): they open nothing of an API."""

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?((?:/.*)?)")
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 512

_UNSUPPORTED: Final = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold an authorization request that may be answered. ``max_age`` is in seconds.

    ``strong`` says that of ``acr_values`` only "aal2" would do: a login by two factors (RFC 9470 section 4).
    """

    client: Credential
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    state: str | None = None
    nonce: str = ""
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refuse a request. Without ``redirect_uri`` nobody may be sent anywhere: the person is told on our own page."""

    error: str
    detail: str = ""
    redirect_uri: str = ""
    state: str | None = None


def registered(uri: str, known: tuple[str, ...]) -> bool:
    """Return whether a redirect URI is one of the client's, character by character (RFC 9700 section 4.1.1).

    Only the port of a loopback address may differ (RFC 8252 section 7.3), since a native app takes whichever is free.
    """
    if not uri.isascii() or not uri.isprintable():
        return False
    if uri in known:
        return True
    asked = _LOOPBACK.fullmatch(uri)
    if asked is None or int(asked[2] or 80) > 65_535:
        return False
    held = filter(None, map(_LOOPBACK.fullmatch, known))
    return any(each[1] == asked[1] and each[3] == asked[3] for each in held)


def judged(fields: Mapping[str, str], client: Credential | None, audience: str, now: float) -> Ask | Refusal:
    """Judge an authorization request (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1). Pure.

    Who asks and where the answer goes is settled before anything else: no error of before that redirects. Fields
    without a value count as absent.
    """
    given = {name: value for name, value in fields.items() if value}
    uri, state = given.get("redirect_uri", ""), given.get("state")
    if client is None or client.refusal(now) is not None or client.kind is not Kind.OAUTH_CLIENT:
        return Refusal("invalid_client", "there is no such client")
    if not registered(uri, tuple(client.detail.get("redirect_uris", ()))):
        return Refusal("invalid_redirect_uri", "the redirect URI is not one of this client's")
    if not client.detail.get("first_party", False):
        return Refusal("unauthorized_client", "only applications of this operator are let in so far")
    if state is not None and not (len(state) <= _LONGEST and state.isascii() and state.isprintable()):
        return Refusal("invalid_request", "state", uri)
    error = _fault(given, client, audience)
    if error is not None:
        return Refusal(*error, uri, state)
    scopes = frozenset(given.get("scope", "").split()) or client.scopes
    prompt = frozenset(given.get("prompt", "").split())
    max_age = int(given["max_age"]) if "max_age" in given else None
    levels = set(given.get("acr_values", "").split())
    strong = "aal2" in levels and "aal1" not in levels
    return Ask(client, uri, scopes, given["code_challenge"], state, given.get("nonce", ""), prompt, max_age, strong)


def _fault(given: Mapping[str, str], client: Credential, audience: str) -> tuple[str, str] | None:
    """Return error and detail of what is wrong besides the client and its redirect URI."""
    for name, error in _UNSUPPORTED.items():
        if name in given:
            return error, name
    if "authorization_code" not in client.detail.get("grants", ()):
        return "unauthorized_client", "grant"
    kind = given.get("response_type")
    if kind != "code":
        return ("invalid_request" if kind is None else "unsupported_response_type"), "response_type"
    if given.get("response_mode", "query") != "query":
        return "invalid_request", "response_mode"
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        return "invalid_request", "code_challenge with the method S256 is needed"
    if given.get("resource", audience) != audience:
        return "invalid_target", "resource"
    scope = given.get("scope")
    if scope is not None and (not _SCOPE.fullmatch(scope) or not set(scope.split()) <= client.scopes | OPENID_SCOPES):
        return "invalid_scope", "scope"
    return _fault_of_login(given)


def _fault_of_login(given: Mapping[str, str]) -> tuple[str, str] | None:
    nonce, prompt, max_age = given.get("nonce", ""), set(given.get("prompt", "").split()), given.get("max_age", "0")
    if len(nonce) > _LONGEST or not (nonce.isascii() and nonce.isprintable()):
        return "invalid_request", "nonce"
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        return "invalid_request", "prompt"
    if not (max_age.isascii() and max_age.isdigit() and len(max_age) <= 10):
        return "invalid_request", "max_age"
    return None


def fresh_enough(ask: Ask, authenticated_at: float, now: float, asked_at: float | None) -> bool:
    """Return whether a login of ``authenticated_at`` (Unix seconds) is as fresh as the request wants it.

    ``asked_at`` is when this request sent the person to the login, None when it has not: ``prompt=login`` then asks.
    """
    since = float("-inf") if asked_at is None else asked_at
    if ask.prompt & {"login", "select_account"} and (asked_at is None or authenticated_at < since):
        return False
    # A login for this very request is fresh, however long its answer took; so max_age=0 asks once, not for ever.
    return ask.max_age is None or now - authenticated_at <= ask.max_age or authenticated_at >= since > float("-inf")
