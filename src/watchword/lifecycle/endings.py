"""Forget what has ended, a little at a time: short-lived values, and the records of what logins and consents began."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Drop

__all__ = ["KEPT", "Endings"]

KEPT: Final = max(7 * 86_400, REMEMBERED)
"""Seconds that an ended record stays: whoever looks into what happened finds it, and no token of it lives longer."""

_KINDS: Final = (Kind.REFRESH, Kind.SESSION, Kind.CONSENT)  # what people begin again and again, and nobody cleans up
_PAGE: Final = 200
_VALUES: Final = 1_000
_PAUSE: Final = 5.0  # seconds after nothing was left to forget
_ROUND: Final = 600.0  # seconds between two walks through all records
_SHARE: Final = 20  # of the time that a page takes, so many go by until the next


class Endings:
    """Walk through the records page by page and drop those that ended long ago; forget values that ended."""

    def __init__(
        self, records: Records, forget: Callable[[int], Awaitable[int]] | None, *, clock: Clock = time.time
    ) -> None:
        """Take the store, and what forgets at most so many of its short-lived values (None: it does so by itself)."""
        self._records = records
        self._forget = forget
        self._clock = clock
        self._values_at = self._records_at = float("-inf")
        self._kind, self._after = 0, ""

    async def run(self) -> None:
        """Do the next bit, where that is due. Call it every now and then."""
        now = time.monotonic()
        if self._forget is not None and now >= self._values_at:
            self._values_at = now + _PAUSE  # also where it breaks: an outage is not said five times a second
            if await self._forget(_VALUES) >= _VALUES:
                self._values_at = now
        if now >= self._records_at:
            self._records_at = now + _PAUSE
            wait = await self._page()
            self._records_at = now + max(wait, _SHARE * (time.monotonic() - now))

    async def _page(self) -> float:
        """Drop what ended long ago of one page of records; return how many seconds the next may wait."""
        page = await self._records.credentials(kind=_KINDS[self._kind], after=self._after, limit=_PAGE)
        before = self._clock() - KEPT
        gone = [Drop(each) for each in page if _ended(each, before)]
        if gone:  # lost where one of them changed meanwhile: the next walk comes by again
            await self._records.write(*gone)
        if len(page) == _PAGE:
            self._after = page[-1].id
            return 0.0
        self._kind, self._after = (self._kind + 1) % len(_KINDS), ""
        return _ROUND if self._kind == 0 else 0.0


def _ended(record: Credential, before: float) -> bool:
    """Return whether the record ended, one way or another, before that time (Unix seconds)."""
    ends = [end for end in (record.revoked_at, record.ends_at()) if end is not None]
    return bool(ends) and min(ends) < before
