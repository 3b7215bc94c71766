"""The roster: who is expected on a day, and who of them has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.store.database import Tables
from edge.store.people import Person, PersonId, with_ids
from sync_protocol.names import fold


class Shown(StrEnum):
    """Which people of a roster a page shows; the words stand in addresses."""

    ALL = "all"
    EXPECTED = "expected"
    ARRIVED = "arrived"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many people are on a day's roster, and how many of them have come."""

    people: int
    arrived: int


@dataclass(frozen=True, slots=True)
class Expected:
    """One person of a roster.

    Attributes:
        product: code of the vaccine that is planned, or "".
        visit_number: the number of the visit on this day, the latest one that was not cancelled, or None.
    """

    person: Person
    product: str
    visit_number: int | None


def add(tables: Tables, day: str, person: Person, *, product: str, at: int, by: str) -> bool:
    """Put a person on the roster of a local day ("YYYY-MM-DD"); return False for who stands there already.

    Args:
        product: code of the vaccine that is planned, or "".
        at: epoch seconds UTC.
    """
    cursor = tables.execute(
        "INSERT INTO roster (day, person_id, product, sort_name, imported_at, imported_by) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (day, person.person_id, product, _sort_name(person.recipient.name), at, by),
    )
    return cursor.rowcount == 1


def has(tables: Tables, day: str, person_id: PersonId) -> bool:
    """Whether somebody is on the roster of this day."""
    return (
        tables.execute("SELECT 1 FROM roster WHERE day = ? AND person_id = ?", (day, person_id)).fetchone() is not None
    )


def counts(tables: Tables, day: str) -> Counts:
    """How many people are expected on this day, and how many of them have come."""
    expected = tables.execute("SELECT count(*) FROM roster WHERE day = ?", (day,)).fetchone()
    # Visits of the day lead: there are fewer of them than people on a long roster.
    arrived = tables.execute(
        "SELECT count(DISTINCT v.person_id) FROM visits AS v CROSS JOIN roster AS r ON r.day = v.day"
        " AND r.person_id = v.person_id WHERE v.day = ? AND v.state <> 'cancelled'",
        (day,),
    ).fetchone()
    return Counts(int(expected[0]), int(arrived[0]))


def of_day(tables: Tables, day: str, *, shown: Shown = Shown.ALL, after: int = 0, limit: int = 100) -> list[Expected]:
    """People of a day's roster by given name; `after` leaves out that many from the front."""
    rows = tables.execute(
        f"SELECT r.person_id, r.product, (SELECT max(v.number) {_VISITS}) FROM roster AS r INDEXED BY roster_by_name"
        f" WHERE r.day = ? {_WHERE[shown]} ORDER BY r.sort_name, r.person_id LIMIT ? OFFSET ?",
        (day, limit, after),
    ).fetchall()
    found = {one.person_id: one for one in with_ids(tables, [PersonId(row[0]) for row in rows])}
    return [Expected(found[PersonId(row[0])], row[1], None if row[2] is None else int(row[2])) for row in rows]


# The index is named, since the highest number would else be looked for among all visits of the day.
_VISITS: Final = (
    "FROM visits AS v INDEXED BY visits_by_person"
    " WHERE v.person_id = r.person_id AND v.day = r.day AND v.state <> 'cancelled'"
)
_WHERE: Final = {
    Shown.ALL: "",
    Shown.EXPECTED: f"AND NOT EXISTS (SELECT 1 {_VISITS})",
    Shown.ARRIVED: f"AND EXISTS (SELECT 1 {_VISITS})",
}


def _sort_name(name: str) -> str:
    folded = fold(name)
    return f"{folded.rpartition(' ')[2]} {folded}"
