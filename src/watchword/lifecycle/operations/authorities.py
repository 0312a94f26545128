"""Our own certificate authorities: which are trusted now, and how one takes the place of another.

The new one is trusted by all before it issues; what the old one issued holds until its own end, or until the overlap
ends. Everything follows from the records' times, so it does not matter which process looks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, CERTIFICATE_LIFE, Workshop, every
from watchword.lifecycle.signing import TRUSTED_AFTER, minted_ca
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock
from watchword.model.records import Add, Event, Publish, Swap, Topic

__all__ = ["Authorities"]

_TRUSTED: Final = frozenset({State.PENDING, State.ACTIVE, State.RETIRING})
_PAGE: Final = 500
_HEARD: Final = 3600
_SLACK: Final = 60  # for clocks that are behind


class Authorities:
    """Tell which CAs are trusted, and replace the one that issues.

    ``changed`` are called when trust in one has ended by the clock alone.
    """

    def __init__(self, workshop: Workshop, *, told: Callable[[], None], clock: Clock) -> None:
        self._workshop = workshop
        self._records = workshop.records
        self._told = told
        self._clock = clock
        self._due = float("inf")
        self.changed: list[Callable[[], Awaitable[object]]] = []

    async def trusted(self) -> list[Credential]:
        """Return the CAs whose certificates are accepted now, oldest first."""
        now = self._clock()
        found = [each for each in await self._all() if each.state(now) in _TRUSTED]
        self._due = min((end for each in found if (end := each.ends_at()) is not None), default=float("inf"))
        return sorted(found, key=_begins)

    async def bundle(self) -> bytes:
        """Return their certificates, PEM."""
        return b"".join(record.detail["certificate"].encode() for record in await self.trusted())

    async def look(self) -> None:
        """Tell who listens when the trust in one has ended since the last look."""
        due = self._due
        if self._clock() >= due:
            await self.tell()  # where that breaks it stays due
            if self._due == due:  # nobody asked who is trusted now
                self._due = float("inf")

    async def tell(self) -> None:
        """Tell who listens that other CAs are trusted now."""
        for changed in self.changed:
            await changed()

    async def issuing(self) -> Credential:
        """Return the CA that issues now: the newest that is active. Raise LifecycleError."""
        now = self._clock()
        usable = [each for each in await self._all() if each.state(now) is State.ACTIVE]
        if not usable:
            raise LifecycleError("there is no active ca", "try again in some seconds: one may be about to issue")
        return max(usable, key=_begins)

    async def rotate(self, *, by: str, overlap: int | None = None) -> tuple[Credential, Credential]:
        """Make a CA that issues from five seconds on; return it and the old one. Raise LifecycleError.

        Without ``overlap`` (seconds) the old one is trusted until the last certificate that it issued has ended.
        """
        now = int(self._clock())
        old = await self.issuing()
        lasting = await self._last_end(old, now) - now if overlap is None else overlap
        new = await minted_ca(self._workshop, now, old)
        lasting = max(lasting, TRUSTED_AFTER)
        retiring = old.changed(retire_at=now + lasting, replaced_by=new.id)
        told = Publish(Topic.KEYS, new.id, now, now + _HEARD)
        detail = f"to {new.id}, overlap {lasting} s"
        event = Event(now, "rotate", "done", "", "", Kind.CA, old.id, CA_SUBJECT, by, detail=detail)
        if not await self._records.write(Swap(retiring), Add(new), told, event):
            raise LifecycleError(f"{old.id} changed meanwhile", f"look with `watchword show {old.id}`")
        self._told()
        return new, retiring

    async def ending_early(self, authority: Credential) -> list[Credential]:
        """Return the certificates that would have outlasted the trust in the CA that issued them."""
        end = authority.retire_at or float("inf")
        return [each for each in await self._issued(authority) if (each.expires_at or 0) > end]

    async def holding(self, authority: Credential) -> int:
        """Return how many certificates that it issued still hold."""
        return len(await self._issued(authority))

    async def _last_end(self, authority: Credential, now: int) -> int:
        ends = [each.expires_at or 0 for each in await self._issued(authority)]
        return max(now + CERTIFICATE_LIFE, *ends, 0) + _SLACK

    async def _issued(self, authority: Credential) -> list[Credential]:
        """Return what it issued and still holds."""
        now, after = self._clock(), ""
        found: list[Credential] = []
        while page := await self._records.credentials(kind=Kind.CLIENT_CERT, after=after, limit=_PAGE):
            after = page[-1].id
            found += [each for each in page if _of(each, authority) and each.refusal(now) is None]
        return found

    async def _all(self) -> Sequence[Credential]:
        return await every(self._records, Kind.CA)


def _begins(authority: Credential) -> tuple[int, str]:
    return authority.not_before or authority.created_at, authority.id


def _of(certificate: Credential, authority: Credential) -> bool:
    return certificate.detail.get("authority") == authority.id
