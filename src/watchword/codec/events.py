"""Pack audit events as JSON, cheaply where there is one a request, and read them back.

What one caller does again in one place differs in its time only, so a batch says each such act once and then who did
which when: ``{"from": microseconds, "acts": [[action, outcome, …], …], "events": [act, microseconds later, …]}``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import add
from typing import Any, Final

from watchword.model.records import Event, Packed

__all__ = ["act_of", "pack", "packed", "unpack"]

_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_MICRO: Final = 1_000_000
_UNSAID: Final = tuple(Event._field_defaults.get(name, "") for name in Event._fields)


def act_of(event: Event) -> str:
    """Return the text of all that an event says but its time; empty fields at the end are left off."""
    length = len(event)
    while length > 1 and not event[length - 1]:
        length -= 1
    return _dumps(event[1:length])


def packed(events: Sequence[Event]) -> Packed:
    """Return at least one event as a batch. Raise ValueError when a time is no finite number."""
    numbers: dict[str, int] = {}
    which = [numbers.setdefault(act_of(event), len(numbers)) for event in events]
    return pack([float(event.at) for event in events], which, list(numbers))


def pack(times: Sequence[float], which: Sequence[int], acts: Sequence[str]) -> Packed:
    """Return a batch of events: ``times`` in Unix seconds, and for each the number of its act in ``acts``."""
    first, last = min(times), max(times)
    try:
        base = round(first * _MICRO)
        later = [round(at * _MICRO) - base for at in times]
    except OverflowError:
        raise ValueError("an event's time must be a finite number") from None
    numbers = [0] * (2 * len(times))
    numbers[0::2], numbers[1::2] = which, later
    text = f'{{"from":{base},"acts":[{",".join(acts)}],"events":[{",".join(map(str, numbers))}]}}'
    return Packed(first, last, len(times), text)


def unpack(text: str) -> list[Event]:
    """Return the events of a batch, times to the microsecond. Raise ValueError when it was spoilt."""
    try:
        batch = json.loads(text)
        base, acts, numbers = batch["from"], batch["acts"], batch["events"]
        whole: list[tuple[Any, ...]] = [add(tuple(act), _UNSAID[len(act) + 1 :]) for act in acts]
        pairs = zip(numbers[0::2], numbers[1::2], strict=True)
        return [Event((base + later) / _MICRO, *whole[number]) for number, later in pairs]
    except (TypeError, KeyError, IndexError, AttributeError):
        raise ValueError("not the events of an audit batch") from None
