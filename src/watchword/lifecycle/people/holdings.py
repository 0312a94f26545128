"""Find and end what a person holds: passwords, sessions, tokens, factors, addresses."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from watchword.codec.names import EmailAddress
from watchword.codec.secrets import digest
from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records
from watchword.model.records import Change, Event, Publish, Swap, Topic

__all__ = [
    "APPS",
    "LOGINS",
    "ORIGIN",
    "act",
    "address_lookup",
    "address_of",
    "ended",
    "ending",
    "held",
    "newest",
    "origin_of",
    "second_factor",
]

LOGINS: Final = (Kind.SESSION, Kind.REFRESH)
"""What a login begins."""

APPS: Final = "apps"
"""The name in a session's detail of the applications that were let in through it: whether each got an id_token."""

ORIGIN: Final = "origin"
"""The name in a session's detail of the session whose place it took, or whose that took."""

_PAGE: Final = 500


async def held(records: Records, subject: str, kind: Kind | None = None) -> list[Credential]:
    """Return every credential of a subject, ended ones too, ordered by id."""
    found: list[Credential] = []
    while True:
        after = found[-1].id if found else ""
        page = await records.credentials(kind=kind, subject=subject, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


async def ended(
    records: Records, subject: str, kinds: Collection[Kind], *, now: float, by: str, why: str, keep: str = ""
) -> list[Change]:
    """Return the changes that end what is usable of these kinds, but for the credential ``keep``."""
    changes: list[Change] = []
    for kind in kinds:
        for record in await held(records, subject, kind):
            if record.id != keep and record.revoked_at is None and record.refusal(now) is None:
                changes += ending(record, now=now, by=by, why=why)
    return changes


def ending(record: Credential, *, now: float, by: str, why: str, **more: object) -> list[Change]:
    """Return the changes that revoke one credential: its record, its feed entry, its event."""
    gone = record.changed(revoked_at=record.revoked_at or int(now), revoked_by=by, revoke_reason=why, **more)
    void = Publish(Topic.CREDENTIAL, record.id, int(now), int(now) + REMEMBERED)
    return [Swap(gone), void, act(now, "revoke", by, record.subject, record, why)]


def origin_of(session: Credential) -> str:
    """Return the id of the session that this one goes on from: itself, unless it took another's place."""
    return str(session.detail.get(ORIGIN) or session.id)


def newest(records: Collection[Credential]) -> Credential | None:
    """Return the credential that was made last."""
    return max(records, key=lambda record: (record.created_at, record.id), default=None)


async def address_of(records: Records, subject: str, now: float) -> Credential | None:
    """Return the confirmed email address of a subject."""
    usable = [each for each in await held(records, subject, Kind.EMAIL) if each.refusal(now) is None]
    return newest(usable)


async def second_factor(records: Records, subject: str, now: float) -> bool:
    """Return whether the subject has something beside a password to prove itself with."""
    for kind in (Kind.TOTP, Kind.PASSKEY):
        if any(each.refusal(now) is None for each in await held(records, subject, kind)):
            return True
    return False


def address_lookup(address: EmailAddress) -> bytes:
    """Return the digest that an address is found by."""
    return digest(f"email:{address.key}")


def act(now: float, action: str, by: str, subject: str, record: Credential | None = None, detail: str = "") -> Event:
    """Return the audit event of something that a person or an operator did."""
    kind, id = (record.kind, record.id) if record is not None else ("", "")
    return Event(now, action, "done", scheme=kind, credential=id, subject=subject, actor=by, detail=detail)
