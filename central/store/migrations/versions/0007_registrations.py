"""What sites ask to be registered, and what was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0007"
down_revision = "0006"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "registration_requests",
        sa.Column("ledger_index", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("serial", _TEXT, nullable=False),
        sa.Column("thumbprint", _BYTES, nullable=True),
        sa.Column("officer", _TEXT, nullable=False),
        sa.Column("doubt", _TEXT, nullable=False),
        sa.Column("asked_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_registration_requests_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_registration_requests_node_nodes")),
        sa.ForeignKeyConstraint(
            ["facility"], ["facilities.code"], name=op.f("fk_registration_requests_facility_facilities")
        ),
        sa.PrimaryKeyConstraint("ledger_index", name=op.f("pk_registration_requests")),
        sqlite_strict=True,
    )
    op.create_index("ix_registration_requests_facility_serial", "registration_requests", ["facility", "serial"])
    op.create_index("ix_registration_requests_serial", "registration_requests", ["serial"])
    op.create_table(
        "registration_decisions",
        sa.Column("ledger_index", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("code", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("decided_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_index"],
            ["registration_requests.ledger_index"],
            name=op.f("fk_registration_decisions_ledger_index_registration_requests"),
        ),
        sa.PrimaryKeyConstraint("ledger_index", name=op.f("pk_registration_decisions")),
        sqlite_strict=True,
    )
    for table in ("registration_requests", "registration_decisions"):
        make_append_only(table)
