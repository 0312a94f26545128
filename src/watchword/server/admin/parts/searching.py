"""Find credentials page by page, in constant time: by kind, whose they are, state, and how a text of theirs begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from watchword.app import Watchword
from watchword.model.credential import Credential, Kind, State
from watchword.stores.observed.search import Word, search_of, word_of

__all__ = ["Place", "Searching", "Wanted"]

Place: TypeAlias = tuple[int, str, str]
"""Where to go on: which of the searches, its text, and the id of the last one."""

_LOOKED_AT: Final = 1_000  # records that one page costs at most
_PAGE: Final = 200
_SUBJECTS: Final = ("service:", "user:")
_ALL: Final = frozenset(Kind)
_BEGINNING: Final[Place] = (0, "", "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say what is looked for; what is None or "" does not matter. ``kinds`` are those that may be seen."""

    kind: Kind | None = None
    subject: str | None = None
    state: State | None = None
    text: str = ""
    kinds: frozenset[Kind] = _ALL

    @property
    def walked(self) -> tuple[Kind | None, ...]:
        """Return the kinds that are gone through one after the other, where no text is looked for."""
        return (self.kind,) if self.kind is not None or self.kinds == _ALL else tuple(sorted(self.kinds))

    def fits(self, record: Credential, now: float) -> bool:
        """Return whether it is one of them, as far as kind, subject and state go."""
        return (
            record.kind in self.kinds
            and self.kind in (None, record.kind)
            and self.subject in (None, record.subject)
            and (self.state is None or record.state(now) is self.state)
        )


class Searching:
    """Look through the store of ``watchword``."""

    def __init__(self, watchword: Watchword) -> None:
        self._records = watchword.store
        self._search = search_of(watchword.store)
        self._clock = watchword.clock

    async def page(
        self, wanted: Wanted, *, after: Place = _BEGINNING, limit: int = 100
    ) -> tuple[list[Credential], Place | None]:
        """Return credentials, and where the next page begins (None: there is none).

        A page may hold fewer than ``limit`` and still not be the last: so many records are looked at, and no more.
        Without a text they come by id, to who may not see every kind by kind before that; with one, those whose id
        begins with it come before those whose subject does, or whose subject's name, and those whose own name does.
        """
        found: list[Credential] = []
        now, left, place = self._clock(), _LOOKED_AT, after
        while left > 0:
            size = min(_PAGE, left)
            rows, words = await self._rows(wanted, place, size)
            for each in rows:
                place = (place[0], word_of(each, words[0]), each.id)
                if wanted.fits(each, now) and not _seen(each, wanted.text, place[0]):
                    found.append(each)
                    if len(found) == limit:
                        return found, place
            left -= max(len(rows), 1)
            if len(rows) < size:
                if place[0] + 1 >= len(_searches(wanted.text) if wanted.text else wanted.walked):
                    return found, None
                place = (place[0] + 1, "", "")
        return found, place

    async def _rows(self, wanted: Wanted, place: Place, size: int) -> tuple[list[Credential], tuple[Word, str]]:
        searches = _searches(wanted.text)
        word, prefix = searches[min(place[0], len(searches) - 1)]
        if wanted.text:
            after = (place[1], place[2])
            return await self._search.beginning(word, prefix, after=after, limit=size), (word, prefix)
        kind = wanted.walked[min(place[0], len(wanted.walked) - 1)]
        rows = await self._records.credentials(kind=kind, subject=wanted.subject, after=place[2], limit=size)
        return rows, (word, prefix)


def _searches(text: str) -> list[tuple[Word, str]]:
    """Return what a text may be the beginning of."""
    if not text:
        return [("id", "")]
    if ":" in text:
        return [("id", text), ("subject", text), ("name", text)]
    return [("id", text), *(("subject", kind + text) for kind in _SUBJECTS), ("name", text)]


def _seen(record: Credential, text: str, number: int) -> bool:
    """Return whether an earlier search has found it already."""
    before = _searches(text)[:number] if text else []
    return any(word_of(record, word).startswith(prefix) for word, prefix in before)
