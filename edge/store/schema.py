"""Which steps the schema has, and how a file is brought to the newest one.

A copy of the file is taken before the first missing step (`<name>.before-<number>`), each step is one transaction, and
the digest of each applied step is kept: a program whose steps differ from what made the file does not open it.
"""

from __future__ import annotations

from typing import Final

from edge.store.database import Database, Tables
from edge.store.errors import StoreCode, StoreError
from edge.store.migrations import (
    m0001_records,
    m0002_passes,
    m0003_standings,
    m0004_site,
    m0005_reports,
    m0006_feed,
    m0007_certificates,
    m0008_handovers,
    m0009_approvals,
    m0010_contacts,
    m0011_passports,
    m0012_carried,
    m0013_node_epochs,
    m0014_ledger_epochs,
    m0015_clock,
    m0016_exchanges,
    m0017_questions,
    m0018_carried_age,
    m0019_enrolment_answers,
)
from edge.store.migrations.migration import Migration

MIGRATIONS: Final[tuple[Migration, ...]] = (
    m0001_records.MIGRATION,
    m0002_passes.MIGRATION,
    m0003_standings.MIGRATION,
    m0004_site.MIGRATION,
    m0005_reports.MIGRATION,
    m0006_feed.MIGRATION,
    m0007_certificates.MIGRATION,
    m0008_handovers.MIGRATION,
    m0009_approvals.MIGRATION,
    m0010_contacts.MIGRATION,
    m0011_passports.MIGRATION,
    m0012_carried.MIGRATION,
    m0013_node_epochs.MIGRATION,
    m0014_ledger_epochs.MIGRATION,
    m0015_clock.MIGRATION,
    m0016_exchanges.MIGRATION,
    m0017_questions.MIGRATION,
    m0018_carried_age.MIGRATION,
    m0019_enrolment_answers.MIGRATION,
)

_STEPS = """
CREATE TABLE IF NOT EXISTS schema_steps (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    applied_at INTEGER NOT NULL
) STRICT
"""


def migrate(database: Database, *, at: int, steps: tuple[Migration, ...] = MIGRATIONS) -> int:
    """Apply the missing steps and return how many they were.

    Args:
        database: the node's file; an empty one gets all steps and no copy.
        at: epoch seconds, kept beside each applied step.
        steps: numbered 1, 2, 3 … without a gap.

    Raises:
        StoreError: VERSION if the file was made by a newer program or by other steps than these.
    """
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError("steps are numbered 1, 2, 3 … without a gap")
    with database.read() as tables:
        applied = _applied(tables)
    for number, digest in applied.items():
        if number > len(steps):
            raise StoreError(StoreCode.VERSION, f"the store has step {number}, this program ends at {len(steps)}")
        if steps[number - 1].digest != digest:
            raise StoreError(StoreCode.VERSION, f"step {number} of the store is not this program's")
    missing = [step for step in steps if step.number not in applied]
    if applied and missing:
        copy = database.path.with_name(f"{database.path.name}.before-{missing[0].number}")
        # A copy left by a run that was cut off may be half written; the live file is still untouched, so make it anew.
        copy.unlink(missing_ok=True)
        database.copy_to(copy)
    for step in missing:
        with database.write_transaction() as tables:
            tables.execute(_STEPS)
            for statement in step.statements:
                tables.execute(statement)
            tables.execute("INSERT INTO schema_steps VALUES (?, ?, ?, ?)", (step.number, step.name, step.digest, at))
    return len(missing)


def _applied(tables: Tables) -> dict[int, bytes]:
    found = tables.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_steps'").fetchone()
    if found is None:
        return {}
    return {int(row[0]): bytes(row[1]) for row in tables.execute("SELECT number, digest FROM schema_steps")}
