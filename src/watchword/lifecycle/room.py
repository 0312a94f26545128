"""Make room for the next login, or the next password: what people leave on record is bounded, however often they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records
from watchword.model.records import Change, Drop, Event, Publish, Topic

__all__ = ["MOST", "make_room"]

MOST: Final[Mapping[Kind, int]] = {Kind.SESSION: 200, Kind.REFRESH: 200, Kind.PASSWORD: 20}
"""Records of a kind that stay of one subject, ended ones included: all of them are read at every login or page."""

_BY: Final = "service:watchword"
_PAGE: Final = 500
_AT_ONCE: Final = 500  # records; what is left of more goes next time


async def make_room(records: Records, subject: str, kind: Kind, now: float, *, keep: str) -> bool:
    """Drop what a subject has beyond ``MOST`` of a kind, but for the credential ``keep``; return whether it did.

    Ended ones go first, those that ended longest ago; then logins that were not used for the longest time, with every
    token that came from them. Nothing is dropped when one of them changes meanwhile: the next time does it.
    """
    found: list[Credential] = []
    while page := await records.credentials(
        kind=kind, subject=subject, after=found[-1].id if found else "", limit=_PAGE
    ):
        found += page
        if len(page) < _PAGE:
            break
    surplus = min(len(found) - MOST[kind], _AT_ONCE)
    if surplus <= 0:
        return False
    changes: list[Change] = []
    spare = [each for each in found if each.id != keep and (kind is not Kind.PASSWORD or each.refusal(now) is not None)]
    for each in sorted(spare, key=lambda each: _worth(each, now))[:surplus]:
        changes.append(Drop(each))
        if each.refusal(now) is None:
            changes.append(Publish(Topic.CREDENTIAL, each.id, int(now), int(now) + REMEMBERED))
            changes.append(_event(each, now))
    return await records.write(*changes)


def _worth(record: Credential, now: float) -> tuple[bool, float]:
    """Return what the most dispensable one has the least of."""
    return record.refusal(now) is None, record.revoked_at or record.last_used_at or record.created_at


def _event(record: Credential, now: float) -> Event:
    why, kind = f"more than {MOST[record.kind]}", record.kind
    return Event(
        now, "revoke", "done", scheme=kind, credential=record.id, subject=record.subject, actor=_BY, detail=why
    )
