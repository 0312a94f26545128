"""Judge the claims of a token whose signature is already proved: RFC 7519 section 4.1, RFC 9068 section 4.

``cnf`` (RFC 7800) holds a token to whom it was given: here to a client certificate (RFC 8705 section 3).
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Set
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_network
from typing import Any, Final

from watchword.model.reason import (
    BAD_CLAIMS,
    BAD_TYPE,
    EXPIRED,
    NOT_YET_VALID,
    UNCONFIRMED,
    WRONG_AUDIENCE,
    WRONG_ISSUER,
    Reason,
)
from watchword.model.verdict import NO_CONSTRAINTS, Constraints, Rate

__all__ = [
    "audience_refusal",
    "bounds",
    "certificate_confirmation",
    "claim_rule",
    "factors",
    "is_name",
    "moment",
    "outside_name",
    "refusal",
    "scopes",
    "texts",
    "time_refusal",
    "unconfirmed",
]

_CERTIFICATE: Final = "x5t#S256"  # RFC 8705 section 3.1
_KEY: Final = "jkt"  # RFC 9449 section 6.1
_MEMBERS: Final = frozenset({_CERTIFICATE, _KEY})

_LATEST: Final = 253_402_300_800  # the year 10000
_MOST_TEXT: Final = 255  # characters (OpenID Connect Core 1.0 section 2 allows a subject as many)
_MOST_TEXTS: Final = 64

_ALWAYS: Final = frozenset({"exp", "sub"})
_NAMES: Final = ("sub", "jti", "client_id")

# Claims that mark a token as something else than one to call an API with by its mere possession: id tokens (OpenID
# Connect Core 1.0 section 3.3.2.11), logout tokens (Back-Channel Logout 1.0 section 2.4).
_WHOLE: Final = re.compile(r"(?:user|service):.+")
_OTHER_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})


def is_name(value: object) -> bool:
    """Return whether a claim is a text of 1 to 255 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= _MOST_TEXT and value.isprintable()


def outside_name(kind: str, value: str) -> str:
    """Return the name of a credential that others issued, such as "jti:…": never like a public id of ours.

    "+" joins the names of several proofs, so that none may hold it: it could name somebody else's credential.
    """
    return f"{kind}:{value.replace('+', '%2B')}"


def moment(value: Any) -> float | None:
    """Return a NumericDate (RFC 7519 section 2) in Unix seconds, or None when it is none: finite, before year 10000."""
    if (value.__class__ is int or value.__class__ is float) and 0 <= value <= _LATEST:
        return value
    return None


def texts(value: object) -> tuple[str, ...] | None:
    """Return a claim that is one text or a list of at most 64 texts as a tuple, or None when it is neither."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or len(value) > _MOST_TEXTS:
        return None
    for each in value:
        if not isinstance(each, str):
            return None
    return tuple(value)


def scopes(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the scopes of ``scope`` (RFC 8693 section 4.2) or ``scp``, or None when malformed.

    What is listed holds no space: joined with others it would be read as two.
    """
    value = claims["scope"] if "scope" in claims else claims.get("scp", "")
    if isinstance(value, str):
        return _split(value)
    named = _printable(value)
    return None if named is None or any(" " in each for each in named) else frozenset(named)


@lru_cache(1024)
def _split(text: str) -> frozenset[str] | None:
    """Return the scopes of a text; tokens of one application nearly all say the same one."""
    return frozenset(text.split()) if text.isprintable() else None


