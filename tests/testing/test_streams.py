"""The suites for ``Feed`` and ``AuditLog`` notice a broken store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.testing.sabotage import notices
from watchword.model.records import Event, FeedEntry
from watchword.stores.memory import MemoryStore
from watchword.testing.streams import AuditLogSuite, FeedSuite


def _newest_first(self: Any, after: int) -> list[FeedEntry]:
    return MemoryStore.entries(self, after)[::-1]


def _ended_too(self: Any, after: int) -> list[FeedEntry]:
    return [entry for entry in self._feed if entry.sequence > after]


def _repeats(self: Any, after: int) -> list[FeedEntry]:
    return MemoryStore.entries(self, max(after - 1, 0))


async def _drops_the_last(self: Any, events: Sequence[Event]) -> None:
    await MemoryStore.append(self, events[:-1])


async def _pages_from_the_start(self: Any, *, after: int = 0, **filters: Any) -> Any:
    return await MemoryStore.events(self, after=max(after - 1, 0), **filters) if after < 10**6 else []


async def _whenever(self: Any, *, since: float = 0.0, **filters: Any) -> Any:
    return await MemoryStore.events(self, **filters)


@pytest.mark.parametrize(
    ("test", "broken"),
    [
        ("test_entries_come_in_order_after_the_one_known", {"entries": _newest_first}),
        ("test_entries_come_in_order_after_the_one_known", {"entries": _repeats}),
        ("test_race_of_publishers_hides_no_entry_from_a_follower", {"entries": _repeats}),
        ("test_ended_entries_are_forgotten_their_numbers_never_used_again", {"entries": _ended_too}),
    ],
)
def test_it_notices_a_broken_feed(test: str, broken: dict[str, Any]) -> None:
    assert notices(FeedSuite, test, **broken)


@pytest.mark.parametrize(
    ("test", "broken"),
    [
        ("test_events_come_back_in_order", {"append": _drops_the_last}),
        ("test_race_of_appends_loses_none", {"append": _drops_the_last}),
        ("test_paging_misses_none_and_repeats_none", {"events": _pages_from_the_start}),
        ("test_since_leaves_out_what_was_before", {"events": _whenever}),
    ],
)
def test_it_notices_a_broken_audit_log(test: str, broken: dict[str, Any]) -> None:
    assert notices(AuditLogSuite, test, **broken)
