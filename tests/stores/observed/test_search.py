"""What begins with a text is found by an index, in one order everywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.stores.memory import MemoryStore
from watchword.stores.observed.search import SqlSearch, WalkedSearch, _beginning, search_of, word_of
from watchword.stores.sqlite import SqliteStore

HELD = {
    "key_a1": ("service:billing", "Night build"),
    "key_a2": ("service:billing", "ÜBER"),
    "key_b1": ("service:bill", ""),
    "hk_a": ("user:billie", "night shift"),
    "ses_a": ("user:bob", "a\ud800b"),
}


async def fill(store: Any) -> None:
    for id, (subject, name) in HELD.items():
        await store.write(Add(Credential(id, Kind.API_KEY, subject, 1, detail={"name": name} if name else {})))


def opened(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return SqliteStore(tmp_path / "a.db")
    from watchword.stores.postgres import PostgresStore

    return PostgresStore(request.getfixturevalue("postgres_url"))


@pytest.mark.parametrize("kind", ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_what_begins_so(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path, request) as store:
            await fill(store)
            search = search_of(store)
            assert isinstance(search, WalkedSearch if kind == "memory" else SqlSearch)

            async def ids(*given: Any, **more: Any) -> list[str]:
                return [each.id for each in await search.beginning(*given, **more)]

            assert await ids("id", "key_a") == ["key_a1", "key_a2"]
            assert await ids("id", "key_a", after=("key_a1", "key_a1")) == ["key_a2"]
            assert await ids("subject", "service:bill") == ["key_b1", "key_a1", "key_a2"]
            assert await ids("subject", "service:bill", after=("service:bill", "key_b1"), limit=1) == ["key_a1"]
            assert await ids("subject", "service:bill", after=("service:billing", "key_a1")) == ["key_a2"]
            assert await ids("name", "NIGHT") == ["key_a1", "hk_a"]
            assert await ids("name", "über") == ["key_a2"]
            assert await ids("name", "a") == []  # half a character is no text of any database
            for nothing in ("", "\0", "\ud800", "%", "_"):
                assert await ids("name", nothing) == []

    asyncio.run(work())


def test_every_word_has_its_text() -> None:
    record = Credential("cli_a", Kind.OAUTH_CLIENT, "service:a", 1, detail={"client_name": "The Shop"})
    assert [word_of(record, word) for word in ("id", "subject", "name")] == ["cli_a", "service:a", "the shop"]


@pytest.mark.parametrize("word", ["id", "subject", "name"])
def test_an_index_answers(word: Any, tmp_path: Path) -> None:
    async def work() -> None:
        async with SqliteStore(tmp_path / "a.db") as store:
            statement = str(_beginning(word, True).compile(dialect=sqlite.dialect(paramstyle="named")))
            given = {"start": "a", "end": "b", "after": "", "at": "", "at_most": 5}
            steps = [row[-1] for row in await store.rows(text(f"EXPLAIN QUERY PLAN {statement}"), given)]
            assert len(steps) == 1, steps
            assert "SEARCH credential USING INDEX" in steps[0]

    asyncio.run(work())
