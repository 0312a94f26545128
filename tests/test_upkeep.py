"""Chores run now and then, and one that breaks stops neither itself nor the others."""

from __future__ import annotations

import asyncio
import logging

import pytest

from watchword.model.ports import Unavailable
from watchword.upkeep import Upkeep


@pytest.mark.parametrize("inline", [True, False])
def test_a_chore_that_breaks_comes_again_and_keeps_no_other_from_its_turn(
    inline: bool, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def breaks() -> None:
        done.append("breaks")
        raise ValueError("ak_live_SECRET") if len(done) == 1 else Unavailable("the disk is full")

    async def works() -> None:
        done.append("works")

    async def play() -> None:
        upkeep = Upkeep({"the first cannot be done": breaks, "the second": works}, inline=inline)
        assert (upkeep.hurry is not None) is inline
        upkeep.start()
        for _ in range(300):
            if upkeep.hurry is not None:
                upkeep.hurry()
            await asyncio.sleep(0.005)
            if len(done) >= 4:
                break
        await upkeep.stop()

    with caplog.at_level(logging.ERROR):
        asyncio.run(play())
    assert done[:4] == ["breaks", "works", "breaks", "works"]
    said = [record.message for record in caplog.records]
    assert said[:2] == ["the first cannot be done: ValueError", "the first cannot be done: the disk is full"]
