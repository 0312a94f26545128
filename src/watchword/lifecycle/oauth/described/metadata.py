"""Read what a client says of itself, and say it again: client metadata, pure.

RFC 7591 section 2, RFC 8252 section 8.4, OpenID Connect Registration 1.0 section 2, RFC 8705 section 2.1.2, RFC 9126
section 6, RFC 9449 section 5.2, RFC 9101 section 10.5, Back-Channel Logout 1.0 section 2.2. What is left out of the
answer, or stands there otherwise, was not agreed to (RFC 7591 section 3.2.1); members that nobody knows are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from watchword.codec.oauth.redirect_uri import kind_of, redirect_fault
from watchword.lifecycle.oauth.asking import OPENID_SCOPES

__all__ = [
    "DETAIL_KEYS",
    "MOST_BYTES",
    "ClientMetadata",
    "MetadataRefused",
    "Permitted",
    "hosts_of",
    "members_of",
    "metadata_of",
]

MOST_BYTES: Final = 8_192
"""Of one document of metadata."""

_MOST: Final = 10  # entries of a list
_LONGEST_URL: Final = 2_000
_DEFAULT_GRANTS: Final = ("authorization_code",)
_DEFAULT_METHOD: Final = "client_secret_basic"
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_WORD: Final = re.compile(r"[\x21-\x7e]{1,128}")
_WEB: Final = re.compile(r"https://[A-Za-z0-9.\-\[\]:]+(?:[/?][A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*)?")
_KEYED: Final = ("private_key_jwt", "self_signed_tls_client_auth")

_TEXTS: Final = {
    "client_name": 128,
    "software_id": 128,
    "software_version": 64,
    "tls_client_auth_subject_dn": 512,
    "tls_client_auth_san_dns": 253,
    "tls_client_auth_san_uri": 512,
    "tls_client_auth_san_ip": 45,
    "tls_client_auth_san_email": 254,
}
_URLS: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri")
_CALLED: Final = ("backchannel_logout_uri",)
_FLAGS: Final = {
    "require_pushed_authorization_requests": "require_par",
    "dpop_bound_access_tokens": "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens": "tls_client_certificate_bound_access_tokens",
    "require_signed_request_object": "require_signed_request_object",
    "backchannel_logout_session_required": "backchannel_logout_session_required",
}
_SIGNED: Final = ("EdDSA", "Ed25519", "ES256", "PS256", "RS256")
_SIGNING: Final = ("token_endpoint_auth_signing_alg", "request_object_signing_alg")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "application_type": ("web", "native"),
    "subject_type": ("public", "pairwise"),
    "userinfo_signed_response_alg": ("EdDSA", "ES256", "RS256"),
    **dict.fromkeys(_SIGNING, _SIGNED),
}
_KEPT_CHOICES: Final = ("subject_type", "userinfo_signed_response_alg")
_NOT_HAD: Final = frozenset(
    {
        *(f"{what}_encrypted_response_{how}" for what in ("id_token", "userinfo") for how in ("alg", "enc")),
        *("request_object_encryption_alg", "request_object_encryption_enc"),
        *("authorization_signed_response_alg", "introspection_signed_response_alg"),
    }
)
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # members of a JWK (RFC 7518 section 6)
_TLS_NAMES: Final = tuple(name for name in _TEXTS if name.startswith("tls_client_auth_"))
_ID_TOKENS: Final = "id_token_signed_response_alg"
_SAME: Final = (_ID_TOKENS, *_TEXTS, *_URLS, *_CALLED, *_KEPT_CHOICES, "application_type", "contacts", "redirect_uris")
_LISTS: Final = ("authorization_details_types", "post_logout_redirect_uris", "jwks")

DETAIL_KEYS: Final = frozenset({*_SAME, *_LISTS, *_FLAGS.values(), "grants", "auth_method", "public"})
"""What of a client's detail it says itself, and says anew when it changes."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """Say what clients that describe themselves may have. What else they ask for, they do not get.

    ``id_tokens`` are the algorithms of id_tokens; the first is a client's that asks for none (RS256 by OpenID Connect
    Registration 1.0 section 2).
    """

    grants: frozenset[str]
    scopes: frozenset[str]
    methods: frozenset[str]
    id_tokens: tuple[str, ...] = ("RS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """Hold what a client's record gets: its detail, and the scopes it may ask for."""

    detail: Mapping[str, Any] = field(repr=False)
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class MetadataRefused:
    """Refuse, with an error of RFC 7591 section 3.2.2 and words for the developer."""

    error: str
    description: str


class _Fault(Exception):
    def __init__(self, description: str, error: str = "invalid_client_metadata") -> None:
        self.refused = MetadataRefused(error, description)


