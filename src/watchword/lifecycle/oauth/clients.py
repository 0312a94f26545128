"""Find OAuth clients by the id that they go by."""

from __future__ import annotations

import time
from typing import Final

from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.standing import standing

__all__ = ["Clients"]

_CHAIN: Final = 1000  # rotations of a client's secret that are followed


class Clients:
    """Resolve a ``client_id``."""

    def __init__(self, records: Records, *, clock: Clock = time.time) -> None:
        self._records = records
        self._clock = clock

    async def find(self, client_id: str) -> Credential | None:
        """Return the client's record, the newest where its secret was rotated; None unless it may be used."""
        record = await self._records.credential(client_id) if client_id.startswith("cli_") else None
        if record is not None and record.detail.get("client_id") != client_id:  # a rotation's: no name to clients
            return None
        for _ in range(_CHAIN):
            if record is None or record.replaced_by is None:
                break
            record = await self._records.credential(record.replaced_by)
        refused = await standing(self._records, record, Kind.OAUTH_CLIENT, self._clock())
        return record if refused is None else None
