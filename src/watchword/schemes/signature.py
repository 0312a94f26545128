"""Signed requests: X-API-Key, X-Timestamp, X-Signature and, optionally, X-Nonce (HMAC-SHA256, RFC 2104).

Each signature is accepted once, for as long as its timestamp can pass. A key is bound to one profile of
``codec.message``; the request does not choose.
"""

from __future__ import annotations

import time
from binascii import hexlify
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from watchword.codec.fields import render_date
from watchword.codec.message import DEFAULT_PROFILE, PROFILES, Canonical
from watchword.codec.secrets import Sealer
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Records, Soon
from watchword.model.reason import (
    BAD_SIGNATURE,
    BODY_UNSEEN,
    DUPLICATE_FIELD,
    MALFORMED_CREDENTIAL,
    REPLAYED,
    SKEWED,
    UNKNOWN_CREDENTIAL,
)
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme
from watchword.standing import principal_of, standing, until
from watchword.verdicts import Verdicts

__all__ = ["Signature", "Signed"]

_LOWER_HEX: Final = b"0123456789abcdef"
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_SEEN: Final = bytes(code if code in _VISIBLE else 0 for code in range(256))  # whatever is not visible becomes NUL
_HEX_LENGTH: Final = 64
_DIGITS: Final = 12
_LONGEST: Final = 64  # characters of a key id and of a nonce
_CAPACITY: Final = 10_000  # opened keys kept in memory


Signed: TypeAlias = tuple[bytes, bytes, bytes]
"""What a signed request says beside its signature, as sent: key id, timestamp, nonce (b"" when there is none)."""


@dataclass(frozen=True, slots=True)
class _Key:
    """Hold one opened key: its HMAC keyed once and copied for each request, which costs less than keying anew."""

    id: bytes
    mac: HMAC = field(repr=False)
    canonical: Canonical
    verdict: bytes
    principal: Principal


