"""Make room for the next login, password, factor or key: what a person leaves on record is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records, Unavailable
from watchword.model.records import Change, Drop, Event, Publish, Swap, Topic

__all__ = ["MOST", "make_room"]

MOST: Final[Mapping[Kind, int]] = {
    Kind.SESSION: 200,
    Kind.REFRESH: 200,
    Kind.PASSWORD: 20,
    Kind.TOTP: 20,
    Kind.PASSKEY: 50,
    Kind.API_KEY: 100,
    Kind.CONSENT: 200,
}
"""Records of a kind that stay of one subject, ended ones included: all of them are read at every login or page."""

_BEGUN: Final = (Kind.SESSION, Kind.REFRESH)  # by logins: another can be begun, so these go even while they are usable
_BY: Final = "service:watchword"
_APPS: Final = "apps"  # of a session's detail: who is told of its end
_PAGE: Final = 500
_AT_ONCE: Final = 500  # records; what is left of more goes next time


async def make_room(records: Records, subject: str, kind: Kind, now: float, *, keep: str) -> bool:
    """Drop what a subject has beyond ``MOST`` of a kind, but for the credential ``keep``; return whether it did.

    Ended ones go first, those that ended longest ago; then, of what logins began, those that were not used for the
    longest time, with every token that came from them. Nothing is dropped when one of them changes meanwhile or the
    store is too busy: the next time does it, and what this was called after is done.
    """
    try:
        found = await _held(records, subject, kind)
        surplus = min(len(found) - MOST[kind], _AT_ONCE)
        spare = [each for each in found if each.id != keep and (kind in _BEGUN or each.refusal(now) is not None)]
        if surplus <= 0 or not spare:
            return False
        changes: list[Change] = []
        for each in sorted(spare, key=lambda each: _worth(each, now))[:surplus]:
            changes.append(_gone(each, now))
            if each.refusal(now) is None:
                changes.append(Publish(Topic.CREDENTIAL, each.id, int(now), int(now) + REMEMBERED))
                changes.append(_event(each, now))
        return await records.write(*changes)
    except Unavailable:
        return False


async def _held(records: Records, subject: str, kind: Kind) -> list[Credential]:
    found: list[Credential] = []
    while True:
        after = found[-1].id if found else ""
        page = await records.credentials(kind=kind, subject=subject, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def _worth(record: Credential, now: float) -> tuple[bool, float]:
    """Return what the most dispensable one has the least of."""
    return record.refusal(now) is None, record.revoked_at or record.last_used_at or record.created_at


def _gone(record: Credential, now: float) -> Change:
    """Drop it; a session that applications have still to be told of is ended now, and dropped another time."""
    if record.refusal(now) is None and record.detail.get(_APPS):
        return Swap(record.changed(revoked_at=int(now), revoked_by=_BY, revoke_reason=f"more than {MOST[record.kind]}"))
    return Drop(record)


def _event(record: Credential, now: float) -> Event:
    why, kind = f"more than {MOST[record.kind]}", record.kind
    return Event(
        now, "revoke", "done", scheme=kind, credential=record.id, subject=record.subject, actor=_BY, detail=why
    )
