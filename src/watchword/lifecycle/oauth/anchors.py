"""Tell which certificates of clients TLS lets through although no CA vouches for them (RFC 8705 section 2.2).

They stand as ``x5c`` in the ``jwks`` of clients that prove themselves by ``self_signed_tls_client_auth``. That TLS lets
one through says nothing of whose it is: who asks for a token is judged by the key, everywhere else by our CAs alone.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from watchword.codec.oauth.x5c import self_signed_in
from watchword.lifecycle.mint import SELF_SIGNED
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import FeedEntry, Topic

__all__ = ["MOST", "Anchors"]

logger: logging.Logger = logging.getLogger("watchword")

MOST: Final = 500
"""Certificates that are let through at a time."""

_OF_ONE: Final = 4  # of one client: the one in use, and those that come after it
_PAGE: Final = 500
_MANY: Final = 1_000  # changes from which on all clients are read anew
_CLIENT: Final = "cli_"


class Anchors:
    """Follow such clients: all are read once, then those that the feed names.

    Where there are more certificates than ``MOST``, those of the operator's own clients come first, the newest before
    the others; then clients that registered themselves, the oldest first, so that strangers push nobody out.
    """

    def __init__(self, records: Records, *, clock: Clock = time.time) -> None:
        self._records = records
        self._clock = clock
        self._ranks: dict[str, tuple[int, int, str]] = {}  # of every such client that may be used
        self._held: dict[str, tuple[bytes, ...]] = {}  # the certificates (DER) of those that come first
        self._heard: set[str] = set()
        self._unread = True
        self._left_out = 0

    def heard(self, entry: FeedEntry) -> None:
        """Listen to the revocation feed."""
        if entry.topic is Topic.KEYS and not entry.key:  # entries may have come and gone unheard
            self._unread = True
        elif entry.topic in (Topic.CHANGED, Topic.CREDENTIAL) and entry.key.startswith(_CLIENT):
            self._heard.add(entry.key)

    @property
    def changed(self) -> bool:
        """Return whether something was heard that ``look`` would read."""
        return self._unread or bool(self._heard)

    async def look(self) -> tuple[bytes, ...]:
        """Return the certificates (DER) to let through now. Raise Unavailable: then the next look reads it again."""
        whole, names = self._unread or len(self._heard) > _MANY, frozenset(self._heard)
        self._unread = False
        self._heard -= names
        try:
            if whole:
                await self._read_all()
            else:
                for name in names:
                    self._note(name, await self._records.credential(name))
            return await self._chosen()
        except BaseException:
            self._unread = self._unread or whole
            self._heard |= names
            raise

    async def _read_all(self) -> None:
        self._ranks.clear()
        self._held.clear()
        after = ""
        while page := await self._records.credentials(kind=Kind.OAUTH_CLIENT, after=after, limit=_PAGE):
            for each in page:
                self._note(each.id, each)
            after = page[-1].id

    def _note(self, name: str, record: Credential | None) -> None:
        self._held.pop(name, None)
        if record is not None and self._counts(record):
            own = record.detail.get("source", "operator") == "operator"
            self._ranks[name] = (0, -record.created_at, name) if own else (1, record.created_at, name)
        else:
            self._ranks.pop(name, None)

    def _counts(self, record: Credential) -> bool:
        """Return whether this is the newest record of a client that proves itself so, with keys of its own."""
        kept = record.detail.get("auth_method") == SELF_SIGNED and "jwks" in record.detail
        newest = record.kind is Kind.OAUTH_CLIENT and record.replaced_by is None
        return kept and newest and record.refusal(self._clock()) is None

    async def _chosen(self) -> tuple[bytes, ...]:
        first = sorted(self._ranks, key=self._ranks.__getitem__)[:MOST]
        held = {name: self._held[name] if name in self._held else await self._certificates(name) for name in first}
        self._held = held
        found = list(dict.fromkeys(der for name in first for der in held[name]))
        self._say(len(self._ranks) - len(first) + max(0, len(found) - MOST))
        return tuple(found[:MOST])

    async def _certificates(self, name: str) -> tuple[bytes, ...]:
        record = await self._records.credential(name)
        if record is None or not self._counts(record):  # it changed meanwhile, of which the feed tells
            return ()
        return tuple(each.parsed.public_bytes(Encoding.DER) for each in self_signed_in(record.detail["jwks"])[:_OF_ONE])

    def _say(self, left_out: int) -> None:
        if left_out > self._left_out:
            logger.warning("TLS lets %d certificates of clients through; %d more are left out", MOST, left_out)
        self._left_out = left_out
