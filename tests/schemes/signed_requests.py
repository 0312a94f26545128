"""Sign requests by the contract's text, independently of the code under test, and judge them over fakes."""

import asyncio
import hashlib
import hmac as reference
from collections.abc import Mapping
from typing import Any

from watchword import Principal, Rejection, run_sync
from watchword.codec.secrets import Sealer, new_root_key
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.reason import (
    Reason,
)
from watchword.model.records import Subject
from watchword.model.request import Peer, Request
from watchword.schemes.signature import Signature
from watchword.verdicts import Verdicts

NOW = 1_700_000_000
KEY_ID, SECRET = "hk_live_4fA", "hs_live_0123456789abcdefghijklmnopqrstuvwxyz"
OTHER_ID, OTHER_SECRET = "hk_live_9zB", "hs_live_zyxwvutsrqponmlkjihgfedcba9876543210"
CONCAT_ID = "hk_live_cC"
BODY = b'{"amount":100}'
SEALER = Sealer(new_root_key())


class Records:
    """Answer from a dict, counting the look-ups."""

    def __init__(self, *records: Credential) -> None:
        self.kept = {record.id: record for record in records}
        self.people = {"service:billing": Subject("service:billing", 0)}
        self.looked_up = 0

    async def credential(self, id: str) -> Credential | None:
        self.looked_up += 1
        return self.kept.get(id)

    async def subject(self, name: str) -> Subject | None:
        return self.people.get(name)


class Claims:
    """Keep claims as the SQL store does, or answer later, or be broken."""

    inline = True

    def __init__(self) -> None:
        self.until: dict[bytes, float] = {}

    def claim(self, key: bytes, until: float) -> bool:
        if key in self.until:
            return False
        self.until[key] = until
        return True


class LaterClaims(Claims):
    inline = False

    async def claim(self, key: bytes, until: float) -> bool:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().claim(key, until)


class BrokenClaims(Claims):
    def claim(self, key: bytes, until: float) -> bool:
        raise Unavailable("the log of claims")


def credential(id: str, secret: str, profile: str = "v1", **changed: Any) -> Credential:
    sealed = SEALER.seal(secret.encode(), f"credential:{id}")
    whole = Credential(id, Kind.HMAC, "service:billing", 0, frozenset({"orders:read"}), secret=sealed, version=1)
    return whole.changed(detail={"profile": profile}, **changed)


class House:
    """Build a scheme over fakes, with a clock that tests move. Every test runs with and without what recalls."""

    recalls = True

    def __init__(self, claims: Any = None, **options: Any) -> None:
        self.now: float = NOW
        self.records = Records(
            credential(KEY_ID, SECRET),
            credential(OTHER_ID, OTHER_SECRET),
            credential(CONCAT_ID, SECRET, "concat"),
        )
        self.claims = Claims() if claims is None else claims
        self.verdicts = Verdicts()
        self.options = options
        self.restart()

    def restart(self) -> None:
        """Forget all that a process forgets."""
        self.verdicts = Verdicts()
        self.scheme = Signature(
            self.records,  # type: ignore[arg-type]
            self.claims,
            self.verdicts,
            SEALER,
            clock=lambda: self.now,
            **self.options,
        )

    def judge(self, request: Request) -> Principal | Rejection | None:
        return run_sync(self.decide(request))

    async def decide(self, request: Request) -> Principal | Rejection | None:
        known = self.scheme.recall(request) if self.recalls else None
        if known is not None:
            return known
        presented = self.scheme.read(request)
        if not isinstance(presented, tuple):
            return presented
        outcome = self.scheme.verify(presented, request)
        return outcome if isinstance(outcome, (Principal, Rejection)) else await outcome


def v1_signature(secret: str, *lines: bytes) -> bytes:
    """Sign by the contract's text, independently of the code under test."""
    message = b"\n".join((b"watchword-hmac-v1", *lines))
    return reference.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()


def parts(**changed: Any) -> dict[str, Any]:
    return {
        "key_id": KEY_ID.encode(),
        "timestamp": str(NOW).encode(),
        "nonce": b"n1",
        "method": "POST",
        "host": b"api.example.com",
        "path": b"/orders/%7e1",
        "query": b"a=1&b=%20",
        "content_type": b"application/json",
        "body": BODY,
        **changed,
    }


def signed(secret: str = SECRET, **changed: Any) -> dict[str, Any]:
    """Return the parts of a request with its right signature."""
    p = parts(**changed)
    if "signature" not in p:
        p["signature"] = v1_signature(
            secret,
            p["key_id"],
            p["timestamp"],
            p["nonce"],
            p["method"].encode(),
            p["host"].lower(),
            p["path"],
            p["query"],
            p["content_type"],
            hashlib.sha256(p["body"] or b"").hexdigest().encode(),
        )
    return p


def request(p: Mapping[str, Any], *more: tuple[bytes, bytes], without: bytes = b"") -> Request:
    headers = [
        (b"host", p["host"]),
        (b"x-api-key", p["key_id"]),
        (b"x-timestamp", p["timestamp"]),
        (b"x-signature", p["signature"]),
    ]
    if p["nonce"]:
        headers.append((b"x-nonce", p["nonce"]))
    if p["content_type"]:
        headers.append((b"content-type", p["content_type"]))
    headers = [pair for pair in headers if pair[0] != without]
    return Request(p["method"], p["path"], p["query"], [*headers, *more], Peer("192.0.2.1"), p["body"])


def reason(outcome: Principal | Rejection | None) -> Reason:
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


def concat(message: bytes, **changed: Any) -> dict[str, Any]:
    signature = reference.new(SECRET.encode(), message, hashlib.sha256).hexdigest().encode()
    return parts(key_id=CONCAT_ID.encode(), signature=signature, **changed)
