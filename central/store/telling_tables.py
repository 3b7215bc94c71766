"""The tables of what nodes are told anew: changed verdicts, withdrawn certificates, how far it has been told."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint

from central.store.schema import binary, integer, one_of, table, text

# What a node's newest pack holds, so that the next one can travel as a change of it.
population_bases = table(
    "population_bases",
    text("node", ForeignKey("nodes.code"), key=True),
    integer("version"),
    binary("pack"),  # the pack's set, sealed to the centre itself: it holds the pack's key
    rowid=False,
)

# Each change of a verdict since its admission, numbered over all doses.
verdict_changes = table(
    "verdict_changes",
    integer("number", key=True),
    integer("dose", ForeignKey("doses.id")),
    text("state_before"),
    text("code_before"),
    text("state"),
    text("code"),
    integer("decided_at"),
    text("decided_by"),
    one_of("state", "state", "admitted", "quarantined", "refused"),
    Index(None, "dose"),
)

# Health certificates that were taken back before their end.
withdrawn_certificates = table(
    "withdrawn_certificates",
    integer("number", key=True),
    integer("dose"),
    integer("issue"),
    text("reason"),
    text("decided_by"),
    integer("decided_at"),
    UniqueConstraint("dose", "issue"),
    ForeignKeyConstraint(["dose", "issue"], ["health_certificates.dose", "health_certificates.issue"]),
)

# Up to which number of a kind everybody concerned has been told.
tellings = table(
    "tellings",
    text("subject", key=True),
    integer("number"),
    one_of("subject", "subject", "verdicts", "passports", "withdrawals"),
    rowid=False,
)

# Which nodes have their certificates of a run that not everybody has yet.
run_tellings = table(
    "run_tellings",
    integer("run", ForeignKey("day_runs.number")),
    text("node", ForeignKey("nodes.code")),
    PrimaryKeyConstraint("run", "node"),
    rowid=False,
)

# The newest version of a published set that was put into a node's feed.
set_tellings = table(
    "set_tellings",
    text("node", ForeignKey("nodes.code")),
    text("kind"),
    integer("version"),
    PrimaryKeyConstraint("node", "kind"),
    one_of("kind", "kind", "catalogue", "trust-list"),
    rowid=False,
)
