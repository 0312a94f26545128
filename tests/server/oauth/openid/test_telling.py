"""Telling goes on whatever breaks, several at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from watchword.model.ports import Unavailable
from watchword.server.oauth.openid import telling
from watchword.server.oauth.openid.telling import Telling


class Logouts:
    def __init__(self, due: list[int]) -> None:
        self.due, self.told, self.at_once, self.most = due, [], 0, 0  # type: ignore[var-annotated]
        self.broken: Exception | None = None

    async def hear(self) -> list[int]:
        if self.broken is not None:
            raise self.broken
        due, self.due = self.due, []
        return due

    async def tell(self, due: int) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        if due == 13:
            raise RuntimeError("secret")
        self.told.append(due)


def of(logouts: Any) -> Telling:
    return Telling(logouts)


def test_several_at_once_and_one_that_breaks_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    logouts = Logouts(list(range(100)))
    asyncio.run(of(logouts).turn())
    assert sorted(logouts.told) == [n for n in range(100) if n != 13]
    assert 1 < logouts.most <= 16
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_it_goes_on_when_the_store_is_back(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(telling, "_EVERY", 0.001)
    logouts = Logouts([1])
    logouts.broken = Unavailable("the store is away")

    async def play() -> None:
        running = of(logouts)
        running.start()
        await asyncio.sleep(0.02)
        logouts.broken = None
        for _ in range(200):
            await asyncio.sleep(0.001)
            if logouts.told:
                break
        await running.stop()
        await running.stop()

    with caplog.at_level(logging.ERROR):
        asyncio.run(play())
    assert logouts.told == [1]
    assert "the store is away" in caplog.text
