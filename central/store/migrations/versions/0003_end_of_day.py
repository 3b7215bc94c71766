"""Runs, intents, health certificates, passports, and the limit on look-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "day_runs",
        sa.Column("number", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("ledger_size", _INTEGER, nullable=False),
        sa.Column("signer_kid", _BYTES, nullable=True),
        sa.Column("started_at", _INTEGER, nullable=False),
        sa.Column("finished_at", _INTEGER, nullable=True),
        sa.Column("issued", _INTEGER, nullable=False),
        sa.Column("waiting", _INTEGER, nullable=False),
        sa.CheckConstraint("state IN ('open', 'finished')", name=op.f("ck_day_runs_state")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_day_runs")),
        sa.UniqueConstraint("day", "number", name=op.f("uq_day_runs_day_number")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "lookup_tries",
        sa.Column("target", _BYTES, nullable=False),
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("tries", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("target", "day", name=op.f("pk_lookup_tries")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "day_run_waiting",
        sa.Column("run", _INTEGER, nullable=False),
        sa.Column("dose", _INTEGER, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["dose"], ["doses.id"], name=op.f("fk_day_run_waiting_dose_doses")),
        sa.ForeignKeyConstraint(["run"], ["day_runs.number"], name=op.f("fk_day_run_waiting_run_day_runs")),
        sa.PrimaryKeyConstraint("run", "dose", name=op.f("pk_day_run_waiting")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "issue_intents",
        sa.Column("dose", _INTEGER, nullable=False),
        sa.Column("issue", _INTEGER, nullable=False),
        sa.Column("run", _INTEGER, nullable=False),
        sa.Column("uvci", _TEXT, nullable=False),
        sa.Column("issued_at", _INTEGER, nullable=False),
        sa.Column("expires_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["dose"], ["doses.id"], name=op.f("fk_issue_intents_dose_doses")),
        sa.ForeignKeyConstraint(["run"], ["day_runs.number"], name=op.f("fk_issue_intents_run_day_runs")),
        sa.PrimaryKeyConstraint("dose", "issue", name=op.f("pk_issue_intents")),
        sa.UniqueConstraint("uvci", name=op.f("uq_issue_intents_uvci")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_issue_intents_run"), "issue_intents", ["run"], unique=False)
    op.create_table(
        "passports",
        sa.Column("person", _TEXT, nullable=False),
        sa.Column("version", _INTEGER, nullable=False),
        sa.Column("run", _INTEGER, nullable=False),
        sa.Column("doses", _INTEGER, nullable=False),
        sa.Column("newest_dose", _INTEGER, nullable=False),
        sa.Column("issued_at", _INTEGER, nullable=False),
        sa.Column("expires_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["newest_dose"], ["doses.id"], name=op.f("fk_passports_newest_dose_doses")),
        sa.ForeignKeyConstraint(["person"], ["people.key"], name=op.f("fk_passports_person_people")),
        sa.ForeignKeyConstraint(["run"], ["day_runs.number"], name=op.f("fk_passports_run_day_runs")),
        sa.PrimaryKeyConstraint("person", "version", name=op.f("pk_passports")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_passports_run"), "passports", ["run"], unique=False)
    op.create_table(
        "health_certificates",
        sa.Column("dose", _INTEGER, nullable=False),
        sa.Column("issue", _INTEGER, nullable=False),
        sa.Column("person", _TEXT, nullable=False),
        sa.Column("run", _INTEGER, nullable=False),
        sa.Column("uvci", _TEXT, nullable=False),
        sa.Column("issued_at", _INTEGER, nullable=False),
        sa.Column("expires_at", _INTEGER, nullable=False),
        sa.Column("kid", _BYTES, nullable=False),
        sa.Column("hc1", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dose", "issue"],
            ["issue_intents.dose", "issue_intents.issue"],
            name=op.f("fk_health_certificates_dose_issue_issue_intents"),
        ),
        sa.ForeignKeyConstraint(["person"], ["people.key"], name=op.f("fk_health_certificates_person_people")),
        sa.ForeignKeyConstraint(["run"], ["day_runs.number"], name=op.f("fk_health_certificates_run_day_runs")),
        sa.PrimaryKeyConstraint("dose", "issue", name=op.f("pk_health_certificates")),
        sa.UniqueConstraint("uvci", name=op.f("uq_health_certificates_uvci")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_health_certificates_person"), "health_certificates", ["person"], unique=False)
    op.create_index(op.f("ix_health_certificates_run"), "health_certificates", ["run"], unique=False)
    make_append_only("health_certificates")
    make_append_only("passports")
