"""See where one is signed in, and end that: one session, all others, or everything that was ever begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.outlasting import TOGETHER, Outlasting
from watchword.lifecycle.people.holdings import APPS, LOGINS, ended, ending, held
from watchword.lifecycle.people.proving import TRIES
from watchword.lifecycle.people.user_agent import device_of
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Change, Subject

__all__ = ["SessionView", "Sessions"]

_LOGGED_OUT: Final = "logged out"


@dataclass(frozen=True, slots=True)
class SessionView:
    """Describe one session of a browser, or one login of a program. Times are Unix seconds.

    ``last_used_at`` is exact to some ten seconds. ``ends_at`` is when it ends whatever happens, ``idle_at`` when it
    ends unless it is used before that; None where nothing ends it for being idle. ``apps`` are the ids of the
    applications that were let in through it.
    """

    id: str
    kind: Kind
    device: str
    address: str
    created_at: int
    last_used_at: int
    ends_at: int | None
    idle_at: int | None
    factors: tuple[str, ...]
    client: str
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sessions:
    """Act on what a person's logins began: sessions of browsers, refresh families of programs and applications."""

    records: Records
    lifecycle: Lifecycle
    told: Callable[[], None]
    clock: Clock

    async def listed(self, subject: str) -> list[SessionView]:
        """Return what may be used now, the last used first."""
        now = self.clock()
        found = [each for kind in LOGINS for each in await held(self.records, subject, kind)]
        views = [_view(each) for each in found if each.refusal(now) is None]
        alive = [each for each in views if each.idle_at is None or now <= each.idle_at]
        return sorted(alive, key=lambda each: (each.last_used_at, each.created_at, each.id), reverse=True)

    async def end(self, id: str, *, subject: str, by: str) -> Credential:
        """End one of the subject's; idempotent. Raise LifecycleError for what is none of theirs."""
        for _ in range(TRIES):
            record = await self.records.credential(id)
            if record is None or record.kind not in LOGINS or record.subject != subject:
                raise LifecycleError(f"there is no session {id[:64]!r}", "look at the account's list")
            if record.revoked_at is not None:
                return record
            changes = ending(record, now=self.clock(), by=by, why=_LOGGED_OUT)
            if await self._write(*changes):
                return record
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def end_others(self, subject: str, *, keep: str, by: str) -> None:
        """End everything but ``keep``, a session or a refresh family, in one transaction. Raise LifecycleError."""
        why = f"{_LOGGED_OUT} from {keep}"
        for tries in range(TRIES):
            now, together = self.clock(), tries < TOGETHER
            kinds = LOGINS if together else (Kind.SESSION,)
            changes = await ended(self.records, subject, kinds, now=now, by=by, why=why, keep=keep)
            if not changes or await self._write(*changes):
                if not together:
                    await Outlasting(self.records, self.told, self.clock).end(subject, by=by, why=why, keep=keep)
                return
        raise LifecycleError(f"{subject} keeps changing", "try again")

    async def end_everything(self, subject: str, *, by: str) -> Subject:
        """End sessions and refresh families and void every access token issued before now; a new login works at once.

        Raise LifecycleError.
        """
        return await self.lifecycle.revoke_tokens(subject, reason="logged out everywhere", by=by, everything=True)

    async def _write(self, *changes: Change) -> bool:
        done = await self.records.write(*changes)
        self.told()
        return done


def _view(record: Credential) -> SessionView:
    detail, used = record.detail, record.last_used_at or record.created_at
    idle = detail.get("idle")
    return SessionView(
        id=record.id,
        kind=record.kind,
        device=device_of(str(detail.get("agent", ""))),
        address=str(detail.get("address", "")),
        created_at=record.created_at,
        last_used_at=used,
        ends_at=record.expires_at,
        idle_at=None if idle is None else used + int(idle),
        factors=tuple(detail.get("factors", ())),
        client=str(detail.get("client") or ""),
        apps=tuple(detail.get(APPS, ())),
    )
