"""Check what an operator says of an OAuth client, one field at a time and all together. Pure.

Names are those of RFC 7591 section 2 where it has one. What is checked here is what the record of a client holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from watchword.codec.oauth.protected_resource import checked_resource
from watchword.codec.oauth.redirect_uri import kind_of
from watchword.keyring import checked_url
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import redirect_of

__all__ = ["AUTH_METHODS", "FIELDS", "GRANTS", "HELD", "FieldError", "checked", "grant_of", "settled"]

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ASSERTION: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"

GRANTS: Final = ("client_credentials", "authorization_code", "refresh_token", DEVICE, EXCHANGE, ASSERTION)
"""Every grant that a client may have."""

AUTH_METHODS: Final = (
    *("none", "client_secret_basic", "client_secret_post", "private_key_jwt"),
    *("tls_client_auth", "self_signed_tls_client_auth"),
)

HELD: Final = "held"
"""What the detail of a client has that registered itself, once an operator changed what it had said of itself."""

_SHORT: Final = {each.rpartition(":")[2].replace("-", "_"): each for each in GRANTS}
_MOST_TEXTS: Final = 32
_LONGEST_TEXT: Final = 512
_LONGEST_NAME: Final = 64
_LONGEST_ACCESS: Final = 2 * 86_400  # seconds that a revocation is remembered
_LONGEST_REFRESH: Final = 3_650 * 86_400
_MOST_KEYS: Final = 16
_CERTIFICATE: Final = tuple(f"tls_client_auth_{name}" for name in ("subject_dn", "san_dns", "san_uri", "san_ip"))
_CERTIFICATES: Final = (*_CERTIFICATE, "tls_client_auth_san_email")
_NEEDS_PERSON: Final = frozenset({"client_credentials", EXCHANGE})

Check: TypeAlias = Callable[[Any], Any]


class FieldError(LifecycleError):
    """Refuse what was said in one field, which ``field`` names."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


def grant_of(text: str) -> str:
    """Return the ``grant_type`` that a word means: itself, or the last part of a long one ("device-code")."""
    found = _SHORT.get(text.strip().rpartition(":")[2].replace("-", "_"))
    if found is None or (":" in text and found != text.strip()):
        near = get_close_matches(text.replace("-", "_"), _SHORT, 1, 0.4)
        words = ", ".join(word.replace("_", "-") if ":" in _SHORT[word] else word for word in _SHORT)
        raise LifecycleError(f"there is no grant {text[:60]!r}", f"did you mean {near[0]}?" if near else words)
    return found


def _text(value: Any, longest: int = _LONGEST_TEXT) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise LifecycleError(f"it must be a text of 1 to {longest} printable characters")
    return value


def _name(value: Any) -> str:
    return _text(value, _LONGEST_NAME)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise LifecycleError("it must be true or false")
    return value


def _texts(read: Check) -> Check:
    def check(value: Any) -> list[Any]:
        if isinstance(value, str) or not isinstance(value, list | tuple) or len(value) > _MOST_TEXTS:
            raise LifecycleError(f"it must be a list of at most {_MOST_TEXTS}")
        return list(dict.fromkeys(read(_text(each)) for each in value))

    return check


def _word(*words: str) -> Check:
    def check(value: Any) -> str:
        if value not in words:
            near = get_close_matches(str(value), words, 1, 0.4)
            hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(words)}"
            raise LifecycleError(f"there is no {str(value)[:60]!r} here", hint)
        return str(value)

    return check


