"""What ends next is found first, in every store alike."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.stores.memory import MemoryStore
from watchword.stores.observed.ending import SqlEnding, WalkedEnding, ending_of
from watchword.stores.sqlite import SqliteStore

ENDS = {"key_a": 300, "key_b": 200, "key_c": None, "key_d": 500, "key_e": 199, "key_f": 250}


def record(id: str, kind: Kind, expires_at: int | None, revoked_at: int | None = None) -> Credential:
    return Credential(id, kind, "service:a", 100, expires_at=expires_at, revoked_at=revoked_at)


async def fill(store: Any) -> None:
    for id, end in ENDS.items():
        await store.write(Add(record(id, Kind.API_KEY, end)))
    await store.write(Add(record("hk_a", Kind.HMAC, 201)), Add(record("ses_a", Kind.SESSION, 202)))
    await store.write(Add(record("key_gone", Kind.API_KEY, 203, revoked_at=150)))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_next_to_end_comes_first(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "a.db") as store:
            await fill(store)
            ending = ending_of(store)
            assert isinstance(ending, WalkedEnding if kind == "memory" else SqlEnding)
            found = await ending.ending([Kind.API_KEY, Kind.HMAC], since=200, until=500)
            assert [each.id for each in found] == ["key_b", "hk_a", "key_f", "key_a"]
            few = await ending.ending([Kind.API_KEY, Kind.HMAC], since=200, until=500, limit=2)
            assert [each.id for each in few] == ["key_b", "hk_a"]
            assert await ending.ending([], since=0, until=999) == []

    asyncio.run(work())


def test_an_index_answers(tmp_path: Path) -> None:
    """With any number of credentials the answer takes as long as with few: nothing is sorted, nothing is scanned."""

    async def work() -> None:
        async with SqliteStore(tmp_path / "a.db") as store:
            from sqlalchemy import text

            plan = "EXPLAIN QUERY PLAN SELECT * FROM credential WHERE kind = 'hmac' AND revoked_at IS NULL"
            plan += " AND expires_at >= 1 AND expires_at < 9 ORDER BY expires_at, id LIMIT 5"
            steps = [row[-1] for row in await store.rows(text(plan), {})]
            assert steps == [
                "SEARCH credential USING INDEX ix_credential_expires (kind=? AND expires_at>? AND expires_at<?)"
            ]

    asyncio.run(work())
