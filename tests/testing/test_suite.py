"""Tests of stores are played on an open store, with or without threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from watchword.testing.suite import StoreSuite, scenario, settled


class _Suite(StoreSuite):
    opened = 0

    @asynccontextmanager
    async def store(self) -> AsyncIterator[str]:
        self.opened += 1
        yield "the store"

    @scenario
    async def test_played(self, store: Any) -> None:
        """Say what it does."""
        assert store == "the store"

    @scenario
    async def test_failing(self, store: Any) -> None:
        assert store is None


def test_a_scenario_is_a_plain_test_that_can_fail() -> None:
    suite = _Suite()
    suite.test_played()
    assert suite.opened == 1
    assert (_Suite.test_played.__name__, _Suite.test_played.__doc__) == ("test_played", "Say what it does.")
    with pytest.raises(AssertionError):
        suite.test_failing()


def test_a_suite_without_a_store_cannot_be_played() -> None:
    with pytest.raises(TypeError, match="store"):
        StoreSuite()  # type: ignore[abstract]


def test_a_race_makes_every_call_once_in_many_threads() -> None:
    threads: set[int] = set()

    def call(n: int) -> int:
        threads.add(threading.get_ident())
        return n

    results = asyncio.run(_Suite().race([lambda n=n: call(n) for n in range(100)]))  # type: ignore[misc]
    assert sorted(results) == list(range(100))
    assert len(threads) == 10
    assert threading.get_ident() not in threads


def test_a_race_without_threads_is_run_at_once_in_the_loop() -> None:
    suite = _Suite()
    suite.threads = False  # type: ignore[misc]
    running = 0

    async def call() -> int:
        nonlocal running
        running += 1
        await asyncio.sleep(0)
        return running

    assert asyncio.run(suite.race([call] * 5)) == [5] * 5


def test_settled() -> None:
    async def later() -> int:
        return 2

    async def play() -> list[int]:
        return [await settled(1), await settled(later())]

    assert asyncio.run(play()) == [1, 2]
