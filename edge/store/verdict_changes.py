"""What the centre says of doses after its receipt: both words are kept, the newest holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge.store.database import Tables
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict, VerdictState
from sync_protocol.verdict_changes import VerdictChange, VerdictChanges


@dataclass(frozen=True, slots=True)
class ChangedVerdict:
    """The newest change of one dose.

    Attributes:
        sequence: of the dose.
        before, after: what was said until then, and since.
        changed_at: epoch seconds UTC, by the centre's clock.
        taken_at: when this node learned it.
    """

    sequence: int
    before: Verdict
    after: Verdict
    changed_at: int
    taken_at: int


def add(tables: Tables, told: VerdictChanges, *, is_own: bool, item: int, at: int) -> int:
    """Keep changes that are not kept yet; gives how many they were.

    Args:
        told: what an item of the feed says.
        is_own: whether this node recorded the doses.
        item: number of the item.
        at: epoch seconds UTC.
    """
    count = 0
    for one in told.changes:
        node, sequence, number, *said = row_of(told.node, one)
        values = (node, sequence, number, int(is_own), *said, item, at)
        added = tables.execute(
            "INSERT INTO verdict_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1",
            values,
        )
        count += len(added.fetchall())
    return count


def row_of(node: str, one: VerdictChange) -> tuple[object, ...]:
    """What a change says, in the order in which it is kept."""
    before, after = one.before, one.after
    words = (before.state.value, before.code or "", after.state.value, after.code or "")
    return (node, one.sequence, one.number, *words, one.at)


def all_by_item(tables: Tables) -> dict[int, frozenset[tuple[object, ...]]]:
    """Every change as `row_of` gives it, by the item that brought it, for `check`."""
    found: dict[int, set[tuple[object, ...]]] = {}
    for row in tables.execute(
        "SELECT item, node, sequence, number, state_before, code_before, state, code, changed_at FROM verdict_changes"
    ):
        found.setdefault(int(row[0]), set()).add(tuple(row[1:]))
    return {item: frozenset(rows) for item, rows in sorted(found.items())}


def newest_of(tables: Tables, sequences: Sequence[int]) -> dict[int, ChangedVerdict]:
    """The newest change of each of these own doses, by sequence; doses without one are left out."""
    found = {}
    for sequence in sequences:
        row = tables.execute(
            "SELECT sequence, state_before, code_before, state, code, changed_at, taken_at FROM verdict_changes"
            " WHERE is_own = 1 AND sequence = ? ORDER BY number DESC LIMIT 1",
            (sequence,),
        ).fetchone()
        if row is not None:
            found[sequence] = _changed(row)
    return found


def _changed(row: Sequence[Any]) -> ChangedVerdict:
    return ChangedVerdict(row[0], _verdict(row[1], row[2]), _verdict(row[3], row[4]), row[5], row[6])


def _verdict(state: str, code: str) -> Verdict:
    return Verdict(VerdictState(state), Code(code) if code else None)
