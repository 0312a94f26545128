"""Judge authorization requests (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchword.codec.oauth.claims_request import NO_CLAIMS, ClaimsAsked, claims_asked, claims_of
from watchword.codec.strict import json_object
from watchword.lifecycle.oauth.authorization.details import ERROR as BAD_DETAILS
from watchword.lifecycle.oauth.authorization.details import Details, details_of
from watchword.lifecycle.oauth.authorization.profile import FAPI2, client_fault
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal

__all__ = ["OPENID_SCOPES", "Ask", "Judge", "Refusal", "fresh_enough", "registered"]

OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes of the protocol itself (OpenID Connect Core 1.0 sections 5.4 and 11): they open nothing of an API."""

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?((?:/.*)?)")
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 512
_OPAQUE: Final = f"{_LONGEST} printable ASCII characters at most"
_LONGEST_HINT: Final = 8_192
_MOST_RESOURCES: Final = 10

_UNSUPPORTED: Final = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold an authorization request that may be answered. ``max_age`` is in seconds.

    ``strong`` says that of ``acr_values`` only "aal2" would do: a login by two factors (RFC 9470 section 4).
    ``resources`` are known and the client's (RFC 8707); ``details`` are ``authorization_details`` (RFC 9396);
    ``claims`` is the parameter of OpenID Connect Core 1.0 section 5.5; ``jkt`` the key that the code is for (RFC 9449
    section 10).
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
    resources: tuple[str, ...] = ()
    details: Details = ()
    claims: Mapping[str, Any] | None = None
    jkt: str = ""
    id_token_hint: str = ""
    login_hint: str = ""
    locales: tuple[str, ...] = ()

    @property
    def named(self) -> ClaimsAsked:
        """Return what ``claims`` asks for."""
        return claims_of(self.claims) or NO_CLAIMS

    def possible(self, who: Principal) -> frozenset[str]:
        """Return the scopes that were asked for and that this person can give."""
        return self.scopes & (who.scopes | OPENID_SCOPES)


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


class Judge:
    """Judge requests by what the operator decided. ``Resources`` judges what they are for."""

    def __init__(self, resources: Resources, rules: OAuthRules) -> None:
        self._resources = resources
        self._rules = rules

    def judge(
        self,
        fields: Mapping[str, str],
        client: Credential | None,
        now: float,
        *,
        pushed: bool = False,
        signed: bool = False,
    ) -> Ask | Refusal:
        """Return the request, or why it is refused.

        Who asks and where the answer goes is settled before anything else: no error of before that redirects. Fields
        without a value count as absent. ``pushed``: it came from the client itself (RFC 9126); ``signed``: in a request
        object (RFC 9101).
        """
        given = {name: value for name, value in fields.items() if value}
        uri, state = given.get("redirect_uri", ""), given.get("state")
        if client is None or client.refusal(now) is not None or client.kind is not Kind.OAUTH_CLIENT:
            return Refusal("invalid_client", "there is no such client")
        if not registered(uri, tuple(client.detail.get("redirect_uris", ()))):
            return Refusal("invalid_redirect_uri", "the redirect URI is not one of this client's")
        if state is not None and not _short(state):
            return Refusal("invalid_request", f"state: {_OPAQUE}", uri)
        details = self.details(given.get("authorization_details", ""), client)
        error = (
            self._unwanted(client, pushed=pushed, signed=signed)
            or _fault(given, client)
            or _fault_of_login(given)
            or self._fault_of_target(given, client)
            or ((BAD_DETAILS, "malformed, or of a type that is not this client's") if details is None else None)
        )
        if error is not None:
            return Refusal(*error, uri, state)
        return _ask(given, client, details or ())

    def _unwanted(self, client: Credential, *, pushed: bool, signed: bool) -> tuple[str, str] | None:
        """Return why requests may not come this way, or not from this client."""
        rules, detail = self._rules, client.detail
        if "authorization_code" not in detail.get("grants", ()):
            return "unauthorized_client", "authorization_code is not one of this client's grants"
        fault = client_fault(client) if rules.profile == FAPI2 else ""
        if fault:
            return "unauthorized_client", fault
        if not pushed and (rules.require_par or rules.profile == FAPI2 or detail.get("require_par") is True):
            return "invalid_request", "the request must be pushed first"
        if not signed and detail.get("require_signed_request_object") is True:
            return "invalid_request", "the request must be a signed request object"
        return None

    def _fault_of_target(self, given: Mapping[str, str], client: Credential) -> tuple[str, str] | None:
        asked = tuple(given.get("resource", "").split())
        if len(asked) > _MOST_RESOURCES or not self._resources.allowed(asked, client):
            return "invalid_target", "a resource is unknown, or not for this client"
        return None

    def details(self, text: str, client: Credential) -> Details | None:
        """Return the ``authorization_details`` that a client asks for, None where it may not (RFC 9396 section 5)."""
        mine = set(client.detail.get("authorization_details_types", ()))
        return details_of(text, mine & self._rules.details.keys()) if text else ()


