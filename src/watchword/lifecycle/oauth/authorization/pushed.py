"""Keep authorization requests that clients pushed (RFC 9126), until a person answers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from watchword.codec.secrets import digest, new_secret, well_formed
from watchword.model.ports import Clock, Ephemeral

__all__ = ["LIFE", "PATIENCE", "Pushed", "Pushing"]

LIFE: Final = 90
"""Seconds within which a person must come with what was pushed (RFC 9126 section 2.2 recommends 5 to 600)."""

PATIENCE: Final = 3_600
"""Seconds that somebody may take to log in and to decide."""

_URN: Final = "urn:ietf:params:oauth:request_uri:"
_HANDLE: Final = "par_"


@dataclass(frozen=True, slots=True)
class Pushing:
    """Hold one pushed request: its parameters, as they were judged; ``signed`` where they were a request object."""

    fields: Mapping[str, str]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Pushed:
    """Hand out a ``request_uri`` for a client's request. It is the client's alone, and one answer spends it."""

    ephemeral: Ephemeral
    clock: Clock

    async def push(self, client_id: str, fields: Mapping[str, str], *, signed: bool = False) -> str:
        """Keep a judged request and return its ``request_uri``."""
        handle, now = new_secret(_HANDLE), self.clock()
        value = json.dumps({"client": client_id, "at": now, "fields": dict(fields), "signed": signed})
        await self.ephemeral.put(_place(handle), value.encode(), now + LIFE + PATIENCE)
        return _URN + handle

    async def look(self, request_uri: str, client_id: str, came_at: float | None) -> Pushing | None:
        """Return what is behind a ``request_uri`` of this client; None for none, another's, or one too old.

        ``came_at`` is when the person was sent to the login with it (Unix seconds), None before that: they must have
        come within ``LIFE``, and then have ``PATIENCE`` to log in and to decide. Looking spends nothing.
        """
        raw = await self.ephemeral.get(_place(_handle(request_uri)))
        value = json.loads(raw) if raw is not None else {}
        if not value or value["client"] != client_id:
            return None
        came = self.clock() if came_at is None else came_at
        return Pushing(value["fields"], value["signed"]) if came < value["at"] + LIFE else None

    async def take(self, request_uri: str) -> bool:
        """Spend it: True for exactly one of any number of answers (RFC 9126 section 4)."""
        return await self.ephemeral.take(_place(_handle(request_uri))) is not None


def _handle(request_uri: str) -> str:
    handle = request_uri.removeprefix(_URN)
    return handle if request_uri.startswith(_URN) and well_formed(handle, _HANDLE) else ""


def _place(handle: str) -> str:
    return f"oauth-par:{digest(handle).hex()}"
