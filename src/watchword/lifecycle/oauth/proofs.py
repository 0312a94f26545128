"""Have OAuth clients prove who they are (RFC 6749 section 2.3): by a secret, a signed assertion, a certificate.

A client proves itself in the way that it is registered for, and in no other. Whoever does not is told the same and
waits as long, whether there is no such client, the secret is wrong, or the key.
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from binascii import Error
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_plus

from watchword.codec.addresses import parsed
from watchword.codec.claims import is_name, moment, time_refusal
from watchword.codec.fields import parse_authorization
from watchword.codec.jose import SigningKey, Token, VerificationKey, open_token, peek
from watchword.codec.secrets import digest
from watchword.codec.x509 import ClientCertificate, addresses_of, has_subject, parse_certificate
from watchword.lifecycle.mint import SECRET_METHODS, client_lookup
from watchword.lifecycle.oauth.authorization.profile import ALGORITHMS
from watchword.lifecycle.oauth.client_keys import ClientKeys
from watchword.lifecycle.oauth.clients import Clients
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Records
from watchword.model.reason import (
    BAD_ALGORITHM,
    BAD_CLAIMS,
    BAD_TYPE,
    EXPIRED,
    MALFORMED_CREDENTIAL,
    MALFORMED_REQUEST,
    NO_CREDENTIAL,
    REPLAYED,
    UNKNOWN_CREDENTIAL,
    UNKNOWN_KEY,
    UNTRUSTED_CERTIFICATE,
    WRONG_AUDIENCE,
    WRONG_SECRET,
    Reason,
)
from watchword.model.request import Request
from watchword.model.verdict import Principal, Rejection
from watchword.standing import standing, until
from watchword.verdicts import Verdicts

__all__ = ["ASSERTION", "METHODS", "ClientProofs"]

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The only ``client_assertion_type`` that there is (RFC 7523 section 2.2)."""

METHODS: Final = (
    *("client_secret_basic", "client_secret_post", "private_key_jwt"),
    *("tls_client_auth", "self_signed_tls_client_auth", "none"),
)
"""Every way to prove oneself, as ``token_endpoint_auth_methods_supported`` names them."""

Vouched: TypeAlias = Callable[[bytes], Awaitable[ClientCertificate | Rejection]]

_LONGEST_ID: Final = 2_048  # characters: a client may go by a URL
_LONGEST_SECRET: Final = 256
_TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt"})  # "": it says nothing
_LIFE: Final = 300.0  # seconds in which an assertion is good, whatever its ``exp`` says
_LEEWAY: Final = 30.0
_CLAIMS: Final = frozenset({"iss", "sub", "aud", "exp", "jti"})
_STRAY: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_RECORD: Final = "oauth-client"
_NOBODY: Final = "service:"
_NOBODYS: Final = b"\1" * 64


@dataclass(frozen=True, slots=True)
class _Shown:
    """Hold what a request shows: by which of the ways, whose, and the secret or assertion."""

    way: str
    client_id: str
    proof: str = field(default="", repr=False)


