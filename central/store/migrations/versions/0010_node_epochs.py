"""New epochs that nodes ask for, and how people decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables, and the lowest dose number that each epoch was given."""
    op.create_table(
        "epoch_requests",
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("standing", _TEXT, nullable=False),
        sa.Column("known_until", _INTEGER, nullable=False),
        sa.Column("request", _BYTES, nullable=False),
        sa.Column("received_at", _INTEGER, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("answer", _BYTES, nullable=True),
        sa.Column("decided_at", _INTEGER, nullable=True),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.Column("decided_why", _TEXT, nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'granted', 'refused')", name=op.f("ck_epoch_requests_state")),
        sa.CheckConstraint(
            "standing IN ('older', 'ahead', 'other', 'unknown')", name=op.f("ck_epoch_requests_standing")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_epoch_requests_node_nodes")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_epoch_requests")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_epoch_requests_node_epoch"), "epoch_requests", ["node", "epoch"], unique=False)
    op.create_index(op.f("ix_epoch_requests_state"), "epoch_requests", ["state"], unique=False)
    op.create_table(
        "fork_overflows",
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("turned_away", _INTEGER, nullable=False),
        sa.Column("latest_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_fork_overflows_node_nodes")),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_fork_overflows")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.add_column("node_epochs", sa.Column("first_dose", _INTEGER, nullable=False, server_default="1"))
