"""Say what stands before the routes of whoever decides: nothing in an application, in a server what gateways ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from watchword.routes import Rule

__all__ = ["Front", "Unread"]

Unread: TypeAlias = Callable[[str, bytes, bytes], str]
"""Return why a method, a raw target and a host are not even read, "" where they are."""


@dataclass(frozen=True, slots=True)
class Front:
    """Hold what a server does before a route decides.

    ``places`` are what it demands of its own places. ``unread`` is given where gateways ask about requests: then no
    content is seen of what the routes are for, and ``anyone`` decides where no route is configured at all. ``others``
    is how the paths begin that the server answers by itself and that no explanation knows.
    """

    places: Sequence[Rule] = ()
    unread: Unread | None = None
    anyone: Rule | None = None
    others: tuple[str, ...] = ()
