"""A migrated database is the one that is created anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from watchword.model.ports import Unavailable
from watchword.model.records import Add, Subject
from watchword.stores import migrations, schema
from watchword.stores.migrations import upgrade
from watchword.stores.opening import open_store
from watchword.stores.postgres import exclusive_connection
from watchword.stores.schema import REVISION


def _reflected(connection: Connection) -> dict[str, Any]:
    """Return all that the database itself says about its tables."""
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for table in inspector.get_table_names():
        columns = [{**column, "type": repr(column["type"])} for column in inspector.get_columns(table)]
        unique = sorted(inspector.get_unique_constraints(table), key=lambda each: str(each["name"]))
        indexes = sorted(map(_told, inspector.get_indexes(table)), key=lambda each: str(each["name"]))
        found[table] = (columns, inspector.get_pk_constraint(table), unique, indexes)
    return found


def _told(index: Any) -> dict[str, Any]:
    """Return an index with its options as texts: what an index is restricted to is no value that compares."""
    return {**index, "dialect_options": {name: str(text) for name, text in index.get("dialect_options", {}).items()}}


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
    assert created[1] == ["audit", "checkpoint", "feed"]
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


def test_a_migration_that_cannot_reach_its_database_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        upgrade(f"sqlite:///{tmp_path}/absent/w.db")
    with pytest.raises(Unavailable) as caught:
        upgrade("postgresql://watchword:canary-password@127.0.0.1:1/absent")
    assert "canary" not in str(caught.value)
    with pytest.raises(ValueError, match="unknown store"):
        upgrade("mysql://watchword:canary-password@127.0.0.1/absent")
    upgrade("memory:")
