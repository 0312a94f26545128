"""Make, recognise, digest and seal secrets."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import zlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["Sealer", "SealingError", "derived_secret", "digest", "new_id", "new_root_key", "new_secret", "well_formed"]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNEVEN: Final = bytes(range(256 - 256 % 62, 256))  # what is left over once every letter stands for as many bytes
_LETTERS: Final = bytes(ord(_ALPHABET[code % 62]) for code in range(256))
_RANDOM: Final = 30  # base62 characters: 178 bits
_CHECK: Final = 6  # base62 characters hold a CRC-32
_ID: Final = 20  # base62 characters: 119 bits, enough for a public name
_VERSION: Final = b"\x01"


def digest(text: str | bytes) -> bytes:
    """Return the SHA-256 (32 bytes) that a high-entropy secret is stored and found by."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).digest()


def new_id(prefix: str) -> str:
    """Return a new public id such as ``key_4f…``; it names a credential and proves nothing."""
    return prefix + _random(_ID)


def new_secret(prefix: str) -> str:
    """Return a new secret: ``prefix``, 178 random bits in base62, and a checksum of all before it.

    The checksum (CRC-32, public) tells a typo or a cut from a secret without a look-up; it protects nothing else.
    """
    body = prefix + _random(_RANDOM)
    return body + _checksum(body.encode())


def derived_secret(key: bytes, text: bytes, prefix: str = "") -> str:
    """Return the secret, of the form of ``new_secret``, that ``key`` makes of ``text`` every time (HMAC-SHA256)."""
    value = int.from_bytes(hmac.digest(key, text, "sha256"), "big")
    body = prefix + _base62(value % len(_ALPHABET) ** _RANDOM, _RANDOM)
    return body + _checksum(body.encode())


def well_formed(text: str | bytes, prefix: str | bytes) -> bool:
    """Return whether ``text`` is a whole secret of this prefix with a right checksum."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    start = prefix.encode() if isinstance(prefix, str) else prefix
    if len(raw) != len(start) + _RANDOM + _CHECK or not raw.startswith(start):
        return False
    return _checksum(raw[:-_CHECK]).encode() == raw[-_CHECK:]


def new_root_key() -> str:
    """Return 256 random bits as unpadded base64url, as the environment holds them."""
    return secrets.token_urlsafe(32)


def _random(length: int) -> str:
    """Return characters of base62, each as likely as any other: bytes that would favour some are thrown away."""
    text = b""
    while len(text) < length:
        text += os.urandom(length + 12).translate(_LETTERS, _UNEVEN)
    return text[:length].decode("ascii")


def _checksum(raw: bytes) -> str:
    return _base62(zlib.crc32(raw), _CHECK)


def _base62(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, rest = divmod(value, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


class SealingError(Exception):
    """Say that a sealed secret does not open: another root key, another row, or tampering."""


class Sealer:
    """Seal what must be recovered under the root key: AES-256-GCM, bound to the row that holds it.

    The sealed form is version (1 byte), key id (4), nonce (12), ciphertext and tag (NIST SP 800-38D).
    """

    __slots__ = ("_aead", "_key_id", "_root")

    def __init__(self, root_key: str) -> None:
        import base64

        try:
            raw = base64.b64decode(root_key.strip() + "=" * (-len(root_key.strip()) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise ValueError("the root key must be 32 bytes in base64url: make one with `watchword init`")
        self._root = raw
        self._aead = AESGCM(self.derive("seal"))
        self._key_id = hashlib.sha256(b"watchword-root-key-id" + raw).digest()[:4]

    def __repr__(self) -> str:
        return f"Sealer(key id {self.key_id})"

    @property
    def key_id(self) -> str:
        """Return the public name of the root key: 8 hex digits."""
        return self._key_id.hex()

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose (HKDF-SHA256, RFC 5869)."""
        return HKDF(SHA256(), 32, salt=None, info=b"watchword:" + purpose.encode()).derive(self._root)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt for the row that ``context`` names, such as "credential:hk_live_…"."""
        nonce = os.urandom(12)
        head = _VERSION + self._key_id
        return head + nonce + self._aead.encrypt(nonce, plaintext, head + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt, or raise SealingError."""
        head, nonce, text = sealed[:5], sealed[5:17], sealed[17:]
        if head != _VERSION + self._key_id:
            raise SealingError("sealed under another root key")
        try:
            return self._aead.decrypt(nonce, text, head + context.encode())
        except (InvalidTag, ValueError):  # ValueError: it was cut
            raise SealingError("the sealed secret is not of this row or was altered") from None
