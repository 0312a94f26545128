"""The suite for ``UsageRecords`` notices a broken store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.sabotage import notices
from watchword.model.usage import Observed
from watchword.stores.memory import MemoryStore
from watchword.stores.observed.usage_memory import MemoryUsage
from watchword.testing.usage import UsageSuite

_roll_up = MemoryUsage.roll_up


async def _counts_only_with_events(self: Any, events: Any, observed: Any = None) -> None:
    await MemoryStore.append(self, events, observed if events else None)


async def _counts_twice(self: Any, events: Any, observed: Any = None) -> None:
    await MemoryStore.append(self, events, observed)
    self.usage.add(observed or Observed())


async def _never_counts(self: Any, events: Any, observed: Any = None) -> None:
    await MemoryStore.append(self, events)


async def _loses(self: Any, now: int, at_most: int = 1000) -> int:
    found = [key for key in self._counts if key[0] == 60 and key[1] < now - 10_000][:at_most]
    for key in found:
        del self._counts[key]
    return len(found)


async def _keeps_all(self: Any, now: int, at_most: int = 1000) -> int:
    return 0


@pytest.mark.parametrize(
    ("test", "broken"),
    [
        ("test_counts_come_without_a_batch_where_no_event_is_kept", _counts_only_with_events),
        ("test_counts_come_with_the_batch_and_add_up", _counts_twice),
        ("test_counts_come_with_the_batch_and_add_up", _never_counts),
        ("test_origins_know_the_first_and_the_last_use", _never_counts),
    ],
)
def test_it_notices_counts_that_do_not_come_with_their_batch(test: str, broken: Any) -> None:
    assert notices(UsageSuite, test, append=broken)


async def _too_early(self: Any, now: int, at_most: int = 1000) -> int:
    return await _roll_up(self, now + 86400, at_most)


@pytest.mark.parametrize(
    ("test", "broken"),
    [
        ("test_old_counts_are_rolled_up_and_none_is_lost", _loses),
        ("test_old_counts_are_rolled_up_and_none_is_lost", _keeps_all),
        ("test_what_is_recent_stays_as_fine_as_it_was", _too_early),
        ("test_networks_from_which_nothing_came_for_long_are_forgotten", _keeps_all),
        ("test_race_of_appends_and_roll_ups_counts_each_once", _loses),
    ],
)
def test_it_notices_counts_that_are_lost_or_kept(test: str, broken: Any) -> None:
    usage = type("Usage", (MemoryUsage,), {"roll_up": broken})

    def opened(self: Any) -> None:
        MemoryStore.__init__(self)
        self.usage = usage()

    assert notices(UsageSuite, test, __init__=opened)
