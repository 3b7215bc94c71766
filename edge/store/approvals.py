"""Selections of doses that a second person is asked to approve: what was asked, who decided, whether it was used.

What is approved is fixed when it is asked for; the triggers of step 4 keep it so, and know the steps.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from edge.store.database import Tables
from edge.store.users import UserId


class ApprovalState(StrEnum):
    """Where an approval stands. Stored; the words are stable."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    USED = "used"
    WITHDRAWN = "withdrawn"


# Something is still to be done about an approval in one of these.
PENDING: Final = (ApprovalState.ASKED, ApprovalState.APPROVED)


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval, as it is shown; the doses stand in `sequences`.

    Attributes:
        digest: of the selection as both people saw it, 32 bytes.
        doses: how many it is about.
        asked_by, decided_by: users; `asker` and `decider` are their names, "" for nobody.
        used_at: what the statements claim that were signed under it, epoch seconds UTC.
    """

    approval_id: int
    digest: bytes
    doses: int
    late_reason: str
    state: ApprovalState
    asked_at: int
    asked_by: UserId
    asker: str
    decided_at: int | None
    decided_by: UserId | None
    decider: str
    remark: str
    used_at: int | None


_SELECT: Final = (
    "SELECT a.approval_id, a.digest, json_array_length(a.sequences), a.late_reason, a.state, a.asked_at, a.asked_by,"
    " asker.name, a.decided_at, a.decided_by, coalesce(decider.name, ''), a.remark, a.used_at FROM approvals AS a"
    " JOIN users AS asker ON asker.user_id = a.asked_by LEFT JOIN users AS decider ON decider.user_id = a.decided_by "
)


def ask(tables: Tables, *, digest: bytes, sequences: Sequence[int], late_reason: str, at: int, asked_by: UserId) -> int:
    """Write what is to be approved and return its number."""
    row = tables.execute(
        "INSERT INTO approvals (digest, sequences, late_reason, state, asked_at, asked_by) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING approval_id",
        (digest, json.dumps(list(sequences)), late_reason, ApprovalState.ASKED, at, asked_by),
    ).fetchone()
    return int(row[0])


def get(tables: Tables, approval_id: int) -> Approval | None:
    """The approval with this number, if there is one."""
    return _one(tables.execute(_SELECT + "WHERE a.approval_id = ?", (approval_id,)).fetchone())


def pending_of(tables: Tables, digest: bytes, *, asked_by: UserId) -> Approval | None:
    """What this user has asked for this very selection and may still come to something, if there is such a thing."""
    row = tables.execute(
        _SELECT + "WHERE a.state IN ('asked', 'approved') AND a.digest = ? AND a.asked_by = ?", (digest, asked_by)
    ).fetchone()
    return _one(row)


def sequences(tables: Tables, approval_id: int) -> list[int]:
    """The doses of an approval, in the order of signing."""
    row = tables.execute("SELECT sequences FROM approvals WHERE approval_id = ?", (approval_id,)).fetchone()
    return [int(sequence) for sequence in json.loads(row[0])]


def pending(tables: Tables) -> list[Approval]:
    """What waits for a decision or for the signature, oldest first."""
    marks = ", ".join(f"'{state}'" for state in PENDING)
    rows = tables.execute(_SELECT + f"WHERE a.state IN ({marks}) ORDER BY a.approval_id")
    return [_approval(row) for row in rows]


def settled(tables: Tables, *, limit: int = 50) -> list[Approval]:
    """What was refused, withdrawn or used, the newest first."""
    rows = tables.execute(
        _SELECT + "WHERE a.state IN ('refused', 'used', 'withdrawn') ORDER BY a.approval_id DESC LIMIT ?", (limit,)
    )
    return [_approval(row) for row in rows]


def count_asked(tables: Tables, *, besides: UserId) -> int:
    """How many wait for a decision of somebody who is not their asker: of the user `besides`."""
    row = tables.execute(
        "SELECT count(*) FROM approvals WHERE state = 'asked' AND asked_by <> ?", (besides,)
    ).fetchone()
    return int(row[0])


def decide(tables: Tables, approval_id: int, state: ApprovalState, *, at: int, decided_by: UserId, remark: str) -> None:
    """Approve or refuse. IntegrityError (our bug) if it is not asked for any more, or by its own asker."""
    tables.execute(
        "UPDATE approvals SET state = ?, decided_at = ?, decided_by = ?, remark = ? WHERE approval_id = ?",
        (state, at, decided_by, remark, approval_id),
    )


def withdraw(tables: Tables, approval_id: int) -> None:
    """Take back what was asked. IntegrityError (our bug) if it was refused or used."""
    tables.execute("UPDATE approvals SET state = 'withdrawn' WHERE approval_id = ?", (approval_id,))


def use(tables: Tables, approval_id: int, *, at: int) -> None:
    """Use it up; `at` is what the statements of the turn claim. IntegrityError (our bug) if it is not approved."""
    tables.execute("UPDATE approvals SET state = 'used', used_at = ? WHERE approval_id = ?", (at, approval_id))


def _one(row: Sequence[Any] | None) -> Approval | None:
    return None if row is None else _approval(row)


def _approval(row: Sequence[Any]) -> Approval:
    return Approval(
        approval_id=row[0],
        digest=row[1],
        doses=row[2],
        late_reason=row[3],
        state=ApprovalState(row[4]),
        asked_at=row[5],
        asked_by=UserId(row[6]),
        asker=row[7],
        decided_at=row[8],
        decided_by=None if row[9] is None else UserId(row[9]),
        decider=row[10],
        remark=row[11],
        used_at=row[12],
    )
