"""Signed tokens, honest and forged, for the tests of both schemes that read them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from watchword.codec.jose import SigningKey
from watchword.codec.secrets import Sealer, new_root_key
from watchword.keyring import Issuer, OwnKeys
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched, Unavailable
from watchword.model.reason import Reason
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection
from watchword.schemes.jwt import Jwt
from watchword.schemes.oauth2 import OAuth2
from watchword.verdicts import Revocations, Verdicts

NOW = 1_800_000_000
OURS = "https://auth.example.com"
THEIRS = "https://login.partner.example"
API = "https://api.example.com"
JWKS_URI = "https://login.partner.example/jwks"

ED = SigningKey.generate()
ES = SigningKey.generate("ES256")
RS = SigningKey(rsa.generate_private_key(65_537, 2_048))
SEALER = Sealer(new_root_key())


MALLORY = SigningKey.generate()


class Ticker:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class KeyRecords:
    """As much of Records as signing keys need; a page is one record long."""

    def __init__(self, *records: Credential) -> None:
        self.records = list(records)
        self.broken = False

    async def credentials(self, *, kind: Kind, after: str, limit: int) -> list[Credential]:
        if self.broken:
            raise Unavailable("down")
        found = sorted((each for each in self.records if each.kind is kind and each.id > after), key=lambda x: x.id)
        return found[:1]


class CountingFetch:
    """Answer from a table and count; an exception in the table is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = dict(answers)
        self.calls: list[tuple[str, Any, Any]] = []

    async def __call__(
        self, url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        self.calls.append((url, data, headers))
        answer = self.answers[url]
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Fetched):
            return answer
        return Fetched(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def key_record(key: SigningKey, id: str = "sig_1", **fields: Any) -> Credential:
    detail = {"kid": key.kid, "public_jwk": key.public_jwk(), "algorithm": key.algorithm}
    secret = SEALER.seal(key.to_pkcs8(), f"credential:{id}")
    given = {"created_at": NOW - 100, "secret": secret, "detail": detail, **fields}
    return Credential(id, Kind.SIGNING_KEY, "service:watchword", **given)


def own_keys(clock: Ticker, *records: Credential, verdicts: Verdicts | None = None) -> OwnKeys:
    own = OwnKeys(KeyRecords(*(records or (key_record(ED),))), SEALER, OURS, clock, verdicts)  # type: ignore[arg-type]
    asyncio.run(own.load())
    return own


def bearer(token: str | bytes, scheme: bytes = b"Bearer") -> Request:
    raw = token.encode() if isinstance(token, str) else token
    return Request("GET", b"/", b"", [(b"authorization", scheme + b" " + raw)], Peer("192.0.2.1"))


def verdict(scheme: Any, token: str | bytes) -> Principal | Rejection | None:
    """Read and verify, as the gate does."""
    request = bearer(token)
    credential = scheme.read(request)
    if credential is None or isinstance(credential, Rejection):
        return credential  # type: ignore[no-any-return]
    answer = scheme.verify(credential, request)
    return asyncio.run(_wait(answer)) if isawaitable(answer) else answer  # type: ignore[return-value]


async def _wait(answer: Any) -> Any:
    return await answer


def segment(value: Any) -> bytes:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def compact(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> bytes:
    """Put a token together with any header at all."""
    signed = segment(header) + b"." + segment(payload)
    return signed + b"." + segment(sign(signed))


def raw_sign(key: SigningKey) -> Callable[[bytes], bytes]:
    """Return the key's own signature over anything."""
    return lambda signed: key._sign(signed, key._wrapped)


def pss_sign(key: SigningKey) -> Callable[[bytes], bytes]:
    """Return an RSA key's signature by PS256 (RFC 7518 section 3.5) over anything."""
    held: Any = key._key
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
    return lambda signed: held.sign(signed, pss, hashes.SHA256())


@dataclass
class Entry:
    """One place where a signed token is let in: a scheme, and what its honest tokens look like."""

    scheme: Any
    key: SigningKey
    typ: str
    claims: dict[str, Any]
    clock: Ticker
    verdicts: Verdicts
    revocations: Revocations
    fetch: CountingFetch | None = None

    def token(self, typ: str | None = None, **claims: Any) -> str:
        return self.key.sign(self.changed(**claims), typ or self.typ)

    def changed(self, **claims: Any) -> dict[str, Any]:
        return {name: value for name, value in {**self.claims, **claims}.items() if value is not ...}

    def header(self, **members: Any) -> dict[str, Any]:
        return {"alg": self.key.algorithm, "kid": self.key.kid, "typ": self.typ, **members}

    def forged(self, header: Any, payload: Any = None, sign: Callable[[bytes], bytes] | None = None) -> bytes:
        return compact(header, self.claims if payload is None else payload, sign or raw_sign(self.key))

    def verdict(self, token: str | bytes) -> Principal | Rejection | None:
        return verdict(self.scheme, token)


ENTRIES = (
    "jwt own",
    "jwt EdDSA",
    "jwt ES256",
    "jwt RS256",
    "oauth2 own",
    "oauth2 EdDSA",
    "oauth2 ES256",
    "oauth2 RS256",
)


def entry(name: str, **options: Any) -> Entry:
    """Build one entry anew. ``jwks`` fetches the outside keys instead of pinning them."""
    kind, _, source = name.partition(" ")
    clock, verdicts, revocations = Ticker(), Verdicts(), Revocations()
    key = {"own": ED, "EdDSA": ED, "ES256": ES, "RS256": RS}[source]
    fetch = CountingFetch(**{JWKS_URI: {"keys": [key.public_jwk()]}}) if options.get("jwks") else None
    typ = "JWT" if kind == "jwt" else "at+jwt"
    claims: dict[str, Any] = {
        "aud": API,
        "exp": NOW + 600,
        "iat": NOW,
        "jti": "t1",
        "scope": "orders:read orders:write",
    }
    if kind == "oauth2":
        claims["client_id"] = "cli_1"
    keys: dict[str, Any] = {"jwks_uri": JWKS_URI, "fetch": fetch} if fetch else {"keys": [key.verification]}
    outside = Issuer(THEIRS, API, types=(typ,), subject="user:partner/{sub}", clock=clock, **keys)
    given: dict[str, Any] = {"clock": clock}
    if source == "own":
        claims |= {"iss": OURS, "sub": "user:alice"}
        given |= {"own": own_keys(clock, verdicts=verdicts), "issuers": {}, "issuer": OURS, "audience": API}
    else:
        claims |= {"iss": THEIRS, "sub": "alice"}
        given |= {"own": None, "issuers": {THEIRS: outside}}
    scheme = (Jwt if kind == "jwt" else OAuth2)(verdicts=verdicts, revocations=revocations, **given)
    return Entry(scheme, key, typ, claims, clock, verdicts, revocations, fetch)


def refused(place: Entry, token: str | bytes, *reasons: Reason) -> None:
    answer = place.verdict(token)
    assert isinstance(answer, Rejection), answer
    assert answer.reason.status == 401
    assert not reasons or answer.reason in reasons, answer
    assert len(place.verdicts) == 0


def not_accepted(place: Entry, token: str | bytes) -> None:
    """The token may also be taken for no token at all, which is as good as refused."""
    answer = place.verdict(token)
    assert answer is None or (isinstance(answer, Rejection) and answer.reason.status == 401), answer
    assert len(place.verdicts) == 0
