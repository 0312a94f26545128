"""Change what a credential may do, from where, how often and until when, without another secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from watchword.lifecycle.clients.book import Bounds
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.outlasting import TOGETHER, Outlasting
from watchword.lifecycle.people.holdings import LOGINS, act, ended
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock, Records
from watchword.model.records import Change, Publish, Swap, Topic

__all__ = ["BOUNDED", "Bounding", "CredentialChanged"]

BOUNDED: Final = (Kind.API_KEY, Kind.HMAC, Kind.PASSWORD, Kind.CLIENT_CERT)
"""What can be changed so; of an OAuth client its ``ClientBook`` changes more."""

_TRIES: Final = 8
_CHANGED_FOR: Final = 3600  # seconds that a changed record stays in the feed
_USABLE: Final = frozenset({State.PENDING, State.ACTIVE, State.RETIRING})


class CredentialChanged(LifecycleError):
    """Say that somebody else changed the credential meanwhile."""


@dataclass(frozen=True, slots=True)
class Bounding:
    """Act on bounds. ``told`` is called after each write, so that this process reads the feed."""

    records: Records
    told: Callable[[], None]
    clock: Clock

    async def change(self, id: str, bounds: Bounds, *, by: str, version: int | None = None) -> Credential:
        """Change one credential, in one write; of ``version`` alone where that is given.

        Logins carry what their password allows, so those that a changed password began end with the change.
        Raise CredentialChanged when somebody else was faster, LifecycleError for what cannot be.
        """
        found = bounds.changes()
        for tries in range(_TRIES):
            record = await self._one(id)
            if version is not None and record.version != version:
                raise CredentialChanged(f"{id} changed meanwhile", "look at it again")
            self._check(record, found)
            new = {name: value for name, value in found.items() if getattr(record, name) != value}
            if not new:
                return record
            changed, together = record.changed(**new), tries < TOGETHER
            if await self._write(*await self._changes(changed, by, sorted(new), together=together)):
                if record.kind is Kind.PASSWORD and not together:
                    why = _why(record)
                    await Outlasting(self.records, self.told, self.clock).end(record.subject, by=by, why=why)
                return changed
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def _changes(self, changed: Credential, by: str, names: list[str], *, together: bool) -> list[Change]:
        now = self.clock()
        heard = Publish(Topic.CHANGED, changed.id, int(now), int(now) + _CHANGED_FOR)
        event = act(now, "change", by, changed.subject, changed, ", ".join(names))
        if changed.kind is not Kind.PASSWORD:
            return [Swap(changed), heard, event]
        kinds = LOGINS if together else (Kind.SESSION,)
        logins = await ended(self.records, changed.subject, kinds, now=now, by=by, why=_why(changed))
        return [Swap(changed), heard, event, *logins]

    async def _one(self, id: str) -> Credential:
        record = await self.records.credential(id)
        if record is None:
            raise LifecycleError(f"there is no credential {id[:64]!r}", "`watchword list` shows their ids")
        return record

    def _check(self, record: Credential, found: dict[str, Any]) -> None:
        state = record.state(self.clock())
        if record.kind not in BOUNDED:
            raise LifecycleError(f"a {record.kind} has no bounds of its own", "they follow from what it came from")
        if state not in _USABLE:
            raise LifecycleError(f"{record.id} is {state}", "issue a new one instead")
        if record.kind is Kind.CLIENT_CERT and "expires_at" in found:
            end = found["expires_at"]
            if end is None or (record.expires_at is not None and end > record.expires_at):
                raise LifecycleError("a certificate ends when it says that it ends", "rotate it instead")

    async def _write(self, *changes: Change) -> bool:
        done = await self.records.write(*changes)
        self.told()
        return done


def _why(record: Credential) -> str:
    return f"what {record.id} allows was changed"
