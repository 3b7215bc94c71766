"""Visits: one way of one person from the door to leaving, and the number by which they are called on that day.

    waiting ──(a dose is recorded)──► observed ──► left
    waiting ──(not today after all)──► cancelled

A person stands in one line at a time. Who comes again on another day has left the line of the day before, whatever was
written there. Functions that move a visit return False where it does not stand where the move begins: somebody else was
faster, and nothing was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NewType

from edge.store.database import Tables
from edge.store.people import PersonId

VisitId = NewType("VisitId", int)

# Kept as the remark of a visit that nobody ended on its day.
FORGOTTEN: Final = "Chưa kết thúc trong ngày"


class VisitState(StrEnum):
    """Where somebody is; stored."""

    WAITING = "waiting"
    OBSERVED = "observed"
    LEFT = "left"
    CANCELLED = "cancelled"


OPEN: Final = (VisitState.WAITING, VisitState.OBSERVED)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit.

    Attributes:
        day: the local day, "YYYY-MM-DD".
        number: 1, 2, 3 … in the order of arrival on this day.
        arrived_at: epoch seconds UTC.
        arrived_by: who received the person.
        sequence: the dose, once it is recorded.
        leave_at: the instant from which the person may leave, once a dose is recorded.
        ended_at: when the person left or the visit was cancelled.
        ended_by: who wrote that, "" before.
        remark: why it was cancelled, or what was seen at leaving.
    """

    visit_id: VisitId
    day: str
    number: int
    person_id: PersonId
    state: VisitState
    arrived_at: int
    arrived_by: str
    sequence: int | None
    leave_at: int | None
    ended_at: int | None
    ended_by: str
    remark: str


_COLUMNS: Final = (
    "visit_id, day, number, person_id, state, arrived_at, arrived_by, sequence, leave_at, ended_at, ended_by, remark"
)


def arrive(tables: Tables, person_id: PersonId, *, day: str, at: int, by: str, submission: str = "") -> Visit:
    """Put a person into the line of this day and return the visit; an open visit of the day is given back as it is.

    Args:
        day: the local day of `at`.
        at: epoch seconds UTC.
        by: who receives the person.
        submission: key of the form that asks; `of_submission` finds the visit by it.
    """
    found = open_of_person(tables, person_id)
    if found is not None:
        if found.day == day:
            return found
        _forget(tables, found, at=at, by=by)
    row = tables.execute(
        "INSERT INTO visits (day, number, person_id, state, arrived_at, arrived_by, submission) "
        "SELECT ?1, coalesce(max(number), 0) + 1, ?2, 'waiting', ?3, ?4, ?5 FROM visits WHERE day = ?1 "
        f"RETURNING {_COLUMNS}",
        (day, person_id, at, by, submission),
    ).fetchone()
    return _visit(row)


def get(tables: Tables, visit_id: VisitId) -> Visit | None:
    """The visit with this id, if there is one."""
    return _one(tables, "WHERE visit_id = ?", (visit_id,))


def open_of_person(tables: Tables, person_id: PersonId) -> Visit | None:
    """The visit of this person that has not ended, if there is one; it may be of an earlier day."""
    return _one(tables, "WHERE person_id = ? AND state IN ('waiting', 'observed')", (person_id,))


def newest_of_person(tables: Tables, person_id: PersonId, day: str) -> Visit | None:
    """The latest visit of this person on this day that was not cancelled, if there is one."""
    return _one(
        tables,
        "WHERE person_id = ? AND day = ? AND state <> 'cancelled' ORDER BY number DESC LIMIT 1",
        (person_id, day),
    )


def of_submission(tables: Tables, submission: str) -> Visit | None:
    """The visit that this form opened, however often it was sent."""
    # The index leaves out what no form asked for, and is used only where the question says so too.
    return _one(tables, "WHERE submission = ? AND submission <> ''", (submission,))


def waiting(tables: Tables, day: str) -> list[Visit]:
    """Who waits for the injection on this day, by number."""
    return _in_state(tables, VisitState.WAITING, day)


def observed(tables: Tables, day: str) -> list[Visit]:
    """Who is watched after the injection on this day, by number."""
    return _in_state(tables, VisitState.OBSERVED, day)


def count_states(tables: Tables, day: str) -> dict[VisitState, int]:
    """How many visits of the day are in each state; states of nobody are left out."""
    rows = tables.execute("SELECT state, count(*) FROM visits WHERE day = ? GROUP BY state", (day,))
    return {VisitState(row[0]): int(row[1]) for row in rows}


