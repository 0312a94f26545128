"""Turn the server's own keys over: published before use, retired after the last token that they signed.

Every step is one write that one of any number of workers wins, and what a key may do follows from its record's times
alone, so a worker killed between two steps leaves a key that signs and every key that has signed.

Tokens are signed by one algorithm. Keys of others are made when a client first asks for id_tokens signed so, and turn
over beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, MINTS, Draft, Workshop, every
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock
from watchword.model.records import Add, Change, Event, Publish, Swap, Topic

__all__ = [
    "DEFAULT_ALGORITHM",
    "LONGEST_LIFE",
    "TRUSTED_AFTER",
    "KeySchedule",
    "begin_signing",
    "in_use",
    "instead_of",
    "minted_ca",
]

DEFAULT_ALGORITHM: Final = "EdDSA"
"""The JWS algorithm of every access token."""

LONGEST_LIFE: Final = 2 * 86400
"""Seconds that an access token may live at most."""

TRUSTED_AFTER: Final = 5
"""Seconds until every node trusts a new CA: trusted first, then issued by."""

_OUTLASTS: Final = LONGEST_LIFE + 60  # for clocks that are behind
_PUBLISHED: Final = 86400  # seconds that the next key is published before it signs
_LOOK: Final = 60.0
_TRIES: Final = 8


def in_use(keys: Iterable[Credential], now: float, algorithm: str = DEFAULT_ALGORITHM) -> Credential | None:
    """Return the key that signs by an algorithm: the newest that is active."""
    active = [key for key in keys if key.state(now) is State.ACTIVE and _algorithm(key) == algorithm]
    return max(active, key=lambda each: (_begins(each), each.id), default=None)


class KeySchedule:
    """Replace the signing key every ``every`` seconds (0: never), by whichever worker comes first.

    A day before its turn, or half of ``every``, the next key is published (pending); at its ``not_before`` all sign
    with it; the one before goes on verifying until its last token has ended. ``told`` is called after each change.
    """

    def __init__(
        self,
        workshop: Workshop,
        *,
        every: int,
        told: Callable[[], None] = lambda: None,
        clock: Clock = time.time,
    ) -> None:
        self._workshop = workshop
        self._records = workshop.records
        self._every = every
        self._ahead = min(_PUBLISHED, every // 2)
        self._told = told
        self._clock = clock
        self.due: float = float("-inf")

    async def run(self) -> None:
        """Do what is due. Call it when the clock is at or past ``due``, from as many workers as there are."""
        now = self._clock()
        self.due = now + (min(_LOOK, self._every / 10) if self._every else _LOOK)
        keys = await _keys(self._workshop)
        if in_use(keys, now) is None:
            await self.provide(DEFAULT_ALGORITHM)
            return
        for algorithm in sorted({_algorithm(key) for key in keys}):
            await self._turn([key for key in keys if _algorithm(key) == algorithm], algorithm, now)

    async def in_use(self, algorithm: str = DEFAULT_ALGORITHM) -> Credential:
        """Return the key that signs by an algorithm. Raise LifecycleError where there is none."""
        found = in_use(await _keys(self._workshop), self._clock(), algorithm)
        if found is None:
            raise LifecycleError("there is no active signing-key", "restart the server: it makes one")
        return found

    async def provide(self, algorithm: str) -> None:
        """Make a key of an algorithm where none is active."""
        await begin_signing(self._workshop, by=CA_SUBJECT, now=self._clock(), algorithm=algorithm)
        self._told()

    async def _turn(self, keys: list[Credential], algorithm: str, now: float) -> None:
        current = in_use(keys, now, algorithm)
        if current is None:
            return
        replaced = [key for key in keys if key.state(now) is State.ACTIVE and key is not current]
        if replaced:
            await self._retire(replaced, current, now)
        elif self._every and now >= _begins(current) + self._every - self._ahead and _next(current, keys, now) is None:
            await self._announce(current, now)

    async def _announce(self, current: Credential, now: float) -> None:
        """Publish the next key before it signs."""
        begins = max(int(now) + self._ahead, _begins(current) + self._every)
        new = await _minted(self._workshop, now, _algorithm(current), not_before=begins, replaces=current.id)
        event = _event(now, "rotate", current, f"to {new.id}, which signs from {begins}")
        await self._commit(Add(new), Swap(current.changed(replaced_by=new.id)), _told_all(new, now), event)

    async def _retire(self, replaced: list[Credential], current: Credential, now: float) -> None:
        """Give the keys before the one in use an end."""
        ends = int(now) + _OUTLASTS
        swaps = [Swap(key.changed(retire_at=ends, replaced_by=key.replaced_by or current.id)) for key in replaced]
        events = [_event(now, "retire", key, f"{current.id} signs; it verifies until {ends}") for key in replaced]
        await self._commit(*swaps, _told_all(current, now), *events)

    async def rotate(
        self, *, by: str, overlap: int = 0, algorithm: str = DEFAULT_ALGORITHM
    ) -> tuple[Credential, Credential]:
        """Replace the key in use now; return the new one and the old one, which verifies ``overlap`` seconds or longer.

        It is never cut off before the last token that it signed has ended: that is what revoking it does. The next key,
        where it is published already, is taken.
        """
        for _ in range(_TRIES):
            now = self._clock()
            keys = await _keys(self._workshop)
            current = in_use(keys, now, algorithm)
            if current is None:
                raise LifecycleError("there is no active signing-key", "restart the server: it makes one")
            prepared = _next(current, keys, now)
            if prepared is None:
                new = await _minted(self._workshop, now, algorithm, replaces=current.id)
            else:
                new = prepared.changed(not_before=int(now))
            overlaps = max(overlap, _OUTLASTS)
            old = current.changed(retire_at=int(now) + overlaps, replaced_by=new.id)
            event = _event(now, "rotate", current, f"to {new.id}, overlap {overlaps} s", by)
            if await self._commit(Swap(old), Swap(new) if prepared else Add(new), _told_all(new, now), event):
                return new, old
        raise LifecycleError("the signing keys keep changing", "try again")

    async def _commit(self, *changes: Change) -> bool:
        done = await self._records.write(*changes)
        self._told()
        return done


async def begin_signing(workshop: Workshop, *, by: str, now: float, algorithm: str = DEFAULT_ALGORITHM) -> None:
    """Make a signing key if none of the algorithm is active: one, however many try at once.

    The server's own subject must be there.
    """
    for _ in range(_TRIES):
        owner = await workshop.records.subject(CA_SUBJECT)
        if owner is None or in_use(await _keys(workshop), now, algorithm) is not None:
            return
        new = await _minted(workshop, now, algorithm)
        event = _event(now, "issue", new, by=by)
        if await workshop.records.write(Add(new), Swap(owner.changed()), _told_all(new, now), event):
            return


async def instead_of(revoked: Credential, workshop: Workshop, by: str, now: float) -> list[Change]:
    """Return what makes another key sign when ``revoked`` is: the next one if it is published, else a new one.

    In a CA's place comes another one likewise.
    """
    if revoked.kind is Kind.CA:
        return await _authority_instead(revoked, workshop, by, now)
    algorithm = _algorithm(revoked)
    others = [key for key in await _keys(workshop) if key.id != revoked.id and _algorithm(key) == algorithm]
    if in_use(others, now, algorithm) is not None:
        return []
    waiting = [key for key in others if key.state(now) is State.PENDING]
    if waiting:
        first = min(waiting, key=_begins)
        return [Swap(first.changed(not_before=int(now)))]
    new = await _minted(workshop, now, algorithm)
    return [Add(new), _event(now, "issue", new, f"instead of {revoked.id}", by)]


async def _authority_instead(revoked: Credential, workshop: Workshop, by: str, now: float) -> list[Change]:
    """Return another CA, which issues once all trust it, where no other one does or is about to."""
    others = [each for each in await every(workshop.records, Kind.CA) if each.id != revoked.id]
    if any(each.state(now) in (State.ACTIVE, State.PENDING) for each in others):
        return []
    new = await minted_ca(workshop, now, revoked)
    return [Add(new), _told_all(new, now), _event(now, "issue", new, f"instead of {revoked.id}", by)]


async def minted_ca(workshop: Workshop, now: float, before: Credential) -> Credential:
    """Return a CA that takes the place of one: it issues five seconds later, when every node trusts it."""
    minted = await MINTS[Kind.CA](workshop, Draft(Kind.CA, CA_SUBJECT, int(now), previous=before))
    return Credential(
        id=minted.id,
        kind=Kind.CA,
        subject=CA_SUBJECT,
        created_at=int(now),
        secret=minted.secret,
        detail=minted.detail,
        not_before=int(now) + TRUSTED_AFTER,
        replaces=before.id,
    )


async def _keys(workshop: Workshop) -> list[Credential]:
    return await every(workshop.records, Kind.SIGNING_KEY)


def _next(current: Credential, keys: Iterable[Credential], now: float) -> Credential | None:
    """Return the key that is published to follow ``current``."""
    return next((key for key in keys if key.replaces == current.id and key.state(now) is State.PENDING), None)


def _begins(key: Credential) -> int:
    return key.created_at if key.not_before is None else key.not_before


def _algorithm(key: Credential) -> str:
    return str(key.detail.get("algorithm", DEFAULT_ALGORITHM))


async def _minted(
    workshop: Workshop, now: float, algorithm: str, *, not_before: int | None = None, replaces: str | None = None
) -> Credential:
    draft = Draft(Kind.SIGNING_KEY, CA_SUBJECT, int(now), options={"algorithm": algorithm})
    minted = await MINTS[Kind.SIGNING_KEY](workshop, draft)
    return Credential(
        id=minted.id,
        kind=Kind.SIGNING_KEY,
        subject=CA_SUBJECT,
        created_at=int(now),
        secret=minted.secret,
        detail=minted.detail,
        not_before=not_before,
        replaces=replaces,
    )


def _told_all(key: Credential, now: float) -> Publish:
    """Have every node load the keys again."""
    return Publish(Topic.KEYS, key.id, int(now), int(now) + 3600)


def _event(now: float, action: str, key: Credential, detail: str = "", by: str = CA_SUBJECT) -> Event:
    return Event(now, action, "done", scheme=key.kind, credential=key.id, subject=key.subject, actor=by, detail=detail)