class Signature:
    """Prove a caller by an HMAC over the request, checked in the order: time, key, signature, first use.

    An opened key is believed as long as ``verdicts`` believes its principal, so the revocation feed takes it back too.
    Time comes first, so that a stale request costs no look-up and ``Date`` does not tell which keys exist. A signature
    is claimed only once it has proved right: garbage cannot fill the log of claims.

    ``window`` is in seconds, either way. ``upstream_body`` is for routes whose body only the service behind sees: then,
    and only then, X-Content-SHA256 stands for a body that nobody here read.
    """

    name = "hmac"
    needs_body = True

    def __init__(
        self,
        records: Records,
        ephemeral: Ephemeral,
        verdicts: Verdicts,
        sealer: Sealer,
        *,
        window: int = 300,
        upstream_body: bool = False,
        realm: str = "api",
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._ephemeral = ephemeral
        self._verdicts = verdicts.part()
        self._proved = self._verdicts.find
        self._sealer = sealer
        self._window = window
        self._upstream_body = upstream_body
        self._realm = realm
        self._clock = clock
        self._keys: dict[bytes, _Key] = {}
        # Those that recall may use: none where a claim must be awaited.
        self._plain: dict[bytes, _Key] = self._keys if getattr(ephemeral, "inline", False) else {}

    def recall(self, request: Request) -> Principal | None:
        """Return whom an opened key proves, the claim included; None is no answer: then it is read and verified.

        The same walk as there, in one function, without what says why not: each call less is a tenth of it.
        """
        fields, body = request.fields, request.body
        try:
            key = self._plain[fields[b"x-api-key"]]
            timestamp, signature = fields[b"x-timestamp"], fields[b"x-signature"]
        except KeyError:
            return None
        if body is None or request.repeated or b"x-content-sha256" in fields:
            return None
        if not timestamp.isdigit() or len(timestamp) > _DIGITS:
            return None
        nonce = fields.get(b"x-nonce", b"")
        if nonce and (len(nonce) > _LONGEST or 0 in nonce.translate(_SEEN)):
            return None
        clock, find, canonical, window = self._clock, self._proved, key.canonical, self._window
        now, at, proved = clock(), int(timestamp), find(key.verdict)
        if proved is None or now >= proved[1] or proved[0] is not key.principal or not -window <= now - at <= window:
            return None
        host, content_type = fields.get(b"host", b""), fields.get(b"content-type", b"")
        digest = sha256(body).hexdigest()
        message = canonical(
            key.id, timestamp, nonce, request.method, host, request.path, request.query, content_type, digest, body
        )
        if message is None:
            return None
        mac = key.mac.copy()
        mac.update(message)
        right = mac.finalize()
        if compare_digest(hexlify(right), signature) and self._ephemeral.claim(right[:16], at + 2 * window) is True:
            return key.principal
        return None

    def reads_body(self, request: Request) -> bool:
        """Return whether the request is signed, so that its content must be seen."""
        return b"x-signature" in request.fields

    def read(self, request: Request) -> Signed | Rejection | None:
        """Return key id, time and nonce of a signed request; a Rejection when they are incomplete or malformed."""
        fields = request.fields
        signature = fields.get(b"x-signature")
        key_id = fields.get(b"x-api-key")
        if signature is None and (key_id is None or not key_id.startswith(b"hk_")):
            return None
        timestamp = fields.get(b"x-timestamp")
        if signature is None or key_id is None or timestamp is None:
            return Rejection(MALFORMED_CREDENTIAL, "a signed request needs X-API-Key, X-Timestamp and X-Signature")
        if request.repeated:
            return Rejection(DUPLICATE_FIELD)
        if key_id not in self._keys and (
            not key_id.startswith(b"hk_") or len(key_id) > _LONGEST or key_id.translate(None, _VISIBLE)
        ):
            return Rejection(MALFORMED_CREDENTIAL, "X-API-Key")
        if not 0 < len(timestamp) <= _DIGITS or not timestamp.isdigit():  # bytes.isdigit knows ASCII digits only
            return Rejection(MALFORMED_CREDENTIAL, "X-Timestamp")
        if len(signature) != _HEX_LENGTH or signature.translate(None, _LOWER_HEX):
            return Rejection(MALFORMED_CREDENTIAL, "X-Signature")
        nonce = fields.get(b"x-nonce", b"")
        if nonce and (len(nonce) > _LONGEST or 0 in nonce.translate(_SEEN)):
            return Rejection(MALFORMED_CREDENTIAL, "X-Nonce")
        return key_id, timestamp, nonce

    def verify(self, credential: Signed, request: Request) -> Soon[Principal | Rejection]:
        """Return the key's owner, or why not. Raise Unavailable when the log of claims or the records are broken."""
        key_id, now, at = credential[0], self._clock(), int(credential[1])
        if not -self._window <= now - at <= self._window:
            return Rejection(SKEWED, key_id.decode("ascii"), ((b"date", render_date(now)),))
        key = self._keys.get(key_id)
        if key is not None:
            proved = self._proved(key.verdict)
            if proved is not None and now < proved[1] and proved[0] is key.principal:
                return self._judge(key, credential, at, request)
        return self._look_up(credential, at, request, now)

    async def _look_up(self, credential: Signed, at: int, request: Request, now: float) -> Principal | Rejection:
        key_id, mark = credential[0], self._verdicts.mark
        record = await self._records.credential(key_id.decode("ascii"))
        refused = await standing(self._records, record, Kind.HMAC, now)
        if refused is not None or record is None:
            self._keys.pop(key_id, None)
            return refused or Rejection(UNKNOWN_CREDENTIAL)
        key = self._open(record, now)
        self._verdicts.put(key.verdict, key.principal, until(record, now), now, since=mark)
        if len(self._keys) >= _CAPACITY:
            self._keys.pop(next(iter(self._keys)), None)
        self._keys[key_id] = key
        outcome = self._judge(key, credential, at, request)
        return outcome if isinstance(outcome, (Principal, Rejection)) else await outcome

    def _open(self, record: Credential, now: float) -> _Key:
        """Return the usable key; raises SealingError or KeyError when the record is broken."""
        secret = self._sealer.open(record.secret, f"credential:{record.id}")
        if not secret:
            raise ValueError("an empty secret would let anybody sign")
        return _Key(
            id=record.id.encode(),
            mac=HMAC(secret, SHA256()),
            canonical=PROFILES[record.detail.get("profile", DEFAULT_PROFILE)],
            # A key id is public: its digest must not be one that a scheme finds by hashing what the caller sends.
            verdict=sha256(b"hmac key id\0" + record.id.encode()).digest(),
            principal=principal_of(record, self.name, now),
        )

    def _judge(self, key: _Key, credential: Signed, at: int, request: Request) -> Soon[Principal | Rejection]:
        key_id, timestamp, nonce = credential
        fields, body, principal = request.fields, request.body, key.principal
        if body is None or b"x-content-sha256" in fields:
            stated = self._stated(body, fields)
            if isinstance(stated, Rejection):
                return stated
            digest = stated
        else:
            digest = sha256(body).hexdigest()
        host, content_type = fields.get(b"host", b""), fields.get(b"content-type", b"")
        message = key.canonical(
            key_id, timestamp, nonce, request.method, host, request.path, request.query, content_type, digest, body
        )
        if message is None:
            return Rejection(BAD_SIGNATURE, f"{principal.credential}: no signature can name this request")
        mac = key.mac.copy()
        mac.update(message)
        right = mac.finalize()
        if not compare_digest(hexlify(right), fields[b"x-signature"]):
            return Rejection(BAD_SIGNATURE, principal.credential)
        # The signature's own first half is what is claimed: nobody without a secret can make two that share it.
        claimed = self._ephemeral.claim(right[:16], at + 2 * self._window)
        if claimed is True:
            return principal
        return Rejection(REPLAYED, principal.credential) if claimed is False else _first(claimed, principal)

    def _stated(self, body: bytes | None, fields: Mapping[bytes, bytes]) -> str | Rejection:
        """Return the digest that the request states of its content, where that may stand for it."""
        stated = fields.get(b"x-content-sha256")
        if body is not None:
            seen = sha256(body).hexdigest()
            return seen if stated == seen.encode() else Rejection(BAD_SIGNATURE, "X-Content-SHA256 is not of this body")
        if not self._upstream_body or stated is None:
            return Rejection(BODY_UNSEEN)
        if len(stated) != _HEX_LENGTH or stated.translate(None, _LOWER_HEX):
            return Rejection(MALFORMED_CREDENTIAL, "X-Content-SHA256")
        return stated.decode("ascii")

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        """Ask for a signature; the scheme's name is Watchword's own, as the header set has no registered one."""
        return Challenge("Watchword-HMAC-SHA256", (("realm", self._realm),))

    def describe(self) -> SecurityScheme:
        """Return an ``apiKey`` security scheme; OpenAPI has no word for the fields beside it, so an extension has."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": (
                "A request signed with HMAC-SHA256: X-API-Key is the key id (hk_live_…), X-Timestamp Unix seconds, "
                f"X-Signature lower-case hex, X-Nonce optional. Each signature passes once, within ±{self._window} s."
            ),
            "x-signature-headers": {
                "required": ["X-API-Key", "X-Timestamp", "X-Signature"],
                "optional": ["X-Nonce", "X-Content-SHA256"],
            },
        }


async def _first(claimed: Awaitable[bool] | bool, principal: Principal) -> Principal | Rejection:
    first = claimed if isinstance(claimed, bool) else await claimed
    return principal if first else Rejection(REPLAYED, principal.credential)
