"""A Watchword that runs, hashing on threads at a cost of its own, for tests of hashes of several costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.house import house
from watchword.app import Watchword
from watchword.codec.passwords import Cost
from watchword.codec.secrets import new_root_key

__all__ = ["within"]


def within(work: Callable[[Watchword], Awaitable[None]], store: str = "memory:") -> None:
    """Run ``work`` with a started Watchword."""

    async def run() -> None:
        options = {"inline": False, "password_cost": Cost(memory=64, passes=1), "root_key": new_root_key()}
        async with house(store, **options) as opened:
            await work(opened.watchword)

    asyncio.run(run())
