"""Delegated signers, and the unsigned doses that sites hand to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables, and the columns of batches that say whose doses they hold and why they come late."""
    op.create_table(
        "delegations",
        sa.Column("number", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("site", _TEXT, nullable=False),
        sa.Column("hub", _TEXT, nullable=False),
        sa.Column("hub_node", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("valid_from", _INTEGER, nullable=False),
        sa.Column("valid_until", _INTEGER, nullable=True),
        sa.Column("created_at", _INTEGER, nullable=False),
        sa.Column("asked_by", _BYTES, nullable=True),
        sa.CheckConstraint("kind IN ('standing', 'on_call', 'one_day')", name=op.f("ck_delegations_kind")),
        sa.ForeignKeyConstraint(["hub"], ["facilities.code"], name=op.f("fk_delegations_hub_facilities")),
        sa.ForeignKeyConstraint(["hub_node"], ["nodes.code"], name=op.f("fk_delegations_hub_node_nodes")),
        sa.ForeignKeyConstraint(["site"], ["facilities.code"], name=op.f("fk_delegations_site_facilities")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_delegations")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_delegations_site"), "delegations", ["site"], unique=False)
    op.create_index(op.f("ix_delegations_hub"), "delegations", ["hub"], unique=False)
    op.create_table(
        "handovers",
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("ledger_index", _INTEGER, nullable=True),
        sa.Column("site", _TEXT, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("hub", _TEXT, nullable=False),
        sa.Column("delegation", _INTEGER, nullable=False),
        sa.Column("first_day", _TEXT, nullable=False),
        sa.Column("last_day", _TEXT, nullable=False),
        sa.Column("people", _INTEGER, nullable=False),
        sa.Column("doses", _INTEGER, nullable=False),
        sa.Column("taken_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["delegation"], ["delegations.number"], name=op.f("fk_handovers_delegation_delegations")
        ),
        sa.ForeignKeyConstraint(["hub"], ["facilities.code"], name=op.f("fk_handovers_hub_facilities")),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_handovers_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_handovers_node_nodes")),
        sa.ForeignKeyConstraint(["site"], ["facilities.code"], name=op.f("fk_handovers_site_facilities")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_handovers")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_handovers_site"), "handovers", ["site"], unique=False)
    op.create_index(op.f("ix_handovers_hub"), "handovers", ["hub"], unique=False)
    op.create_table(
        "handover_doses",
        sa.Column("handover", _BYTES, nullable=False),
        sa.Column("sequence", _INTEGER, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("content", _BYTES, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("answered_in", _INTEGER, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'signed', 'back')", name=op.f("ck_handover_doses_state")),
        sa.ForeignKeyConstraint(
            ["answered_in"], ["ledger_entries.idx"], name=op.f("fk_handover_doses_answered_in_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["handover"], ["handovers.digest"], name=op.f("fk_handover_doses_handover_handovers")),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_handover_doses_node_nodes")),
        sa.PrimaryKeyConstraint("handover", "sequence", name=op.f("pk_handover_doses")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_handover_doses_node_sequence"), "handover_doses", ["node", "sequence"], unique=False)
    for column in ("for_facility", "for_node", "late_reason"):
        op.add_column("batches", sa.Column(column, _TEXT, nullable=False, server_default=""))