class ClientProofs:
    """Check how clients prove themselves. Whether they may be where they are is for the caller to look at."""

    def __init__(
        self,
        records: Records,
        ephemeral: Ephemeral,
        clients: Clients,
        keys: ClientKeys,
        *,
        issuer: str,
        verdicts: Verdicts,
        strict: bool = False,
        clock: Clock = time.time,
    ) -> None:
        """Take assertions for ``issuer``; unless ``strict``, also those for the endpoint that they are sent to.

        ``strict`` is how FAPI 2.0 has it (section 5.3.2.1): there a client that was sent to a foreign server cannot be
        tricked into making an assertion that is good here.
        """
        self._records = records
        self._ephemeral = ephemeral
        self._clients = clients
        self._keys = keys
        self._issuer = issuer
        self._verdicts = verdicts.part()
        self._strict = strict
        self._clock = clock
        self._decoy = SigningKey.generate("ES256").verification
        self.vouched: Vouched = _nobody_vouches
        """Return what a certificate says that a trusted CA vouches for; until it is set no CA does."""

    async def prove(
        self, request: Request, form: Mapping[str, str], url: str, place: str = ""
    ) -> Credential | Rejection:
        """Return the client that the request proves, or why none: MALFORMED_REQUEST when it shows two ways at once.

        ``form`` is what was sent, ``url`` where to, ``place`` the caller's network. Raise Unavailable when it cannot be
        told.
        """
        shown = _shown(request, form)
        if isinstance(shown, Rejection):
            return shown
        if shown.way == "assertion":
            return await self._signed(shown, url, place)
        if shown.way == "none":
            return await self._named(shown.client_id, request.peer.certificate, place)
        client = await self._by_secret(client_lookup(shown.client_id, shown.proof))
        return client if isinstance(client, Rejection) or _may(client, shown.way) else _not_so(client)

    # --- a secret -----------------------------------------------------------------------------------------------------

    async def _by_secret(self, lookup: bytes) -> Credential | Rejection:
        """Return the client that id and secret find, remembered for as long as any other proof."""
        now = self._clock()
        known = self._verdicts.get(lookup, now)
        if known is not None:
            found: Credential = known.claims[_RECORD]
            return found
        since = self._verdicts.mark
        record = await self._records.credential_by(lookup)
        refused = await standing(self._records, record, Kind.OAUTH_CLIENT, now)
        if refused is not None or record is None:
            return refused or Rejection(UNKNOWN_CREDENTIAL)
        record = self._clients.bounded(record)
        who = Principal(record.subject, _RECORD, record.id, claims={_RECORD: record})
        tags = (f"subject:client:{record.detail['client_id']}",)  # what voids its tokens changes its record, too
        self._verdicts.put(lookup, who, until(record, now), now, tags, since)
        return record

    # --- nothing but a name, or a certificate beside it ---------------------------------------------------------------

    async def _named(self, client_id: str, certificate: bytes | None, place: str) -> Credential | Rejection:
        client = await self._clients.resolve(client_id, place)
        if isinstance(client, Rejection):
            await self._records.subject(_NOBODY)  # as for a client that is there
            return client
        if _may(client, "none"):
            return client
        method = client.detail.get("auth_method")
        if method not in ("tls_client_auth", "self_signed_tls_client_auth"):
            return _not_so(client)
        if certificate is None:
            return Rejection(NO_CREDENTIAL, "client certificate", credential=client.id)
        own = await (self._issued if method == "tls_client_auth" else self._self_signed)(client, certificate)
        return client if own is None else Rejection(own.reason, own.detail, credential=client.id)

    async def _issued(self, client: Credential, der: bytes) -> Rejection | None:
        """Judge a certificate of a CA by the one name that the client registered (RFC 8705 section 2.1)."""
        certificate = await self.vouched(der)
        if isinstance(certificate, Rejection):
            return certificate
        for name, bears in _NAMES.items():
            wanted = client.detail.get(f"tls_client_auth_{name}")
            if wanted:
                return None if bears(certificate, str(wanted)) else Rejection(UNTRUSTED_CERTIFICATE, f"not its {name}")
        return Rejection(UNTRUSTED_CERTIFICATE, "the client registered no name")

    async def _self_signed(self, client: Credential, der: bytes) -> Rejection | None:
        """Judge a certificate by its key, which must be one of the client's (RFC 8705 section 2.2)."""
        certificate = parse_certificate(der)
        if isinstance(certificate, Rejection):
            return certificate
        if not certificate.not_before <= self._clock() <= certificate.not_after:
            return Rejection(EXPIRED, "client certificate")
        try:
            key = VerificationKey(certificate.parsed.public_key())  # type: ignore[arg-type]  # other kinds are refused
        except Exception:  # whatever a hostile key breaks on the way in, it is refused
            return Rejection(UNTRUSTED_CERTIFICATE, "a key that is not Ed25519, EC P-256 or RSA")
        return None if await self._keys.has(client, key) else Rejection(UNKNOWN_KEY, "certificate")

    # --- a signed assertion (RFC 7523) --------------------------------------------------------------------------------

    async def _signed(self, shown: _Shown, url: str, place: str) -> Credential | Rejection:
        token = _opened(shown.proof)
        if isinstance(token, Rejection):
            return token
        name = token.claims.get("iss")
        if not isinstance(name, str) or not _is_id(name) or name != token.claims.get("sub"):
            return Rejection(BAD_CLAIMS, "client_assertion: iss and sub")
        if shown.client_id not in ("", name):
            return Rejection(MALFORMED_REQUEST, "two client ids")
        client = await self._clients.resolve(name, place)
        known = isinstance(client, Credential) and _may(client, "private_key_jwt")
        key = await self._keys.key(client, token.header) if isinstance(client, Credential) and known else None
        if isinstance(client, Rejection) or key is None:
            self._decoy.verifies(token.signed, _NOBODYS)  # takes as long as a wrong signature
            if isinstance(client, Credential):
                return Rejection(UNKNOWN_KEY, credential=client.id)
            await self._records.subject(_NOBODY)
            return client
        weak = self._strict and key.algorithm not in ALGORITHMS
        wrong = BAD_ALGORITHM if weak else token.unproved(key)  # what strangers sign is not to be remembered
        detail = "" if wrong is not None else self._unfit(token.claims, url)
        if wrong is not None or detail:
            reason = wrong or (WRONG_AUDIENCE if detail == "aud" else BAD_CLAIMS)
            return Rejection(reason, f"client_assertion {detail}".strip(), credential=client.id)
        return client if await self._is_new(name, token.claims) else Rejection(REPLAYED, "jti", credential=client.id)

    def _unfit(self, claims: Mapping[str, Any], url: str) -> str:
        """Return the claim that keeps an assertion from being good here and now, "" for none."""
        missing = sorted(_CLAIMS - claims.keys())
        if missing:
            return missing[0]
        audience = claims["aud"][0] if isinstance(claims["aud"], list) and len(claims["aud"]) == 1 else claims["aud"]
        meant = {self._issuer} if self._strict else {self._issuer, url, f"{self._issuer}/oauth/token"}
        if not isinstance(audience, str) or audience not in meant:
            return "aud"
        if time_refusal(claims, self._clock(), _LEEWAY) is not None:
            return "exp, nbf or iat"
        if not is_name(claims["jti"]):
            return "jti"
        return "" if self._clock() < _end(claims) <= self._clock() + _LIFE + _LEEWAY else "exp"

    async def _is_new(self, client_id: str, claims: Mapping[str, Any]) -> bool:
        mark = digest(f"client-assertion\n{client_id}\n{claims['jti']}")
        claimed = self._ephemeral.claim(mark, _end(claims) + _LEEWAY)
        return claimed if isinstance(claimed, bool) else await claimed


