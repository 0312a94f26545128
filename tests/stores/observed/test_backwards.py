"""The audit from its end, in every store alike."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from watchword.model.records import Event
from watchword.stores.memory import MemoryStore
from watchword.stores.observed.backwards import SqlBackwards, WalkedBackwards, backwards_of
from watchword.stores.sqlite import SqliteStore

BATCHES = (3, 1, 30, 2, *(1,) * 45)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_newest_comes_first_and_every_one_once(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "a.db") as store:
            log = backwards_of(store)
            assert isinstance(log, WalkedBackwards if kind == "memory" else SqlBackwards)
            assert [pair async for pair in log.events()] == []
            number = 0
            for size in BATCHES:
                await store.append([Event(float(number + place), "decide", "accepted") for place in range(size)])
                number += size
            found = [pair async for pair in log.events()]
            assert [event.at for _, event in found] == [float(at) for at in reversed(range(number))]
            assert all(later > earlier for (later, _), (earlier, _) in pairwise(found))
            assert [pair async for pair in log.events(found[10][0])] == found[11:]
            assert [pair async for pair in log.events(1)] == []

    asyncio.run(work())


def test_a_page_reads_no_more_of_the_log_than_it_shows(tmp_path: Path) -> None:
    async def work() -> None:
        async with SqliteStore(tmp_path / "a.db") as store:
            for at in range(50):
                await store.append([Event(float(at), "decide", "accepted")])
            asked: list[int] = []
            rows = store.rows

            async def counted(statement: object, parameters: dict[str, int]) -> object:
                asked.append(parameters["at_most"])
                return await rows(statement, parameters)  # type: ignore[arg-type]

            store.rows = counted  # type: ignore[assignment,method-assign]
            async for _, event in backwards_of(store).events():
                if event.at == 49.0:
                    break
            assert asked == [1]

    asyncio.run(work())
