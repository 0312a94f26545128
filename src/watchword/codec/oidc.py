"""Speak OpenID Connect as a relying party: requests, metadata, callbacks, id_tokens. Pure: nothing is fetched here."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from watchword.codec.addresses import parsed
from watchword.codec.claims import audience_refusal, is_name, moment, texts, time_refusal
from watchword.codec.strict import json_object, to_base64url
from watchword.model.reason import BAD_CLAIMS, EXPIRED, WRONG_AUDIENCE, WRONG_ISSUER, Reason

__all__ = [
    "Metadata",
    "authorization_url",
    "basic",
    "callback_of",
    "challenge_of",
    "half_hash",
    "id_token_refusal",
    "metadata_of",
    "safe",
    "same_issuer",
    "with_query",
]

TENANT: Final = "{tenantid}"
"""What stands for the tenant in the issuer of a provider of many (Microsoft's multi-tenant metadata)."""

_TENANT_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OLDEST: Final = 600  # seconds since an id_token was issued: it comes straight from the token endpoint
_LEEWAY: Final = 60.0  # seconds that the provider's clock may be ahead
_LONGEST_QUERY: Final = 8_192
_MOST_FIELDS: Final = 32
_HASHES: Final = {"EdDSA": "sha512", "Ed25519": "sha512", "ES256": "sha256", "PS256": "sha256", "RS256": "sha256"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Hold what a provider says of itself (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str = ""
    userinfo_endpoint: str = ""
    posts_secret: bool = False
    names_itself: bool = False  # the callback must carry ``iss`` (RFC 9207 section 3)
    extra: Mapping[str, Any] = field(default_factory=dict)


def challenge_of(verifier: str) -> str:
    """Return the S256 code challenge of a verifier (RFC 7636 section 4.2)."""
    return to_base64url(hashlib.sha256(verifier.encode()).digest()).decode()


def half_hash(text: str, algorithm: str) -> str:
    """Return ``at_hash`` or ``c_hash`` of a token (OpenID Connect Core 1.0 section 3.1.3.6): half of its hash.

    ``algorithm`` is the JWS algorithm of the id_token. Ed25519 hashes by SHA-512 itself, so that is its hash here, too.
    """
    raw = hashlib.new(_HASHES[algorithm], text.encode()).digest()
    return to_base64url(raw[: len(raw) // 2]).decode()


def basic(client_id: str, secret: str) -> str:
    """Return the Authorization field's value of a client, both parts form-encoded (RFC 6749 section 2.3.1)."""
    from base64 import b64encode

    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def with_query(url: str, fields: Mapping[str, str]) -> str:
    """Return the URL with more fields in its query, which keeps what it has (RFC 6749 section 3.1)."""
    return url + ("&" if "?" in url else "?") + urlencode(fields) if fields else url


def authorization_url(
    endpoint: str, *, client_id: str, redirect_uri: str, scopes: tuple[str, ...], state: str, nonce: str, verifier: str
) -> str:
    """Return where to send the browser: the code flow with PKCE S256 (RFC 7636), state and, with ``nonce``, a nonce."""
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    return with_query(endpoint, {**fields, "nonce": nonce} if nonce else fields)


def metadata_of(raw: bytes, issuer: str, *, tenants: bool = False) -> Metadata | str:
    """Return the provider's metadata, or what is wrong with it.

    Its ``issuer`` must be the one asked for, byte for byte (RFC 8414 section 3.3); with ``tenants`` it may have
    "{tenantid}" where the asked one names a group of tenants, such as "common". Endpoints are on https, or on loopback
    where the issuer is.
    """
    found = json_object(raw)
    if found is None:
        return "not a JSON object"
    said = found.get("issuer")
    if not isinstance(said, str) or not (said == issuer or (tenants and _stands_for(said, issuer))):
        return "its issuer is another"
    ends = {name: found.get(name, "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    userinfo = found.get("userinfo_endpoint", "")
    for name, url in {**ends, "userinfo_endpoint": userinfo}.items():
        if url == "" and name == "userinfo_endpoint":
            continue
        if not isinstance(url, str) or not safe(url, issuer):
            return f"its {name} is no URL to go to"
    ways = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    named = found.get("authorization_response_iss_parameter_supported", False)
    if texts(ways) is None or not isinstance(named, bool):
        return "malformed"
    posts = "client_secret_basic" not in ways and "client_secret_post" in ways
    return Metadata(said, **ends, userinfo_endpoint=userinfo, posts_secret=posts, names_itself=named)


def _stands_for(said: str, issuer: str) -> bool:
    before, mark, after = said.partition(TENANT)
    middle = issuer.removeprefix(before).removesuffix(after)
    return bool(mark) and issuer == before + middle + after and re.fullmatch(r"[\w.-]+", middle) is not None


def safe(url: str, issuer: str) -> bool:
    """Return whether a browser or this server may be sent there: a provider on the net cannot name this machine."""
    try:
        parts, own = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    plain = not parts.fragment and parts.username is None and bool(parts.hostname) and url.isprintable()
    at_home = parts.hostname == own.hostname
    secure = (parts.scheme == "https" and (at_home or not _inward(parts.hostname or ""))) or (
        parts.scheme == own.scheme == "http" and at_home
    )
    return plain and secure and url.isascii() and " " not in url and "\\" not in url


def _inward(host: str) -> bool:
    """Return whether the host is this machine, or one that only its own link knows, such as a cloud's metadata."""
    address = parsed(host)
    if address is None:
        return host == "localhost" or host.endswith((".localhost", "."))
    return address.is_loopback or address.is_link_local or address.is_unspecified


def callback_of(query: bytes) -> dict[str, str] | None:
    """Return the fields of an authorization response; None when malformed or when one of them comes twice."""
    if len(query) > _LONGEST_QUERY or not query.isascii():
        return None
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


def same_issuer(issuer: str, claims: Mapping[str, Any], tenants: tuple[str, ...] | None = None) -> bool:
    """Return whether ``iss`` of the claims is the provider: byte for byte, its "{tenantid}" replaced by ``tid``.

    ``tenants``, where there are any, are the only ones that may log in.
    """
    iss = claims.get("iss")
    if TENANT not in issuer:
        return iss == issuer and (not tenants or claims.get("tid") in tenants)
    tid = claims.get("tid")
    if not isinstance(tid, str) or _TENANT_ID.fullmatch(tid) is None or (tenants and tid not in tenants):
        return False
    return iss == issuer.replace(TENANT, tid)


def id_token_refusal(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    algorithm: str,
    now: float,
    tenants: tuple[str, ...] = (),
) -> Reason | None:
    """Return why the claims of an id_token, whose signature is proved, say nothing to us (Core section 3.1.3.7).

    ``nonce`` must be the one that was sent; ``at_hash``, where it is, that of ``access_token``; with several audiences
    ``azp`` must be us, and where it is, too.
    """
    if not same_issuer(issuer, claims, tenants):
        return WRONG_ISSUER
    wrong = audience_refusal(claims, client_id)
    if wrong is not None:
        return wrong
    several = len(texts(claims["aud"]) or ()) > 1
    if claims.get("azp", "" if several else client_id) != client_id:
        return WRONG_AUDIENCE
    issued_at = moment(claims.get("iat"))
    if not is_name(claims.get("sub")) or "exp" not in claims or issued_at is None:
        return BAD_CLAIMS
    refused = time_refusal(claims, now, _LEEWAY)
    if refused is not None:
        return refused
    if issued_at < now - _OLDEST:
        return EXPIRED
    return _unbound(claims, nonce, access_token, algorithm)


def _unbound(claims: Mapping[str, Any], nonce: str, access_token: str, algorithm: str) -> Reason | None:
    said, half = claims.get("nonce"), claims.get("at_hash")
    if not isinstance(said, str) or not said.isascii() or not hmac.compare_digest(said, nonce):
        return BAD_CLAIMS
    if half is not None and (not isinstance(half, str) or half != half_hash(access_token, algorithm)):
        return BAD_CLAIMS
    return None
