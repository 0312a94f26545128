"""Bring an existing database to the schema that this version needs. Alembic is imported only here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from watchword.model.ports import Unavailable

__all__ = ["upgrade"]


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database of ``url`` to ``revision``, or create it. Not to be called under an event loop.

    Raise ValueError for a URL that names no store, Unavailable when the database cannot be reached. Needs Alembic.
    """
    scheme = url.partition(":")[0]
    try:
        if scheme == "sqlite":
            _upgrade_sqlite(url, revision)
        elif scheme == "postgresql":
            asyncio.run(_upgrade_postgres(url, revision))
        elif scheme != "memory":
            from watchword.stores.opening import open_store

            open_store(url)  # says what is wrong with it
    except DBAPIError as error:
        raise Unavailable(f"the migration failed: {type(error.orig).__name__}") from None
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(f"the migration failed: {type(error).__name__}") from None


def _upgrade_sqlite(url: str, revision: str) -> None:
    from watchword.stores.opening import sqlite_path
    from watchword.stores.sqlite_file import SqliteFile

    path = sqlite_path(url)
    if path == ":memory:":
        return
    file = SqliteFile(path, synchronous="FULL")
    try:
        file.open(lambda connection: _run(connection, revision))
    finally:
        file.close()


async def _upgrade_postgres(url: str, revision: str) -> None:
    from watchword.stores.postgres import exclusive_connection

    async with exclusive_connection(url) as connection:
        await connection.run_sync(_run, revision)


def _run(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
