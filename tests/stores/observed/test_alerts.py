"""Alerts in every store: one of a key, swapped once, paged from the newest, forgotten when they are old."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.house import Clock
from tests.stores.observed.stores import everywhere
from watchword.model.alerts import Alert
from watchword.model.records import Event

FULL = Alert(
    "alr_full",
    5,
    "refusals",
    "medium",
    "refusals:key_1:1",
    "key_1",
    "service:billing",
    "192.0.2.0/24",
    {"count": 3, "known": ["a", "é"], "nested": {"x": None}},
    6,
    "user:ada",
    7,
    2,
    8,
    3,
)


def alert(n: int, **more: Any) -> Alert:
    return Alert(f"alr_{n:03}", 100 + n // 2, "test", "low", f"test:{n}", **more)


@everywhere
async def test_every_field_comes_back(store: Any, clock: Clock) -> None:
    assert await store.alerts.add(FULL)
    assert await store.alerts.alert("alr_full") == FULL
    assert await store.alerts.alert("alr_none") is None


@everywhere
async def test_of_one_key_the_first_is_kept(store: Any, clock: Clock) -> None:
    same = [Alert(f"alr_{n}", n, "test", "low", "test:same") for n in range(10)]
    won = await asyncio.gather(*(store.alerts.add(each) for each in same))
    assert won.count(True) == 1
    assert await store.alerts.page() == [same[won.index(True)]]


@everywhere
async def test_many_are_kept_together_each_once(store: Any, clock: Clock) -> None:
    """Every worker raises all that a leaked list makes, in whatever order it heard of them."""
    await store.alerts.add(alert(3))
    assert await store.alerts.add_all([]) == []
    theirs = [
        [Alert(f"alr_{worker}-{n}", n, "test", "low", f"test:{n}") for n in range(80)][:: 1 if worker % 2 else -1]
        for worker in range(4)
    ]
    kept = await asyncio.gather(*map(store.alerts.add_all, theirs))
    assert sorted(each.key for part in kept for each in part) == sorted(f"test:{n}" for n in range(80) if n != 3)
    stored = {each.id for each in await store.alerts.page()}
    assert stored == {"alr_003", *(each.id for part in kept for each in part)}


@everywhere
async def test_of_many_swaps_one_wins_with_its_event(store: Any, clock: Clock) -> None:
    await store.alerts.add(alert(1))
    new = [alert(1).changed(acknowledged_at=n, acknowledged_by=f"user:{n}") for n in range(10)]
    events = [Event(float(n), "acknowledge", "done", actor=f"user:{n}") for n in range(10)]
    won = await asyncio.gather(*(store.alerts.swap(*pair) for pair in zip(new, events, strict=True)))
    assert won.count(True) == 1
    winner = won.index(True)
    assert await store.alerts.alert("alr_001") == new[winner]
    assert [event for _, event in await store.events()] == [events[winner]]
    assert not await store.alerts.swap(alert(2).changed())
    assert await store.verify_audit() == []


@everywhere
async def test_pages_go_from_the_newest_and_leave_out_what_was_looked_at(store: Any, clock: Clock) -> None:
    for n in range(7):
        assert await store.alerts.add(alert(n, acknowledged_at=9 if n == 3 else None))
    found: list[Alert] = []
    while page := await store.alerts.page(after=found[-1].id if found else "", limit=3):
        found += page
        assert len(found) <= 7
    assert [each.id for each in found] == [f"alr_{n:03}" for n in (6, 5, 4, 3, 2, 1, 0)]
    assert "alr_003" not in [each.id for each in await store.alerts.page(open_only=True)]
    assert await store.alerts.page(after="alr_none") == []


@everywhere
async def test_waiting_are_those_that_are_due_and_not_told(store: Any, clock: Clock) -> None:
    await store.alerts.add(alert(1, next_try=50))
    await store.alerts.add(alert(2, next_try=40))
    await store.alerts.add(alert(3, told_at=1))
    assert await store.alerts.waiting(39) == []
    assert [each.id for each in await store.alerts.waiting(60)] == ["alr_002", "alr_001"]
    assert [each.id for each in await store.alerts.waiting(60, 1)] == ["alr_002"]


@everywhere
async def test_what_was_looked_at_long_ago_is_forgotten_and_may_be_raised_again(store: Any, clock: Clock) -> None:
    for n in range(5):
        await store.alerts.add(alert(n, acknowledged_at=n * 10 if n else None))
    assert await store.alerts.forget(30, 1) == 1
    assert await store.alerts.forget(30, 10) == 1
    assert sorted(each.id for each in await store.alerts.page()) == ["alr_000", "alr_003", "alr_004"]
    assert await store.alerts.add(alert(1))
