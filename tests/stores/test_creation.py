"""An empty database gets its tables, once; one of another revision is refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from watchword.model.ports import Unavailable
from watchword.model.records import Add, Subject
from watchword.stores.opening import open_store
from watchword.stores.postgres import PostgresStore
from watchword.stores.schema import REVISION, SchemaOutdated
from watchword.stores.sqlite import SqliteStore
from watchword.sync import run_sync


def _open_and_close(url: str) -> None:
    async def play() -> None:
        async with open_store(url) as store:
            assert await store.write(Add(Subject("user:alice", 1)))

    asyncio.run(play())


@pytest.mark.parametrize(
    "spoiling",
    ["UPDATE alembic_version SET version_num = '9999'", "DROP TABLE alembic_version", "DELETE FROM alembic_version"],
)
def test_another_revision_is_refused_with_what_to_do(tmp_path: Path, spoiling: str) -> None:
    path = tmp_path / "w.db"
    _open_and_close(f"sqlite:///{path}")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text(spoiling))
    engine.dispose()
    store = SqliteStore(path)
    with pytest.raises(SchemaOutdated, match="watchword migrate"):
        run_sync(store.open())
    with pytest.raises(Unavailable):
        run_sync(store.subject("user:alice"))


@pytest.mark.postgres
def test_another_revision_in_postgres_is_refused(postgres: Any, postgres_url: str) -> None:
    _open_and_close(postgres_url)
    postgres.execute("UPDATE alembic_version SET version_num = '0000'", url=postgres_url)
    with pytest.raises(SchemaOutdated, match=f"0000, this version needs {REVISION}"):
        _open_and_close(postgres_url)


@pytest.mark.postgres
def test_twenty_stores_that_open_an_empty_database_at_once_agree(postgres_url: str) -> None:
    async def play() -> None:
        stores = [PostgresStore(postgres_url, connections=1) for _ in range(20)]
        await asyncio.gather(*(store.open() for store in stores))
        assert await stores[0].write(Add(Subject("user:alice", 1)))
        assert await stores[-1].subject("user:alice")
        await asyncio.gather(*(store.close() for store in stores))

    asyncio.run(play())


def test_opening_imports_neither_the_migrations_nor_another_driver(tmp_path: Path) -> None:
    program = (
        "import sys; from watchword.stores.opening import open_store; from watchword import run_sync\n"
        f"store = open_store('sqlite:///{tmp_path}/w.db'); run_sync(store.open()); run_sync(store.close())\n"
        "print([name for name in ('alembic', 'asyncpg', 'mako') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"
