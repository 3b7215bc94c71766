"""The feeds: what the centre has for each node, item by item."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0006"
down_revision = "0005"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "feed_items",
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("number", _INTEGER, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("at", _INTEGER, nullable=False),
        sa.Column("item", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_feed_items_node_nodes")),
        sa.PrimaryKeyConstraint("node", "number", name=op.f("pk_feed_items")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    make_append_only("feed_items")
