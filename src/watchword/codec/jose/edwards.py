"""Verify Ed25519 signatures (RFC 8032): by libsodium, which takes half the time of OpenSSL, where PyNaCl is there."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["by_libsodium", "by_openssl", "verifier"]

_LENGTH = 64


def verifier(key: Ed25519PublicKey) -> Callable[[bytes, bytes], bool]:
    """Return what tells whether the second (64 bytes) is the key's signature over the first."""
    try:
        return by_libsodium(key)
    except ImportError:
        return by_openssl(key)


def by_libsodium(key: Ed25519PublicKey) -> Callable[[bytes, bytes], bool]:
    """Return the like from libsodium, which refuses keys of small order, too. Raise ImportError without PyNaCl."""
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import BadSignatureError

    raw = key.public_bytes_raw()

    def verifies(signed: bytes, signature: bytes) -> bool:
        if len(signature) != _LENGTH:
            return False
        try:
            crypto_sign_open(signature + signed, raw)
        except BadSignatureError:
            return False
        return True

    return verifies


def by_openssl(key: Ed25519PublicKey) -> Callable[[bytes, bytes], bool]:
    """Return the like from OpenSSL."""
    check = key.verify

    def verifies(signed: bytes, signature: bytes) -> bool:
        try:
            check(signature, signed)
        except InvalidSignature:
            return False
        return True

    return verifies
