"""A new database and a migrated one are the same, and a wrong one is refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from watchword.model.ports import Unavailable
from watchword.model.records import Add, Subject
from watchword.stores import migrations, schema
from watchword.stores.migrations import upgrade
from watchword.stores.opening import open_store
from watchword.stores.postgres import PostgresStore, exclusive_connection
from watchword.stores.schema import REVISION, SchemaOutdated
from watchword.stores.sqlite import SqliteStore
from watchword.sync import run_sync


def _reflected(connection: Connection) -> dict[str, Any]:
    """Return all that the database itself says about its tables."""
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for table in inspector.get_table_names():
        columns = [{**column, "type": repr(column["type"])} for column in inspector.get_columns(table)]
        unique = sorted(inspector.get_unique_constraints(table), key=lambda each: str(each["name"]))
        indexes = sorted(inspector.get_indexes(table), key=lambda each: str(each["name"]))
        found[table] = (columns, inspector.get_pk_constraint(table), unique, indexes)
    return found


def _sqlite_schema(path: Path) -> tuple[dict[str, Any], list[str]]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        reflected = _reflected(connection)
        counted = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY 1"))
        names = list(counted.scalars())
    engine.dispose()
    return reflected, names


async def _postgres_schema(url: str) -> dict[str, Any]:
    async with exclusive_connection(url) as connection:
        return await connection.run_sync(_reflected)


def _open_and_close(url: str) -> None:
    async def play() -> None:
        async with open_store(url) as store:
            assert await store.write(Add(Subject("user:alice", 1)))

    asyncio.run(play())


def test_created_and_migrated_sqlite_are_the_same(tmp_path: Path) -> None:
    _open_and_close(f"sqlite:///{tmp_path}/created.db")
    upgrade(f"sqlite:///{tmp_path}/migrated.db")
    created = _sqlite_schema(tmp_path / "created.db")
    assert created == _sqlite_schema(tmp_path / "migrated.db")
    assert set(created[0]) == {*schema.durable.tables, "alembic_version"}
    assert created[1] == ["audit", "feed"]
    _open_and_close(f"sqlite:///{tmp_path}/migrated.db")


@pytest.mark.postgres
def test_created_and_migrated_postgres_are_the_same(postgres: Any) -> None:
    created, migrated = postgres.create_database(), postgres.create_database()
    _open_and_close(created)
    upgrade(migrated)
    tables = asyncio.run(_postgres_schema(created))
    assert tables == asyncio.run(_postgres_schema(migrated))
    assert set(tables) == {*schema.durable.tables, *schema.ephemeral.tables, "alembic_version"}
    collations = (
        "SELECT relname, attname FROM pg_attribute a JOIN pg_class c ON attrelid = c.oid WHERE attcollation = 950"
    )
    ours = f"{collations} AND relname IN ('subject', 'credential') ORDER BY 1, 2"  # 950 is collation "C"
    assert postgres.execute(ours, url=created) == postgres.execute(ours, url=migrated) != ""
    _open_and_close(migrated)
    for url in (created, migrated):
        postgres.drop_database(url)


def test_the_stamp_is_the_newest_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


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


def test_a_migration_that_cannot_reach_its_database_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        upgrade(f"sqlite:///{tmp_path}/absent/w.db")
    with pytest.raises(Unavailable) as caught:
        upgrade("postgresql://watchword:canary-password@127.0.0.1:1/absent")
    assert "canary" not in str(caught.value)
    with pytest.raises(ValueError, match="unknown store"):
        upgrade("mysql://watchword:canary-password@127.0.0.1/absent")
    upgrade("memory:")


def test_opening_imports_neither_the_migrations_nor_another_driver(tmp_path: Path) -> None:
    program = (
        "import sys; from watchword.stores.opening import open_store; from watchword import run_sync\n"
        f"store = open_store('sqlite:///{tmp_path}/w.db'); run_sync(store.open()); run_sync(store.close())\n"
        "print([name for name in ('alembic', 'asyncpg', 'mako') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"
