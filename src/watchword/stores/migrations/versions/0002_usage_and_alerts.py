"""Count decisions, keep alerts and signed checkpoints, find credentials of a kind page by page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the tables and indexes."""
    op.drop_index("ix_credential_kind", "credential")
    op.create_index("ix_credential_kind", "credential", ["kind", "id"])
    op.create_index("ix_credential_expires", "credential", ["kind", "expires_at", "id"])
    _create_counts()
    _create_alerts()


def _create_counts() -> None:
    names = ("subject", "scheme", "route", "network", "verdict", "reason")
    op.create_table(
        "usage",
        sa.Column("grain", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("credential", _key, nullable=False),
        *(sa.Column(name, _key, nullable=False) for name in names),
        sa.Column("decisions", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("credential", "grain", "start", *names, name="pk_usage"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_grain_start", "usage", ["grain", "start"])
    op.create_index("ix_usage_subject", "usage", ["subject", "grain", "start"])
    op.create_table(
        "traffic",
        sa.Column("grain", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("scheme", _key, nullable=False),
        sa.Column("verdict", _key, nullable=False),
        sa.Column("decisions", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("grain", "start", "scheme", "verdict", name="pk_traffic"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "origin",
        sa.Column("credential", _key, nullable=False),
        sa.Column("network", _key, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("credential", "network", name="pk_origin"),
        sqlite_with_rowid=False,
    )


def _create_alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", _key, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("key", _key, nullable=False),
        sa.Column("credential", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("told_at", sa.BigInteger),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("next_try", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("key", name="uq_alert_key"),
    )
    op.create_index("ix_alert_at", "alert", ["at", "id"])
    op.create_index("ix_alert_told", "alert", ["told_at", "next_try"])
    op.create_table(
        "checkpoint",
        sa.Column("number", _sequence, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
