"""The tables are what the rest relies on."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from watchword.stores import schema


def test_keys_compare_by_code_point_in_postgres() -> None:
    for table in (schema.subject, schema.credential):
        text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        (key,) = table.primary_key.columns
        assert f'{key.name} TEXT COLLATE "C"' in text


def test_numbers_that_were_read_never_come_back() -> None:
    for table in (schema.feed, schema.audit):
        assert table.dialect_options["sqlite"]["autoincrement"] is True
        assert "BIGSERIAL" in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_durable_and_short_lived_share_no_table() -> None:
    assert not schema.durable.tables.keys() & schema.ephemeral.tables.keys()
    assert schema.alembic_version.name not in schema.durable.tables
