"""Run by Alembic: migrate on the connection that ``upgrade`` gives, in its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import MetaData

from watchword.stores.schema import durable, ephemeral

__all__: list[str] = []

connection = context.config.attributes["connection"]
tables: list[MetaData] = [durable] if connection.dialect.name == "sqlite" else [durable, ephemeral]
context.configure(connection=connection, target_metadata=tables, render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()