def _ask(given: Mapping[str, str], client: Credential, details: Details) -> Ask:
    levels, hint = set(given.get("acr_values", "").split()), given.get("login_hint", "")
    named = claims_asked(given.get("claims", "{}")) or NO_CLAIMS
    scopes = frozenset(given.get("scope", "").split()) or client.scopes
    return Ask(
        client=client,
        redirect_uri=given["redirect_uri"],
        # Who asks for a claim by its name asks people for what covers it: they are told in its words.
        scopes=scopes | named.scopes if "openid" in scopes else scopes,
        challenge=given["code_challenge"],
        state=given.get("state"),
        nonce=given.get("nonce", ""),
        prompt=frozenset(given.get("prompt", "").split()),
        max_age=int(given["max_age"]) if "max_age" in given else None,
        strong=named.strong or ("aal2" in levels and "aal1" not in levels),
        resources=tuple(dict.fromkeys(given.get("resource", "").split())),
        details=details,
        claims=json_object(given["claims"].encode("utf-8", "replace")) if "claims" in given else None,
        jkt=given.get("dpop_jkt", ""),
        id_token_hint=given.get("id_token_hint", ""),
        login_hint=hint if len(hint) <= _LONGEST and hint.isprintable() else "",
        locales=tuple(given.get("ui_locales", "").split()[:16]),
    )


def _fault(given: Mapping[str, str], client: Credential) -> tuple[str, str] | None:
    """Return error and detail of what is wrong besides the client and its redirect URI."""
    for name, error in _UNSUPPORTED.items():
        if name in given:
            return error, f"{name} is not supported"
    kind = given.get("response_type")
    if kind != "code":
        return ("invalid_request" if kind is None else "unsupported_response_type"), "response_type must be code"
    if given.get("response_mode", "query") != "query":
        return "invalid_request", "response_mode must be query"
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        return "invalid_request", "code_challenge with the method S256 is needed"
    if "dpop_jkt" in given and not _CHALLENGE.fullmatch(given["dpop_jkt"]):
        return "invalid_request", "dpop_jkt is no thumbprint of a key"
    scope = given.get("scope")
    if scope is not None and (not _SCOPE.fullmatch(scope) or not set(scope.split()) <= client.scopes | OPENID_SCOPES):
        return "invalid_scope", "a scope is malformed, or not one of this client's"
    return None


def _fault_of_login(given: Mapping[str, str]) -> tuple[str, str] | None:
    nonce, prompt, max_age = given.get("nonce", ""), set(given.get("prompt", "").split()), given.get("max_age", "0")
    if not _short(nonce):
        return "invalid_request", f"nonce: {_OPAQUE}"
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        return "invalid_request", "prompt: none alone, or of login, consent and select_account"
    if not (max_age.isascii() and max_age.isdigit() and len(max_age) <= 10):
        return "invalid_request", "max_age: whole seconds"
    if len(given.get("id_token_hint", "")) > _LONGEST_HINT:
        return "invalid_request", "id_token_hint is too long"
    asked = claims_asked(given.get("claims", "{}"))
    if asked is None:
        return "invalid_request", "claims is malformed"
    return ("unmet_authentication_requirements", "acr is essential") if asked.unmet else None


def _short(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii() and text.isprintable()


def fresh_enough(ask: Ask, authenticated_at: float, now: float, asked_at: float | None) -> bool:
    """Return whether a login of ``authenticated_at`` (Unix seconds) is as fresh as the request wants it.

    ``asked_at`` is when this request sent the person to the login, None when it has not: ``prompt=login`` then asks.
    """
    since = float("-inf") if asked_at is None else asked_at
    if ask.prompt & {"login", "select_account"} and (asked_at is None or authenticated_at < since):
        return False
    # A login for this very request is fresh, however long its answer took; so max_age=0 asks once, not for ever.
    return ask.max_age is None or now - authenticated_at <= ask.max_age or authenticated_at >= since > float("-inf")
