"""An eighth scheme, whole in this file, as somebody else would publish it: ``Authorization: Ticket ID.SECRET``.

A ticket is one JSON value in the store's short-lived part, so that it ends by itself.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from watchword.assembly import Parts
from watchword.model.ports import Ephemeral, Records
from watchword.model.reason import MALFORMED_CREDENTIAL, SUBJECT_DISABLED, UNKNOWN_CREDENTIAL, WRONG_SECRET
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme

__all__ = ["Ticket", "TicketCredential", "build", "sell"]


@dataclass(slots=True)
class TicketCredential:
    """Hold a presented ticket."""

    id: str
    secret: bytes = field(repr=False)


class Ticket:
    """Prove a caller by a ticket bought beforehand."""

    name = "ticket"
    needs_body = False

    def __init__(self, records: Records, ephemeral: Ephemeral, realm: str) -> None:
        self._records = records
        self._ephemeral = ephemeral
        self._realm = realm

    def read(self, request: Request) -> TicketCredential | Rejection | None:
        """Return the ticket in Authorization."""
        kind, _, value = request.fields.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"ticket":
            return None
        id, dot, secret = value.strip().partition(b".")
        if not dot or not id.isalnum() or not secret or not value.isascii() or len(value) > 200:
            return Rejection(MALFORMED_CREDENTIAL, "not a ticket")
        return TicketCredential(id.decode(), secret)

    def verify(self, credential: TicketCredential, request: Request) -> Awaitable[Principal | Rejection]:
        """Return the ticket's holder."""
        return self._look_up(credential)

    async def _look_up(self, credential: TicketCredential) -> Principal | Rejection:
        kept = await self._ephemeral.get(f"ticket:{credential.id}")
        if kept is None:
            return Rejection(UNKNOWN_CREDENTIAL, credential=credential.id)
        ticket = json.loads(kept)
        if not hmac.compare_digest(ticket["digest"], sha256(credential.secret).hexdigest()):
            return Rejection(WRONG_SECRET, credential=credential.id)
        subject = await self._records.subject(ticket["subject"])
        if subject is None or subject.disabled_at is not None:
            return Rejection(SUBJECT_DISABLED, credential=credential.id)
        return Principal(subject.name, self.name, f"tkt_{credential.id}", frozenset(ticket["scopes"]))

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a ticket."""
        return Challenge("Ticket", (("realm", self._realm),))

    def describe(self) -> SecurityScheme:
        """Return an ``http`` security scheme."""
        return {"type": "http", "scheme": "ticket"}


async def sell(store: Any, id: str, secret: str, subject: str, scopes: list[str], until: float) -> bytes:
    """Keep a ticket and return the Authorization field's value."""
    kept = {"digest": sha256(secret.encode()).hexdigest(), "subject": subject, "scopes": scopes}
    await store.put(f"ticket:{id}", json.dumps(kept).encode(), until)
    return f"Ticket {id}.{secret}".encode()


def build(parts: Parts) -> Ticket:
    """Return the scheme: what the entry point names."""
    return Ticket(parts.records, parts.ephemeral, parts.realm)
