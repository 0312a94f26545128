"""What ended is forgotten in bounded bits, and nothing that still counts is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from watchword.lifecycle.endings import KEPT, Endings
from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Swap
from watchword.stores.memory import MemoryStore

NOW = 1_800_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class Stopwatch:
    """Stand for the monotonic clock of the module."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    stopwatch = Stopwatch()
    monkeypatch.setattr("watchword.lifecycle.endings.time", stopwatch)
    return stopwatch


def record(id: str, kind: Kind = Kind.REFRESH, **fields: Any) -> Credential:
    return Credential(id, kind, "user:alice", NOW - 10 * KEPT, detail={"proof": ""}, **fields)


async def walk(endings: Endings, watch: Stopwatch, seconds: float = 60.0) -> None:
    """Let so much time go by, in the steps of the upkeep."""
    for _ in range(int(seconds * 5)):
        watch.now += 0.2
        await endings.run()


def test_nothing_is_dropped_while_a_token_of_it_could_be_valid() -> None:
    assert KEPT >= REMEMBERED


def test_what_ended_long_ago_goes_and_the_rest_stays(watch: Stopwatch) -> None:
    before, since = NOW - KEPT - 1, NOW - KEPT + 1
    gone = [
        record("fam_1", expires_at=before),
        record("fam_2", expires_at=NOW + 1, revoked_at=before),
        record("ses_1", Kind.SESSION, expires_at=before),
        record("cns_1", Kind.CONSENT, revoked_at=before),
    ]
    stays = [
        record("fam_3", expires_at=since),
        record("fam_4", expires_at=NOW + 1),
        record("fam_5", revoked_at=since),
        record("fam_6"),
        record("ses_2", Kind.SESSION, expires_at=since),
        record("cns_2", Kind.CONSENT),
        record("key_1", Kind.API_KEY, expires_at=before),
        record("pwd_1", Kind.PASSWORD, revoked_at=before),
        record("cli_1", Kind.OAUTH_CLIENT, revoked_at=before),
    ]

    async def play() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        assert await store.write(*map(Add, gone + stays))
        await walk(Endings(store, store.forget, clock=clock), watch)
        left = {each.id for each in await store.credentials(limit=100)}
        assert left == {each.id for each in stays}

    asyncio.run(play())


def test_a_thousand_go_page_by_page_and_later_ones_on_the_next_walk(watch: Stopwatch) -> None:
    class Counting(MemoryStore):
        most = 0

        async def write(self, *changes: Any) -> bool:
            self.most = max(self.most, len(changes))
            return await super().write(*changes)

    async def play() -> None:
        clock = Clock()
        store = Counting(clock=clock)
        for start in range(0, 1000, 50):
            assert await store.write(*(Add(record(f"fam_{start + n:04}", expires_at=NOW - 9)) for n in range(50)))
        endings = Endings(store, None, clock=clock)
        store.most = 0
        await walk(endings, watch)
        assert len(await store.credentials(limit=2000)) == 1000
        clock.now += KEPT
        await walk(endings, watch, 10)
        assert len(await store.credentials(limit=2000)) == 1000  # the next walk is not due yet
        await walk(endings, watch, 700)
        assert await store.credentials(limit=2000) == []
        assert 0 < store.most <= 200

    asyncio.run(play())


def test_one_that_changed_meanwhile_goes_the_next_time(watch: Stopwatch) -> None:
    class Racing(MemoryStore):
        raced = False

        async def write(self, *changes: Any) -> bool:
            if not self.raced and changes[0].__class__.__name__ == "Drop":
                self.raced = True
                assert await super().write(Swap(old.changed(last_used_at=NOW)))
            return await super().write(*changes)

    old = record("fam_1", expires_at=NOW - KEPT - 1)

    async def play() -> None:
        clock = Clock()
        store = Racing(clock=clock)
        assert await store.write(Add(old))
        endings = Endings(store, None, clock=clock)
        await walk(endings, watch)
        assert len(await store.credentials()) == 1
        await walk(endings, watch, 700)
        assert await store.credentials() == []

    asyncio.run(play())


def test_values_are_forgotten_though_nobody_comes(watch: Stopwatch) -> None:
    async def play() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        for n in range(3_000):
            await store.put(f"code-{n}", b"v", NOW + 60)
            assert store.claim(f"nonce-{n}".encode(), NOW + 60)
        await store.put("kept", b"v", NOW + 3_600)
        endings = Endings(store, store.forget, clock=clock)
        await walk(endings, watch, 1)
        assert len(store._values) == 3_001
        clock.now += 61
        await walk(endings, watch, 10)
        assert (list(store._values), len(store._claims), len(store._value_ends)) == (["kept"], 0, 1)

    asyncio.run(play())
