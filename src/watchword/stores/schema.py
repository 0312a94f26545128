"""Describe the tables, once for SQLite and PostgreSQL.

``durable`` is what migrations know. SQLite keeps ``ephemeral`` in a file of its own, PostgreSQL in the same database.
Keys compare by code point in both (PostgreSQL: collation "C"), so pages have one order everywhere.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
)

__all__ = [
    "REFUSED",
    "REVISION",
    "SchemaOutdated",
    "alembic_version",
    "alert",
    "audit",
    "audit_writer",
    "checkpoint",
    "claim",
    "credential",
    "cursor",
    "durable",
    "ephemeral",
    "feed",
    "origin",
    "part",
    "subject",
    "traffic",
    "usage",
    "value",
]

REVISION = "0002"  # the newest of migrations/versions; tests compare

durable: MetaData = MetaData()
ephemeral: MetaData = MetaData()

_key = Text().with_variant(Text(collation="C"), "postgresql")
_sequence = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts by itself there


class SchemaOutdated(Exception):
    """Say that the database has another schema revision than this version of Watchword needs."""


subject: Table = Table(
    "subject",
    durable,
    Column("name", _key, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("detail", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)

credential: Table = Table(
    "credential",
    durable,
    Column("id", _key, primary_key=True),
    Column("kind", _key, nullable=False),
    Column("subject", _key, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("lookup", LargeBinary),
    Column("secret", LargeBinary, nullable=False),
    Column("networks", Text, nullable=False),
    Column("limit_count", BigInteger),
    Column("limit_seconds", BigInteger),
    Column("not_before", BigInteger),
    Column("expires_at", BigInteger),
    Column("retire_at", BigInteger),
    Column("replaces", Text),
    Column("replaced_by", Text),
    Column("revoked_at", BigInteger),
    Column("revoked_by", Text),
    Column("revoke_reason", Text),
    Column("leaked", Boolean, nullable=False),
    Column("last_used_at", BigInteger),
    Column("detail", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", _key),  # what people call it, folded, to be searched for: ``detail`` says it as they wrote it
    UniqueConstraint("lookup", name="uq_credential_lookup"),
    Index("ix_credential_subject_kind", "subject", "kind", "id"),
    Index("ix_credential_subject", "subject", "id"),
    Index("ix_credential_name", "name", "id"),
    Index("ix_credential_kind", "kind", "id"),
    Index("ix_credential_expires", "kind", "expires_at", "id"),
)

feed: Table = Table(
    "feed",
    durable,
    Column("sequence", _sequence, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("ix_feed_until", "until"),
    sqlite_autoincrement=True,  # a sequence number never comes back after its row was pruned
)

audit: Table = Table(
    "audit",
    durable,
    Column("position", _sequence, primary_key=True, autoincrement=True),
    Column("writer", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("events", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    UniqueConstraint("writer", "number", name="uq_audit_writer_number"),
    sqlite_autoincrement=True,
)

audit_writer: Table = Table(  # the end of each chain, so that events missing at the end are found too
    "audit_writer",
    durable,
    Column("writer", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

# Counts of decisions: ``grain`` seconds from ``start``. One row for all that is alike.
usage: Table = Table(
    "usage",
    durable,
    Column("grain", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("credential", _key, nullable=False),
    Column("subject", _key, nullable=False),
    Column("scheme", _key, nullable=False),
    Column("route", _key, nullable=False),
    Column("network", _key, nullable=False),
    Column("verdict", _key, nullable=False),
    Column("reason", _key, nullable=False),
    Column("decisions", BigInteger, nullable=False),
    PrimaryKeyConstraint(
        "credential",
        "grain",
        "start",
        "subject",
        "scheme",
        "route",
        "network",
        "verdict",
        "reason",
        name="pk_usage",
    ),
    Index("ix_usage_grain_start", "grain", "start"),
    Index("ix_usage_subject", "subject", "grain", "start"),
    sqlite_with_rowid=False,
)

REFUSED: ColumnElement[bool] = and_(
    usage.c.verdict != literal_column("'accepted'"), usage.c.credential != literal_column("''")
)
"""Counts of known credentials that were not accepted: an index holds these alone."""

Index("ix_usage_refused", usage.c.start, sqlite_where=REFUSED, postgresql_where=REFUSED)

traffic: Table = Table(  # everybody's counts: few rows, whatever the number of credentials
    "traffic",
    durable,
    Column("grain", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("scheme", _key, nullable=False),
    Column("verdict", _key, nullable=False),
    Column("decisions", BigInteger, nullable=False),
    PrimaryKeyConstraint("grain", "start", "scheme", "verdict", name="pk_traffic"),
    sqlite_with_rowid=False,
)

part: Table = Table(  # everybody's counts by one name, of the largest names
    "part",
    durable,
    Column("kind", _key, nullable=False),
    Column("grain", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("name", _key, nullable=False),
    Column("verdict", _key, nullable=False),
    Column("decisions", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "grain", "start", "name", "verdict", name="pk_part"),
    sqlite_with_rowid=False,
)

origin: Table = Table(
    "origin",
    durable,
    Column("credential", _key, nullable=False),
    Column("network", _key, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("credential", "network", name="pk_origin"),
    Index("ix_origin_last_at", "last_at"),
    sqlite_with_rowid=False,
)

alert: Table = Table(
    "alert",
    durable,
    Column("id", _key, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("key", _key, nullable=False),
    Column("credential", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", Text),
    Column("told_at", BigInteger),
    Column("tries", BigInteger, nullable=False),
    Column("next_try", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("key", name="uq_alert_key"),
    Index("ix_alert_at", "at", "id"),
    Index("ix_alert_told", "told_at", "next_try"),
)

checkpoint: Table = Table(  # what a signing key of ours said of the ends of all chains
    "checkpoint",
    durable,
    Column("number", _sequence, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("statement", Text, nullable=False),
    sqlite_autoincrement=True,
)

cursor: Table = Table(  # how far somebody has read the audit who hands it on
    "cursor",
    durable,
    Column("name", _key, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# Keys here are SHA-256 digests: of one size whatever callers send, and no code or token is readable in the table.
value: Table = Table(
    "value",
    ephemeral,
    Column("key", LargeBinary, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("until", Double, nullable=False),
    Index("ix_value_until", "until"),
)

claim: Table = Table(
    "claim",
    ephemeral,
    Column("key", LargeBinary, primary_key=True),
    Column("until", Double, nullable=False),
    Index("ix_claim_until", "until"),
)

alembic_version: Table = Table(  # exactly as Alembic makes it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
