"""Find the key that proves a token: our own signing keys, and those of outside issuers (RFC 7517 section 5).

Our own keys are published before they sign and verified until the last token that they signed has ended. Outside keys
are fetched, kept when the issuer is away, and fetched again for an unknown ``kid`` at most once a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.codec.claims import claim_rule
from watchword.codec.jose import Header, KeyRefused, SigningKey, Token, VerificationKey, key_set, open_token, peek
from watchword.codec.secrets import Sealer, SealingError
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock, Fetch, Fetched, Records, Soon, Unavailable
from watchword.model.records import FeedEntry, Topic
from watchword.verdicts import Verdicts

__all__ = ["Issuer", "OwnKeys", "checked_url"]

_PAGE: Final = 100
_VERIFYING: Final = frozenset({State.PENDING, State.ACTIVE, State.RETIRING})
_MOST_BYTES: Final = 65_536  # of a JWK Set
_OK: Final = 200
_KNOWN: Final = 5.0  # seconds until every node has read of a new key: published first, then signed with
_OUTLIVED: Final = 3600.0  # seconds that the key before it must still verify, longer than its tokens live


@dataclass(frozen=True, slots=True)
class _Held:
    record: Credential
    key: VerificationKey
    end: float  # Unix second from which the key verifies nothing more


class OwnKeys:
    """Hold this server's signing keys, as their records say.

    A record of kind ``signing-key`` has the private key (PKCS#8, sealed) as its secret and ``kid``, ``public_jwk`` and
    ``algorithm`` in its detail. State follows from its times: pending is published and verifies (another node's clock
    may be ahead), active signs, retiring verifies, everything else is gone.
    """

    def __init__(
        self, records: Records, sealer: Sealer, issuer: str, clock: Clock = time.time, verdicts: Verdicts | None = None
    ) -> None:
        """Sign as ``issuer``. When keys change, what ``verdicts`` remembers is forgotten."""
        self._records = records
        self._sealer = sealer
        self._clock = clock
        self._verdicts = verdicts
        self.issuer = issuer
        self._held: dict[str, _Held] = {}
        self._signing: dict[str, SigningKey] = {}

    async def load(self) -> None:
        """Read the keys. Call it at start and when the feed says that keys changed. Raise Unavailable when broken."""
        held: dict[str, _Held] = {}
        after = ""
        while page := await self._records.credentials(kind=Kind.SIGNING_KEY, after=after, limit=_PAGE):
            for record in page:
                if record.state(self._clock()) in _VERIFYING:
                    key = _public_key(record)
                    held[key.kid] = _Held(record, key, _end(record))
            after = page[-1].id
        if self._verdicts is not None and held != self._held:
            self._verdicts.clear()  # again, now: a request under way may have been judged by a key that is gone
        self._held = held
        self._signing = {kid: key for kid, key in self._signing.items() if kid in held}

    def heard(self, entry: FeedEntry) -> Soon[None]:
        """Listen to the revocation feed: load again when keys changed."""
        return self.load() if entry.topic is Topic.KEYS else None

    def signing_key(self, algorithm: str = "EdDSA") -> SigningKey:
        """Return the newest active key of an algorithm; while other nodes may not know it yet, one before.

        Raise Unavailable when there is none.
        """
        now = self._clock()
        active = [
            held.record
            for held in self._held.values()
            if held.key.algorithm == algorithm and held.record.state(now) is State.ACTIVE
        ]
        if not active:
            raise Unavailable(f"there is no active signing key for {algorithm}")
        record = max(active, key=lambda each: (each.not_before or each.created_at, each.id))
        while now < record.created_at + _KNOWN:
            before = self._held.get(record.replaces or "")
            if before is None or now + _OUTLIVED > before.end:
                break
            record = before.record
        kid = str(record.detail["kid"])
        return self._signing.get(kid) or self._opened(record, kid)

    def _opened(self, record: Credential, kid: str) -> SigningKey:
        try:
            key = SigningKey.from_pkcs8(self._sealer.open(record.secret, f"credential:{record.id}"), kid)
        except (SealingError, KeyRefused) as error:
            raise Unavailable(f"signing key {record.id}: {error}") from None
        self._signing[kid] = key
        return key

    def verification_key(self, kid: str) -> VerificationKey | None:
        """Return the public key of this ``kid`` if it still verifies."""
        held = self._held.get(kid)
        return held.key if held is not None and self._clock() < held.end else None

    def claims_of(self, text: bytes) -> dict[str, Any] | None:
        """Return what an access token of our own claims, None when its signature does not hold. It may have ended.

        What else we sign, id_tokens and assertions, is no access token: it has no ``jti`` to take it back by.
        """
        header = peek(text)
        key = self.verification_key(header.kid) if isinstance(header, Header) and header.kid else None
        token = open_token(text, header) if key is not None and isinstance(header, Header) else None
        if key is None or not isinstance(token, Token) or token.refusal(key) is not None:
            return None
        return token.claims if "jti" in token.claims else None

    def ends_at(self, kid: str) -> float:
        """Return the Unix second from which the key verifies nothing more; infinite when none is set."""
        return self._held[kid].end if kid in self._held else float("-inf")

    def jwks(self) -> dict[str, Any]:
        """Return the JWK Set to publish: pending, active and retiring keys."""
        now = self._clock()
        return {"keys": [held.key.public_jwk() for held in self._held.values() if now < held.end]}


def _end(record: Credential) -> float:
    end = record.ends_at()
    return float("inf") if end is None else end


def _public_key(record: Credential) -> VerificationKey:
    try:
        return VerificationKey.from_jwk({**record.detail["public_jwk"], "kid": record.detail["kid"]})
    except (KeyRefused, KeyError, TypeError) as error:
        raise Unavailable(f"signing key {record.id} does not load: {error}") from None


def checked_url(url: str) -> str:
    """Return a URL that may be fetched: https, or http to a loopback host; no user, no fragment. Raise ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    readable = url.isascii() and url.isprintable() and parts.port != 0
    if not host or parts.username is not None or parts.fragment or not readable:
        raise ValueError(f"{url!r} is not a URL to fetch: it needs a host, and must have neither user nor fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError(f"{url!r} must start with https:// (http:// only for a loopback host)")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Issuer:
    """Trust one outside issuer: its exact name, the audience that means us, its keys, and what its tokens may be.

    ``types`` are the media types that ``typ`` may name in a JWT ("" stands for none at all; ``at+jwt`` belongs to the
    oauth2 scheme). ``subject`` is the rule that makes a subject of claims, such as "user:{sub}" or
    "user:partner/{email}"; ``client_subject`` does so for tokens in which a client acts for itself. Two issuers whose
    rules meet share their subjects: give each its own prefix.

    Fetching waits for nobody twice: an issuer asked by several requests at once calls ``fetch`` for each of them, and
    ``fetch`` makes one request of those.
    """

    FRESH: Final = 600.0  # seconds until the keys are fetched again
    REFETCH: Final = 60.0  # seconds between two fetches, whoever asks
    RETRY: Final = 5.0  # the same while there is no key at all

    def __init__(
        self,
        iss: str,
        audience: str,
        *,
        jwks_uri: str = "",
        keys: Iterable[VerificationKey] = (),
        types: Iterable[str] = ("jwt",),
        subject: str = "user:{sub}",
        client_subject: str = "service:{client_id}",
        fetch: Fetch | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Take keys that never change, or a ``jwks_uri`` and the port to fetch it by. Raise ValueError."""
        self._keys = {key.kid: key for key in keys}
        if bool(jwks_uri) == bool(self._keys) or bool(jwks_uri) != (fetch is not None):
            raise ValueError(f"issuer {iss!r} needs either keys, or a jwks_uri and a way to fetch it")
        if not iss or not audience:
            raise ValueError("an issuer needs its name and the audience that it calls us by")
        self.iss = iss
        self.audience = audience
        self.types: frozenset[str] = frozenset(each.lower().removeprefix("application/") for each in types)
        self._subject = claim_rule(subject)
        self._client_subject = claim_rule(client_subject)
        self._jwks_uri = checked_url(jwks_uri) if jwks_uri else ""
        self._fetch = fetch
        self._clock = clock
        self._body: bytes | None = None
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._under_way = 0

    def key(self, header: Header) -> Soon[VerificationKey | None]:
        """Return the key that the header names, fetching when that is due. Raise Unavailable without any keys.

        A header without ``kid`` means the only key of its algorithm.
        """
        found = self._held(header)
        if self._fetch is None or not self._is_due(found):
            return found
        return self._found_after_fetch(self._fetch, partial(self._held, header))

    def same(self, key: VerificationKey) -> Soon[VerificationKey | None]:
        """Return the one that is this key, whatever its ``kid``, fetching as for an unknown ``kid``."""
        found = self._same(key.thumbprint())
        if self._fetch is None or not self._is_due(found):
            return found
        return self._found_after_fetch(self._fetch, partial(self._same, key.thumbprint()))

    def _is_due(self, found: VerificationKey | None) -> bool:
        """Return whether to fetch first. Raise Unavailable where there is no key, and it was tried a moment ago."""
        now = self._clock()
        fresh = 0 <= now - self._fetched_at < self.FRESH
        if found is not None and (fresh or self._under_way):
            return False
        waited = now - self._tried_at
        if self._under_way or waited < 0 or waited >= (self.REFETCH if self._keys else self.RETRY):
            return True
        if not self._keys:
            raise Unavailable(f"no keys of issuer {self.iss}")
        return False

    def _same(self, thumbprint: str) -> VerificationKey | None:
        return next((key for key in self._keys.values() if key.thumbprint() == thumbprint), None)

    def _held(self, header: Header) -> VerificationKey | None:
        if header.kid is not None:
            return self._keys.get(header.kid)
        fitting = [key for key in self._keys.values() if header.algorithm in key.names]
        return fitting[0] if len(fitting) == 1 else None

    async def _found_after_fetch(
        self, fetch: Fetch, find: Callable[[], VerificationKey | None]
    ) -> VerificationKey | None:
        if not self._under_way:
            self._tried_at = self._clock()
        self._under_way += 1
        try:
            answer = fetch(self._jwks_uri)
            self._take(await answer if isawaitable(answer) else answer)
        except Unavailable:
            if not self._keys:  # with keys at hand an outage changes nothing (CVE-2026-48524)
                raise
        finally:
            self._under_way -= 1
        return find()

    def _take(self, answer: Fetched) -> None:
        if answer.status != _OK or len(answer.body) > _MOST_BYTES:
            raise Unavailable(f"issuer {self.iss} answered {answer.status}, {len(answer.body)} bytes")
        if answer.body != self._body:
            keys = key_set(answer.body)
            if not keys:
                raise Unavailable(f"issuer {self.iss} published no usable key")
            self._keys, self._body = keys, answer.body
        self._fetched_at = self._clock()

    def subject_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the subject that the claims mean, or None when the rule's claim is missing or unfit."""
        client = claims.get("client_id")
        rule = self._client_subject if client is not None and client == claims.get("sub") else self._subject
        return rule(claims)