async def _nobody_vouches(der: bytes) -> Rejection:
    return Rejection(UNTRUSTED_CERTIFICATE, "no client CA is trusted")


def _may(client: Credential, way: str) -> bool:
    """Return whether this is the client's way; one that says nothing has a secret, and shows it in either way."""
    public, method = client.detail.get("public") is True, client.detail.get("auth_method")
    if method is None:
        return (way == "none") if public else way in SECRET_METHODS
    return bool(method == way) and public == (way == "none")


def _not_so(client: Credential) -> Rejection:
    return Rejection(WRONG_SECRET, "not the way it is registered for", credential=client.id)


def _end(claims: Mapping[str, Any]) -> float:
    """Return when an assertion ends: many say an hour, and nobody needs more than the moment."""
    issued_at = moment(claims["iat"]) if "iat" in claims else None
    expires_at = float(claims["exp"])
    return expires_at if issued_at is None else min(expires_at, issued_at + _LIFE)


def _opened(text: str) -> Token | Rejection:
    raw = text.encode("ascii", "replace")
    header = peek(raw)
    if isinstance(header, Reason):
        return Rejection(header, "client_assertion")
    if header.type not in _TYPES:
        return Rejection(BAD_TYPE, "client_assertion")
    token = open_token(raw, header)
    return Rejection(token, "client_assertion") if isinstance(token, Reason) else token


# --- what a request shows ---------------------------------------------------------------------------------------------


def _shown(request: Request, form: Mapping[str, str]) -> _Shown | Rejection:
    """Return the one way that a request shows; two are refused (RFC 6749 section 2.3)."""
    basic = request.fields.get(b"authorization")
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if (basic is not None) + ("client_secret" in form) + assertion > 1:
        return Rejection(MALFORMED_REQUEST, "two ways of client authentication")
    name = form.get("client_id", "")
    if basic is not None:
        return _by_basic(basic, form.get("client_id"))
    if assertion:
        if form.get("client_assertion_type") != ASSERTION or not form.get("client_assertion"):
            return Rejection(MALFORMED_CREDENTIAL, "client_assertion")
        return _Shown("assertion", name, form["client_assertion"])
    secret = form.get("client_secret", "")
    if not _is_id(name) or not _is_secret(secret, least=0):
        return Rejection(NO_CREDENTIAL)
    return _Shown("client_secret_post" if secret else "none", name, secret)


def _by_basic(value: bytes, name: str | None) -> _Shown | Rejection:
    """Read id and secret, each form-encoded before they were joined (RFC 6749 section 2.3.1)."""
    scheme, credentials = parse_authorization(value)
    try:
        text = b64decode(credentials, validate=True).decode("ascii") if scheme == b"basic" else ""
        parts = [unquote_plus(part, errors="strict") for part in text.split(":", 1) if not _STRAY.search(part)]
    except (Error, UnicodeDecodeError):
        parts = []
    if len(parts) != 2 or not _is_id(parts[0]) or not _is_secret(parts[1]):
        return Rejection(MALFORMED_CREDENTIAL, "Authorization")
    if name is not None and name != parts[0]:
        return Rejection(MALFORMED_REQUEST, "two client ids")
    return _Shown("client_secret_basic", *parts)


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and text.isprintable()


def _is_secret(text: str, *, least: int = 1) -> bool:
    return least <= len(text) <= _LONGEST_SECRET and text.isprintable()


_NAMES: Final[Mapping[str, Callable[[ClientCertificate, str], bool]]] = {
    "subject_dn": has_subject,
    "san_dns": lambda certificate, name: name.lower() in {each.lower() for each in certificate.dns_names},
    "san_uri": lambda certificate, name: name in certificate.uris,
    "san_ip": lambda certificate, name: str(parsed(name)) in addresses_of(certificate),  # 2001:DB8::1 is 2001:db8::1
    "san_email": lambda certificate, name: name in certificate.emails,
}
"""The names of a certificate by which a client may be known (RFC 8705 section 2.1.2)."""
