"""Create the first tables. Spelled out, not taken from ``schema``: what a revision did must never change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create them all; SQLite keeps the short-lived ones in another file, without migrations."""
    _create_records()
    _create_feed()
    _create_audit()
    if op.get_bind().dialect.name != "sqlite":
        _create_ephemeral()


def _create_records() -> None:
    op.create_table(
        "subject",
        sa.Column("name", _key, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "credential",
        sa.Column("id", _key, primary_key=True),
        sa.Column("kind", _key, nullable=False),
        sa.Column("subject", _key, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("lookup", sa.LargeBinary),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("networks", sa.Text, nullable=False),
        sa.Column("limit_count", sa.BigInteger),
        sa.Column("limit_seconds", sa.BigInteger),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("retire_at", sa.BigInteger),
        sa.Column("replaces", sa.Text),
        sa.Column("replaced_by", sa.Text),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_by", sa.Text),
        sa.Column("revoke_reason", sa.Text),
        sa.Column("leaked", sa.Boolean, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("lookup", name="uq_credential_lookup"),
    )
    op.create_index("ix_credential_subject_kind", "credential", ["subject", "kind"])
    op.create_index("ix_credential_kind", "credential", ["kind"])


def _create_feed() -> None:
    op.create_table(
        "feed",
        sa.Column("sequence", _sequence, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feed_until", "feed", ["until"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("position", _sequence, primary_key=True, autoincrement=True),
        sa.Column("writer", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("last_at", sa.Double, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("writer", "number", name="uq_audit_writer_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_writer",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )


def _create_ephemeral() -> None:
    op.create_table(
        "value",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_index("ix_value_until", "value", ["until"])
    op.create_table(
        "claim",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_index("ix_claim_until", "claim", ["until"])
