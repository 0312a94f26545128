"""Forge API keys and signed requests."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from typing import Final

from watchword.client import ApiKeyAuth, SignatureAuth
from watchword.codec.secrets import new_secret
from watchword.demo.courier import Sent
from watchword.demo.script import Cast, Script, accepted, changed, refused
from watchword.model.reason import (
    BAD_SIGNATURE,
    CREDENTIAL_IN_URL,
    DUPLICATE_FIELD,
    EXPIRED,
    INSUFFICIENT_SCOPE,
    MALFORMED_CREDENTIAL,
    NETWORK_NOT_ALLOWED,
    NO_CREDENTIAL,
    RATE_LIMITED,
    REPLAYED,
    RETIRED,
    REVOKED,
    SKEWED,
    SUBJECT_DISABLED,
    UNKNOWN_CREDENTIAL,
)

__all__ = ["api_keys", "signatures"]

_ORDERS: Final = Sent("GET", "/orders")
_ORDER: Final = Sent("POST", "/orders", (("content-type", "application/json"),), b'{"item":"tea","quantity":1}')
_STALE: Final = 301  # seconds: one more than the window


def api_keys(cast: Cast) -> Script:
    """Forge API keys."""
    keys, prepare = cast.seeds.keys, cast.courier.prepare

    def with_key(name: str, sent: Sent = _ORDERS) -> Sent:
        return prepare(sent, ApiKeyAuth(keys.get(name, name)))

    key = keys["billing"]
    yield accepted("GET /orders with billing's key", _ORDERS, "api-key", auth=ApiKeyAuth(key))
    yield refused("one character mistyped", with_key(changed(key)), MALFORMED_CREDENTIAL)
    yield refused("cut short by one character", with_key(key[:-1]), MALFORMED_CREDENTIAL)
    yield refused("guessed, checksum right", with_key(new_secret("ak_live_")), UNKNOWN_CREDENTIAL)
    yield refused("a test key of the same digits", with_key(key.replace("_live_", "_test_")), MALFORMED_CREDENTIAL)
    yield refused("expired an hour after issue", with_key("expired"), EXPIRED)
    yield refused("revoked before", with_key("revoked"), REVOKED)
    yield refused("rotated away", with_key("before"), RETIRED)
    yield refused("of a disabled service", with_key("legacy"), SUBJECT_DISABLED)
    yield refused("from a network not its own", with_key("elsewhere"), NETWORK_NOT_ALLOWED)
    yield refused("route for inside networks", with_key("billing", Sent("GET", "/warehouse")), NETWORK_NOT_ALLOWED)
    order = with_key("narrow", _ORDER)
    yield refused("without the scope orders:write", order, INSUFFICIENT_SCOPE)
    good = with_key("billing")
    yield refused(
        "two Authorization fields", replace(good, headers=(*good.headers, *_authorization(good))), DUPLICATE_FIELD
    )
    spilled = keys["spilled"]
    yield refused("in the URL", replace(_ORDERS, target=f"/orders?api_key={spilled}"), CREDENTIAL_IN_URL)
    cast.wait()
    yield refused("the one that was in the URL", with_key("spilled"), REVOKED)
    yield accepted("another key, soon revoked", with_key("doomed"), "api-key")
    cast.revoke("key doomed")
    yield refused("the same, once revoked", with_key("doomed"), REVOKED)
    frugal = with_key("frugal")
    for _ in range(2):
        cast.courier.send(frugal)
    yield refused("third use of a key for 2/min", frugal, RATE_LIMITED, field="retry-after")
    export = with_key("busy", Sent("GET", "/exports"))
    for _ in range(3):
        cast.courier.send(export)
    yield refused("fourth use of a 3/min route", export, RATE_LIMITED, field="retry-after")


def _authorization(sent: Sent) -> tuple[tuple[str, str], ...]:
    return (("authorization", sent.field("authorization")),)


def signatures(cast: Cast) -> Script:
    """Forge signed requests."""
    signers, prepare = cast.seeds.signers, cast.courier.prepare

    def sign(name: str = "billing", sent: Sent = _ORDER, ahead: float = 0.0, secret: str = "") -> Sent:
        key_id, own = signers[name]
        return prepare(sent, SignatureAuth(key_id, secret or own, clock=lambda: time.time() + ahead))

    answer = yield accepted("POST /orders, signed", _ORDER, "hmac", auth=SignatureAuth(*signers["billing"]), status=201)
    yield refused("altered body", replace(sign(), body=_ORDER.body.replace(b"1", b"9")), BAD_SIGNATURE)
    yield refused("replayed, every byte the same", answer.sent, REPLAYED)
    read = replace(_ORDERS, target="/orders/17?full=no")
    yield refused("altered path", replace(sign(sent=read), target="/orders/18?full=no"), BAD_SIGNATURE)
    yield refused("altered query", replace(sign(sent=read), target="/orders/17?full=yes"), BAD_SIGNATURE)
    yield refused("altered content type", sign().with_field("content-type", "text/plain"), BAD_SIGNATURE)
    yield refused("altered timestamp", _later(sign()), BAD_SIGNATURE)
    yield refused("altered nonce", sign().with_field("x-nonce", "again"), BAD_SIGNATURE)
    yield refused("signed 301 s ago", sign(ahead=-_STALE), SKEWED)
    yield refused("signed 310 s ahead", sign(ahead=_STALE + 9), SKEWED)
    yield refused("another key's id", sign().with_field("x-api-key", signers["shipping"][0]), BAD_SIGNATURE)
    yield refused("an id nobody has", sign().with_field("x-api-key", "hk_live_" + "0" * 20), UNKNOWN_CREDENTIAL)
    yield refused("by another's secret", sign(secret=signers["shipping"][1]), BAD_SIGNATURE)
    yield refused(
        "signature cut short", sign().with_field("x-signature", sign().field("x-signature")[:-2]), MALFORMED_CREDENTIAL
    )
    yield refused("signature in capitals", sign().with_field("x-signature", "AB" * 32), MALFORMED_CREDENTIAL)
    yield refused("a bare hash for a signature", _hashed(sign()), BAD_SIGNATURE)
    yield refused("no timestamp", sign().with_field("x-timestamp", None), MALFORMED_CREDENTIAL)
    yield refused("no signature at all", _ORDERS.with_field("x-api-key", "billing"), NO_CREDENTIAL)
    twice = sign()
    yield refused("two timestamps", replace(twice, headers=(*twice.headers, ("x-timestamp", "1"))), DUPLICATE_FIELD)
    yield refused("expired key", sign("expired"), EXPIRED)
    yield refused("revoked key", sign("revoked"), REVOKED)
    yield refused("of a disabled service", sign("legacy"), SUBJECT_DISABLED)
    yield refused("without the scope orders:write", sign("narrow"), INSUFFICIENT_SCOPE)
    yield accepted("another key, soon revoked", sign("doomed"), "hmac", status=201)
    cast.revoke("signer doomed")
    yield refused("the same, once revoked", sign("doomed"), REVOKED)


def _later(sent: Sent) -> Sent:
    return sent.with_field("x-timestamp", str(int(sent.field("x-timestamp")) + 1))


def _hashed(sent: Sent) -> Sent:
    return sent.with_field("x-signature", sha256(sent.body).hexdigest())
