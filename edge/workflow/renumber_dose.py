"""Record a dose again under a new number, because its number is another dose's at the centre.

The record is the same event: person, facts and author as they were. Its instant of recording stays too; who gave it the
new number, and when, stands beside the old one and in the audit trail. A correction names the version that it corrects,
unless that number is another dose's too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, dose_numbers, doses, node_identity, standings
from edge.store.audit import Action
from edge.store.database import Database, Tables
from sync_protocol.errors import Code
from sync_protocol.verdict import VerdictState

# Followed by the number: the submission keys of clients hold no blank.
_KEY: Final = "again "
_PAGE: Final = 3_000


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A dose under its new number."""

    old: int
    new: int


def renumber_all(database: Database, *, at: int, by: str) -> list[Renumbered]:
    """Record every dose again whose number is taken at the centre; returns them with their new numbers.

    Args:
        at: epoch seconds UTC.
        by: who asks for it.

    Raises:
        StoreError: nothing was recorded again.
    """
    with database.write_transaction() as tables:
        found = dose_numbers.to_record_again(tables, limit=_PAGE)
        return [_renumber(tables, sequence, at=at, by=by) for sequence in found]


def renumber_dose(database: Database, sequence: int, *, at: int, by: str) -> Renumbered:
    """Record one dose again; the same call again gives the same new number.

    Raises:
        RefusedError: DOSE_UNKNOWN where there is no such dose, or its number is not taken.
        StoreError: nothing was recorded again.
    """
    with database.write_transaction() as tables:
        taken = dose_numbers.find_taken(tables, sequence)
        if taken is not None and taken.again is not None:
            return Renumbered(sequence, taken.again)
        return _renumber(tables, sequence, at=at, by=by)


def is_taken(tables: Tables, sequence: int) -> bool:
    """Whether a newest version has a number that is another dose's at the centre."""
    found = standings.of_sequence(tables, sequence, facility=node_identity.codes(tables).facility)
    verdict = None if found is None else found.verdict
    return verdict is not None and (verdict.state, verdict.code) == (VerdictState.REFUSED, Code.DOSE_REPEATED)


def _renumber(tables: Tables, sequence: int, *, at: int, by: str) -> Renumbered:
    old = doses.get(tables, sequence)
    if old is None or not is_taken(tables, sequence):
        raise refuse(EdgeCode.DOSE_UNKNOWN, "dose")
    epoch = node_identity.get(tables).epoch
    # One that the centre itself has refused for its number is kept in the same way.
    dose_numbers.take(tables, sequence, epoch=epoch, at=at)
    is_correction = old.replaces is not None and dose_numbers.find_taken(tables, old.replaces) is None
    new = doses.add(
        tables,
        old.person_id,
        old.facts,
        at=old.recorded_at,
        by=old.recorded_by,
        submission=f"{_KEY}{sequence}",
        replaces=old.replaces if is_correction else None,
        replace_reason=old.replace_reason if is_correction else "",
    )
    dose_numbers.recorded_again(tables, sequence, again=new, at=at, by=by)
    details = f"was dose {sequence}"
    audit.append(tables, Action.DOSE_RENUMBERED, f"dose:{new}", actor=by, at=at, details=details)
    return Renumbered(sequence, new)
