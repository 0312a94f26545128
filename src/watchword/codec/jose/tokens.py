"""Compact JSON Web Signatures: RFC 7515, 8725.

A token never chooses how it is verified: the algorithm belongs to the key, and a header that names another is refused.
"""

from __future__ import annotations

from typing import Any, Final, final

from watchword.codec.jose.keys import ALGORITHMS, VerificationKey, is_kid
from watchword.codec.strict import from_base64url, json_object
from watchword.model.reason import BAD_ALGORITHM, BAD_SIGNATURE, MALFORMED_CREDENTIAL, UNKNOWN_CRITICAL, Reason

__all__ = ["Header", "Token", "header_of", "open_token", "peek", "verify"]

_MOST_TOKEN: Final = 16_384  # bytes
_MOST_HEADER: Final = 4_096  # bytes of base64url
_MOST_HEADERS: Final = 256  # remembered

_REFUSED_MEMBERS: Final = {
    **dict.fromkeys(("crit", "b64"), UNKNOWN_CRITICAL),  # no extension is understood here (RFC 7515 4.1.11, RFC 7797)
    **dict.fromkeys(("zip", "enc", "epk", "p2c", "p2s"), BAD_ALGORITHM),  # encryption (RFC 7516, RFC 7518)
    **dict.fromkeys(("jwk", "jku", "x5u", "x5c"), BAD_ALGORITHM),  # a key that the token itself brings (RFC 8725 3.10)
}


@final
class Header:
    """Hold what a JOSE header says. ``type`` is ``typ`` as a media type compares: lower case, no "application/"."""

    __slots__ = ("algorithm", "kid", "segment", "typ", "type")

    def __init__(self, segment: bytes, algorithm: str, kid: str | None, typ: str | None) -> None:
        self.segment: bytes = segment
        self.algorithm: str = algorithm
        self.kid: str | None = kid
        self.typ: str | None = typ
        self.type: str = (typ or "").lower().removeprefix("application/")

    def __repr__(self) -> str:
        return f"Header(algorithm={self.algorithm!r}, kid={self.kid!r}, typ={self.typ!r})"


@final
class Token:
    """Hold a token in its parts, of which nothing is proved yet."""

    __slots__ = ("claims", "header", "signature", "signed")

    def __init__(self, header: Header, claims: dict[str, Any], signed: bytes, signature: bytes) -> None:
        self.header: Header = header
        self.claims: dict[str, Any] = claims
        self.signed: bytes = signed
        self.signature: bytes = signature  # still in base64url

    def __repr__(self) -> str:
        return f"Token({self.header!r})"

    def unproved(self, key: VerificationKey) -> Reason | None:
        """Return why ``key``, which need not be a trusted one, does not prove the token, or None when it does."""
        if self.header.algorithm not in key.names:
            return BAD_ALGORITHM
        if len(self.signature) != key.signature_length:
            return BAD_SIGNATURE
        try:
            signature = from_base64url(self.signature)
        except ValueError:
            return MALFORMED_CREDENTIAL
        return None if key.verifies(self.signed, signature) else BAD_SIGNATURE

    def refusal(self, key: VerificationKey) -> Reason | None:
        """Return why ``key``, a trusted one, does not prove the token, or None when it does."""
        refused, header = self.unproved(key), self.header
        if refused is not None:
            return refused
        if header.segment not in _headers:  # only what a trusted key signed is remembered, so strangers cannot fill it
            if len(_headers) >= _MOST_HEADERS:
                _headers.clear()
            _headers[header.segment] = header
        return None


_headers: Final[dict[bytes, Header]] = {}


def peek(token: bytes) -> Header | Reason:
    """Return the header of a compact JWS (RFC 7515 section 3.1), or why the token cannot be one that we accept.

    Looks at no more than the header when it is one already known.
    """
    dot = token.find(b".")
    segment = token[:dot] if dot >= 0 else token
    header = _headers.get(segment)
    return header if header is not None else _parse_header(token, segment)


def _parse_header(token: bytes, segment: bytes) -> Header | Reason:
    dots = token.count(b".")
    if len(token) > _MOST_TOKEN or dots not in {2, 4}:
        return MALFORMED_CREDENTIAL
    found = header_of(segment)
    return BAD_ALGORITHM if dots != 2 and isinstance(found, Header) else found


def header_of(segment: bytes, *, brings_key: bool = False) -> Header | Reason:
    """Return what the first segment of a compact JWS says, or why it is refused.

    Only a DPoP proof ``brings_key``: its header holds the key, in ``jwk`` (RFC 9449 section 4.2).
    """
    if not segment or len(segment) > _MOST_HEADER:
        return MALFORMED_CREDENTIAL
    try:
        members = json_object(from_base64url(segment))
    except ValueError:
        return MALFORMED_CREDENTIAL
    if members is None:
        return MALFORMED_CREDENTIAL
    for name, reason in _REFUSED_MEMBERS.items():
        if name in members and not (brings_key and name == "jwk"):
            return reason
    algorithm, kid, typ = members.get("alg"), members.get("kid"), members.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        return BAD_ALGORITHM
    if (kid is not None and not is_kid(kid)) or not (typ is None or isinstance(typ, str)):
        return MALFORMED_CREDENTIAL
    return Header(segment, algorithm, kid, typ)


def open_token(token: bytes, header: Header) -> Token | Reason:
    """Take the token apart and read its claims, unproved, so that the issuer's key can be found."""
    if len(token) > _MOST_TOKEN:
        return MALFORMED_CREDENTIAL
    signed, _, signature = token.rpartition(b".")
    payload = signed[len(header.segment) + 1 :]
    if not payload or not signature:
        return MALFORMED_CREDENTIAL
    try:
        claims = json_object(from_base64url(payload))
    except ValueError:
        return MALFORMED_CREDENTIAL
    return Token(header, claims, signed, signature) if claims is not None else MALFORMED_CREDENTIAL


def verify(token: bytes, key: VerificationKey) -> dict[str, Any] | Reason:
    """Return the claims that ``key`` signed, or why there are none. The claims themselves are not judged here."""
    header = peek(token)
    if isinstance(header, Reason):
        return header
    opened = open_token(token, header)
    if isinstance(opened, Reason):
        return opened
    return opened.refusal(key) or opened.claims
