"""End a session together with what applications were given in it, but for what was asked for to last (offline_access).

A session goes on where another took its place, after a step-up or a new login: its ``origin`` is the first of them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.outlasting import Outlasting
from watchword.lifecycle.people.holdings import ending, held, origin_of
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Change

__all__ = ["OFFLINE", "SigningOut"]

OFFLINE: Final = "offline_access"
"""The scope of refresh tokens that outlive the session (OpenID Connect Core 1.0 section 11)."""

_TRIES: Final = 8


class SigningOut:
    """End sessions and what hangs on them. ``told`` is called after each write."""

    def __init__(self, records: Records, *, told: Callable[[], None] = lambda: None, clock: Clock = time.time) -> None:
        self._records = records
        self._told = told
        self._clock = clock
        self._outlasting = Outlasting(records, told, clock)

    async def end(self, id: str, *, by: str, why: str) -> bool:
        """End a session, then its families; False where it was over already. Raise LifecycleError.

        No application keeps anybody signed in by changing its families: the session's end does not wait for theirs.
        """
        for _ in range(_TRIES):
            session, now = await self._records.credential(id), self._clock()
            if session is None or session.kind is not Kind.SESSION or session.revoked_at is not None:
                return False
            if await self._write(*ending(session, now=now, by=by, why=why)):
                with contextlib.suppress(LifecycleError):  # who hears of the session's end goes on with it
                    await self.end_families(session, by=by, why=why)
                return True
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def end_families(self, session: Credential, *, by: str, why: str = "") -> None:
        """End the families of a session that has ended, each by itself. Raise LifecycleError."""
        for family in await self.families(session):
            if OFFLINE not in family.scopes and family.refusal(self._clock()) is None:
                await self._outlasting.end_one(family, by=by, why=why or f"{session.id} ended")

    async def families(self, session: Credential) -> list[Credential]:
        """Return every family that applications got in a session, ended ones included."""
        found, origin = await held(self._records, session.subject, Kind.REFRESH), origin_of(session)
        return [each for each in found if each.detail.get("session") == origin]

    async def _write(self, *changes: Change) -> bool:
        done = await self._records.write(*changes)
        self._told()
        return done
