"""Checkpoints in every store: numbered once, cut off in one transaction, with cursors that move once."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.house import Clock
from tests.stores.observed.stores import everywhere
from watchword.model.evidence import Checkpoint, Cut
from watchword.model.records import Event

CUT = Event(9.0, "cut", "done", actor="service:watchword")


async def written(store: Any, batches: int) -> None:
    for n in range(batches):
        await store.append([Event(float(n), "decide", "accepted"), Event(float(n), "decide", "refused")])


@everywhere
async def test_of_one_number_the_first_is_kept(store: Any, clock: Clock) -> None:
    same = [Checkpoint(1, n, f"statement {n}") for n in range(10)]
    won = await asyncio.gather(*(store.checkpoints.add(each) for each in same))
    assert won.count(True) == 1
    assert await store.checkpoints.latest() == [same[won.index(True)]]


@everywhere
async def test_they_come_by_number_and_the_newest_first(store: Any, clock: Clock) -> None:
    every = [Checkpoint(n, n, f"s{n}") for n in range(1, 6)]
    for each in reversed(every):
        assert await store.checkpoints.add(each)
    assert await store.checkpoints.page(2, 2) == every[2:4]
    assert await store.checkpoints.page(-1) == every
    assert await store.checkpoints.latest(2) == [every[4], every[3]]


@everywhere
async def test_links_name_each_batch_and_heads_the_last(store: Any, clock: Clock) -> None:
    await written(store, 3)
    links = await store.checkpoints.links(0)
    assert [link.number for link in links] == [1, 2, 3]
    assert [link.events for link in links] == [2, 2, 2]
    assert len({link.position for link in links}) == len({link.digest for link in links}) == 3
    assert await store.checkpoints.links(links[0].position, 1) == links[1:2]
    assert await store.checkpoints.heads() == {links[0].writer: 3}


@everywhere
async def test_a_cut_takes_all_before_it_and_the_event_is_with_it(store: Any, clock: Clock) -> None:
    await written(store, 2)
    clock.now += 86_400  # another chain
    await written(store, 2)
    links = await store.checkpoints.links(0)
    for n in range(1, 4):
        await store.checkpoints.add(Checkpoint(n, n, f"s{n}"))
    ended = {links[0].writer: 2}
    cut = Cut(links[1].position, 2)
    assert not await store.checkpoints.cut(Checkpoint(3, 9, "again"), cut, ended, CUT), "the number is taken"
    assert not await store.checkpoints.cut(Checkpoint(4, 9, "cut"), cut, {links[2].writer: 1}, CUT), "it wrote again"
    assert len(await store.checkpoints.links(0)) == 4
    assert await store.checkpoints.cut(Checkpoint(4, 9, "cut"), cut, ended, CUT)
    assert [each.number for each in await store.checkpoints.page(0)] == [2, 3, 4]
    left = await store.checkpoints.links(0)
    assert [link.position for link in left[:2]] == [link.position for link in links[2:]]
    assert [event.action for _, event in await store.events()][-1] == "cut"
    assert links[0].writer not in await store.checkpoints.heads()
    assert await store.checkpoints.flaws((), cut) == []
    assert [flaw.problem for flaw in await store.checkpoints.flaws()] == []  # nobody's chain was cut in two


@everywhere
async def test_batches_go_on_after_a_cut_behind_those_before(store: Any, clock: Clock) -> None:
    await written(store, 2)
    last = (await store.checkpoints.links(0))[-1]
    clock.now += 86_400
    assert await store.checkpoints.cut(Checkpoint(1, 9, "cut"), Cut(last.position, 0), {last.writer: 2}, CUT)
    await written(store, 1)
    links = await store.checkpoints.links(0)
    assert [link.position > last.position for link in links] == [True, True]
    events = await store.events()
    assert [event.action for _, event in events] == ["cut", "decide", "decide"]
    assert await store.events(after=events[0][0]) == events[1:]


@everywhere
async def test_a_part_of_the_log_is_walked_without_its_end(store: Any, clock: Clock) -> None:
    await written(store, 3)
    links = await store.checkpoints.links(0)
    assert await store.checkpoints.flaws(until=links[1].position) == []


@everywhere
async def test_a_cursor_moves_once_from_where_it_was(store: Any, clock: Clock) -> None:
    assert await store.checkpoints.cursor("syslog") == 0
    assert (await asyncio.gather(*(store.checkpoints.move("syslog", 0, n) for n in range(1, 6)))).count(True) == 1
    at = await store.checkpoints.cursor("syslog")
    assert not await store.checkpoints.move("syslog", at + 1, 9)
    assert await store.checkpoints.move("syslog", at, 99)
    assert await store.checkpoints.cursor("syslog") == 99
    assert await store.checkpoints.cursor("otel") == 0
