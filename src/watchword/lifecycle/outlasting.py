"""End refresh families that change all the while: an application that refreshes without a pause keeps nobody signed in.

Acts end what they end in one write, which is lost where one of the records changes meanwhile. What is left out of it
after a few tries is ended here, one by one, once the rest is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.signing import LONGEST_LIFE
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Event, Publish, Swap, Topic

__all__ = ["TOGETHER", "Outlasting"]

TOGETHER: Final = 4
"""Tries to end everything in one write."""

_TRIES: Final = 64
_ANY: Final[Mapping[str, str]] = MappingProxyType({})


class Outlasting:
    """End families, each by itself, as often as it takes. ``told`` is called after each write."""

    def __init__(self, records: Records, told: Callable[[], None], clock: Clock) -> None:
        self._records = records
        self._told = told
        self._clock = clock

    async def end(self, subject: str, *, by: str, why: str, those: Mapping[str, str] = _ANY, keep: str = "") -> None:
        """End the subject's families, or ``those`` that say so in their detail, but for ``keep``.

        Raise LifecycleError.
        """
        after = ""
        while page := await self._records.credentials(kind=Kind.REFRESH, subject=subject, after=after):
            for each in page:
                if each.id != keep and all(each.detail.get(name) == those[name] for name in those):
                    await self.end_one(each, by=by, why=why)
            after = page[-1].id

    async def end_one(self, family: Credential | None, *, by: str, why: str) -> None:
        """End a family, whatever becomes of it meanwhile. Raise LifecycleError."""
        for _ in range(_TRIES):
            now = self._clock()
            if family is None or family.refusal(now) is not None:
                return
            gone = family.changed(revoked_at=int(now), revoked_by=by, revoke_reason=why)
            void = Publish(Topic.CREDENTIAL, family.id, int(now), int(now) + LONGEST_LIFE)
            event = Event(
                now,
                "revoke",
                "done",
                scheme=family.kind,
                credential=family.id,
                subject=family.subject,
                actor=by,
                detail=why,
            )
            done = await self._records.write(Swap(gone), void, event)
            self._told()
            if done:
                return
            family = await self._records.credential(family.id)
        raise LifecycleError("a refresh family keeps changing", "try again")