def _seconds(longest: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= longest:
            raise LifecycleError(f"it must be 1 to {longest} seconds")
        return value

    return check


def _url(value: Any) -> str:
    text = _text(value)
    try:
        return checked_url(text)
    except ValueError as error:
        raise LifecycleError(str(error), "such as https://app.example/about") from None


def _resource(value: Any) -> str:
    try:
        return checked_resource(_text(value))
    except ValueError as error:
        raise LifecycleError(str(error)) from None


def _address(value: Any) -> str:
    text = _text(value)
    try:
        return str(ip_address(text))
    except ValueError:
        raise LifecycleError(f"{text[:60]!r} is not an IP address", "such as 192.0.2.7") from None


def _keys(value: Any) -> dict[str, Any]:
    """Return a JWK Set (RFC 7517 section 5) of public keys alone, each fit to verify a signature with.

    The first certificate of an ``x5c`` must be the key's.
    """
    from watchword.codec.jose import KeyRefused, VerificationKey
    from watchword.codec.oauth.x5c import certificate_of

    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        raise LifecycleError(f"it must be a JWK Set of 1 to {_MOST_KEYS} keys", '{"keys": [{"kty": …}]}')
    for place, key in enumerate(keys, 1):
        try:
            VerificationKey.from_jwk(key if isinstance(key, dict) else {})
            certificate_of(key)
        except KeyRefused as error:
            raise LifecycleError(f"key {place}: {error}", "give public keys alone") from None
    return {"keys": [dict(key) for key in keys]}


def _exchange(value: Any) -> dict[str, Any]:
    """Return what an exchange of tokens may be (RFC 8693).

    ``impersonate``: the result need not say who acts. ``audiences``: the issuers of authorization servers elsewhere
    that assertions may be had for, each with the client's id there.
    """
    known = {"impersonate", "audiences"}
    if not isinstance(value, Mapping) or not value.keys() <= known:
        raise LifecycleError("it must be an object", f"with {', '.join(sorted(known))}")
    found: dict[str, Any] = {}
    if "impersonate" in value:
        found["impersonate"] = _flag(value["impersonate"])
    if "audiences" in value:
        places = value["audiences"]
        if not isinstance(places, Mapping) or len(places) > _MOST_TEXTS:
            raise LifecycleError("audiences must be an object: issuer to client id there")
        found["audiences"] = {_url(issuer): _text(name) for issuer, name in places.items()}
    return found


FIELDS: Final[Mapping[str, Check]] = {
    "client_name": _name,
    "client_uri": _url,
    "logo_uri": _url,
    "policy_uri": _url,
    "tos_uri": _url,
    "contacts": _texts(_text),
    "application_type": _word("web", "native"),
    "redirect_uris": _texts(redirect_of),
    "post_logout_redirect_uris": _texts(redirect_of),
    "grants": _texts(grant_of),
    "public": _flag,
    "first_party": _flag,
    "auth_method": _word(*AUTH_METHODS),
    "jwks": _keys,
    "jwks_uri": _url,
    "tls_client_auth_subject_dn": _text,
    "tls_client_auth_san_dns": _text,
    "tls_client_auth_san_uri": _text,
    "tls_client_auth_san_ip": _address,
    "tls_client_auth_san_email": _text,
    "token_format": _word("jwt", "opaque"),
    "access_lifetime": _seconds(_LONGEST_ACCESS),
    "refresh_lifetime": _seconds(_LONGEST_REFRESH),
    "audiences": _texts(_resource),
    "subject_type": _word("public", "pairwise"),
    "sector_identifier_uri": _url,
    "id_token_signed_response_alg": _word("EdDSA", "ES256", "RS256"),
    "userinfo_signed_response_alg": _word("EdDSA", "ES256", "RS256"),
    "require_par": _flag,
    "dpop_bound_access_tokens": _flag,
    "tls_client_certificate_bound_access_tokens": _flag,
    "require_signed_request_object": _flag,
    "backchannel_logout_uri": _url,
    "backchannel_logout_session_required": _flag,
    "authorization_details_types": _texts(_text),
    "introspects": _texts(_resource),
    "exchange": _exchange,
}
"""What may be said of a client, and what makes a value of it, or raises LifecycleError."""


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields, each read; None stays, and means that a field is taken away. Raise FieldError."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        check = FIELDS.get(name)
        if check is None:
            near = get_close_matches(name, FIELDS, 1, 0.5)
            raise FieldError(name[:60], f"there is no field {name[:60]!r}", f"did you mean {near[0]}?" if near else "")
        try:
            found[name] = None if value is None else check(value)
        except LifecycleError as error:
            raise FieldError(name, f"{name}: {error}", error.hint) from None
    return found


def settled(fields: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the whole of what a client is: ``before`` with ``fields`` over it, what follows from them filled in.

    Raise FieldError where fields do not go together. Members of ``before`` that are no fields stay as they are.
    """
    given = checked(fields)
    merged = {name: value for name, value in {**(before or {}), **given}.items() if value is not None}
    _settle_authentication(merged, given)
    redirects = merged.setdefault("redirect_uris", [])
    if not merged.get("grants"):
        merged["grants"] = ["authorization_code", "refresh_token"] if redirects else ["client_credentials"]
    merged.setdefault("public", False)
    merged.setdefault("first_party", False)
    for judge in (_judge_redirects, _judge_grants, _judge_keys, _judge_certificate, _judge_subjects):
        judge(merged)
    return merged


def _settle_authentication(merged: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Make ``public`` and ``auth_method`` say the same: what was said now decides."""
    method, public = merged.get("auth_method"), merged.get("public") is True
    if "auth_method" in given and "public" in given and public != (method == "none") and method is not None:
        raise FieldError("auth_method", f"a client that is {'' if public else 'not '}public and {method} exclude")
    if "public" in given and "auth_method" not in given:
        if public:
            merged["auth_method"] = "none"
        elif method == "none":
            del merged["auth_method"]
    elif method is not None:
        merged["public"] = method == "none"


def _judge_redirects(merged: Mapping[str, Any]) -> None:
    """Keep places that any program on a device may take from what calls itself a web application (RFC 8252 section 8).

    A client that does not say what it is may have both: the operator has looked at them.
    """
    if merged.get("application_type") != "web":
        return
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in merged.get(name, ()):
            if kind_of(uri) in ("localhost", "private-use"):
                raise FieldError(name, f"{uri[:80]!r} is no place of a web application", "application_type native")


def _judge_grants(merged: Mapping[str, Any]) -> None:
    grants, public = merged["grants"], merged["public"]
    if "authorization_code" in grants and not merged["redirect_uris"]:
        hint = "such as https://app.example/cb"
        raise FieldError("redirect_uris", "the grant authorization_code needs a redirect URI", hint)
    if public and not _NEEDS_PERSON.isdisjoint(grants):
        name = next(grant for grant in grants if grant in _NEEDS_PERSON).rpartition(":")[2]
        hint = "a public client has no secret: let it ask people, by authorization_code or device-code"
        raise FieldError("grants", f"public and the grant {name} exclude each other", hint)


def _judge_keys(merged: Mapping[str, Any]) -> None:
    method, jwks, uri = merged.get("auth_method"), "jwks" in merged, "jwks_uri" in merged
    if jwks and uri:
        raise FieldError("jwks_uri", "jwks and jwks_uri exclude each other", "take one away")
    if method in ("private_key_jwt", "self_signed_tls_client_auth") and not (jwks or uri):
        raise FieldError("jwks", f"{method} needs the client's public keys", "a JWK Set, or where one is")


def _judge_certificate(merged: Mapping[str, Any]) -> None:
    named = [name for name in _CERTIFICATES if name in merged]
    if merged.get("auth_method") == "tls_client_auth" and len(named) != 1:
        hint = f"one of {', '.join(_CERTIFICATES)} (RFC 8705 section 2.1.2)"
        raise FieldError("auth_method", "tls_client_auth needs one name of the certificate", hint)


def _judge_subjects(merged: Mapping[str, Any]) -> None:
    if merged.get("subject_type") != "pairwise" or "sector_identifier_uri" in merged:
        return
    hosts = {urlsplit(uri).hostname for uri in merged["redirect_uris"]}
    if len(hosts) > 1:
        hint = "OpenID Connect Core 1.0 section 8.1"
        raise FieldError("sector_identifier_uri", "pairwise subjects over several hosts need one", hint)
