"""Trust material, sites with their nodes, and the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.store.migrations.append_only import create_function, make_append_only

revision = "0001"
down_revision = None

_TEXT = sa.Text()
_BYTES = sa.LargeBinary()
_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "centre_keys",
        sa.Column("kid", _BYTES, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("public_key", _BYTES, nullable=False),
        sa.Column("added_at", _INTEGER, nullable=False),
        sa.Column("retired_at", _INTEGER, nullable=True),
        sa.CheckConstraint("role IN ('ledger', 'sealing', 'publisher')", name=op.f("ck_centre_keys_role")),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_centre_keys")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "facilities",
        sa.Column("code", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("created_at", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_facilities")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_entries",
        sa.Column("idx", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("sequence", _INTEGER, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("doses", _INTEGER, nullable=False),
        sa.Column("admitted_at", _INTEGER, nullable=False),
        sa.Column("entry", _BYTES, nullable=False),
        sa.Column("leaf_hash", _BYTES, nullable=False),
        sa.PrimaryKeyConstraint("idx", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("digest", name=op.f("uq_ledger_entries_digest")),
        sa.UniqueConstraint("node", "epoch", "sequence", name=op.f("uq_ledger_entries_node_epoch_sequence")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_ledger_entries_admitted_at"), "ledger_entries", ["admitted_at"], unique=False)
    op.create_table(
        "organisation_certificates",
        sa.Column("thumbprint", _BYTES, nullable=False),
        sa.Column("serial", _TEXT, nullable=False),
        sa.Column("der", _BYTES, nullable=False),
        sa.Column("added_at", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("thumbprint", name=op.f("pk_organisation_certificates")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_organisation_certificates_serial"), "organisation_certificates", ["serial"], unique=False)
    op.create_table(
        "published_sets",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("version", _INTEGER, nullable=False),
        sa.Column("issued_at", _INTEGER, nullable=False),
        sa.Column("expires_at", _INTEGER, nullable=False),
        sa.Column("content", _BYTES, nullable=False),
        sa.CheckConstraint("kind IN ('catalogue', 'trust-list', 'population')", name=op.f("ck_published_sets_kind")),
        sa.PrimaryKeyConstraint("kind", "scope", "version", name=op.f("pk_published_sets")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revoked_certificates",
        sa.Column("thumbprint", _BYTES, nullable=False),
        sa.Column("issuer", _TEXT, nullable=False),
        sa.Column("serial", _TEXT, nullable=False),
        sa.Column("revoked_at", _INTEGER, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("recorded_at", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("thumbprint", name=op.f("pk_revoked_certificates")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "tree_heads",
        sa.Column("size", _INTEGER, autoincrement=False, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("root", _BYTES, nullable=False),
        sa.Column("at", _INTEGER, nullable=False),
        sa.Column("head", _BYTES, nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_tree_heads")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "trust_certificates",
        sa.Column("thumbprint", _BYTES, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("country", _TEXT, nullable=False),
        sa.Column("der", _BYTES, nullable=False),
        sa.Column("added_at", _INTEGER, nullable=False),
        sa.Column("removed_at", _INTEGER, nullable=True),
        sa.CheckConstraint(
            "role IN ('document_signer', 'country_anchor', 'organisation_anchor', 'organisation_intermediate')",
            name=op.f("ck_trust_certificates_role"),
        ),
        sa.PrimaryKeyConstraint("thumbprint", "role", name=op.f("pk_trust_certificates")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "facility_units",
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("unit", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["facility"], ["facilities.code"], name=op.f("fk_facility_units_facility_facilities")),
        sa.PrimaryKeyConstraint("facility", "unit", name=op.f("pk_facility_units")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "nodes",
        sa.Column("code", _TEXT, nullable=False),
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("last_sequence", _INTEGER, nullable=False),
        sa.Column("last_digest", _BYTES, nullable=False),
        sa.Column("created_at", _INTEGER, nullable=False),
        sa.Column("last_heard_at", _INTEGER, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'enrolled', 'forked', 'denied')", name=op.f("ck_nodes_state")),
        sa.ForeignKeyConstraint(["facility"], ["facilities.code"], name=op.f("fk_nodes_facility_facilities")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_nodes")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "registered_certificates",
        sa.Column("facility", _TEXT, nullable=False),
        sa.Column("serial", _TEXT, nullable=False),
        sa.Column("officer", _TEXT, nullable=False),
        sa.Column("valid_from", _INTEGER, nullable=False),
        sa.Column("valid_until", _INTEGER, nullable=True),
        sa.Column("registered_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["facility"], ["facilities.code"], name=op.f("fk_registered_certificates_facility_facilities")
        ),
        sa.PrimaryKeyConstraint("facility", "serial", name=op.f("pk_registered_certificates")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bundles",
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("ledger_index", _INTEGER, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("inner", _BYTES, nullable=False),
        sa.Column("answer", _BYTES, nullable=False),
        sa.Column("received_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger_entries.idx"], name=op.f("fk_bundles_ledger_index_ledger_entries")
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_bundles_node_nodes")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bundles")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_bundles_ledger_index")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "enrolments",
        sa.Column("code_digest", _BYTES, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("issued_at", _INTEGER, nullable=False),
        sa.Column("expires_at", _INTEGER, nullable=False),
        sa.Column("request_digest", _BYTES, nullable=True),
        sa.Column("answer", _BYTES, nullable=True),
        sa.Column("accepted_at", _INTEGER, nullable=True),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_enrolments_node_nodes")),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_enrolments")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "forks",
        sa.Column("digest", _BYTES, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("sequence", _INTEGER, nullable=False),
        sa.Column("inner", _BYTES, nullable=False),
        sa.Column("received_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_forks_node_nodes")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_forks")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_forks_node_epoch_sequence"), "forks", ["node", "epoch", "sequence"], unique=False)
    op.create_table(
        "node_epochs",
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _INTEGER, nullable=False),
        sa.Column("signing_key", _BYTES, nullable=False),
        sa.Column("sealing_key", _BYTES, nullable=False),
        sa.Column("enrolment_digest", _BYTES, nullable=False),
        sa.Column("enrolled_at", _INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["node"], ["nodes.code"], name=op.f("fk_node_epochs_node_nodes")),
        sa.PrimaryKeyConstraint("node", "epoch", name=op.f("pk_node_epochs")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bundle_seals",
        sa.Column("sealed_digest", _BYTES, nullable=False),
        sa.Column("digest", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["bundles.digest"], name=op.f("fk_bundle_seals_digest_bundles")),
        sa.PrimaryKeyConstraint("sealed_digest", name=op.f("pk_bundle_seals")),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    create_function()
    make_append_only("published_sets")
    make_append_only("ledger_entries")
    make_append_only("tree_heads")
    make_append_only("bundles")
    make_append_only("bundle_seals")
    make_append_only("forks")
