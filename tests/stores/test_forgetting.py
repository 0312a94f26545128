"""What ended is forgotten in bounded batches, though nobody comes; what holds stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from watchword.model.ports import Unavailable
from watchword.stores.claims import ClaimLog
from watchword.stores.memory import MemoryStore
from watchword.stores.opening import open_store
from watchword.testing.meters import FixedClock
from watchword.testing.stores import settled

COUNT = 700


@pytest.fixture(params=["memory", "sqlite", "sqlite in memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    places = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path / 'watchword.db'}"}
    return places.get(request.param, "sqlite:///:memory:")


@asynccontextmanager
async def opened(url: str, clock: FixedClock) -> AsyncIterator[Any]:
    async with open_store(url, clock=clock) as store:
        yield store


def test_batches_are_bounded_and_only_what_ended_goes(url: str) -> None:
    async def play() -> None:
        clock = FixedClock(time.time())
        async with opened(url, clock) as store:
            for n in range(COUNT):
                await store.put(f"code-{n}", b"v", clock() + 60)
                assert await settled(store.claim(f"nonce-{n}".encode(), clock() + 60))
            await store.put("kept", b"kept", clock() + 3_600)
            assert await settled(store.claim(b"kept", clock() + 3_600))
            assert await store.forget(1_000) == 0
            clock.now += 61
            counts = []
            while (done := await store.forget(100)) and len(counts) < 100:
                counts.append(done)
            assert COUNT <= sum(counts) <= 2 * COUNT  # SQLite keeps claims in a file that forgets by itself
            assert max(counts) <= 200
            assert await store.get("kept") == b"kept"
            assert not await settled(store.claim(b"kept", clock() + 60))
            assert await settled(store.claim(b"nonce-1", clock() + 60))

    asyncio.run(play())


def test_a_value_that_was_replaced_ends_when_the_new_one_does() -> None:
    async def play() -> None:
        clock = FixedClock(1_000.0)
        store = MemoryStore(clock=clock)
        await store.put("cursor", b"1", 1_010.0)
        await store.put("cursor", b"2", 1_100.0)
        clock.now = 1_050.0
        await store.forget(10)
        assert await store.get("cursor") == b"2"
        clock.now = 1_100.0
        await store.forget(10)
        assert store._values == {}

    asyncio.run(play())


def test_a_value_that_is_replaced_a_hundred_thousand_times_takes_the_room_of_few() -> None:
    async def play() -> None:
        store = MemoryStore(clock=FixedClock(1_000.0))
        for n in range(20_000):
            await store.put("cursor", b"%d" % n, 90_000.0 + n)
            await store.put(f"code-{n}", b"v", 90_000.0)
            assert await store.take(f"code-{n}") == b"v"
        assert len(store._value_ends) < 2_000
        assert await store.get("cursor") == b"19999"

    asyncio.run(play())


@pytest.mark.parametrize("alone", [False, True])
def test_the_file_of_claims_shrinks_though_no_claim_comes(tmp_path: Path, alone: bool) -> None:
    clock = FixedClock(1_000_000.0)
    log = ClaimLog(tmp_path / "claims", clock=clock, alone=alone)
    try:
        for n in range(5_000):
            assert log.claim(n.to_bytes(16, "big"), clock() + 60)
        assert log.claim(b"k" * 16, clock() + 3_600)
        log.forget()
        assert sum(len(each.claims) for each in log._segments) == 5_001
        for _ in range(60):
            clock.now += 100
            log.forget()
            if clock() < 1_003_600:
                assert not log.claim(b"k" * 16, clock() + 60), "what holds was forgotten"
        assert sum(len(each.claims) for each in log._segments) == 0
        assert sum(path.stat().st_size for path in (tmp_path / "claims").glob("*.claims")) < 70_000
        clock.now = 1_000_010.0
        with pytest.raises(Unavailable, match="behind claims"):
            log.claim(b"n" * 16, 1_000_020.0)
    finally:
        log.close()


def test_forgetting_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    clock = FixedClock(1_000_000.0)
    log = ClaimLog(tmp_path / "claims", clock=clock)
    monkeypatch.setattr("watchword.stores.claims.log._PATIENCE", 10.0)
    try:
        assert log.claim(b"a" * 16, clock() + 60)
        clock.now += 1_000
        with (tmp_path / "claims" / "lock").open("r+b") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            began = time.monotonic()
            log.forget()
            assert time.monotonic() - began < 4  # who waits for the lock waits for ten
            assert len(log._segments[-1].claims) == 1
        log.forget()
        assert sum(len(each.claims) for each in log._segments) == 0
    finally:
        log.close()
        log.forget()  # closed: nothing to do
