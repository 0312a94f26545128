"""Hold what ``Feed`` and ``AuditLog`` promise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from watchword.model.records import Add, Event, Publish, Topic
from watchword.testing.suite import LATER, StoreSuite, make_key, scenario, settled

__all__ = ["AuditLogSuite", "FeedSuite"]


class FeedSuite(StoreSuite):
    """Hold what ``Feed`` promises."""

    @scenario
    async def test_entries_come_in_order_after_the_one_known(self, store: Any) -> None:
        assert await settled(store.entries(0)) == []
        await store.write(Publish(Topic.CREDENTIAL, "key_1", 10, LATER), Publish(Topic.SUBJECT, "user:a", 11, LATER))
        await store.write(Publish(Topic.TOKEN, "jti", 12, LATER))
        entries = await settled(store.entries(0))
        assert [(each.topic, each.key, each.at, each.until) for each in entries] == [
            (Topic.CREDENTIAL, "key_1", 10, LATER),
            (Topic.SUBJECT, "user:a", 11, LATER),
            (Topic.TOKEN, "jti", 12, LATER),
        ]
        numbers = [each.sequence for each in entries]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > 0
        assert await settled(store.entries(numbers[1])) == entries[2:]
        assert await settled(store.entries(numbers[2])) == []
        assert await settled(store.entries(numbers[2] + 1000)) == []

    @scenario
    async def test_ended_entries_are_forgotten_their_numbers_never_used_again(self, store: Any) -> None:
        past = int(time.time()) - 10
        await store.write(Publish(Topic.KEYS, "", 1, LATER))
        (known,) = await settled(store.entries(0))
        for _ in range(3):
            await store.write(Publish(Topic.TOKEN, "ended", 1, past))
            assert await settled(store.entries(known.sequence)) == []
        await store.write(Publish(Topic.TOKEN, "new", 1, LATER))
        (entry,) = await settled(store.entries(known.sequence))
        assert entry.sequence >= known.sequence + 4

    @scenario
    async def test_race_of_publishers_hides_no_entry_from_a_follower(self, store: Any) -> None:
        seen: list[int] = []

        async def follow() -> bool:
            seen.extend(each.sequence for each in await settled(store.entries(seen[-1] if seen else 0)))
            return True

        calls: list[Callable[[], Any]] = []
        for n in range(50):
            calls += [partial(store.write, Publish(Topic.TOKEN, f"{n}", 1, LATER)), follow]
        if self.threads:  # one follower: a cursor belongs to one reader
            for call in calls:
                assert await settled(call())
        else:
            followed = asyncio.create_task(_each(calls[1::2]))
            assert all(await self.race(calls[::2]))
            await followed
        await follow()
        assert seen == [each.sequence for each in await settled(store.entries(0))]
        assert len(seen) == 50


async def _each(calls: Sequence[Callable[[], Awaitable[Any]]]) -> None:
    for call in calls:
        await call()


class AuditLogSuite(StoreSuite):
    """Hold what ``AuditLog`` promises."""

    events: ClassVar[Sequence[Event]] = (
        Event(1.5, "decide", "accepted", "", "ref", "api-key", "key_1", "user:a", "service:b", "GET", "/x", "::1", "d"),
        Event(2.25, "decide", "refused", reason="expired", path="/\0\ud800é"),
        Event(1700000000.123456, "issue", "done", detail="last"),
    )

    @scenario
    async def test_events_come_back_in_order(self, store: Any) -> None:
        await store.append(self.events)
        await store.append([])
        await store.append(self.events[:1])
        found = await store.events()
        assert [event for _, event in found] == [*self.events, self.events[0]]
        positions = [position for position, _ in found]
        assert positions == sorted(set(positions))
        assert positions[0] > 0

    @scenario
    async def test_paging_misses_none_and_repeats_none(self, store: Any) -> None:
        for size in (1, 3, 150, 2, 1):
            await store.append([Event(float(n), "decide", "accepted", reference=f"{size}/{n}") for n in range(size)])
        whole = await store.events()
        assert len(whole) == 157
        for limit in (1, 2, 100, 156, 157, 158):
            found: list[Any] = []
            while page := await store.events(after=found[-1][0] if found else 0, limit=limit):
                assert len(page) <= limit
                found += page
                assert len(found) <= len(whole)  # else it may never end
            assert found == whole

    @scenario
    async def test_since_leaves_out_what_was_before(self, store: Any) -> None:
        await store.append([Event(float(at), "decide", "accepted") for at in (1, 5, 3)])
        await store.append([Event(2.0, "decide", "accepted")])
        assert [event.at for _, event in await store.events(since=3.0)] == [5.0, 3.0]
        assert await store.events(since=6.0) == []

    @scenario
    async def test_a_writes_events_are_part_of_it(self, store: Any) -> None:
        assert await store.write(Add(make_key()), *self.events)
        assert not await store.write(Add(make_key()), Event(9.0, "issue", "done"))
        assert [event for _, event in await store.events()] == [*self.events]

    @scenario
    async def test_race_of_appends_loses_none(self, store: Any) -> None:
        batches = [[Event(float(n), "decide", "accepted", reference=f"{n}/{m}") for m in range(3)] for n in range(40)]
        await self.race([partial(store.append, batch) for batch in batches])
        found = [event.reference for _, event in await store.events()]
        assert sorted(found) == sorted(event.reference for batch in batches for event in batch)
