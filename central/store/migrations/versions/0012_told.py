"""What nodes are told anew: verdicts that changed, certificates that were withdrawn, packs as changes.

And why batches were signed although their node was alone for long.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0012"
down_revision = "0011"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Until now only `recheck-revocations` changed verdicts, and only admitted ones. Nobody has been told of them yet.
_CHANGED_BEFORE = """
INSERT INTO verdict_changes
SELECT row_number() OVER (ORDER BY decided_at, dose), dose, 'admitted', '', state, code, decided_at, decided_by
FROM verdicts WHERE decided_by <> ''
"""


def upgrade() -> None:
    """Creates the tables and the column of batches, and notes what was changed before."""
    op.create_table(
        "population_bases",
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("version", _INTEGER, nullable=False),
        sa.Column("pack", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_population_bases_node_nodes")),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_population_bases")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verdict_changes",
        sa.Column("number", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("dose", _INTEGER, nullable=False),
        sa.Column("state_before", _TEXT, nullable=False),
        sa.Column("code_before", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("code", _TEXT, nullable=False),
        sa.Column("decided_at", _INTEGER, nullable=False),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.CheckConstraint("state IN ('admitted', 'quarantined', 'refused')", name=op.f("ck_verdict_changes_state")),
        sa.ForeignKeyConstraint(["dose"], ["doses.id"], name=op.f("fk_verdict_changes_dose_doses")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_verdict_changes")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_verdict_changes_dose"), "verdict_changes", ["dose"], unique=False)
    op.create_table(
        "withdrawn_certificates",
        sa.Column("number", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("dose", _INTEGER, nullable=False),
        sa.Column("issue", _INTEGER, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.Column("decided_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["dose", "issue"],
            ["health_certificates.dose", "health_certificates.issue"],
            name=op.f("fk_withdrawn_certificates_dose_issue_health_certificates"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_withdrawn_certificates")),
        sa.UniqueConstraint("dose", "issue", name=op.f("uq_withdrawn_certificates_dose_issue")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "tellings",
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("number", _INTEGER, nullable=False),
        sa.CheckConstraint("subject IN ('verdicts', 'passports', 'withdrawals')", name=op.f("ck_tellings_subject")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_tellings")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_tellings",
        sa.Column("run", _INTEGER, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["day_runs.number"], name=op.f("fk_run_tellings_run_day_runs")),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_run_tellings_node_nodes")),
        sa.PrimaryKeyConstraint("run", "node", name=op.f("pk_run_tellings")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.add_column("batches", sa.Column("offline_reason", _TEXT, nullable=False, server_default=""))
    op.execute(_CHANGED_BEFORE)
    for name in ("verdict_changes", "withdrawn_certificates"):
        make_append_only(name)
