"""Run a scenario on each store: in memory, SQLite, PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.house import Clock
from watchword.stores.memory import MemoryStore
from watchword.stores.sqlite import SqliteStore

__all__ = ["everywhere"]


def everywhere(test: Callable[[Any, Clock], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine that takes an open store and its clock."""

    @pytest.mark.parametrize("where", ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
    def run(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        clock = Clock()

        def made() -> Any:
            if where == "memory":
                return MemoryStore(clock=clock)
            if where == "sqlite":
                return SqliteStore(tmp_path / "w.db", clock=clock)
            from watchword.stores.postgres import PostgresStore

            return PostgresStore(request.getfixturevalue("postgres_url"), clock=clock)

        async def play(store: Any) -> None:
            async with store:
                await test(store, clock)

        asyncio.run(play(made()))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
