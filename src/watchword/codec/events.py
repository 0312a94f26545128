"""Pack audit events as JSON, cheaply where there is one a request, and read them back.

What one caller does again in one place differs in its time only, so a batch says each such act once and then which of
them happened when: ``{"acts": [[action, outcome, …], …], "which": …, "at": …}``. The last two are base64 of arrays, one
entry an event, little-endian: numbers into ``acts`` (unsigned, of 8, 16 or 32 bits, the least that all fit in) and Unix
seconds (IEEE 754, 64 bits).
"""

from __future__ import annotations

import json
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, Final

from watchword.model.records import Event, Packed

__all__ = ["act_around", "act_of", "pack", "packed", "quoted", "unpack"]

quoted: Final[Callable[[str], str]] = json.encoder.encode_basestring_ascii
"""Return a text as JSON has it: in a third of what an encoder of lists takes for each act."""

_NUMBERS: Final = {"B": 1 << 8, "H": 1 << 16, "I": 1 << 32}  # how many numbers an array of each kind tells apart
_UNSAID: Final = tuple(Event._field_defaults.get(name, "") for name in Event._fields)


def act_of(event: Event) -> str:
    """Return the text of all that an event says but its time; empty fields at the end are left off."""
    length = len(event)
    while length > 1 and not event[length - 1]:
        length -= 1
    texts: Any = event[1:length]
    return f"[{','.join(map(quoted, texts))}]"


def act_around(event: Event) -> tuple[str, str]:
    """Return what stands on both sides of the path in an act's text: who does one thing does it in many places.

    Between them belongs the path as ``quoted``, which must not be empty, and the event must say no detail.
    """
    texts: Any = event[1 : Event._fields.index("path")]
    return f"[{','.join(map(quoted, texts))},", f",{quoted(event.address)}]" if event.address else "]"


def packed(events: Sequence[Event]) -> Packed:
    """Return at least one event as a batch. Raise ValueError when a time is no finite number."""
    numbers: dict[str, int] = {}
    which = [numbers.setdefault(act_of(event), len(numbers)) for event in events]
    return pack([float(event.at) for event in events], which, list(numbers))


def pack(
    times: Sequence[float], which: Iterable[int], acts: Sequence[str], span: tuple[float, float] | None = None
) -> Packed:
    """Return a batch of events: ``times`` in Unix seconds, and for each the number of its act in ``acts``.

    ``span`` is the first and the last of the times, from who knows them.
    """
    if not isfinite(sum(times)) and not all(map(isfinite, times)):
        raise ValueError("an event's time must be a finite number")
    first, last = span or (min(times), max(times))
    kind = next(kind for kind, most in _NUMBERS.items() if len(acts) <= most)
    text = f'{{"acts":[{",".join(acts)}],"which":"{_coded(kind, which)}","at":"{_coded("d", times)}"}}'
    return Packed(first + 0.0, last + 0.0, len(times), text)  # SQLite does not keep the sign of -0.0


def _coded(kind: str, values: Iterable[float]) -> str:
    numbers = array(kind, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers).decode()


def _numbers(kind: str, raw: bytes) -> array[Any]:
    numbers = array(kind, raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def unpack(text: str) -> list[Event]:
    """Return the events of a batch. Raise ValueError when it was spoilt."""
    try:
        batch = json.loads(text)
        whole: list[tuple[Any, ...]] = [tuple(act) + _UNSAID[len(act) + 1 :] for act in batch["acts"]]
        times, which = _numbers("d", b64decode(batch["at"], validate=True)), b64decode(batch["which"], validate=True)
        kind = next(kind for kind in _NUMBERS if array(kind).itemsize * len(times) == len(which))
        if not all(map(isfinite, times)) or any(set(map(type, act)) != {str} for act in whole):
            raise TypeError("no event")
        return [Event(at, *whole[number]) for number, at in zip(_numbers(kind, which), times, strict=True)]
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError, StopIteration):
        raise ValueError("not the events of an audit batch") from None
