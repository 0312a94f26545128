"""A store's URL opens it; a wrong one is named without its password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watchword.stores.memory import MemoryStore
from watchword.stores.opening import open_store
from watchword.stores.postgres import PostgresStore
from watchword.stores.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///watchword.db", "watchword.db"),
        ("sqlite:///data/watchword.db", "data/watchword.db"),
        ("sqlite:////var/lib/watchword.db", "/var/lib/watchword.db"),
        ("sqlite:////var/lib/with%20space.db", "/var/lib/with space.db"),
        ("sqlite://", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_sqlite(url: str, path: str) -> None:
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    assert store.path == path


def test_nothing_is_touched_before_it_is_opened(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/w.db")
    assert os.listdir(tmp_path) == []


def test_memory_and_postgres() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)
    assert isinstance(open_store("memory://"), MemoryStore)
    assert isinstance(open_store("postgresql://user:pw@host/database"), PostgresStore)
    assert isinstance(open_store("postgresql:///database?host=/run/postgresql"), PostgresStore)
    assert [open_store(url).safe_for_workers for url in ("memory:", "postgresql://host/x")] == [False, True]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgres://watchword:canary@host/db", "did you mean postgresql://user:password@host/database"),
        ("postgresql+asyncpg://watchword:canary@host/db", "did you mean postgresql://"),
        ("psql://watchword:canary@host/db", "did you mean postgresql://"),
        ("sqlite3:///canary.db", "did you mean sqlite:///"),
        ("sqllite:///canary.db", "did you mean sqlite:///"),
        ("SQLITE:///canary.db", "did you mean sqlite:///"),
        ("sqlite:canary.db", "write sqlite:///"),
        ("sqlite://canary.db", "write sqlite:///"),
        ("sqlite:///w.db?mode=canary", "write sqlite:///"),
        ("memory:canary", "write memory:"),
        ("postgresql:canary", "write postgresql://"),
        ("mysql://watchword:canary@host/db", "unknown store scheme"),
        ("canary.db", "write memory:, sqlite:///"),
        ("canary:secret@host", "unknown store scheme"),
        ("watchword canary://x", "unknown store scheme"),
        ("", "unknown store scheme"),
    ],
)
def test_a_wrong_url_is_answered_with_the_right_form_and_not_echoed(url: str, hint: str) -> None:
    with pytest.raises(ValueError, match="store") as caught:
        open_store(url)
    assert hint in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