def metadata_of(
    given: Mapping[str, Any], permitted: Permitted, source: Literal["registered", "document"]
) -> ClientMetadata | MetadataRefused:
    """Judge what a client says of itself. Pure: where ``sector_identifier_uri`` points is for the caller to look at."""
    try:
        return _judged({name: value for name, value in given.items() if value is not None}, permitted, source)
    except _Fault as fault:
        return fault.refused


def _judged(given: dict[str, Any], permitted: Permitted, source: str) -> ClientMetadata:
    if "software_statement" in given:
        raise _Fault("software statements are not accepted here", "unapproved_software_statement")
    if unfit := sorted(_NOT_HAD & set(given)):
        raise _Fault(f"{unfit[0]} is not supported")
    detail: dict[str, Any] = {"source": source, "first_party": False, **_plain(given)}
    detail["grants"] = _grants(given, permitted)
    detail["auth_method"] = method = _method(given, permitted, source)
    detail["public"] = method == "none"
    detail[_ID_TOKENS] = algorithm = given.get(_ID_TOKENS, permitted.id_tokens[0])
    if algorithm not in permitted.id_tokens:
        raise _Fault(f"{_ID_TOKENS} must be one of: {', '.join(permitted.id_tokens)}")
    uris = _redirects(given, "redirect_uris")
    detail["application_type"] = native = given.get("application_type") or _type_of(uris)
    detail["redirect_uris"] = uris
    _check_kinds((*uris, *detail.get("post_logout_redirect_uris", ())), native)
    _check_flow(given, detail)
    _check_keys(given, detail)
    _check_pairwise(detail)
    return ClientMetadata(detail, _scopes(given, permitted))


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that mean something by themselves."""
    found: dict[str, Any] = {}
    for name, longest in _TEXTS.items():
        if name in given:
            found[name] = _text(name, given[name], longest)
    for name in (*_URLS, *_CALLED):
        if name in given:
            found[name] = _web_address(name, given[name])
    for name, key in _FLAGS.items():
        if name in given:
            found[key] = _flag(name, given[name])
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            raise _Fault(f"{name} must be one of: {', '.join(choices)}")
    found |= {name: given[name] for name in _KEPT_CHOICES if name in given}
    if "contacts" in given:
        found["contacts"] = _list("contacts", given["contacts"], lambda each: _text("contacts", each, 254))
    if "authorization_details_types" in given:
        found["authorization_details_types"] = _words(given, "authorization_details_types")
    if "post_logout_redirect_uris" in given:
        found["post_logout_redirect_uris"] = _redirects(given, "post_logout_redirect_uris")
    return found


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise _Fault(f"{name} must be a text of at most {longest} printable characters")
    return value


def _web_address(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_URL or not _WEB.fullmatch(value) or not _has_place(value):
        raise _Fault(f"{name} must be an https URL without user and fragment")
    return value


def _has_place(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that hold no address, a port beyond all ports
        return False


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _Fault(f"{name} must be true or false")
    return value


def _list(name: str, value: object, read: Callable[[object], str]) -> list[str]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise _Fault(f"{name} must be a list of at most {_MOST}")
    return list(dict.fromkeys(read(each) for each in value))


def _words(given: Mapping[str, Any], name: str) -> list[str]:
    def word(value: object) -> str:
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            raise _Fault(f"{name} must be a list of words")
        return value

    return _list(name, given[name], word)


def _redirects(given: Mapping[str, Any], name: str) -> list[str]:
    def checked(value: object) -> str:
        fault = redirect_fault(value) if isinstance(value, str) else ("is no text", "")
        if fault is not None:
            raise _Fault(f"{name}: {str(value)[:80]!a} {fault[0]}", "invalid_redirect_uri")
        return str(value)

    try:
        return _list(name, given.get(name, []), checked)
    except _Fault as fault:
        raise _Fault(fault.refused.description, "invalid_redirect_uri") from None


def _type_of(uris: list[str]) -> str:
    """Return what a client is that does not say: only apps are answered on the machine that they run on."""
    return "web" if all(kind_of(uri) == "https" for uri in uris) else "native"


def _check_kinds(uris: tuple[str, ...], application_type: str) -> None:
    for uri in uris:
        if application_type != "native" and kind_of(uri) in ("localhost", "private-use"):
            description = f"{uri[:80]!a} needs application_type native (RFC 8252)"
            raise _Fault(description, "invalid_redirect_uri")


def _grants(given: Mapping[str, Any], permitted: Permitted) -> list[str]:
    asked = _words(given, "grant_types") if "grant_types" in given else list(_DEFAULT_GRANTS)
    granted = [grant for grant in asked if grant in permitted.grants]
    if not set(granted) - {"refresh_token"}:
        raise _Fault("none of these grant_types may be used here")
    return granted


def _method(given: Mapping[str, Any], permitted: Permitted, source: str) -> str:
    default = _DEFAULT_METHOD if source == "registered" else "none"
    method = given.get("token_endpoint_auth_method", default)
    if not isinstance(method, str) or method not in permitted.methods:
        raise _Fault(f"token_endpoint_auth_method must be one of: {', '.join(sorted(permitted.methods))}")
    return method


def _check_flow(given: Mapping[str, Any], detail: Mapping[str, Any]) -> None:
    """Hold grants, response types and redirect URIs to one another (RFC 7591 section 2.1)."""
    code = "authorization_code" in detail["grants"]
    types = _words(given, "response_types") if "response_types" in given else ["code"] if code else []
    if code and "code" not in types:
        raise _Fault("response_types must hold code: there is no other way through the browser")
    if code and not detail["redirect_uris"]:
        raise _Fault("redirect_uris is missing", "invalid_redirect_uri")
    if detail["public"] and "client_credentials" in detail["grants"]:
        raise _Fault("client_credentials needs a way to prove who the client is")


def _check_keys(given: Mapping[str, Any], detail: dict[str, Any]) -> None:
    if "jwks" in given:
        used = _SIGNING if detail["auth_method"] == "private_key_jwt" else _SIGNING[1:]
        detail["jwks"] = _key_set(given["jwks"], [given[name] for name in used if name in given])
    held = [name for name in ("jwks", "jwks_uri") if name in detail]
    if len(held) > 1:
        raise _Fault("jwks and jwks_uri exclude each other")
    needed = detail["auth_method"] in _KEYED or detail.get("require_signed_request_object")
    if needed and not held:
        raise _Fault("jwks or jwks_uri is missing")
    names = [name for name in _TLS_NAMES if name in detail]
    if len(names) != (detail["auth_method"] == "tls_client_auth"):
        raise _Fault("tls_client_auth goes with exactly one tls_client_auth_ member (RFC 8705 section 2.1.2)")


def _key_set(value: object, algorithms: list[str]) -> Mapping[str, Any]:
    from watchword.codec.jose import KeyRefused, key_set
    from watchword.codec.oauth.x5c import certificate_of

    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(keys, list) or not 0 < len(keys) <= _MOST:
        raise _Fault(f"jwks must be a JWK Set of at most {_MOST} keys")
    if any(not isinstance(key, dict) or not _PRIVATE.isdisjoint(key) for key in keys):
        raise _Fault("jwks must hold public keys only; one that was sent here with its private part is burnt")
    try:
        for key in keys:
            if key_set(json.dumps({"keys": [key]}).encode()):  # keys for something else are nobody's business here
                certificate_of(key)
    except KeyRefused as error:
        raise _Fault(f"jwks: {error}") from None
    usable = key_set(json.dumps({"keys": keys}).encode())
    if not usable:
        raise _Fault("jwks holds no key to verify with: Ed25519, EC P-256, or RSA of 2048 to 8192 bits")
    for algorithm in algorithms:
        if not any(algorithm in key.names for key in usable.values()):
            raise _Fault(f"jwks holds no key for {algorithm}; an RSA key is for RS256 unless its alg is PS256")
    return {"keys": keys}


def _check_pairwise(detail: Mapping[str, Any]) -> None:
    """Hold a client with subjects of its own to one sector (OpenID Connect Core 1.0 section 8.1)."""
    several = len(hosts_of(detail)) > 1
    if detail.get("subject_type") == "pairwise" and several and "sector_identifier_uri" not in detail:
        raise _Fault("sector_identifier_uri is missing: redirect_uris are at several hosts")


def hosts_of(detail: Mapping[str, Any]) -> frozenset[str]:
    """Return the hosts of a client's redirect URIs ("" for an app's own scheme)."""
    return frozenset(urlsplit(uri).hostname or "" for uri in detail["redirect_uris"])


def _scopes(given: Mapping[str, Any], permitted: Permitted) -> frozenset[str]:
    if "scope" not in given:
        return permitted.scopes
    scope = given["scope"]
    if not isinstance(scope, str) or (scope and not _SCOPE.fullmatch(scope)):
        raise _Fault("scope must be words with single spaces between (RFC 6749 section 3.3)")
    return frozenset(scope.split()) & (permitted.scopes | OPENID_SCOPES)


def members_of(detail: Mapping[str, Any], scopes: frozenset[str]) -> dict[str, Any]:
    """Return a client's metadata as the wire has it (RFC 7591 section 3.2.1)."""
    grants = list(detail["grants"])
    members = {
        "grant_types": grants,
        "response_types": ["code"] if "authorization_code" in grants else [],
        "token_endpoint_auth_method": detail["auth_method"],
        "scope": " ".join(sorted(scopes)),
    }
    members |= {name: detail[name] for name in (*_SAME, *_LISTS) if name in detail}
    return members | {name: detail[key] for name, key in _FLAGS.items() if key in detail}
