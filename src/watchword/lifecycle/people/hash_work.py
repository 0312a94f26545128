"""Note what checking the password hashes on record may cost, so that checking for anybody costs as much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from watchword.codec.passwords import Work, work
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records
from watchword.model.records import Swap

__all__ = ["NOTED", "left_over", "note_work"]

NOTED: Final = "hash_work"
"""Where the server's own subject holds it: units by kind."""
_TRIES: Final = 16
_PAGE: Final = 1000


async def note_work(records: Records, spent: Iterable[Work]) -> None:
    """Note what one person's hashes cost, before they are on record. Nothing is written where it is noted already."""
    wanted: Counter[str] = Counter()
    for each in spent:
        wanted[each.kind] += each.units
    await _change(records, wanted, keep=True)


async def _change(records: Records, wanted: Mapping[str, int], *, keep: bool) -> None:
    for _ in range(_TRIES):
        own = await records.subject(CA_SUBJECT)
        if own is None:
            raise LifecycleError("the server's own subject is missing", "start the server once")
        noted = own.detail.get(NOTED, {})
        before: dict[str, int] = dict(noted) if keep else {}
        after = before | {kind: max(units, before.get(kind, 0)) for kind, units in wanted.items()}
        if after == noted or await records.write(Swap(own.changed(detail={**own.detail, NOTED: after}))):
            return
    raise LifecycleError("the server's own subject keeps changing", "try again")


async def left_over(records: Records, today: str, now: float, *, forget: bool = True) -> dict[str, int]:
    """Count the usable hashes that were made otherwise than ``today`` (a kind of work), by form.

    With ``forget`` other kinds are forgotten: only what is still on record has to be made up for afterwards. Not while
    an import runs: it may add some.
    """
    counts: Counter[str] = Counter()
    most: Counter[str] = Counter({today: 2})
    after = ""
    while page := await records.credentials(kind=Kind.PASSWORD, after=after, limit=_PAGE):
        for record in page:
            spent = _work_of(record, now)
            if spent is not None and spent.kind != today:
                counts[spent.kind.split()[0]] += 1
                # Two at once of one kind: the old password, and the new one, during a rotation.
                most[spent.kind] = max(most[spent.kind], 2 if spent.units == 1 else spent.units)
        after = page[-1].id
    if forget:
        await _change(records, most, keep=False)
    return dict(sorted(counts.items()))


def _work_of(record: Credential, now: float) -> Work | None:
    if record.refusal(now) is not None:
        return None
    try:
        return work(record.secret.decode())
    except ValueError:
        return None
