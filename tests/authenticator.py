"""Play a browser with an authenticator: answers in the JSON forms of WebAuthn, right ones and wrong ones."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

__all__ = ["Authenticator", "Passkey", "b64", "raw"]

AAGUID = bytes(range(16))
UP, UV, BE, BS, AT = 1, 4, 8, 16, 64
ES256, EDDSA, RS256 = -7, -8, -257


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    """Return the bytes of base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """Hold one key pair for one site and one user of it."""

    id: bytes
    rp_id: str
    user: bytes
    key: Any = field(repr=False)
    algorithm: int = ES256
    count: int = 0

    def cose(self) -> bytes:
        """Return the public key as COSE (RFC 9052)."""
        public = self.key.public_key()
        if self.algorithm == EDDSA:
            return cbor2.dumps({1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()})
        numbers = public.public_numbers()
        if self.algorithm == RS256:
            size = (numbers.n.bit_length() + 7) // 8
            return cbor2.dumps({1: 3, 3: RS256, -1: numbers.n.to_bytes(size, "big"), -2: numbers.e.to_bytes(3, "big")})
        return cbor2.dumps(
            {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )

    def sign(self, data: bytes) -> bytes:
        """Return a signature by this passkey's algorithm."""
        if self.algorithm == EDDSA:
            return bytes(self.key.sign(data))
        if self.algorithm == RS256:
            return bytes(self.key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
        return bytes(self.key.sign(data, ec.ECDSA(hashes.SHA256())))


class Authenticator:
    """Make passkeys and prove them. ``verifies`` says whether it knows its user; ``counts`` whether it counts uses."""

    def __init__(
        self,
        origin: str = "https://id.example",
        *,
        verifies: bool = True,
        counts: bool = True,
        synced: bool = False,
        algorithm: int = ES256,
    ) -> None:
        self.origin = origin
        self.verifies = verifies
        self.counts = counts
        self.synced = synced
        self.algorithm = algorithm
        self.passkeys: list[Passkey] = []

    def create(self, options: dict[str, Any], *, attestation: str = "none", **wrong: Any) -> dict[str, Any]:
        """Answer ``navigator.credentials.create``: ``wrong`` changes what it says."""
        known = {each["id"] for each in options["excludeCredentials"]}
        if any(b64(each.id) in known for each in self.passkeys):
            raise LookupError("InvalidStateError: this authenticator has a passkey for the account")
        assert self.algorithm in [each["alg"] for each in options["pubKeyCredParams"]]
        passkey = Passkey(
            wrong.pop("id", None) or os.urandom(32),
            options["rp"]["id"],
            raw(options["user"]["id"]),
            wrong.pop("key", None) or _key(self.algorithm),
            self.algorithm,
        )
        self.passkeys.append(passkey)
        cose = wrong.pop("cose", None) or passkey.cose()
        attested = AAGUID + len(passkey.id).to_bytes(2, "big") + passkey.id + cose
        data = self._data(passkey, wrong, AT) + attested
        client = self._client("webauthn.create", options["challenge"], wrong)
        statement = wrong.pop("statement", None)
        if statement is None:
            statement = _statement(attestation, passkey, data + hashlib.sha256(client).digest())
        object = {"fmt": attestation.partition("-")[0], "attStmt": statement, "authData": data}
        return {
            "id": b64(passkey.id),
            "rawId": b64(passkey.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": {
                "clientDataJSON": b64(client),
                "attestationObject": b64(cbor2.dumps(object)),
                "transports": ["internal", "hybrid"],
            },
        }

    def get(self, options: dict[str, Any], *, passkey: Passkey | None = None, **wrong: Any) -> dict[str, Any]:
        """Answer ``navigator.credentials.get`` by a passkey that the options allow."""
        allowed = {each["id"] for each in options["allowCredentials"]}
        fitting = [
            each for each in self.passkeys if each.rp_id == options["rpId"] and (not allowed or b64(each.id) in allowed)
        ]
        passkey = passkey or fitting[-1]
        if self.counts:
            passkey.count += 1
        data = self._data(passkey, wrong)
        client = self._client("webauthn.get", options["challenge"], wrong)
        signature = passkey.sign(data + hashlib.sha256(client).digest())
        user = wrong.pop("user", passkey.user)
        inner = {"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature)}
        return {
            "id": b64(passkey.id),
            "rawId": b64(passkey.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": inner if user is None else {**inner, "userHandle": b64(user)},
        }

    def _data(self, passkey: Passkey, wrong: dict[str, Any], more: int = 0) -> bytes:
        flags = UP | (UV if self.verifies else 0) | (BE | BS if self.synced else 0)
        site = hashlib.sha256(wrong.pop("rp_id", passkey.rp_id).encode()).digest()
        return site + bytes([wrong.pop("flags", flags) | more]) + wrong.pop("count", passkey.count).to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, wrong: dict[str, Any]) -> bytes:
        data = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        data |= wrong.pop("client", {})
        return json.dumps(data, separators=(",", ":")).encode()


def _key(algorithm: int) -> Any:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _statement(attestation: str, passkey: Passkey, signed: bytes) -> dict[str, Any]:
    if attestation == "packed-x5c":
        key = ec.generate_private_key(ec.SECP256R1())
        return {"alg": ES256, "sig": key.sign(signed, ec.ECDSA(hashes.SHA256())), "x5c": [_certificate(key)]}
    if attestation == "packed":
        return {"alg": passkey.algorithm, "sig": passkey.sign(signed)}
    return {}


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return an attestation certificate as section 8.2.1 wants them, signed by its own key."""
    from cryptography.hazmat.primitives.serialization import Encoding

    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "AQ"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Test authenticator"),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.DER)
