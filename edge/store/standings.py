"""Where each recorded dose stands on its way to the ledger, and how many stand where.

The tables `standings` and `tallies` are derived: the store's triggers write them, nobody else does, and `differences`
recomputes them from what they were derived from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from edge.domain.day_figures import Standing
from edge.domain.outbox import BundleState
from edge.domain.signing_pass import Facts
from edge.domain.waiting import identity_obstacle
from edge.store.database import Tables
from edge.store.people import PersonId
from sync_protocol.days import day_start
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict, VerdictState

_OPEN: Final = "open"
# With a delegated signer; when its signature comes back the dose stands like one that was delivered.
_HANDED: Final = "handed"
# Its number is another dose's at the centre: it is recorded again, and neither signed nor sent as it is.
_TAKEN: Final = "taken"
_COLUMNS: Final = "s.identity_state, s.is_late, s.is_correction, s.stage, s.verdict_state, s.verdict_code"
# Later than every day that can be written.
_NO_END: Final = "9999-12-31"

# What `standings` must hold, from the tables that it is derived from.
_DERIVED: Final = """
SELECT d.sequence, d.person_id, d.given_day, d.given_at, d.product, d.lot, p.identity_state, d.late_reason <> '',
    d.replaces IS NOT NULL, CASE WHEN t.sequence IS NOT NULL THEN 'taken' WHEN o.sequence IS NOT NULL THEN 'receipted'
        WHEN l.sequence IS NOT NULL THEN coalesce(b.state, 'open')
        WHEN h.state = 'signed' THEN 'receipted' WHEN h.state = 'handed' THEN 'handed' ELSE '' END,
    CASE WHEN t.sequence IS NOT NULL THEN 'refused' WHEN coalesce(o.verdict_state, v.state, h.verdict_state, '') = ''
        THEN '' ELSE coalesce(c.state, o.verdict_state, v.state, h.verdict_state) END,
    CASE WHEN t.sequence IS NOT NULL THEN 'dose-repeated'
        WHEN coalesce(o.verdict_state, v.state, h.verdict_state, '') = '' THEN ''
        ELSE coalesce(c.code, o.verdict_code, v.code, h.verdict_code) END
FROM live_doses AS d
JOIN people AS p ON p.person_id = d.person_id
LEFT JOIN pass_leaves AS l ON l.sequence = d.sequence AND l.live = 1
LEFT JOIN bundles AS b ON b.pass_id = l.pass_id
LEFT JOIN verdicts AS v ON v.epoch = b.epoch AND v.bundle = b.sequence AND v.dose = d.sequence
LEFT JOIN handed_doses AS h ON h.sequence = d.sequence AND h.state IN ('handed', 'signed')
LEFT JOIN verdict_changes AS c ON c.is_own = 1 AND c.sequence = d.sequence AND c.number = (
    SELECT max(n.number) FROM verdict_changes AS n WHERE n.is_own = 1 AND n.sequence = d.sequence)
LEFT JOIN held_doses AS o ON o.sequence = d.sequence
LEFT JOIN taken_doses AS t ON t.sequence = d.sequence
"""
# The day of a dose decides about it only while it could be signed: all others stand alike on every day.
_SIGNABLE: Final = ", ".join(f"'{state}'" for state in IdentityState if identity_obstacle(state) is None)
_DAY_THAT_MATTERS: Final = f"CASE WHEN s.stage = '' AND s.identity_state IN ({_SIGNABLE}) THEN s.given_day END"
_KEY: Final = "given_day, product, lot, identity_state, is_late, is_correction, stage, verdict_state, verdict_code"


def standings(tables: Tables, *, facility: str, day: str = "") -> list[Standing]:
    """The newest version of each dose given on this local day ("YYYY-MM-DD"), or of every dose if `day` is empty."""
    where, values = ("WHERE s.given_day = ?", (day,)) if day else ("", ())
    return _select(tables, where, values, facility=facility)


def of_person(tables: Tables, person_id: PersonId, *, facility: str) -> list[Standing]:
    """The newest versions of a person's doses, by sequence."""
    return _select(tables, "WHERE s.person_id = ?", (person_id,), facility=facility)


def of_sequence(tables: Tables, sequence: int, *, facility: str) -> Standing | None:
    """Where this newest version of a dose stands; None for one that was replaced, or that there is not."""
    return next(iter(_select(tables, "WHERE s.sequence = ?", (sequence,), facility=facility)), None)


