"""Epochs of nodes that nodes showed after the centre was restored to before they began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "shown_epochs",
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("since", _INTEGER, nullable=False),
        sa.Column("standing", _TEXT, nullable=False),
        sa.Column("showing", _BYTES, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("shown_at", _INTEGER, nullable=False),
        sa.Column("decided_at", _INTEGER, nullable=True),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.Column("decided_why", _TEXT, nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'taken', 'refused')", name=op.f("ck_shown_epochs_state")),
        sa.CheckConstraint(
            "standing IN ('plain', 'undeclared', 'unproven', 'other', 'forked', 'taken')",
            name=op.f("ck_shown_epochs_standing"),
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_shown_epochs")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_shown_epochs_node_epoch"), "shown_epochs", ["node", "epoch"])
