"""What nodes ask the population database about people, and in which item of their feed the answers stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0013"
down_revision = "0012"

_TEXT = sa.Text()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "answered_questions",
        sa.Column("ledger_index", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("asked_at", _INTEGER, nullable=False),
        sa.Column("people", _INTEGER, nullable=False),
        sa.Column("matched", _INTEGER, nullable=False),
        sa.Column("item", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_answered_questions_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_answered_questions_node_nodes")),
        sa.ForeignKeyConstraint(
            ["node", "item"],
            ["feed_items.node", "feed_items.number"],
            name=op.f("fk_answered_questions_node_item_feed_items"),
        ),
        sa.PrimaryKeyConstraint("ledger_index", name=op.f("pk_answered_questions")),
        sqlite_strict=True,
    )
    op.create_index("ix_answered_questions_node_asked_at", "answered_questions", ["node", "asked_at"])
    make_append_only("answered_questions")
