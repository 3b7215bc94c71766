"""Checks that a verdict that is no longer the receipt's is the last change that was noted, and told (I12)."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from central.domain.finding import Finding
from central.store.tables import verdict_changes, verdicts
from central.store.verdict_changes import newest_changes


def check_verdict_changes(connection: Connection) -> list[Finding]:
    """Checks every verdict that somebody decided, or that a change speaks of."""
    newest = newest_changes(connection)
    changed = or_(verdicts.c.decided_by != "", verdicts.c.dose.in_(select(verdict_changes.c.dose)))
    rows = connection.execute(select(verdicts.c.dose, verdicts.c.state, verdicts.c.code).where(changed))
    findings = []
    for dose, state, code in rows.all():
        said = newest.get(dose)
        if said is None or (said.state.value, said.code.value if said.code else "") != (state, code):
            findings.append(Finding("I12", f"dose {dose}", "the verdict is not the last change that was noted"))
    return findings
