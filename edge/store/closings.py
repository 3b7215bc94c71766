"""The sheets with which days were closed, revision by revision, and what a day still leaves to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.outbox import BundleState
from edge.store import node_epochs
from edge.store.database import Tables

_COLUMNS: Final = "c.day, c.revision, c.closed_at, c.closed_by, c.body, c.epoch, c.sequence"


@dataclass(frozen=True, slots=True, repr=False)
class StoredClosing:
    """One sheet; `body` is what its bundle carries. The representation shows nobody."""

    day: str
    revision: int
    closed_at: int
    closed_by: str
    body: bytes
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Sent:
    """How far the bundle of a sheet is; `admitted_at` by the centre's clock, None before its receipt."""

    state: BundleState
    admitted_at: int | None


@dataclass(frozen=True, slots=True)
class OpenDay:
    """A day with doses that nobody has closed."""

    day: str
    doses: int


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What should not be left at the end of a day; none of it hinders the closing."""

    waiting_people: int
    observed_people: int
    open_vials: int


def add(tables: Tables, new: StoredClosing) -> None:
    """Keep a sheet; the caller has sealed its bundle in the same transaction. IntegrityError for a revision twice."""
    tables.execute(
        "INSERT INTO closings VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new.day, new.revision, new.closed_at, new.closed_by, new.body, new.epoch, new.sequence),
    )


def newest(tables: Tables, day: str) -> StoredClosing | None:
    """The sheet that holds for a local day "YYYY-MM-DD", if it was closed."""
    row = tables.execute(
        f"SELECT {_COLUMNS} FROM closings AS c WHERE c.day = ? ORDER BY c.revision DESC LIMIT 1", (day,)
    ).fetchone()
    return None if row is None else _stored(row)


def find(tables: Tables, day: str, revision: int) -> StoredClosing | None:
    """One revision of a day's sheet, if there is one."""
    row = tables.execute(
        f"SELECT {_COLUMNS} FROM closings AS c WHERE c.day = ? AND c.revision = ?", (day, revision)
    ).fetchone()
    return None if row is None else _stored(row)


def all_closings(tables: Tables) -> list[StoredClosing]:
    """Every sheet, by day and revision."""
    rows = tables.execute(f"SELECT {_COLUMNS} FROM closings AS c ORDER BY c.day, c.revision").fetchall()
    return [_stored(row) for row in rows]


def bundles_of_closings(tables: Tables) -> list[tuple[int, int]]:
    """The places of all bundles that carry a sheet, as (epoch, sequence)."""
    rows = tables.execute("SELECT epoch, sequence FROM bundles WHERE kind = 'closing' ORDER BY epoch, sequence")
    return [(row[0], row[1]) for row in rows]


def sent(tables: Tables, closing: StoredClosing) -> Sent:
    """How far the sheet's bundle is, or the one into which it was sealed again."""
    place = node_epochs.places(tables, closing.epoch, closing.sequence)[-1]
    row = tables.execute(
        "SELECT b.state, r.admitted_at FROM bundles AS b"
        " LEFT JOIN receipts AS r ON r.epoch = b.epoch AND r.sequence = b.sequence"
        " WHERE b.epoch = ? AND b.sequence = ?",
        place,
    ).fetchone()
    return Sent(BundleState(row[0]), row[1])


def open_days(tables: Tables, *, first_day: str, before: str) -> list[OpenDay]:
    """Local days from `first_day` until the one before `before` with doses and no sheet, oldest first."""
    rows = tables.execute(
        "SELECT t.given_day, sum(t.doses) FROM tallies AS t WHERE t.given_day >= ? AND t.given_day < ?"
        " AND NOT EXISTS (SELECT 1 FROM closings AS c WHERE c.day = t.given_day)"
        " GROUP BY t.given_day HAVING sum(t.doses) > 0 ORDER BY t.given_day",
        (first_day, before),
    )
    return [OpenDay(str(row[0]), int(row[1])) for row in rows]


def left_over(tables: Tables, day: str) -> LeftOver:
    """Who waits or is observed, and which vials are open, on this local day."""
    visits = dict(
        tables.execute(
            "SELECT state, count(*) FROM visits WHERE state IN ('waiting', 'observed') AND day = ? GROUP BY state",
            (day,),
        ).fetchall()
    )
    vials = tables.execute("SELECT count(*) FROM vials WHERE day = ? AND state = 'open'", (day,)).fetchone()
    return LeftOver(int(visits.get("waiting", 0)), int(visits.get("observed", 0)), int(vials[0]))


def _stored(row: Sequence[Any]) -> StoredClosing:
    return StoredClosing(*row)
