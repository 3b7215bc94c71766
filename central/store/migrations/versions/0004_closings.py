"""The closing sheets of the sites' days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "closings",
        sa.Column("ledger_index", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("revision", _INTEGER, nullable=False),
        sa.Column("sheet", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(["facility"], ["facilities.code"], name=op.f("fk_closings_facility_facilities")),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_closings_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_closings_node_nodes")),
        sa.PrimaryKeyConstraint("ledger_index", name=op.f("pk_closings")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_closings_day"), "closings", ["day"], unique=False)
    make_append_only("closings")
