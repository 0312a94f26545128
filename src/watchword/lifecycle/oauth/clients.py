"""Find OAuth clients by the id that they go by."""

from __future__ import annotations

import time
from typing import Final

from watchword.lifecycle.oauth.described.documents import SCHEME, Documents
from watchword.lifecycle.oauth.described.permits import bounded
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.reason import UNKNOWN_CREDENTIAL
from watchword.model.verdict import Rejection
from watchword.standing import standing

__all__ = ["Clients"]

_CHAIN: Final = 1000  # rotations of a client's secret that are followed
_UNKNOWN: Final = Rejection(UNKNOWN_CREDENTIAL, "client id")


class Clients:
    """Resolve a ``client_id``: of a record, or the URL of a document that says what the client is."""

    def __init__(
        self,
        records: Records,
        documents: Documents | None = None,
        rules: OAuthRules | None = None,
        *,
        clock: Clock = time.time,
    ) -> None:
        """Hold clients that describe themselves to what ``rules`` let them have; without any, to what they had."""
        self._records = records
        self._documents = documents
        self._rules = rules
        self._clock = clock

    async def find(self, client_id: str, place: str = "") -> Credential | None:
        """Return the client's record, the newest where its secret was rotated; None unless it may be used."""
        found = await self.resolve(client_id, place)
        return found if isinstance(found, Credential) else None

    async def resolve(self, client_id: str, place: str = "") -> Credential | Rejection:
        """Return the client's record, or for the audit why there is none to be used.

        ``place`` is the caller's network, which may have only so many unknown documents fetched.
        """
        if client_id.startswith(SCHEME):
            found = _UNKNOWN if self._documents is None else await self._documents.find(client_id, place)
            return found if isinstance(found, Rejection) else self.bounded(found)
        record = await self._records.credential(client_id) if client_id.startswith("cli_") else None
        if record is not None and record.detail.get("client_id") != client_id:  # a rotation's: no name to clients
            return _UNKNOWN
        for _ in range(_CHAIN):
            if record is None or record.replaced_by is None:
                break
            record = await self._records.credential(record.replaced_by)
        refused = await standing(self._records, record, Kind.OAUTH_CLIENT, self._clock())
        return refused or (_UNKNOWN if record is None else self.bounded(record))

    def bounded(self, client: Credential) -> Credential:
        """Return the client with no more than it may have by now: operators change their minds."""
        return client if self._rules is None else bounded(client, self._rules)

    async def keep(self, client: Credential, *, by: str) -> Credential:
        """Keep the record of a client that a person lets do something, where there is none yet; return what is kept."""
        return client if self._documents is None else await self._documents.keep(client, by=by)
