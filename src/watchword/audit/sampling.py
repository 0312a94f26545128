"""Choose which accesses the log keeps where it does not keep all: the first of each act, and one in so many after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from watchword.audit.acts import Act

__all__ = ["Choice", "Sampling"]

_REMEMBERED: Final = 50_000  # acts of which it is known how often they were done


class Choice(NamedTuple):
    """Hold the places of a batch that are kept, and how often each act was done after it."""

    places: list[int]
    done: dict[str, int]


class Sampling:
    """Keep a share of what each act is done: no chance in it, so that the same requests leave the same log.

    A new act is always kept when it is done for the first time; with a share of 0 no access is. What was refused or
    broke is always kept. A choice counts only once it is ``chosen``: a batch that could not be written comes again.
    """

    __slots__ = ("_done", "_every")

    def __init__(self, share: float) -> None:
        if not 0.0 <= share <= 1.0:
            raise ValueError("a share is between 0 and 1")
        self._every = round(1 / share) if share else 0
        self._done: dict[str, int] = {}

    def choose(self, which: Sequence[int], said: Sequence[Act]) -> Choice:
        """Return the places in ``which``, the acts of a batch by number, that are kept."""
        every, known = self._every, self._done
        free = [act.counted.verdict == "accepted" for act in said]
        done = {each: known.get(said[each].text, 0) for each, accepted in enumerate(free) if accepted}
        places = []
        for place, each in enumerate(which):
            if not free[each]:
                places.append(place)
                continue
            before = done[each]
            done[each] = before + 1
            if every and before % every == 0:
                places.append(place)
        return Choice(places, {said[each].text: times for each, times in done.items()} if every else {})

    def chosen(self, choice: Choice) -> None:
        """Go on from a choice that was written."""
        if len(self._done) + len(choice.done) > _REMEMBERED:
            self._done.clear()
        self._done.update(choice.done)
