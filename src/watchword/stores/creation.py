"""Give an empty database its tables, or tell whether those it has are the right ones. No migration tool needed."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, inspect, select
from sqlalchemy.sql import insert

from watchword.stores.schema import REVISION, SchemaOutdated, alembic_version

__all__ = ["create_or_check"]


def create_or_check(connection: Connection, *tables: MetaData) -> None:
    """Create the tables and stamp the revision, in the transaction of ``connection``, which must exclude others.

    Raise SchemaOutdated when the tables there are of another revision.
    """
    present = set(inspect(connection).get_table_names())
    if alembic_version.name in present:
        found = connection.execute(select(alembic_version.c.version_num)).scalars().all()
        if found == [REVISION]:
            return
        if found or any(name in present for metadata in tables for name in metadata.tables):
            raise SchemaOutdated(_advice(", ".join(found) or "unknown"))
    elif any(name in present for metadata in tables for name in metadata.tables):
        raise SchemaOutdated(_advice("unknown"))
    for metadata in tables:
        metadata.create_all(connection)
    alembic_version.create(connection, checkfirst=True)
    connection.execute(insert(alembic_version).values(version_num=REVISION))


def _advice(found: str) -> str:
    return f"the database has schema revision {found}, this version needs {REVISION}: run `watchword migrate`"
