"""What the centre said of each dose, taken from verified receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.store.bundles import StoredBundle
from edge.store.database import Tables
from sync_protocol.verdict import Verdict, VerdictState


@dataclass(frozen=True, slots=True)
class Returned:
    """A dose that the centre holds back or refuses: somebody at the site has to act."""

    sequence: int
    state: VerdictState
    code: str


def add(tables: Tables, bundle: StoredBundle, *, doses: Sequence[int], verdicts: Sequence[Verdict]) -> None:
    """Keep one verdict per dose, in the order of the leaves; the first ones stay if the bundle has them already."""
    tables.conn.executemany(
        "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            (bundle.epoch, bundle.sequence, dose, verdict.state, verdict.code or "")
            for dose, verdict in zip(doses, verdicts, strict=True)
        ),
    )


def of_bundle(tables: Tables, epoch: int, sequence: int) -> list[tuple[int, str, str]]:
    """(dose, state, code) of a bundle's doses, by dose."""
    rows = tables.execute(
        "SELECT dose, state, code FROM verdicts WHERE epoch = ? AND bundle = ? ORDER BY dose", (epoch, sequence)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def returned(tables: Tables) -> list[Returned]:
    """The newest versions of doses that the centre holds back or refuses, oldest first."""
    rows = tables.execute(
        "SELECT v.dose, v.state, v.code FROM verdicts AS v JOIN live_doses AS d ON d.sequence = v.dose"
        " WHERE v.state <> 'admitted' ORDER BY v.dose"
    )
    return [Returned(row[0], VerdictState(row[1]), row[2]) for row in rows]
