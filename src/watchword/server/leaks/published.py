"""Believe a sender by the keys that it publishes, as GitHub signs what its secret scanning finds.

The signature is ECDSA on P-256 with SHA-256 over the content as it was sent, in DER, in base64. Keys are fetched when
they are first needed, and again for a key that is not known: once a minute at most, whoever asks.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from base64 import b64decode
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from watchword.model.ports import Clock, Fetch, Unavailable

__all__ = ["PublishedKeys"]

_FRESH: Final = 3600.0  # seconds until the keys are fetched again: one that is published no more is believed no more
_STALE: Final = 86_400.0  # seconds that they are believed while they cannot be fetched
_REFETCH: Final = 60.0  # seconds between two fetches
_OK: Final = 200
_MOST_KEYS: Final = 100
_LONGEST: Final = 256  # bytes of a signature in base64: those of P-256 have 96
_NAME: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


class PublishedKeys:
    """Hold the public keys that one URL publishes."""

    def __init__(self, url: str, fetch: Fetch, clock: Clock = time.time) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, ec.EllipticCurvePublicKey] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def signed(self, name: str, signature: str, content: bytes) -> bool:
        """Return whether the key of this name signed the content. Raise Unavailable when there are no keys at all."""
        if not _NAME.fullmatch(name) or not 0 < len(signature) <= _LONGEST:
            return False
        key = await self._key(name)
        if key is None:
            return False
        try:
            key.verify(b64decode(signature, validate=True), content, ec.ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    async def _key(self, name: str) -> ec.EllipticCurvePublicKey | None:
        if self._due(name) or not self._keys:
            async with self._fetching:  # who comes while the first ones are on their way waits for them
                if self._due(name):
                    await self._fetch_anew()
        if not self._keys:
            raise Unavailable(f"no keys of {self._url}")
        return self._keys.get(name)

    def _due(self, name: str) -> bool:
        now = self._clock()
        fresh = 0 <= now - self._fetched_at < _FRESH
        return (name not in self._keys or not fresh) and not 0 <= now - self._tried_at < _REFETCH

    async def _fetch_anew(self) -> None:
        now = self._tried_at = self._clock()
        try:
            answer = self._fetch(self._url)
            found = await answer if isawaitable(answer) else answer
            if found.status != _OK:
                raise Unavailable(f"{self._url} answered {found.status}")
            self._keys, self._fetched_at = _read(found.body), now
        except Unavailable:
            if not 0 <= now - self._fetched_at < _STALE:
                self._keys = {}
                raise


def _read(body: bytes) -> dict[str, ec.EllipticCurvePublicKey]:
    """Return the keys on P-256 of a list as it is published. Raise Unavailable when it is none."""
    try:
        listed = json.loads(body)["public_keys"]
        entries: list[Mapping[str, Any]] = [each for each in listed[:_MOST_KEYS] if isinstance(each, Mapping)]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Unavailable("the list of keys cannot be read") from None
    found: dict[str, ec.EllipticCurvePublicKey] = {}
    for each in entries:
        try:
            key = load_pem_public_key(str(each.get("key", "")).encode())
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            found[str(each.get("key_identifier", ""))] = key
    if not found:
        raise Unavailable("the list of keys has none on P-256")
    return found
