"""Replace the root key while everything goes on: both open, one seals, and every sealed secret is sealed again.

The store says which root key seals, so all processes agree, whatever the order in which they were given their keys.
What was derived from the first root key stays as it was: applications know people by it, and recovery codes, refresh
tokens and device cookies are held to it. That first key is kept as a seed, sealed under the root key in use.

Each step is one compare-and-swap, and whatever is left to do follows from the records alone: a process killed between
any two of them leaves secrets of which every one opens by one of the two keys, and whoever begins again goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watchword.codec.secrets import Sealer, SealingError
from watchword.codec.strict import from_base64url, to_base64url
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, context
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Change, Event, Publish, Subject, Swap, Topic

__all__ = ["LINGERS", "SEALED", "Progress", "RootKey", "RootKeyState"]

logger: logging.Logger = logging.getLogger("watchword")

SEALED: Final = (Kind.SIGNING_KEY, Kind.CA, Kind.HMAC, Kind.TOTP)
"""The kinds whose secret is sealed; all others keep digests."""

LINGERS: Final = 8 * 86400
"""Seconds that the old root key is still needed: invitations live a week, which is the longest of what is passing."""

_STATE: Final = "root_key"
_SEED: Final = "root-key-seed"
_BATCH: Final = 100
_TRIES: Final = 8
_HEARD: Final = 3600
_GO_ON: Final = "go on: `watchword rotate root-key`"


@dataclass(frozen=True, slots=True)
class RootKeyState:
    """Say which root key seals (its public id), since when, and whether everything is sealed by it (Unix seconds).

    ``before`` has all keys from before, by id, each with the time from which it may be dropped.
    """

    id: str
    since: int = 0
    done_at: int | None = None
    before: Mapping[str, int] | None = None

    @property
    def finished(self) -> bool:
        """Return whether nothing is sealed under a key from before."""
        return self.done_at is not None or not self.before


@dataclass(frozen=True, slots=True)
class Progress:
    """Count secrets: looked at, sealed again by this run, and found that do not open by any key that is known."""

    seen: int = 0
    sealed: int = 0
    lost: tuple[str, ...] = ()


class RootKey:
    """Follow and replace the root key. ``missing`` is called when the store is sealed by one that is not known here."""

    def __init__(
        self, records: Records, sealer: Sealer, *, told: Callable[[], None] = lambda: None, clock: Clock = time.time
    ) -> None:
        self._records = records
        self._sealer = sealer
        self._told = told
        self._clock = clock
        self.missing: Callable[[], None] = lambda: None

    async def settle(self) -> None:
        """Seal by the root key that the store names. Raise ValueError when it is not known here."""
        owner = await self._records.subject(CA_SUBJECT)
        kept = _kept(owner)
        if owner is None:
            return
        if not kept:
            if len(self._sealer.key_ids) > 1:
                self._sealer.use(await self._first())
            return
        self._sealer.knows(kept["id"])
        try:
            seed = self._sealer.open(from_base64url(kept["seed"].encode()) or b"", _SEED)
        except SealingError as error:
            given = ", ".join(self._sealer.key_ids)
            text = f"the root key does not fit this store, which is sealed by {kept['id']}: given is {given} ({error})"
            raise ValueError(text) from None
        self._sealer.use(kept["id"], seed)

    async def heard(self, *, again: bool = False) -> None:
        """Settle again, in a process that is running: where that cannot be, it goes on as before and says so.

        ``again``: it was told already that the key is missing.
        """
        try:
            await self.settle()
        except ValueError as error:
            logger.error("%s: give this process the new root key beside the old one", error)
            if not again:
                self.missing()

    async def _first(self) -> str:
        """Return by which key the store was sealed that was never rotated: the one of its oldest key."""
        found = [each for kind in (Kind.SIGNING_KEY, Kind.CA) for each in await self._records.credentials(kind=kind)]
        oldest = min(found, key=lambda each: (each.created_at, each.id), default=None)
        return self._sealer.key_id if oldest is None else self._sealer.sealed_by(oldest.secret)

    async def state(self) -> RootKeyState:
        """Return how far things are."""
        kept = _kept(await self._records.subject(CA_SUBJECT))
        if not kept:
            return RootKeyState(self._sealer.key_id)
        return RootKeyState(kept["id"], kept["since"], kept.get("done_at"), dict(kept["before"]))

    async def made_at(self) -> int:
        """Return when the store was made (Unix seconds): its first root key is as old."""
        owner = await self._records.subject(CA_SUBJECT)
        return int(self._clock()) if owner is None else owner.created_at

    async def begin(self, key_id: str, *, by: str) -> RootKeyState:
        """Have every process seal by another root key, which all of them know already. Raise LifecycleError.

        Beginning again what was begun changes nothing.
        """
        if key_id not in self._sealer.key_ids:
            raise LifecycleError(f"there is no root key {key_id} here", "give it beside the old one")
        for _ in range(_TRIES):
            now = int(self._clock())
            owner = await self._records.subject(CA_SUBJECT)
            if owner is None:
                raise LifecycleError("the store is empty", "start the server once")
            state = await self.state()
            if state.id == key_id:
                return state
            if not state.finished:
                raise LifecycleError(f"not everything is sealed by {state.id} yet", _GO_ON)
            if key_id in (state.before or {}):
                raise LifecycleError(f"the root key {key_id} was replaced before", "make another one")
            changes = self._switched(owner, state, key_id, now, by)
            if await self._commit(*changes):
                await self.settle()
                return await self.state()
        raise LifecycleError("the root key keeps changing", "try again")

    def _switched(self, owner: Subject, state: RootKeyState, key_id: str, now: int, by: str) -> list[Change]:
        sealer = self._sealer
        fresh = sealer.by(key_id).seal(sealer.seed, _SEED)
        until = now + LINGERS
        before = {**(state.before or {}), state.id: until}  # all that ever were: none of them comes again
        kept = {"id": key_id, "seed": to_base64url(fresh).decode(), "since": now, "before": before}
        event = _event(now, by, f"root key {state.id} to {key_id}")
        return [Swap(owner.changed(detail={**owner.detail, _STATE: kept})), _announced(key_id, now), event]

    async def reseal(self, progress: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Seal again whatever is sealed by another key than the one in use, batch by batch; it may be interrupted."""
        total = Progress()
        for kind in SEALED:
            after = ""
            while page := await self._records.credentials(kind=kind, after=after, limit=_BATCH):
                after = page[-1].id
                sealed, lost = await self._resealed(page)
                total = Progress(total.seen + len(page), total.sealed + sealed, (*total.lost, *lost))
                progress(total)
        return total

    async def _resealed(self, page: Sequence[Credential]) -> tuple[int, list[str]]:
        """Seal a page again in one write, or each of its records by itself where one of them changed meanwhile."""
        swaps, lost = self._swaps(page)
        if not swaps or await self._records.write(*swaps):
            return len(swaps), lost
        sealed = 0
        for each in page:
            done, gone = await self._resealed_one(each.id)
            sealed += done
            lost += gone
        return sealed, lost

    async def _resealed_one(self, id: str) -> tuple[int, list[str]]:
        for _ in range(_TRIES):
            record = await self._records.credential(id)
            swaps, lost = self._swaps([record] if record is not None else [])
            if not swaps or await self._records.write(*swaps):
                return len(swaps), lost
        raise LifecycleError(f"{id} keeps changing", _GO_ON)

    def _swaps(self, records: Iterable[Credential]) -> tuple[list[Change], list[str]]:
        sealer, swaps, lost = self._sealer, list[Change](), list[str]()
        for record in records:
            if not record.secret or sealer.sealed_by(record.secret) == sealer.key_id:
                continue
            plain = self._opened(record)
            if plain is None:
                lost.append(record.id)
            else:
                swaps.append(Swap(record.changed(secret=sealer.seal(plain, context(record.id)))))
        return swaps, lost

    async def finish(self, *, by: str) -> RootKeyState:
        """Note that nothing is sealed by another key any more. Raise LifecycleError where something is."""
        left = await self.left()
        missing = sorted(set(left) - set(self._sealer.key_ids))
        if missing:
            count = sum(left[id] for id in missing)
            text = f"{count} secrets are sealed by root key {', '.join(missing)}, which is not given any more"
            raise LifecycleError(text, "give it again beside the new one, then go on")
        if left:
            raise LifecycleError(f"{sum(left.values())} secrets are sealed by another root key", _GO_ON)
        for _ in range(_TRIES):
            now = int(self._clock())
            owner = await self._records.subject(CA_SUBJECT)
            kept = _kept(owner)
            if owner is None or not kept or kept.get("done_at"):
                return await self.state()
            # What another node sealed a moment ago by the key from before lives as long from now on.
            before = {id: max(end, now + LINGERS) if end > kept["since"] else end for id, end in kept["before"].items()}
            detail = {**owner.detail, _STATE: {**kept, "done_at": now, "before": before}}
            event = _event(now, by, f"everything is sealed by {kept['id']}")
            if await self._commit(Swap(owner.changed(detail=detail)), event):
                return await self.state()
        raise LifecycleError("the root key keeps changing", "try again")

    async def left(self) -> dict[str, int]:
        """Return how many secrets are sealed by another key than the one in use, by the id of that key.

        What opens by no key that this store ever had is of no use to anybody, and does not count.
        """
        sealer, before, found = self._sealer, (await self.state()).before or {}, dict[str, int]()
        for kind in SEALED:
            after = ""
            while page := await self._records.credentials(kind=kind, after=after, limit=_BATCH):
                after = page[-1].id
                for record in page:
                    id = sealer.sealed_by(record.secret)
                    gone = id in before and id not in sealer.key_ids
                    if record.secret and id != sealer.key_id and (gone or self._opened(record) is not None):
                        found[id] = found.get(id, 0) + 1
        return found

    def _opened(self, record: Credential) -> bytes | None:
        try:
            return self._sealer.open(record.secret, context(record.id))
        except SealingError:  # under a key from long before, or broken
            return None

    async def dropping(self, ids: Sequence[str], *, by: str) -> None:
        """Note in the audit that keys from before are taken out of their source."""
        await self._records.write(_event(int(self._clock()), by, f"dropping root key {', '.join(ids)}"))

    async def _commit(self, *changes: Change) -> bool:
        done = await self._records.write(*changes)
        self._told()
        return done


def _kept(owner: Subject | None) -> dict[str, Any]:
    return dict(owner.detail.get(_STATE, {})) if owner is not None else {}


def _announced(key_id: str, now: int) -> Publish:
    return Publish(Topic.KEYS, f"root:{key_id}", now, now + _HEARD)


def _event(now: float, by: str, detail: str) -> Event:
    return Event(now, "rotate", "done", scheme="root-key", subject=CA_SUBJECT, actor=by, detail=detail)
