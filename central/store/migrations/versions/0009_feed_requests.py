"""What nodes asked for: no request is answered twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the table of the latest requests of each node."""
    op.create_table(
        "feed_requests",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("number", _INTEGER, nullable=False),
        sa.Column("at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_feed_requests_node_nodes")),
        sa.PrimaryKeyConstraint("node", "nonce", name=op.f("pk_feed_requests")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_feed_requests_node_number"), "feed_requests", ["node", "number"], unique=False)
