"""Make, recognise, digest and seal secrets."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import zlib
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = [
    "Mac",
    "Sealer",
    "SealingError",
    "derived_secret",
    "digest",
    "mac_of",
    "new_id",
    "new_root_key",
    "new_secret",
    "well_formed",
]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNEVEN: Final = bytes(range(256 - 256 % 62, 256))  # what is left over once every letter stands for as many bytes
_LETTERS: Final = bytes(ord(_ALPHABET[code % 62]) for code in range(256))
_RANDOM: Final = 30  # base62 characters: 178 bits
_CHECK: Final = 6  # base62 characters hold a CRC-32
_ID: Final = 20  # base62 characters: 119 bits, enough for a public name
_VERSION: Final = b"\x01"
_ROOT_BYTES: Final = 32
_ASKED_EVERY: Final = 1.0  # seconds between two looks for a root key that is not known


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


def derived_secret(key: bytes | Mac, text: bytes, prefix: str = "") -> str:
    """Return the secret, of the form of ``new_secret``, that ``key`` makes of ``text`` every time (HMAC-SHA256)."""
    value = int.from_bytes(mac_of(key)(text), "big")
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


Mac: TypeAlias = Callable[[bytes], bytes]
"""Return the HMAC-SHA256 (RFC 2104) of a text under a key that the caller does not see."""


def mac_of(key: bytes | Mac) -> Mac:
    """Return what makes the MAC of a text by ``key``; a Mac is returned as it is."""
    if isinstance(key, (bytes, bytearray)):
        return partial(_hmac, bytes(key))
    return key


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


class _Root:
    """Hold one root key and what seals by it."""

    __slots__ = ("aead", "head", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.aead = AESGCM(_derived(raw, "seal"))
        self.head = _VERSION + hashlib.sha256(b"watchword-root-key-id" + raw).digest()[:4]

    @property
    def id(self) -> str:
        return self.head[1:].hex()


def _roots(root_keys: str) -> dict[bytes, _Root]:
    found = [_Root(_raw_root(text)) for text in root_keys.replace(",", " ").split() or [""]]
    return {root.head: root for root in found}


def _raw_root(text: str) -> bytes:
    import base64

    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _ROOT_BYTES:
        raise ValueError("the root key must be 32 bytes in base64url: make one with `watchword init`")
    return raw


def _derived(raw: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"watchword:" + purpose.encode()).derive(raw)


class Sealer:
    """Seal what must be recovered under a root key: AES-256-GCM, bound to the row that holds it.

    The sealed form is version (1 byte), key id (4), nonce (12), ciphertext and tag (NIST SP 800-38D). While the root
    key is being replaced there are several: one seals, all open. What is derived comes from the seed: the root key
    itself, until another takes its place (``use``). ``reread``, where it is set, returns the root keys as they are
    now, in no time; it is asked, once a second at most, when something was sealed under a key that is not known.
    """

    __slots__ = ("_asked_at", "_derived", "_root", "_roots", "_seed", "reread")

    def __init__(self, root_keys: str) -> None:
        """Take one root key, 32 bytes in base64url, or several with commas between; the first one seals."""
        self._roots = _roots(root_keys)
        self._root = next(iter(self._roots.values()))
        self._seed = self._root.raw
        self._derived: dict[str, bytes] = {}
        self._asked_at = float("-inf")
        self.reread: Callable[[], str | None] | None = None

    def __repr__(self) -> str:
        return f"Sealer(key id {self.key_id})"

    @property
    def key_id(self) -> str:
        """Return the public name of the root key that seals: 8 hex digits."""
        return self._root.id

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Return the public names of all root keys that open."""
        return tuple(root.id for root in self._roots.values())

    @property
    def seed(self) -> bytes:
        """Return the secret that all derived keys come from."""
        return self._seed

    def take(self, root_keys: str) -> None:
        """Open by these root keys from now on. Raise ValueError, and go on as before, where the one that seals is out.

        The one that seals goes on sealing.
        """
        roots = _roots(root_keys)
        if self._root.head not in roots:
            raise ValueError(f"the root key {self.key_id}, by which this store is sealed, is missing")
        self._roots = roots

    def use(self, key_id: str, seed: bytes | None = None) -> None:
        """Seal by this root key, and derive from ``seed`` (None: from the key itself). Raise ValueError."""
        root = next((each for each in self._roots.values() if each.id == key_id), None) or self._looked(key_id)
        if root is None:
            known = ", ".join(self.key_ids)
            raise ValueError(f"the root key does not fit this store, which is sealed by {key_id}: given is {known}")
        self._root = root
        if self._seed != (seed or root.raw):
            self._seed, self._derived = seed or root.raw, {}

    def _asked(self, key_id: str) -> _Root | None:
        """Look for a key in what the source says now."""
        now = monotonic()
        if self.reread is None or now - self._asked_at < _ASKED_EVERY:
            return None
        self._asked_at = now
        return self._looked(key_id)

    def _looked(self, key_id: str) -> _Root | None:
        if self.reread is None:
            return None
        try:
            found = _roots(self.reread() or "")
        except (ValueError, OSError):  # what is known goes on being known
            return None
        self._roots = {**found, **self._roots}
        return next((each for each in found.values() if each.id == key_id), None)

    def knows(self, key_id: str) -> bool:
        """Return whether this root key is given: it is looked for now, however lately strangers had one looked for."""
        return key_id in self.key_ids or self._looked(key_id) is not None

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose (HKDF-SHA256, RFC 5869). Ask when it is used: ``use`` may change it."""
        derived = self._derived
        if purpose not in derived:
            derived[purpose] = _derived(self._seed, purpose)
        return derived[purpose]

    def mac(self, purpose: str) -> Mac:
        """Return what makes MACs by the key that is derived for one purpose when it is used."""
        return lambda text: hmac.digest(self.derive(purpose), text, "sha256")

    def by(self, key_id: str) -> Sealer:
        """Return what seals by another of the root keys, and derives the same. Raise ValueError."""
        other = Sealer.__new__(Sealer)
        other._roots, other._root, other._seed = self._roots, self._root, self._seed
        other._derived, other._asked_at, other.reread = {}, self._asked_at, None
        other.use(key_id, self._seed)
        return other

    def sealed_by(self, sealed: bytes) -> str:
        """Return the public name of the root key that something was sealed under."""
        return sealed[1:5].hex()

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt for the row that ``context`` names, such as "credential:hk_live_…"."""
        nonce, root = os.urandom(12), self._root
        return root.head + nonce + root.aead.encrypt(nonce, plaintext, root.head + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt, or raise SealingError."""
        head, nonce, text = sealed[:5], sealed[5:17], sealed[17:]
        root = self._roots.get(head)
        if root is None and head[:1] == _VERSION:
            root = self._asked(head[1:].hex())
        if root is None:
            raise SealingError("sealed under another root key")
        try:
            return root.aead.decrypt(nonce, text, head + context.encode())
        except (InvalidTag, ValueError):  # ValueError: it was cut
            raise SealingError("the sealed secret is not of this row or was altered") from None
