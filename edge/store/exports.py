"""The doses of some days as an exported list shows them: one statement, read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.store.database import Tables

# Rows that are taken from the statement together.
_ROWS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, repr=False)
class ExportedDose:
    """The newest version of a dose with its person, as texts of the store; the representation shows nobody.

    `standing` is what the dose's state follows from: identity_state, is_late, is_correction, stage, verdict_state,
    verdict_code.
    """

    standing: tuple[str, int, int, str, str, str]
    sequence: int
    given_day: str
    given_at: int
    product: str
    lot: str
    lot_expiry: str
    dose_number: int
    vaccinator: str
    station: str
    reaction: str
    late_reason: str
    replace_reason: str
    name: str
    birth_date: str
    sex: str
    number: str
    nationality: str
    phone: str
    address_unit: str
    guardian: str
    group: int


def exported_doses(tables: Tables, first_day: str, last_day: str) -> Iterator[ExportedDose]:
    """The doses given on these local days ("YYYY-MM-DD", both included), by day and sequence."""
    cursor = tables.execute(
        "SELECT s.sequence, s.given_day, s.given_at, d.product, d.lot, d.lot_expiry, d.dose_number, d.vaccinator,"
        " d.station, d.reaction, d.late_reason, d.replace_reason, p.name, p.birth_date, p.sex, p.number,"
        " p.nationality, p.phone, p.address_unit, p.guardian, p.group_code,"
        " s.identity_state, s.is_late, s.is_correction, s.stage, s.verdict_state, s.verdict_code"
        " FROM standings AS s JOIN doses AS d ON d.sequence = s.sequence JOIN people AS p ON p.person_id = s.person_id"
        " WHERE s.given_day BETWEEN ? AND ? ORDER BY s.given_day, s.sequence",
        (first_day, last_day),
    )
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield from map(_exported, rows)


def _exported(row: Sequence[Any]) -> ExportedDose:
    return ExportedDose(tuple(row[21:]), *row[:21])
