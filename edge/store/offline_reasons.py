"""Why passes were signed although the node was alone for long: one row for each pass that needed a reason."""

from __future__ import annotations

from dataclasses import dataclass

from edge.store.database import Tables


@dataclass(frozen=True, slots=True)
class OfflineReason:
    """A reason as it was typed, and what it was given for: codes and figures. `given_at` is epoch seconds UTC."""

    pass_id: int
    reason: str
    findings: str
    given_at: int
    given_by: str


def add(tables: Tables, given: OfflineReason) -> None:
    """Keep a reason, in the transaction that fixes the pass."""
    tables.execute(
        "INSERT INTO pass_offline_reasons VALUES (?, ?, ?, ?, ?)",
        (given.pass_id, given.reason, given.findings, given.given_at, given.given_by),
    )


def find(tables: Tables, pass_id: int) -> OfflineReason | None:
    """The reason of a pass, if it needed one."""
    row = tables.execute("SELECT * FROM pass_offline_reasons WHERE pass_id = ?", (pass_id,)).fetchone()
    return None if row is None else OfflineReason(*row)
