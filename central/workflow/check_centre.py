"""`check`: re-verifies everything that the centre keeps, from the bytes and not from memory."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.domain.finding import Finding
from central.store.database import read_transaction
from central.workflow.check_answers import check_answers
from central.workflow.check_delegations import check_delegations
from central.workflow.check_epochs import check_epochs
from central.workflow.check_feeds import check_feeds
from central.workflow.check_ledger import check_ledger
from central.workflow.check_ledger_epochs import check_ledger_epochs
from central.workflow.check_passports import check_passports
from central.workflow.check_shown_epochs import check_shown_epochs
from central.workflow.check_trust import check_trust
from central.workflow.check_verdict_changes import check_verdict_changes


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at, and what is wrong: nothing, in a sound centre."""

    entries: int
    bundles: int
    doses: int
    certificates: int
    findings: tuple[Finding, ...]


def check_centre(engine: Engine) -> CheckReport:
    """Checks the database file, the ledger with its bundles, the health certificates and the feeds, in one view.

    Raises:
        StoreError: the store is away.
    """
    with read_transaction(engine) as connection:
        findings = _check_file(connection)
        ledger = check_ledger(connection)
        declared = check_ledger_epochs(connection)
        passports = check_passports(connection)
        feeds = check_feeds(connection)
        changed = check_verdict_changes(connection)
        trusted = check_trust(connection)
        handed = check_delegations(connection)
        answered = check_answers(connection)
        epochs = check_epochs(connection) + check_shown_epochs(connection)
    return CheckReport(
        entries=ledger.entries,
        bundles=ledger.bundles,
        doses=ledger.doses,
        certificates=passports.certificates,
        findings=(
            *(*findings, *ledger.findings, *declared, *passports.findings, *feeds, *changed, *trusted, *handed),
            *answered,
            *epochs,
        ),
    )


def _check_file(connection: Connection) -> list[Finding]:
    # A flipped bit in the file is found by the database itself; PostgreSQL has checksums of its own.
    if connection.dialect.name != "sqlite":
        return []
    said = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    findings = [Finding("I12", "database", str(line)) for line in said if line != "ok"]
    return findings + [Finding("I12", f"table {row[0]}", "a row refers to nothing") for row in broken]
