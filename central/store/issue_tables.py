"""The tables of the end of the day: runs, intents, health certificates, passports, look-ups."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint

from central.store.schema import binary, integer, one_of, table, text

day_runs = table(
    "day_runs",
    integer("number", key=True),
    text("day"),
    text("state"),
    integer("ledger_size"),  # what was admitted when the run froze its view
    binary("signer_kid", optional=True),
    integer("started_at"),
    integer("finished_at", optional=True),
    integer("issued"),
    integer("waiting"),
    UniqueConstraint("day", "number"),
    one_of("state", "state", "open", "finished"),
)

day_run_waiting = table(
    "day_run_waiting",
    integer("run", ForeignKey("day_runs.number")),
    integer("dose", ForeignKey("doses.id")),
    text("reason"),
    PrimaryKeyConstraint("run", "dose"),
    rowid=False,
)

# An intent is durable before the signer is asked, its certificate after: one per dose version and issue.
issue_intents = table(
    "issue_intents",
    integer("dose", ForeignKey("doses.id")),
    integer("issue"),  # 1 first, 2 … renewals
    integer("run", ForeignKey("day_runs.number")),
    text("uvci"),
    integer("issued_at"),
    integer("expires_at"),
    PrimaryKeyConstraint("dose", "issue"),
    UniqueConstraint("uvci"),
    Index(None, "run"),
    rowid=False,
)

health_certificates = table(
    "health_certificates",
    integer("dose"),
    integer("issue"),
    text("person", ForeignKey("people.key")),
    integer("run", ForeignKey("day_runs.number")),
    text("uvci"),
    integer("issued_at"),
    integer("expires_at"),
    binary("kid"),  # of the document signer, 8 bytes
    text("hc1"),  # what stands in the QR
    PrimaryKeyConstraint("dose", "issue"),
    ForeignKeyConstraint(["dose", "issue"], ["issue_intents.dose", "issue_intents.issue"]),
    UniqueConstraint("uvci"),
    Index(None, "person"),
    Index(None, "run"),
)

passports = table(
    "passports",
    text("person", ForeignKey("people.key")),
    integer("version"),
    integer("run", ForeignKey("day_runs.number")),
    integer("doses"),
    integer("newest_dose", ForeignKey("doses.id")),
    integer("issued_at"),
    integer("expires_at"),
    PrimaryKeyConstraint("person", "version"),
    Index(None, "run"),
    rowid=False,
)

# Public look-ups are limited per target: a limit per address leaves a botnet twenty minutes.
lookup_tries = table(
    "lookup_tries",
    binary("target"),  # keyed digest of what was asked for
    text("day"),
    integer("tries"),
    PrimaryKeyConstraint("target", "day"),
    rowid=False,
)
