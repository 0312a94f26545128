"""``kill -9`` while decisions are written: usage says exactly what the audit says, no decision more and none less."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.figures.test_crash import _killed_after
from watchword.codec.secrets import new_root_key
from watchword.model.records import Event
from watchword.stores.opening import Store, open_store


async def _decisions(store: Store) -> list[Event]:
    found: list[Event] = []
    after = 0
    while page := await store.events(after=after, limit=5_000):
        after = page[-1][0]
        found += [event for _, event in page if event.action == "decide"]
    return found


async def _joined(url: str) -> int:
    """Fail where usage and audit differ; return how many decisions there are."""
    store = open_store(url)
    await store.open()
    try:
        events = await _decisions(store)
        said: Counter[Any] = Counter()
        firsts: dict[tuple[str, str], int] = {}
        for event in events:
            network = f"{event.address.rpartition('.')[0]}.0/24"
            minute = int(event.at) // 60 * 60
            said[minute, event.credential, event.scheme, network, event.outcome, event.reason] += 1
            if event.outcome == "accepted":
                key = event.credential, network
                firsts[key] = min(int(event.at), firsts.get(key, 2**40))
        counted: Counter[Any] = Counter()
        for each in await store.usage.tallies(grain=60, since=0, until=2**40, limit=10**6):
            key_ = each.start, each.credential, each.scheme, each.network, each.verdict, each.reason
            counted[key_] += each.decisions
        assert counted == said
        points = await store.usage.traffic(grain=60, since=0, until=2**40)
        assert sum(each.decisions for each in points) == len(events)
        for (credential, network), first in firsts.items():
            (origin,) = [each for each in await store.usage.origins(credential) if each.network == network]
            assert origin.first_at == first
        assert await store.verify_audit() == []
        return len(events)
    finally:
        await store.close()


def _rounds(url: str, rounds: int, seed: int, children: int = 2, most: int = 400) -> None:
    chance = random.Random(seed)
    root_key = new_root_key()
    decided = 0
    for number in range(rounds):
        kills = [
            threading.Thread(
                target=_killed_after,
                args=(
                    url,
                    root_key,
                    number * children + child,
                    chance.randrange(100, most),
                    "callers",
                    chance.random() / 5,
                ),
            )
            for child in range(children if number else 1)  # the first one makes the tables
        ]
        for each in kills:
            each.start()
        for each in kills:
            each.join()
        decided = asyncio.run(_joined(url))
    assert decided > 0, "nothing was written before the kills"


def test_two_kills_leave_usage_and_audit_the_same(tmp_path: Path) -> None:
    """The short form of ``make soak``'s."""
    _rounds(f"sqlite:///{tmp_path / 'watchword.db'}", 2, seed=1, most=160)


@pytest.mark.soak
def test_ten_rounds_of_kills_leave_usage_and_audit_the_same(tmp_path: Path) -> None:
    """Figure: 19 processes killed, two at a time over one SQLite store."""
    _rounds(f"sqlite:///{tmp_path / 'watchword.db'}", 10, seed=2)


@pytest.mark.soak
@pytest.mark.postgres
def test_six_rounds_of_kills_leave_usage_and_audit_the_same_on_postgresql(postgres_url: str) -> None:
    """Figure: 11 processes killed, two at a time over one PostgreSQL store."""
    _rounds(postgres_url, 6, seed=3)
