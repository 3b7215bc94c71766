"""Epochs of the ledger: where it went on after it was restored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import make_append_only

revision = "0011"
down_revision = "0010"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "ledger_epochs",
        sa.Column("epoch", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("ledger_index", _INTEGER, nullable=False),
        sa.Column("base_size", _INTEGER, nullable=False),
        sa.Column("at", _INTEGER, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("statement", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_ledger_epochs_ledger_index_ledger_entries")
        ),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_ledger_epochs")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "lost_heads",
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("size", _INTEGER, nullable=False),
        sa.Column("root", _BYTES, nullable=False),
        sa.Column("at", _INTEGER, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("receipt", _BYTES, nullable=True),
        sa.Column("seen_at", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("epoch", "size", "root", name=op.f("pk_lost_heads")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "later_answers",
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("answer", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["bundles.digest"], name=op.f("fk_later_answers_digest_bundles")),
        sa.ForeignKeyConstraint(["epoch"], ["ledger_epochs.epoch"], name=op.f("fk_later_answers_epoch_ledger_epochs")),
        sa.PrimaryKeyConstraint("digest", "epoch", name=op.f("pk_later_answers")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    for table in ("ledger_epochs", "later_answers"):
        make_append_only(table)
