"""Count decisions, keep alerts and signed checkpoints, find credentials of a kind page by page."""

from __future__ import annotations

import json

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
    _make_searchable()
    _create_counts()
    _create_alerts()


def _make_searchable() -> None:
    op.drop_index("ix_credential_subject_kind", "credential")
    op.create_index("ix_credential_subject_kind", "credential", ["subject", "kind", "id"])
    op.create_index("ix_credential_subject", "credential", ["subject", "id"])
    op.add_column("credential", sa.Column("name", _key))
    _name()
    op.create_index("ix_credential_name", "credential", ["name", "id"])


def _name() -> None:
    """Say of what is there already what people call it, a thousand at a time."""
    table = sa.table("credential", sa.column("id", _key), sa.column("detail", sa.Text), sa.column("name", _key))
    page = sa.select(table.c.id, table.c.detail).where(table.c.id > sa.bindparam("after")).order_by(table.c.id)
    page = page.where(table.c.detail.like('%name": "%') | table.c.detail.like('%name":"%')).limit(1000)
    named = sa.update(table).where(table.c.id == sa.bindparam("which")).values(name=sa.bindparam("said"))
    database, after = op.get_bind(), ""
    while rows := database.execute(page, {"after": after}).all():
        details = [(id, json.loads(detail)) for id, detail in rows]
        texts = [(id, str(each.get("name") or each.get("client_name") or "")) for id, each in details]
        found = [{"which": id, "said": text.casefold()[:64]} for id, text in texts if text and "\0" not in text]
        found = [each for each in found if each["said"].encode(errors="ignore").decode() == each["said"]]
        if found:
            database.execute(named, found)
        after = rows[-1][0]


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
    refused = sa.text("verdict != 'accepted' AND credential != ''")
    op.create_index("ix_usage_refused", "usage", ["start"], sqlite_where=refused, postgresql_where=refused)
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
        "part",
        sa.Column("kind", _key, nullable=False),
        sa.Column("grain", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("name", _key, nullable=False),
        sa.Column("verdict", _key, nullable=False),
        sa.Column("decisions", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "grain", "start", "name", "verdict", name="pk_part"),
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
    op.create_index("ix_origin_last_at", "origin", ["last_at"])


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
    op.create_table(
        "cursor",
        sa.Column("name", _key, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
