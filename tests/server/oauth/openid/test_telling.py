"""Telling goes on whatever breaks, several at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from watchword.lifecycle.oauth.openid.logouts import Due
from watchword.model.ports import Unavailable
from watchword.server.oauth.openid import telling
from watchword.server.oauth.openid.telling import Telling


class Logouts:
    def __init__(self, *due: Due) -> None:
        self.due: list[Due] = list(due)
        self.told: list[str] = []
        self.at_once, self.most, self.looks = 0, 0, 0
        self.broken: Exception | None = None

    async def hear(self) -> list[Due]:
        self.looks += 1
        if self.broken is not None:
            raise self.broken
        return list(self.due)

    async def tell(self, due: Due) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(3600 if due.client_id == "silent" else 0.001)
        self.at_once -= 1
        if due.client_id == "broken":
            raise RuntimeError("secret")
        self.due.remove(due)
        self.told.append(due.subject)


def due(subject: str = "user:alice", client_id: str = "well") -> Due:
    return Due("ses_a", "ses_a", client_id, subject, 1, 0.0)


def of(logouts: Any) -> Telling:
    return Telling(logouts)


async def _until(done: Callable[[], bool]) -> None:
    for _ in range(500):
        await asyncio.sleep(0.001)
        if done():
            return


def test_several_at_once_and_one_that_breaks_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    logouts = Logouts(due(client_id="broken"), *(due() for _ in range(99)))

    async def play() -> None:
        running = of(logouts)
        await running.turn()
        await _until(lambda: len(logouts.told) == 99)
        await running.stop()

    asyncio.run(play())
    assert len(logouts.told) == 99
    assert 1 < logouts.most <= 32
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_applications_that_do_not_answer_hold_up_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hearing goes on meanwhile: what applications got in a session ends there."""
    monkeypatch.setattr(telling, "_EVERY", 0.001)
    flood = [due("user:mallory", "silent") for _ in range(200)] + [due("user:eve", "silent") for _ in range(200)]
    logouts = Logouts(*flood, *(due() for _ in range(20)))

    async def play() -> int:
        running = of(logouts)
        running.start()
        await _until(lambda: len(logouts.told) == 20 and logouts.looks > 5)
        under_way = logouts.at_once
        await running.stop()
        return under_way

    assert asyncio.run(play()) <= 24
    assert logouts.told == ["user:alice"] * 20
    assert logouts.looks > 5


def test_it_goes_on_when_the_store_is_back(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(telling, "_EVERY", 0.001)
    logouts = Logouts(due())
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
    assert logouts.told == ["user:alice"]
    assert "the store is away" in caplog.text
