"""Coroutines without an event loop."""

from __future__ import annotations

import asyncio

import pytest

from watchword import run_sync


def test_a_coroutine_that_never_suspends_gives_its_result() -> None:
    async def inner() -> int:
        return 2

    async def outer() -> int:
        return await inner() + await inner()

    assert run_sync(outer()) == 4


def test_what_it_raises_comes_through() -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_sync(fail())


def test_a_coroutine_that_suspends_is_closed_and_named() -> None:
    cleaned: list[str] = []

    async def suspending() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            cleaned.append("closed")

    with pytest.raises(RuntimeError, match="event loop"):
        run_sync(suspending())
    assert cleaned == ["closed"]
