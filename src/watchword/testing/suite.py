"""Play tests of stores, in one event loop or from many threads at once."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from threading import Barrier
from typing import Any, ClassVar, Final, TypeVar, cast

from watchword.model.credential import Credential, Kind
from watchword.sync import run_sync

__all__ = ["HOSTILE", "LATER", "StoreSuite", "make_key", "scenario", "settled"]

T = TypeVar("T")
S = TypeVar("S", bound="StoreSuite")

LATER: Final = 2**40
_THREADS: Final = 10
HOSTILE: Final = ("\0", "user:\0alice", "\ud800", "\udfff\0", "%", "_", "' OR 1=1 --", "x" * 100_000, "é\U0010ffff")


class StoreSuite(ABC):
    """Say where the store comes from. ``threads``: its verbs never suspend and many threads may call them at once."""

    threads: ClassVar[bool] = True

    @abstractmethod
    def store(self) -> AbstractAsyncContextManager[Any]:
        """Give an open, empty store."""

    async def race(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make all calls at once and return their results, in any order."""
        if not self.threads:
            return list(await asyncio.gather(*(settled(call()) for call in calls)))
        barrier = Barrier(_THREADS)

        def run(share: Sequence[Callable[[], Any]]) -> list[Any]:
            barrier.wait(10)
            return [run_sync(settled(call())) for call in share]

        with ThreadPoolExecutor(_THREADS) as pool:
            return [
                result for share in pool.map(run, [calls[n::_THREADS] for n in range(_THREADS)]) for result in share
            ]


async def settled(soon: T | Awaitable[T]) -> T:
    """Return the value of what is a value or an awaitable of it."""
    return cast("T", await soon if inspect.isawaitable(soon) else soon)


def scenario(test: Callable[[S, Any], Coroutine[Any, Any, None]]) -> Callable[[S], None]:
    """Make a test of a coroutine that takes the open store."""

    def run(self: S) -> None:
        async def play() -> None:
            async with self.store() as store:
                await test(self, store)

        asyncio.run(play())

    run.__name__, run.__qualname__, run.__doc__ = test.__name__, test.__qualname__, test.__doc__
    return run


def make_key(id: str = "key_1", **fields: Any) -> Credential:
    """Return a small API key's record."""
    return Credential(id, fields.pop("kind", Kind.API_KEY), fields.pop("subject", "service:billing"), 1000, **fields)
