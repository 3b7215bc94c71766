"""Compares the stored rows of one batch with the doses that were signed and the verdicts that were promised (I12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from central.domain.finding import Finding
from central.store.doses import StoredDose, signed_columns
from sync_protocol.dose import Dose
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict

_NOT_ROWS = (Code.DOSE_FACILITY, Code.DOSE_REPEATED)


def check_stored_doses(
    content: Sequence[Dose], promised: Sequence[Verdict], rows: Mapping[int, StoredDose], *, ledger_index: int
) -> list[Finding]:
    """Compares leaf by leaf.

    Args:
        content: the doses of the verified batch, none for a bundle without doses or one that was refused.
        promised: the verdicts of its receipt, one for each dose.
        rows: what the store holds, by leaf (from 1).
        ledger_index: for naming the place.
    """
    findings = []
    if len(content) != len(promised):
        findings.append(Finding("I12", f"entry {ledger_index}", "the receipt speaks of another number of doses"))
    left = dict(rows)
    for leaf, (dose, verdict) in enumerate(zip(content, promised, strict=False), start=1):
        place, row = f"entry {ledger_index}, leaf {leaf}", left.pop(leaf, None)
        if row is None:
            if verdict.code not in _NOT_ROWS:
                findings.append(Finding("I12", place, "the dose is not stored"))
            continue
        if dict(row.columns) != signed_columns(dose):
            findings.append(Finding("I12", place, "the stored dose is not the one that was signed"))
        said = (verdict.state.value, verdict.code.value if verdict.code else "")
        if not row.decided_by and (row.state, row.code) != said:
            findings.append(Finding("I12", place, "the verdict is not the one that the receipt promised"))
    findings += [
        Finding("I12", f"entry {ledger_index}, leaf {leaf}", "a stored dose was never signed") for leaf in sorted(left)
    ]
    return findings
