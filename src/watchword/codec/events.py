"""Write audit events as lines of JSON, cheaply where there is one a request, and read them back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from watchword.model.records import Event, Lines

__all__ = ["accepted", "decode", "encode", "lines_of"]

_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def encode(event: Event) -> str:
    """Return the event's text. Raise ValueError when its time is no finite number."""
    length = len(event)
    while length > 1 and not event[length - 1]:  # empty fields at the end are left off
        length -= 1
    return _dumps(event[:length])


def lines_of(events: Sequence[Event]) -> Lines:
    """Return events as lines."""
    times = [float(event.at) for event in events] or [0.0]
    return Lines(min(times), max(times), [encode(event) for event in events])


def accepted(at: float, who: tuple[str, str, str, str], place: tuple[str, str, str]) -> str:
    """Return the text of an accepted decision.

    ``who`` is scheme, credential, subject and actor; ``place`` method, path and address. Both recur, so their JSON is
    remembered: what is left is one string.
    """
    return f'[{at!r},"decide","accepted","","",{_part(who)},{_part(place)}]'


def decode(text: str) -> Event:
    """Return the event of a text. Raise ValueError when it was spoilt."""
    try:
        return Event(*json.loads(text))
    except TypeError:
        raise ValueError("not an audit event") from None


@lru_cache(4096)
def _part(values: tuple[str, ...]) -> str:
    return _dumps(values)[1:-1]
