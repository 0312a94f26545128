"""Handing the audit on: nothing is lost, by one worker at a time, from where it was left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.house import House, played
from watchword.lifecycle.operations.handing_on import HandingOn
from watchword.model.ports import Unavailable
from watchword.model.records import Event


class Taker:
    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []
        self.failing = False

    async def take(self, values: Sequence[dict[str, Any]]) -> None:
        await asyncio.sleep(0)
        if self.failing:
            raise Unavailable("away")
        self.values += values

    @property
    def positions(self) -> list[int]:
        return [each["position"] for each in self.values if "position" in each]


async def written(made: House, count: int) -> list[int]:
    """Write events; return the positions of all there are."""
    for n in range(count):
        await made.watchword.store.append([Event(made.clock(), "decide", "accepted", reference=str(n))])
    return [position for position, _ in await made.watchword.store.events(limit=10_000)]


def desk(made: House, taker: Taker, name: str = "syslog") -> HandingOn:
    return HandingOn(made.watchword.store, name, taker.take, made.clock)


@played
async def test_everything_is_handed_on_once_and_then_what_comes(made: House) -> None:
    taker = Taker()
    every = await written(made, 1200)
    handing = desk(made, taker)
    assert await handing.turn() >= 1200
    assert taker.positions == every
    assert await handing.turn() == 0
    every = await written(made, 3)
    await handing.turn()
    assert taker.positions == every
    assert taker.values[0].keys() >= {"position", "at", "action", "outcome", "credential", "reference"}


@played
async def test_what_was_not_taken_comes_again_and_a_restart_goes_on(made: House) -> None:
    taker = Taker()
    await written(made, 3)
    await desk(made, taker).turn()
    every = await written(made, 3)
    taker.failing = True
    made.clock.now += 6
    with pytest.raises(Unavailable):
        await desk(made, taker).turn()
    taker.failing = False
    made.clock.now += 6
    await desk(made, taker).turn()
    assert taker.positions == every


@played
async def test_of_many_workers_one_hands_on_at_a_time_and_another_when_it_died(made: House) -> None:
    taker = Taker()
    every = await written(made, 600)
    workers = [desk(made, taker) for _ in range(4)]
    await asyncio.gather(*(each.turn() for each in workers))
    assert taker.positions == every
    every = await written(made, 5)
    made.clock.now += 6
    await desk(made, taker).turn()
    assert taker.positions == every


@played
async def test_each_sink_has_a_place_of_its_own_and_checkpoints_go_along(made: House) -> None:
    syslog, otel = Taker(), Taker()
    await written(made, 2)
    await made.watchword.operations.checkpoints.sign()
    await desk(made, syslog).turn()
    await desk(made, otel, "otel").turn()
    assert syslog.positions == otel.positions
    signed = [each for each in syslog.values if each["action"] == "checkpoint"]
    last = await made.watchword.operations.checkpoints.last()
    assert last is not None
    assert signed[-1]["statement"] == last.statement
    assert len(signed) == last.number
