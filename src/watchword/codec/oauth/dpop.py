"""Open DPoP proofs (RFC 9449 section 4): one request, signed with the key that the proof itself brings. Pure."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from watchword.codec.claims import is_name, time_refusal
from watchword.codec.jose import Header, KeyRefused, Token, VerificationKey, header_of, open_token
from watchword.codec.strict import from_base64url, json_object, to_base64url
from watchword.model.reason import BAD_PROOF, Reason
from watchword.model.verdict import Rejection

__all__ = ["ALGORITHMS", "LEEWAY", "WINDOW", "Proof", "normal_url", "open_proof"]

ALGORITHMS: Final = ("EdDSA", "Ed25519", "ES256", "PS256", "RS256")
"""The algorithms that proofs may be signed with, as ``dpop_signing_alg_values_supported`` names them."""

WINDOW: Final = 60.0
"""Seconds after its ``iat`` in which a proof is good."""

LEEWAY: Final = 30.0
"""Seconds that a client's clock may be ahead of ours."""

_TYPE: Final = "dpop+jwt"
_LONGEST: Final = 8_192  # bytes of a proof: an RSA key of 8192 bits and its signature are half of it
_LONGEST_URL: Final = 4_096
_REQUIRED: Final = frozenset({"jti", "htm", "htu", "iat"})
_PORTS: Final = {"https": 443, "http": 80}
_NOT_IN_URLS: Final = re.compile(r'[\\"<>^`{|} ]|%(?![0-9A-Fa-f]{2})')
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Proof:
    """Hold what a proof proves: possession of a key, for one method and one URL, around ``issued_at`` (Unix seconds).

    ``jkt`` is the key's thumbprint (RFC 7638), ``algorithm`` the key's, ``url`` is in its normal form.
    """

    jkt: str
    jti: str = field(repr=False)
    url: str
    issued_at: float
    algorithm: str
    nonce: str | None = field(default=None, repr=False)


def open_proof(
    raw: bytes, *, method: str, url: str, now: float, access_token: bytes | None = None
) -> Proof | Rejection:
    """Return what the proof proves for a request to ``url``, or why nothing (RFC 9449 section 4.3).

    With ``access_token`` it must be for that one (``ath``). Whether it was seen before, and its ``nonce``, is for
    others to judge.
    """
    segment = raw.partition(b".")[0]
    if len(raw) > _LONGEST or raw.count(b".") != 2:
        return _refused("no compact JWS")
    brought = _brought(segment)
    if isinstance(brought, str):
        return _refused(brought)
    header, key, jkt = brought
    token = open_token(raw, header)
    if isinstance(token, Reason):
        return _refused("malformed")
    wrong = token.unproved(key)  # anybody's key: nothing of it is remembered
    if wrong is not None:
        return _refused(wrong.code)
    return _judged(token, jkt, key.algorithm, method, url, now=now, access_token=access_token)


def _judged(
    token: Token, jkt: str, algorithm: str, method: str, url: str, *, now: float, access_token: bytes | None
) -> Proof | Rejection:
    claims = token.claims
    if not claims.keys() >= _REQUIRED or not is_name(claims["jti"]):
        return _refused("claims")
    if claims["htm"] != method:
        return _refused("htm")
    place, said = normal_url(url), claims["htu"]
    if place is None or not isinstance(said, str) or normal_url(said) != place:
        return _refused("htu")
    if time_refusal(claims, now, LEEWAY) is not None or now > claims["iat"] + WINDOW:
        return _refused("iat")
    if access_token is not None and not _is_hash_of(access_token, claims.get("ath")):
        return _refused("ath")
    nonce = claims.get("nonce")
    if nonce is not None and not is_name(nonce):
        return _refused("nonce")
    return Proof(jkt, claims["jti"], place, claims["iat"], algorithm, nonce)


@lru_cache(maxsize=1024)
def _brought(segment: bytes) -> tuple[Header, VerificationKey, str] | str:
    """Return header, key and thumbprint, or what is wrong: the same for each proof of a client, so it is remembered."""
    header = header_of(segment, brings_key=True)
    if isinstance(header, Reason):
        return header.code
    if header.type != _TYPE:
        return "typ"
    members = json_object(from_base64url(segment))
    jwk = None if members is None else members.get("jwk")
    if not isinstance(jwk, dict):
        return "jwk"
    try:
        # The key comes without ``alg`` as a rule; of RSA keys alone the header says which (RFC 9449 section 4.2).
        key = VerificationKey.from_jwk({"alg": "PS256", **jwk} if _is_pss(header, jwk) else jwk)
    except KeyRefused as error:
        return str(error)
    return header, key, key.thumbprint()


def _is_pss(header: Header, jwk: dict[str, object]) -> bool:
    return header.algorithm == "PS256" and jwk.get("kty") == "RSA"


def _is_hash_of(token: bytes, ath: object) -> bool:
    if not isinstance(ath, str) or not ath.isascii():
        return False
    return hmac.compare_digest(to_base64url(sha256(token).digest()), ath.encode())


@lru_cache(maxsize=512)
def normal_url(url: str) -> str | None:
    """Return an http or https URL in its normal form without query and fragment, None for anything else.

    RFC 3986 sections 6.2.2 and 6.2.3: lower case for scheme and host, upper case for percent-encodings, none for what
    needs none, no dot segments, no default port, "/" for an empty path.
    """
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or _NOT_IN_URLS.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or "%" in host:
        return None
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{_without_dots(_ENCODED.sub(_least, parts.path))}"


def _least(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """Return an absolute path without dot segments (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _refused(detail: str) -> Rejection:
    return Rejection(BAD_PROOF, f"DPoP proof: {detail}")
