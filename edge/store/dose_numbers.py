"""Dose numbers beside those of this store: which are taken at the centre, and which is the next free one.

A restored store, or one of two copies, may hold doses that the centre has already (`held_doses`), and doses whose
number belongs to another dose there (`taken_doses`). The first are delivered; the second are recorded again.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.store.database import Tables
from sync_protocol.verdict import Verdict


@dataclass(frozen=True, slots=True)
class TakenDose:
    """A dose whose number is another dose's at the centre; `again` is the number under which it was recorded again."""

    sequence: int
    given_day: str
    again: int | None


def reserve(tables: Tables, first_dose: int, *, epoch: int, at: int) -> None:
    """From here on no dose gets a number below this one."""
    if first_dose > 1:
        tables.execute("INSERT INTO dose_floors VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (first_dose, epoch, at))


def floor(tables: Tables) -> int:
    """The lowest number that a dose may get, whatever this store has; 1 where nothing was said."""
    return int(tables.execute("SELECT coalesce(max(first_dose), 1) FROM dose_floors").fetchone()[0])


def open_sequences(tables: Tables) -> list[int]:
    """The doses for which this store knows no answer of the centre, whatever version, in order."""
    rows = tables.execute(
        "SELECT d.sequence FROM doses AS d WHERE NOT EXISTS (SELECT 1 FROM verdicts AS v WHERE v.dose = d.sequence)"
        " AND NOT EXISTS (SELECT 1 FROM held_doses AS o WHERE o.sequence = d.sequence)"
        " AND NOT EXISTS (SELECT 1 FROM taken_doses AS t WHERE t.sequence = d.sequence)"
        " AND NOT EXISTS (SELECT 1 FROM handed_doses AS h WHERE h.sequence = d.sequence AND h.state = 'signed')"
        " ORDER BY d.sequence"
    )
    return [int(row[0]) for row in rows]


def are_handed(tables: Tables) -> frozenset[int]:
    """The doses that are with a hub by a handover that the centre has."""
    rows = tables.execute("SELECT sequence FROM handed_doses WHERE state = 'handed'")
    return frozenset(int(row[0]) for row in rows)


def hold(tables: Tables, sequence: int, verdict: Verdict, *, epoch: int) -> None:
    """The centre has this very dose, from a bundle that this store does not know."""
    code = "" if verdict.code is None else verdict.code.value
    tables.execute("INSERT INTO held_doses VALUES (?, ?, ?, ?)", (sequence, epoch, verdict.state, code))


def take(tables: Tables, sequence: int, *, epoch: int, at: int) -> None:
    """The number is another dose's at the centre: this one has to be recorded again."""
    tables.execute(
        "INSERT INTO taken_doses (sequence, epoch, noted_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (sequence, epoch, at),
    )


def recorded_again(tables: Tables, sequence: int, *, again: int, at: int, by: str) -> None:
    """The dose stands under a new number from here on."""
    tables.execute(
        "UPDATE taken_doses SET again = ?, again_at = ?, again_by = ? WHERE sequence = ?", (again, at, by, sequence)
    )


def find_taken(tables: Tables, sequence: int) -> TakenDose | None:
    """What is said of this number, if it is taken."""
    row = tables.execute(
        "SELECT t.sequence, d.given_day, t.again FROM taken_doses AS t JOIN doses AS d USING (sequence)"
        " WHERE t.sequence = ?",
        (sequence,),
    ).fetchone()
    return None if row is None else TakenDose(*row)


def to_record_again(tables: Tables, *, limit: int) -> list[int]:
    """Newest versions that the centre refused because their number is taken there, by number."""
    rows = tables.execute(
        # The last term names the index: without it all standings are read.
        "SELECT sequence FROM standings WHERE verdict_state = 'refused' AND verdict_code = 'dose-repeated'"
        " AND verdict_code <> '' ORDER BY sequence LIMIT ?",
        (limit,),
    )
    return [int(row[0]) for row in rows]


def count_to_record_again(tables: Tables) -> int:
    """How many of them there are."""
    row = tables.execute(
        "SELECT coalesce(sum(doses), 0) FROM tallies WHERE verdict_state = 'refused' AND verdict_code = 'dose-repeated'"
    ).fetchone()
    return int(row[0])


def misplaced(tables: Tables) -> int:
    """How many live leaves are doses that the centre had already when they were signed: there must be none."""
    row = tables.execute(
        "SELECT count(*) FROM pass_leaves AS l JOIN held_doses AS o ON o.sequence = l.sequence WHERE l.live = 1"
    ).fetchone()
    return int(row[0])
