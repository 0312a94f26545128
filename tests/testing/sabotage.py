"""Break a store in one way, to see that its suite notices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from watchword.stores.memory import MemoryStore
from watchword.testing.stores import StoreSuite

__all__ = ["notices"]


def notices(suite: type[StoreSuite], test: str, **broken: Callable[..., Any]) -> bool:
    """Tell whether the suite's test passes on a sound store and fails on one with these methods instead."""

    def over(kind: type[MemoryStore]) -> StoreSuite:
        class Played(suite):  # type: ignore[misc,valid-type]
            @asynccontextmanager
            async def store(self) -> AsyncIterator[MemoryStore]:
                yield kind()

        return Played()

    getattr(over(MemoryStore), test)()
    with pytest.raises((AssertionError, TypeError, ValueError)):
        getattr(over(type("Broken", (MemoryStore,), broken)), test)()
    return True
