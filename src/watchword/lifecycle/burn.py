"""Treat a credential that travelled in a URL as leaked: whatever proves to be one of ours is revoked."""

from __future__ import annotations

import time

from watchword.codec.secrets import digest
from watchword.keyring import OwnKeys
from watchword.lifecycle.families import Families
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.ports import Clock, Records

__all__ = ["Burning"]

_REASON = "it was sent in a URL"
_BY = "service:watchword"


class Burning:
    """Look up what was found in a URL. Only who holds a whole, valid credential can burn it."""

    def __init__(
        self, records: Records, lifecycle: Lifecycle, families: Families, keys: OwnKeys, *, clock: Clock = time.time
    ) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._families = families
        self._keys = keys
        self._clock = clock

    async def burn(self, found: list[str]) -> None:
        """Revoke, as leaked, each of ``found`` that is on record."""
        for text in found:
            if text.startswith("eyJ"):
                await self._token(text.encode("ascii", "replace"))
                continue
            record = await self._records.credential_by(digest(text)) or await self._families.holder(text)
            if record is not None and record.refusal(self._clock()) is None:
                await self._lifecycle.revoke(record.id, reason=_REASON, by=_BY, leaked=True)

    async def _token(self, text: bytes) -> None:
        """Void one of our own access tokens, if its signature holds."""
        claims = self._keys.claims_of(text)
        if claims is None:
            return
        await self._lifecycle.revoke_token(
            str(claims["jti"]), until=int(claims["exp"]), subject=str(claims["sub"]), reason=_REASON, by=_BY
        )