def factors(claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the authentication methods of ``amr`` (RFC 8176), or None when malformed."""
    return _printable(claims.get("amr", []))


def _printable(value: object) -> tuple[str, ...] | None:
    """Return texts that can be written down: half of a surrogate pair cannot."""
    named = texts(value)
    return named if named is not None and "".join(named).isprintable() else None


def time_refusal(claims: Mapping[str, Any], now: float, leeway: float) -> Reason | None:
    """Judge ``exp``, ``nbf`` and ``iat`` where present. ``leeway`` (seconds) excuses a clock ahead of ours.

    An expiry is never stretched: on it and after it the token is refused.
    """
    expires_at = moment(claims.get("exp", _LATEST))
    begins_at = moment(claims.get("nbf", 0))
    issued_at = moment(claims.get("iat", 0))
    if expires_at is None or begins_at is None or issued_at is None:
        return BAD_CLAIMS
    if now >= expires_at:
        return EXPIRED
    return NOT_YET_VALID if begins_at > now + leeway or issued_at > now + leeway else None


def audience_refusal(claims: Mapping[str, Any], audience: str) -> Reason | None:
    """Judge ``aud``: it must be there, and one of its elements must be ours, exactly."""
    value = claims.get("aud")
    if value == audience:
        return None
    named = texts(value)
    return None if named is not None and audience in named else WRONG_AUDIENCE


def refusal(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    audience: str,
    now: float,
    leeway: float,
    required: Set[str] = _ALWAYS,
    confirmed: bool = False,
) -> Reason | None:
    """Return why the claims are not those of a valid token for us, or None.

    ``iss`` and ``aud`` must always be there, and what ``required`` names besides; what there is of ``jti`` and
    ``client_id`` must be a name. A token bound to a key by ``cnf`` (RFC 7800) is refused unless the caller has
    looked at that (``confirmed``): as a bearer token it would go unchecked.
    """
    if claims.get("iss") != issuer:
        return WRONG_ISSUER
    if claims.get("aud") != audience and audience_refusal(claims, audience) is not None:
        return WRONG_AUDIENCE
    if not claims.keys() >= required:
        return BAD_CLAIMS
    expires_at: Any = claims.get("exp")
    issued_at: Any = claims.get("iat")
    if not (
        # Nearly every token: whole seconds, issued in the past. All others are judged at length.
        expires_at.__class__ is int
        and issued_at.__class__ is int
        and now < expires_at <= _LATEST
        and 0 <= issued_at <= now
        and "nbf" not in claims
    ):
        refused = time_refusal(claims, now, leeway)
        if refused is not None:
            return refused
    for name in _NAMES:
        if name in claims and not is_name(claims[name]):
            return BAD_CLAIMS
    if "cnf" in claims and not confirmed:
        return BAD_TYPE
    return None if _OTHER_TOKENS.isdisjoint(claims) else BAD_TYPE


def claim_rule(text: str) -> Callable[[Mapping[str, Any]], str | None]:
    """Return what makes a subject of claims by a rule such as "user:{sub}". Raise ValueError for what is no rule.

    "{sub}" alone takes a whole subject over, as another server of this kind writes it: "user:alice", "service:billing".
    """
    match = re.fullmatch(r"((?:user|service):[^{}]*|)\{(\w+)\}([^{}]*)", text)
    if match is None or (not match[1] and match[3]):
        raise ValueError(f"{text!r} is no subject rule: write user: or service:, and one claim, as in user:{{sub}}")
    before, claim, after = match.groups()

    def subject(claims: Mapping[str, Any]) -> str | None:
        value = claims.get(claim)
        if not is_name(value) or not (before or _WHOLE.fullmatch(str(value))):
            return None
        return f"{before}{value}{after}"

    return subject


def bounds(claims: Mapping[str, Any]) -> Constraints | None:
    """Return the bounds that a token of our own carries from the credential it came from, None when they are spoilt."""
    networks, limit = claims.get("networks", []), claims.get("limit")
    if networks == [] and limit is None:
        return NO_CONSTRAINTS
    try:
        rate = None if limit is None else Rate(*limit)
        return Constraints(tuple([ip_network(text) for text in networks]), rate)
    except (TypeError, ValueError):
        return None


def certificate_confirmation(certificate: bytes) -> dict[str, str]:
    """Return the ``cnf`` that binds to a certificate in DER: base64url of its SHA-256 (RFC 8705 section 3.1)."""
    return {_CERTIFICATE: urlsafe_b64encode(sha256(certificate).digest()).rstrip(b"=").decode()}


def unconfirmed(cnf: Any, certificate: bytes | None, jkt: str = "") -> Reason | None:
    """Return why what ``cnf`` binds may not be used with this request, or None when it may.

    ``certificate`` is the client certificate in DER that the TLS layer verified, ``jkt`` the thumbprint of the key of a
    DPoP proof that was verified (RFC 9449 section 6.1), "" without one. A confirmation that is not known here is not
    passed over: nobody would have checked it.
    """
    if not isinstance(cnf, Mapping) or len(cnf) != 1:
        return BAD_TYPE
    ((member, said),) = cnf.items()
    if member not in _MEMBERS or not isinstance(said, str):
        return BAD_TYPE
    if member == _KEY:
        shown = jkt
    else:
        shown = "" if certificate is None else certificate_confirmation(certificate)[_CERTIFICATE]
    same = hmac.compare_digest(shown.encode(), said.encode("utf-8", "replace"))
    return None if shown and same else UNCONFIRMED
