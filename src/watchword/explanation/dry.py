"""Let the house's own schemes judge a request while nothing is kept: copies of them, over ports that only read.

A copy shares with the live scheme what it trusts and what it remembers, and writes into neither. So an explanation in a
serving process sees the verdicts that its next request would find, and leaves no trace: no first use, no count, no
event, no verdict.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator
from copy import copy
from inspect import isawaitable
from typing import Any, Final

from watchword.app import Watchword
from watchword.bearer import Trust
from watchword.model.ports import Allowance, Soon
from watchword.model.verdict import Rate
from watchword.possession import Possession
from watchword.schemes.basic import Guesses, PasswordCheck
from watchword.verdicts import Proved, Verdicts

__all__ = ["DryMeter", "DryStore", "Remembered", "Twins"]

_PARTS: Final = (Trust, PasswordCheck, Guesses, Possession)
"""What schemes are made of: copied with them. What else they hold is shared, and only read."""

_UNSEEN: Final = "whether this proof was used before was not looked at: this store cannot tell without using it up"
_GUESSED: Final = "explanations may guess at a password no more often than logins; they are counted apart"

_APART: Final = "explained "
"""Begins the names under which guesses through explanations are counted, over all workers: they have a limit, too."""


class DryStore:
    """Read from a store; let every write succeed and do nothing."""

    def __init__(self, store: Any, clock: Any, notes: list[str]) -> None:
        self._store = store
        self._clock = clock
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, *_: Any) -> None:
        """Keep nothing."""

    async def used(self, *_: Any) -> None:
        """Keep nothing."""

    async def put(self, *_: Any) -> None:
        """Keep nothing."""

    async def write(self, *_: Any) -> bool:
        """Return that the changes won, and make none."""
        return True

    async def take(self, key: str) -> bytes | None:
        """Return the value and leave it there."""
        found: bytes | None = await self._store.get(key)
        return found

    def claim(self, key: bytes, until: float) -> Soon[bool]:
        """Return whether the key could be claimed, without claiming it."""
        if until <= self._clock():
            return False
        look = getattr(self._store, "claimed", None)
        if look is None:
            self._notes.append(_UNSEEN)
            return True
        taken = look(key)
        return _free(taken) if isawaitable(taken) else not taken


async def _free(taken: Awaitable[bool]) -> bool:
    return not await taken


class DryMeter:
    """Tell what a meter would admit, spending nothing; ``left`` is what the last answer said is left after a hit."""

    def __init__(self, meter: Any) -> None:
        self._meter = meter
        self.left: int | None = None

    def hit(self, key: str, cost: int, rate: Rate) -> Soon[Allowance]:
        """Look."""
        answer = self._meter.hit(key, 0, rate)
        return self._later(answer) if isawaitable(answer) else self._noted(answer)

    async def _later(self, answer: Awaitable[Allowance]) -> Allowance:
        return self._noted(await answer)

    def _noted(self, answer: Allowance) -> Allowance:
        self.left = max(0, answer.remaining - 1) if answer.admitted else 0
        return answer


class _GuessMeter:
    """Admit a guess where logins would be admitted and explanations did not use up as much themselves."""

    def __init__(self, house: Watchword, notes: list[str]) -> None:
        self._live = house.meter
        self._notes = notes
        self.guessed: bool = False

    async def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        self.guessed = True
        answer = self._live.hit(key, 0, rate)
        seen = await answer if isawaitable(answer) else answer
        if not seen.admitted:
            return seen
        counted = self._live.hit(_APART + key, cost, rate)
        own = await counted if isawaitable(counted) else counted
        if not own.admitted and _GUESSED not in self._notes:
            self._notes.append(_GUESSED)
        return own


class Remembered:
    """Find what a part of the verdicts remembers, and remember nothing; ``hits`` counts what was found and holds."""

    def __init__(self, part: Verdicts, clock: Any) -> None:
        self._part = part
        self._clock = clock
        self.hits: int = 0

    @property
    def mark(self) -> int:
        """Return the live part's."""
        return self._part.mark

    def find(self, key: bytes) -> Proved | None:
        """Return an entry as it stands."""
        entry = self._part.find(key)
        if entry is not None and self._clock() < entry[1]:
            self.hits += 1
        return entry

    def get(self, key: bytes, now: float) -> Any:
        """Return the principal that ``key`` proved, if that still holds; the live one drops what is over."""
        entry = self.find(key)
        return entry[0] if entry is not None and now < entry[1] else None

    def put(self, *_: Any, **__: Any) -> None:
        """Remember nothing."""

    def part(self) -> Remembered:
        """Return itself."""
        return self


class Twins:
    """Make the copies, and know what each of them found remembered."""

    def __init__(self, house: Watchword) -> None:
        self.notes: list[str] = []
        self._clock = house.clock
        store = DryStore(house.store, house.clock, self.notes)
        self._guesses = _GuessMeter(house, self.notes)
        self._instead: dict[int, Any] = {id(house.store): store, id(house.meter): self._guesses}
        self._kept: list[Any] = []  # whose ids are in ``_instead``, so that these stay theirs
        self._remembered: list[Remembered] = []

    @property
    def guessed(self) -> bool:
        """Tell whether a password was tried: that is counted, and not done twice."""
        return self._guesses.guessed

    def hits(self) -> int:
        """Return how often something that is remembered was found."""
        return sum(each.hits for each in self._remembered)

    def of(self, thing: Any) -> Any:
        """Return the copy of a scheme, or of a part of one; always the same."""
        known = self._instead.get(id(thing))
        if known is not None:
            return known
        twin = copy(thing)
        self._keep(thing, twin)
        held = [(name, getattr(thing, name)) for name in _attributes(thing)]
        for deep in (True, False):  # what finds verdicts is known once their part is
            for name, value in held:
                if isinstance(value, (*_PARTS, Verdicts)) is deep:
                    object.__setattr__(twin, name, self._for(value))
        return twin

    def _for(self, value: Any) -> Any:
        if id(value) in self._instead:
            return self._instead[id(value)]
        if isinstance(value, Verdicts):
            return self._part(value)
        if isinstance(value, _PARTS):
            return self.of(value)
        if inspect.ismethod(value) and id(value.__self__) in self._instead:
            return getattr(self._instead[id(value.__self__)], value.__name__)
        if value.__class__ is dict:  # what a scheme keeps for itself: opened keys, refusals, attempts under way
            return {key: dict(each) if each.__class__ is dict else each for key, each in value.items()}
        return value

    def _part(self, part: Verdicts) -> Remembered:
        found = Remembered(part, self._clock)
        self._remembered.append(found)
        self._keep(part, found)
        self._keep(part.find, found.find)
        return found

    def _keep(self, thing: Any, instead: Any) -> None:
        self._instead[id(thing)] = instead
        self._kept.append(thing)


def _attributes(thing: Any) -> Iterator[str]:
    """Yield the names of what an object holds, in its dictionary or its slots."""
    yield from getattr(thing, "__dict__", ())
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                yield name