def verdict_state(tables: Tables, sequence: int) -> str:
    """What the centre says of this newest version of a dose: a `VerdictState`, or "" while it has said nothing."""
    row = tables.execute("SELECT verdict_state FROM standings WHERE sequence = ?", (sequence,)).fetchone()
    return "" if row is None else str(row[0])


def kinds(
    tables: Tables, *, facility: str, now: int, first_day: str = "", last_day: str = "", product: str = ""
) -> Iterator[tuple[Standing, int]]:
    """How many doses stand alike, for `count_kinds`: a few rows for each day with doses that could be signed.

    Args:
        now: epoch seconds UTC; a dose that claims to be given later is a kind of its own.
        first_day, last_day: local days "YYYY-MM-DD" of the injections, both included; "" for no bound.
        product: code of the catalogue, or "" for all.
    """
    values = (first_day, last_day or _NO_END, product)
    future = tables.execute(
        f"SELECT s.sequence, s.given_at, {_COLUMNS}, s.given_day FROM standings AS s"
        # One lower bound: of two the planner may take the one that leaves every day in.
        " WHERE s.given_day BETWEEN max(?1, date(?4, 'unixepoch', '+7 hours')) AND ?2 AND ?3 IN ('', s.product)"
        " AND s.given_at > ?4",
        (*values, now),
    ).fetchall()
    for row in future:
        yield from_row(row, facility), 1
        # The same dose is counted below among those that are given at the beginning of its day.
        yield from_row((row[0], day_start(row[-1]), *row[2:]), facility), -1
    counted = tables.execute(
        f"SELECT 0, min(s.given_day), {_COLUMNS}, sum(s.doses) FROM tallies AS s WHERE s.given_day BETWEEN ?1 AND ?2"
        f" AND ?3 IN ('', s.product) GROUP BY {_DAY_THAT_MATTERS}, {_COLUMNS}",
        values,
    )
    for row in counted:
        if row[-1]:
            yield from_row((0, day_start(row[1]), *row[2:]), facility), int(row[-1])


def unsigned_days(tables: Tables) -> list[tuple[str, int]]:
    """The local days with doses that are in no batch, oldest first, and how many there are."""
    rows = tables.execute(
        "SELECT given_day, sum(doses) FROM tallies WHERE stage = '' GROUP BY given_day HAVING sum(doses) > 0"
        " ORDER BY given_day"
    )
    return [(str(row[0]), int(row[1])) for row in rows]


def differences(tables: Tables) -> list[str]:
    """What the derived tables say otherwise than what they are derived from; nothing in a store nobody touched."""
    found = []
    for name, kept, derived in (
        ("standings", "SELECT * FROM standings", _DERIVED),
        ("tallies", "SELECT * FROM tallies WHERE doses > 0", f"SELECT {_KEY}, count(*) FROM standings GROUP BY {_KEY}"),
    ):
        for left, right in ((kept, derived), (derived, kept)):
            row = tables.execute(f"SELECT count(*) FROM ({left} EXCEPT {right})").fetchone()
            if row[0]:
                found.append(f"{name}: {row[0]} rows are not what they are derived from")
    return found


def _select(tables: Tables, where: str, values: Sequence[object], *, facility: str) -> list[Standing]:
    rows = tables.execute(
        f"SELECT s.sequence, s.given_at, {_COLUMNS} FROM standings AS s {where} ORDER BY s.sequence", values
    )
    return [from_row(row, facility) for row in rows]


def from_row(row: Sequence[Any], facility: str) -> Standing:
    """A dose from its sequence, given_at, identity_state, is_late, is_correction, stage, verdict state and code."""
    stage, verdict_state, verdict_code = row[5:8]
    return Standing(
        Facts(
            row[0],
            facility,
            given_at=row[1],
            identity=IdentityState(row[2]),
            has_late_reason=bool(row[3]),
            is_correction=bool(row[4]),
            in_live_batch=stage not in ("", _HANDED),
            is_handed=stage == _HANDED,
        ),
        in_open_pass=stage == _OPEN,
        bundle=None if stage in ("", _OPEN, _HANDED, _TAKEN) else BundleState(stage),
        verdict=None
        if not verdict_state
        else Verdict(VerdictState(verdict_state), Code(verdict_code) if verdict_code else None),
    )
