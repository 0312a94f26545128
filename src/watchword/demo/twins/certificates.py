"""Forge client certificates, and join them with proofs of others."""

from __future__ import annotations

import ssl
from base64 import b64encode
from dataclasses import replace
from typing import Final

from watchword.client import LoginAuth, SignatureAuth
from watchword.demo.courier import Sent
from watchword.demo.script import Cast, Script, accepted, handshake, refused
from watchword.model.reason import (
    BAD_SIGNATURE,
    INSUFFICIENT_SCOPE,
    NO_CREDENTIAL,
    REVOKED,
    SUBJECT_DISABLED,
    SUBJECT_MISMATCH,
    UNKNOWN_CREDENTIAL,
)

__all__ = ["certificates"]

_JSON: Final = ("content-type", "application/json")


def _by(name: str, sent: Sent = Sent("GET", "/orders")) -> Sent:  # noqa: B008 - it is frozen
    return replace(sent, certificate=name)


def certificates(cast: Cast) -> Script:
    """Forge client certificates."""
    yield accepted("GET /orders with its certificate", _by("billing"), "mtls")
    yield handshake("certificate of another CA", _by("stranger"))
    yield handshake("self-signed certificate", _by("self-signed"))
    yield handshake("expired certificate", _by("expired"))
    yield handshake("the server's certificate", _by("server"))
    yield refused("of our CA, never recorded", _by("unrecorded"), UNKNOWN_CREDENTIAL)
    yield refused("revoked certificate", _by("revoked"), REVOKED)
    yield refused("of a disabled service", _by("legacy"), SUBJECT_DISABLED)
    pem = cast.seeds.certificate("billing").read_text().partition("-----BEGIN PRIVATE")[0]
    der = b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()
    yield refused("in a header, not in TLS", Sent("GET", "/orders", (("client-cert", f":{der}:"),)), NO_CREDENTIAL)
    order = Sent("POST", "/orders", (_JSON,), b'{"item":"tea"}')
    yield refused("without the scope orders:write", _by("narrow", order), INSUFFICIENT_SCOPE)
    yield accepted("another certificate, soon revoked", _by("doomed"), "mtls")
    cast.revoke("certificate doomed")
    yield refused("same connection, once revoked", _by("doomed"), REVOKED)
    yield from _both(cast)
    yield from _through(cast)


def _both(cast: Cast) -> Script:
    """Move money: certificate and signature, both of one service."""
    transfer = Sent("POST", "/transfers", (_JSON,), b'{"to":"shipping","amount":10}')

    def signed(certificate: str, signer: str) -> Sent:
        return cast.courier.prepare(_by(certificate, transfer), SignatureAuth(*cast.seeds.signers[signer]))

    yield accepted("transfer: mtls & hmac", signed("billing", "billing"), "mtls & hmac", status=201)
    yield refused("transfer: shipping's certificate", signed("shipping", "billing"), SUBJECT_MISMATCH)
    yield refused("transfer: shipping's signature", signed("billing", "shipping"), SUBJECT_MISMATCH)
    yield refused("transfer: no certificate", signed("", "billing"), NO_CREDENTIAL)
    yield refused("transfer: no signature", _by("billing", transfer), NO_CREDENTIAL)
    more = replace(signed("billing", "billing"), body=b'{"to":"shipping","amount":99}')
    yield refused("transfer: altered amount", more, BAD_SIGNATURE)
    yield refused("transfer: narrow certificate", signed("narrow", "billing"), INSUFFICIENT_SCOPE)


def _through(cast: Cast) -> Script:
    """Read a report as a person acting through an application."""
    report = Sent("GET", "/reports")
    log_in = LoginAuth(cast.url, "alice", cast.seeds.passwords["alice"])
    answer = yield accepted("report: jwt via mtls", _by("billing", report), "jwt via mtls", auth=log_in)
    alone = replace(answer.sent, certificate="")
    yield refused("report: no application", alone, NO_CREDENTIAL)
    yield refused("report: no person", _by("billing", report), NO_CREDENTIAL)
    yield refused("report: a revoked application", _by("revoked", alone), REVOKED)
