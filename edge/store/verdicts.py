"""What the centre said of each dose, taken from verified receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.store.bundles import StoredBundle
from edge.store.database import Tables
from sync_protocol.verdict import Verdict, VerdictState


@dataclass(frozen=True, slots=True)
class Returned:
    """Doses that the centre holds back or refuses for one reason: somebody at the site has to act.

    Attributes:
        code: the centre's reason.
        count: how many doses; only newest versions.
        first: the oldest of them by number.
    """

    state: VerdictState
    code: str
    count: int
    first: tuple[int, ...]


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


def returned(tables: Tables, *, named: int) -> list[Returned]:
    """What the centre holds back or refuses, by its code, with the first doses of each; refused ones first."""
    groups = tables.execute(
        "SELECT verdict_state, verdict_code, sum(doses) FROM tallies WHERE verdict_code <> ''"
        " GROUP BY verdict_state, verdict_code HAVING sum(doses) > 0 ORDER BY verdict_state DESC, verdict_code"
    ).fetchall()
    return [
        Returned(
            VerdictState(state),
            code,
            count=int(count),
            first=tuple(
                int(row[0])
                for row in tables.execute(
                    "SELECT sequence FROM standings WHERE verdict_code = ?1 AND verdict_code <> ''"
                    " AND verdict_state = ?2 ORDER BY sequence LIMIT ?3",
                    (code, state, named),
                )
            ),
        )
        for state, code, count in groups
    ]
