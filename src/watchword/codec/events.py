"""Write audit events as lines of JSON, cheaply where there is one a request, and read them back."""

from __future__ import annotations

import json
from collections.abc import Sequence

from watchword.model.records import Event, Lines

__all__ = ["accepted", "decode", "encode", "lines_of", "stamped"]

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


def stamped(at: float, rest: str) -> str:
    """Return the text of an event that happened at ``at`` (Unix seconds, kept to the microsecond).

    ``rest`` is what ``accepted`` returns. A float's shortest digits cost three times as much as this.
    """
    return f"[{round(at * 1e6)}e-6{rest}"


def accepted(who: tuple[str, str, str, str], place: tuple[str, str, str]) -> str:
    """Return the text of an accepted decision from after its time on, which recurs from request to request.

    ``who`` is scheme, credential, subject and actor; ``place`` method, path and address.
    """
    return f',"decide","accepted","","",{_part(who)},{_part(place)}]'


def decode(text: str) -> Event:
    """Return the event of a text. Raise ValueError when it was spoilt."""
    try:
        return Event(*json.loads(text))
    except TypeError:
        raise ValueError("not an audit event") from None


def _part(values: tuple[str, ...]) -> str:
    return _dumps(values)[1:-1]
