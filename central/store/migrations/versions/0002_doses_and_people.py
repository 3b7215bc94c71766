"""Batches, doses, people, verdicts, and the embedded population registry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "people",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("family_name", _TEXT, nullable=False),
        sa.Column("sex", _TEXT, nullable=False),
        sa.Column("birth_date", _TEXT, nullable=False),
        sa.Column("paper", _TEXT, nullable=False),
        sa.Column("number", _TEXT, nullable=False),
        sa.Column("nationality", _TEXT, nullable=False),
        sa.Column("first_seen_at", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_people")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_people_number"), "people", ["number"], unique=False)
    op.create_table(
        "registry_people",
        sa.Column("number", _TEXT, nullable=False),
        sa.Column("old_number", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("folded_name", _TEXT, nullable=False),
        sa.Column("sex", _TEXT, nullable=False),
        sa.Column("birth_date", _TEXT, nullable=False),
        sa.Column("unit", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_registry_people")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_registry_people_folded_name_birth_date"),
        "registry_people",
        ["folded_name", "birth_date"],
        unique=False,
    )
    op.create_index(op.f("ix_registry_people_old_number"), "registry_people", ["old_number"], unique=False)
    op.create_index(op.f("ix_registry_people_unit"), "registry_people", ["unit"], unique=False)
    op.create_table(
        "batches",
        sa.Column("ledger_index", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("batch_number", _INTEGER, nullable=False),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("first_day", _TEXT, nullable=False),
        sa.Column("last_day", _TEXT, nullable=False),
        sa.Column("people", _INTEGER, nullable=False),
        sa.Column("doses", _INTEGER, nullable=False),
        sa.Column("catalogue_version", _INTEGER, nullable=False),
        sa.Column("serial", _TEXT, nullable=False),
        sa.Column("thumbprint", _BYTES, nullable=False),
        sa.Column("signer_name", _TEXT, nullable=False),
        sa.Column("approver", _TEXT, nullable=False),
        sa.Column("claimed_at", _INTEGER, nullable=False),
        sa.Column("not_before", _INTEGER, nullable=True),
        sa.Column("not_after", _INTEGER, nullable=False),
        sa.Column("day_proof", _TEXT, nullable=False),
        sa.Column("statement", _BYTES, nullable=False),
        sa.CheckConstraint("day_proof IN ('proven', 'claimed', 'none')", name=op.f("ck_batches_day_proof")),
        sa.ForeignKeyConstraint(["facility"], ["facilities.code"], name=op.f("fk_batches_facility_facilities")),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_batches_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_batches_node_nodes")),
        sa.PrimaryKeyConstraint("ledger_index", name=op.f("pk_batches")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_batches_facility_first_day"), "batches", ["facility", "first_day"], unique=False)
    op.create_index(op.f("ix_batches_node_epoch"), "batches", ["node", "epoch"], unique=False)
    op.create_table(
        "doses",
        sa.Column("id", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("ledger_index", _INTEGER, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("sequence", _INTEGER, nullable=False),
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("person", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("family_name", _TEXT, nullable=False),
        sa.Column("sex", _TEXT, nullable=False),
        sa.Column("birth_date", _TEXT, nullable=False),
        sa.Column("paper", _TEXT, nullable=False),
        sa.Column("number", _TEXT, nullable=False),
        sa.Column("nationality", _TEXT, nullable=False),
        sa.Column("phone", _TEXT, nullable=False),
        sa.Column("address_unit", _TEXT, nullable=False),
        sa.Column("guardian", _TEXT, nullable=False),
        sa.Column("population_group", _INTEGER, nullable=False),
        sa.Column("product", _TEXT, nullable=False),
        sa.Column("disease", _TEXT, nullable=False),
        sa.Column("lot", _TEXT, nullable=False),
        sa.Column("lot_expiry", _TEXT, nullable=False),
        sa.Column("dose_number", _INTEGER, nullable=False),
        sa.Column("dose_total", _INTEGER, nullable=False),
        sa.Column("given_at", _INTEGER, nullable=False),
        sa.Column("given_day", _TEXT, nullable=False),
        sa.Column("recorded_at", _INTEGER, nullable=False),
        sa.Column("vaccinator", _TEXT, nullable=False),
        sa.Column("station", _TEXT, nullable=False),
        sa.Column("reaction", _TEXT, nullable=False),
        sa.Column("recorded_by", _TEXT, nullable=False),
        sa.Column("late_reason", _TEXT, nullable=False),
        sa.Column("identity_state", _TEXT, nullable=False),
        sa.Column("evidence_source", _TEXT, nullable=False),
        sa.Column("evidence_reference", _TEXT, nullable=False),
        sa.Column("evidence_checked_at", _INTEGER, nullable=False),
        sa.Column("replaces", _INTEGER, nullable=True),
        sa.Column("replace_reason", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["facility"], ["facilities.code"], name=op.f("fk_doses_facility_facilities")),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_doses_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_doses_node_nodes")),
        sa.ForeignKeyConstraint(["person"], ["people.key"], name=op.f("fk_doses_person_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doses")),
        sa.UniqueConstraint("node", "sequence", name=op.f("uq_doses_node_sequence")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_doses_facility_given_day"), "doses", ["facility", "given_day"], unique=False)
    op.create_index(op.f("ix_doses_ledger_index"), "doses", ["ledger_index"], unique=False)
    op.create_index(
        op.f("ix_doses_person_disease_given_day"), "doses", ["person", "disease", "given_day"], unique=False
    )
    op.create_index(
        "ix_doses_replaces",
        "doses",
        ["node", "replaces"],
        unique=False,
        sqlite_where=sa.text("replaces IS NOT NULL"),
        postgresql_where=sa.text("replaces IS NOT NULL"),
    )
    op.create_table(
        "verdicts",
        sa.Column("dose", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("code", _TEXT, nullable=False),
        sa.Column("decided_at", _INTEGER, nullable=False),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.CheckConstraint("state IN ('admitted', 'quarantined', 'refused')", name=op.f("ck_verdicts_state")),
        sa.ForeignKeyConstraint(["dose"], ["doses.id"], name=op.f("fk_verdicts_dose_doses")),
        sa.PrimaryKeyConstraint("dose", name=op.f("pk_verdicts")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_verdicts_state_code"), "verdicts", ["state", "code"], unique=False)
    make_append_only("batches")
    make_append_only("doses")
