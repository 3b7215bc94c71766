"""Revocation lists of the authorities of organisation certificates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.add_column("trust_certificates", sa.Column("scope", _TEXT, nullable=False, server_default=""))
    op.create_table(
        "crls",
        sa.Column("line", _BYTES, nullable=False),
        sa.Column("issuer", _TEXT, nullable=False),
        sa.Column("issuer_thumbprint", _BYTES, nullable=False),
        sa.Column("number", _TEXT, nullable=False),
        sa.Column("this_update", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("next_update", _INTEGER, nullable=True),
        sa.Column("entries", _INTEGER, nullable=False),
        sa.Column("fetched_at", _INTEGER, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("der", _BYTES, nullable=True),
        sa.PrimaryKeyConstraint("line", "this_update", name=op.f("pk_crls")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_crls_issuer"), "crls", ["issuer"], unique=False)
    op.create_table(
        "crl_revocations",
        sa.Column("line", _BYTES, nullable=False),
        sa.Column("serial", _TEXT, nullable=False),
        sa.Column("revoked_at", _INTEGER, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("recorded_at", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("line", "serial", name=op.f("pk_crl_revocations")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crl_sources",
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("asked_at", _INTEGER, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("etag", _TEXT, nullable=False),
        sa.Column("modified", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_crl_sources")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
