"""Opened vials of the day, and which doses were drawn from them. A vial that was opened by mistake is withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NewType

from edge.domain.vial import VialContents
from edge.store.database import Tables

VialId = NewType("VialId", int)


class VialState(StrEnum):
    """What became of a vial; stored."""

    OPEN = "open"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Vial:
    """One vial.

    Attributes:
        day: the local day on which it was opened, "YYYY-MM-DD".
        opened_at: epoch seconds UTC.
        given: how many doses were recorded from it.
    """

    vial_id: VialId
    day: str
    contents: VialContents
    opened_at: int
    opened_by: str
    state: VialState
    given: int

    @property
    def is_empty(self) -> bool:
        """Whether it should hold nothing any more."""
        return self.given >= self.contents.doses


@dataclass(frozen=True, slots=True)
class LotOfDay:
    """A lot on one day: vials opened (none withdrawn), doses that they should have given, doses recorded."""

    product: str
    lot: str
    lot_expiry: str
    vials: int
    expected: int
    recorded: int


_SELECT: Final = (
    "SELECT v.vial_id, v.day, v.product, v.lot, v.lot_expiry, v.doses, v.station, v.opened_at, v.opened_by, v.state, "
    "(SELECT count(*) FROM vial_doses AS d WHERE d.vial_id = v.vial_id) FROM vials AS v "
)


def add(tables: Tables, contents: VialContents, *, day: str, at: int, by: str, submission: str) -> VialId:
    """Write a vial that is opened now. IntegrityError where `submission` is there already: the caller looks first."""
    row = tables.execute(
        "INSERT INTO vials (day, station, product, lot, lot_expiry, doses, opened_at, opened_by, submission) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING vial_id",
        (
            day,
            contents.station,
            contents.product,
            contents.lot,
            contents.lot_expiry,
            contents.doses,
            at,
            by,
            submission,
        ),
    ).fetchone()
    return VialId(int(row[0]))


def get(tables: Tables, vial_id: int) -> Vial | None:
    """The vial with this id, if there is one."""
    return next(iter(_select(tables, "WHERE v.vial_id = ?", (vial_id,))), None)


def submitted(tables: Tables, submission: str) -> Vial | None:
    """The vial that this form opened, however often it was sent."""
    return next(iter(_select(tables, "WHERE v.submission = ?", (submission,))), None)


def of_day(tables: Tables, day: str) -> list[Vial]:
    """All vials of a local day, the newest first."""
    return _select(tables, "WHERE v.day = ? ORDER BY v.vial_id DESC", (day,))


def open_at(tables: Tables, day: str, station: str) -> list[Vial]:
    """The vials that are open at this table, the newest first."""
    return [one for one in of_day(tables, day) if one.state is VialState.OPEN and one.contents.station == station]


def move(tables: Tables, vial_id: VialId, state: VialState, *, before: VialState, at: int | None, by: str = "") -> bool:
    """Bring a vial from one state to another; False if it is not in the first one. `at` None where it opens again."""
    cursor = tables.execute(
        "UPDATE vials SET state = ?, ended_at = ?, ended_by = ? WHERE vial_id = ? AND state = ?",
        (state, at, by, vial_id, before),
    )
    return cursor.rowcount == 1


def draw(tables: Tables, vial_id: VialId, sequence: int) -> None:
    """Write that a dose was drawn from a vial."""
    tables.execute("INSERT INTO vial_doses (sequence, vial_id) VALUES (?, ?)", (sequence, vial_id))


def usual_doses(tables: Tables, product: str) -> int:
    """How many doses the newest vial of this product gives, or 0."""
    row = tables.execute(
        "SELECT doses FROM vials WHERE product = ? AND state <> 'withdrawn' ORDER BY vial_id DESC LIMIT 1", (product,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def lots_of_day(tables: Tables, day: str) -> list[LotOfDay]:
    """Every lot of which a vial was opened or a dose given on this local day, by product and lot."""
    rows = tables.execute(
        "SELECT product, lot, max(lot_expiry), sum(vials), sum(expected), sum(recorded) FROM ("
        "SELECT product, lot, lot_expiry, 1 AS vials, doses AS expected, 0 AS recorded FROM vials"
        " WHERE day = ?1 AND state <> 'withdrawn'"
        " UNION ALL SELECT product, lot, '', 0, 0, sum(doses) FROM tallies WHERE given_day = ?1 GROUP BY product, lot"
        ") GROUP BY product, lot HAVING sum(vials) > 0 OR sum(recorded) > 0 ORDER BY product, lot",
        (day,),
    )
    return [LotOfDay(*row) for row in rows]


def _select(tables: Tables, where: str, values: Sequence[object]) -> list[Vial]:
    return [_vial(row) for row in tables.execute(_SELECT + where, values)]


def _vial(row: Sequence[Any]) -> Vial:
    return Vial(
        vial_id=VialId(row[0]),
        day=row[1],
        contents=VialContents(row[2], row[3], row[4], doses=row[5], station=row[6]),
        opened_at=row[7],
        opened_by=row[8],
        state=VialState(row[9]),
        given=row[10],
    )