def give_dose(tables: Tables, visit_id: VisitId, sequence: int, *, leave_at: int) -> bool:
    """Move somebody who waits to the observed, with the dose and the instant (epoch seconds UTC) of leaving."""
    cursor = tables.execute(
        "UPDATE visits SET state = 'observed', sequence = ?, leave_at = ? WHERE visit_id = ? AND state = 'waiting'",
        (sequence, leave_at, visit_id),
    )
    return cursor.rowcount == 1


def leave(tables: Tables, visit_id: VisitId, *, at: int, by: str, remark: str = "") -> bool:
    """Let somebody who is observed go home."""
    return _end(tables, visit_id, VisitState.LEFT, before=VisitState.OBSERVED, at=at, by=by, remark=remark)


def cancel(tables: Tables, visit_id: VisitId, *, at: int, by: str, remark: str) -> bool:
    """Take somebody who waits out of the line, with the reason."""
    return _end(tables, visit_id, VisitState.CANCELLED, before=VisitState.WAITING, at=at, by=by, remark=remark)


def come_back(tables: Tables, visit_id: VisitId) -> bool:
    """Undo `leave`: the person is observed again, until the same instant as before."""
    cursor = tables.execute(
        "UPDATE visits SET state = 'observed', ended_at = NULL, ended_by = '', remark = '' "
        "WHERE visit_id = ? AND state = 'left'",
        (visit_id,),
    )
    return cursor.rowcount == 1


def take_dose(tables: Tables, visit_id: VisitId) -> bool:
    """Undo `give_dose`: the dose was somebody else's, and this person waits again."""
    cursor = tables.execute(
        "UPDATE visits SET state = 'waiting', sequence = NULL, leave_at = NULL "
        "WHERE visit_id = ? AND state = 'observed'",
        (visit_id,),
    )
    return cursor.rowcount == 1


def of_dose(tables: Tables, sequence: int) -> Visit | None:
    """The visit on which this dose was given, whichever version of it is asked about."""
    return _one(
        tables,
        "WHERE sequence IN (WITH RECURSIVE earlier(sequence) AS (VALUES (?) UNION SELECT d.replaces FROM doses AS d "
        "JOIN earlier ON d.sequence = earlier.sequence WHERE d.replaces IS NOT NULL) SELECT sequence FROM earlier)",
        (sequence,),
    )


def left_since(tables: Tables, day: str, at: int) -> list[Visit]:
    """Who left on this day after the instant `at`, the last one first."""
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM visits WHERE state = 'left' AND day = ? AND ended_at > ? "
        "ORDER BY ended_at DESC, number DESC",
        (day, at),
    )
    return [_visit(row) for row in rows]


def _forget(tables: Tables, visit: Visit, *, at: int, by: str) -> None:
    if visit.state is VisitState.WAITING:
        cancel(tables, visit.visit_id, at=at, by=by, remark=FORGOTTEN)
    else:
        leave(tables, visit.visit_id, at=at, by=by, remark=FORGOTTEN)


def _end(
    tables: Tables, visit_id: VisitId, state: VisitState, *, before: VisitState, at: int, by: str, remark: str
) -> bool:
    cursor = tables.execute(
        "UPDATE visits SET state = ?, ended_at = ?, ended_by = ?, remark = ? WHERE visit_id = ? AND state = ?",
        (state, at, by, remark, visit_id, before),
    )
    return cursor.rowcount == 1


def _in_state(tables: Tables, state: VisitState, day: str) -> list[Visit]:
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM visits WHERE state = ? AND day = ? ORDER BY number",
        (state, day),
    )
    return [_visit(row) for row in rows]


def _one(tables: Tables, where: str, values: Sequence[object]) -> Visit | None:
    row = tables.execute(f"SELECT {_COLUMNS} FROM visits {where}", values).fetchone()
    return None if row is None else _visit(row)


def _visit(row: Sequence[Any]) -> Visit:
    return Visit(
        visit_id=VisitId(row[0]),
        day=row[1],
        number=row[2],
        person_id=PersonId(row[3]),
        state=VisitState(row[4]),
        arrived_at=row[5],
        arrived_by=row[6],
        sequence=row[7],
        leave_at=row[8],
        ended_at=row[9],
        ended_by=row[10],
        remark=row[11],
    )
