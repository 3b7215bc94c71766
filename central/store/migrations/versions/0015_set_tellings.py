"""Which version of each published set every node has in its feed; what is missing is put there when the node asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TEXT = sa.Text()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the table; of nodes that were told before it, the feed itself says so once."""
    op.create_table(
        "set_tellings",
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("version", _INTEGER, nullable=False),
        sa.CheckConstraint("kind IN ('catalogue', 'trust-list')", name=op.f("ck_set_tellings_kind")),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_set_tellings_node_nodes")),
        sa.PrimaryKeyConstraint("node", "kind", name=op.f("pk_set_tellings")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
