"""What this site handed over to a delegated signer, dose by dose, and where each stands (`delegated_signings`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.handover import HandedEvent, HandedState, next_state
from edge.domain.outbox import BundleState
from edge.store.database import Tables


@dataclass(frozen=True, slots=True, repr=False)
class NewHandover:
    """A handover at the moment of sealing; `hub_key` is SubjectPublicKeyInfo DER."""

    epoch: int
    bundle: int
    digest: bytes
    delegation: int
    hub: str
    hub_name: str
    hub_node: str
    hub_key: bytes
    first_day: str
    last_day: str
    people: int
    sequences: tuple[int, ...]
    reason: str
    asks_day: str
    handed_by: str
    handed_at: int


@dataclass(frozen=True, slots=True, repr=False)
class StoredHandover:
    """A handover with where its bundle stands.

    `admitted_at` is by the centre's clock, None before its receipt; `is_left` says that the bundle stayed behind in an
    epoch of the node that has ended.
    """

    handover_id: int
    epoch: int
    bundle: int
    digest: bytes
    hub: str
    hub_name: str
    hub_node: str
    hub_key: bytes
    first_day: str
    last_day: str
    people: int
    doses: int
    reason: str
    asks_day: str
    handed_by: str
    handed_at: int
    state: BundleState
    admitted_at: int | None
    outcome: str
    is_left: bool


_COLUMNS: Final = (
    "h.handover_id, h.epoch, h.bundle, h.digest, h.hub, h.hub_name, h.hub_node, h.hub_key, h.first_day, h.last_day,"
    " h.people, h.doses, h.reason, h.asks_day, h.handed_by, h.handed_at, b.state, r.admitted_at,"
    " coalesce(r.outcome, ''),"
    " EXISTS (SELECT 1 FROM left_bundles AS x WHERE x.epoch = h.epoch AND x.sequence = h.bundle)"
)
_FROM: Final = (
    "FROM handovers AS h JOIN bundles AS b ON b.epoch = h.epoch AND b.sequence = h.bundle"
    " LEFT JOIN receipts AS r ON r.epoch = h.epoch AND r.sequence = h.bundle"
)


def add(tables: Tables, new: NewHandover) -> int:
    """Keep a handover whose bundle was sealed in the same transaction. IntegrityError (our bug) if a dose is not free.

    Returns its number.
    """
    handover_id = int(tables.execute("SELECT coalesce(max(handover_id), 0) + 1 FROM handovers").fetchone()[0])
    tables.execute(
        "INSERT INTO handovers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            handover_id,
            new.epoch,
            new.bundle,
            new.digest,
            new.delegation,
            new.hub,
            new.hub_name,
            new.hub_node,
            new.hub_key,
            new.first_day,
            new.last_day,
            new.people,
            len(new.sequences),
            new.reason,
            new.asks_day,
            new.handed_by,
            new.handed_at,
        ),
    )
    tables.conn.executemany(
        "INSERT INTO handed_doses (handover_id, place, sequence, state) VALUES (?, ?, ?, ?)",
        ((handover_id, place, sequence, HandedState.HANDED) for place, sequence in enumerate(new.sequences)),
    )
    return handover_id


def find(tables: Tables, handover_id: int) -> StoredHandover | None:
    """The handover with this number, if there is one."""
    row = tables.execute(f"SELECT {_COLUMNS} {_FROM} WHERE h.handover_id = ?", (handover_id,)).fetchone()
    return None if row is None else _stored(row)


def by_digest(tables: Tables, digest: bytes) -> StoredHandover | None:
    """The handover whose bundle has this digest (32 bytes), if there is one."""
    row = tables.execute(f"SELECT {_COLUMNS} {_FROM} WHERE h.digest = ?", (digest,)).fetchone()
    return None if row is None else _stored(row)


def of_bundle(tables: Tables, epoch: int, bundle: int) -> int | None:
    """The number of the handover that a bundle carries, if it carries one."""
    row = tables.execute("SELECT handover_id FROM handovers WHERE epoch = ? AND bundle = ?", (epoch, bundle)).fetchone()
    return None if row is None else int(row[0])


def newest(tables: Tables, *, limit: int) -> list[StoredHandover]:
    """The handovers, the newest first."""
    rows = tables.execute(f"SELECT {_COLUMNS} {_FROM} ORDER BY h.handover_id DESC LIMIT ?", (limit,))
    return [_stored(row) for row in rows]


def states(tables: Tables, handover_id: int) -> list[tuple[int, HandedState]]:
    """The doses of a handover in the order in which they were packed, and what became of each."""
    rows = tables.execute(
        "SELECT sequence, state FROM handed_doses WHERE handover_id = ? ORDER BY place", (handover_id,)
    )
    return [(int(row[0]), HandedState(row[1])) for row in rows]


def counts(tables: Tables, handover_id: int) -> dict[str, int]:
    """How many doses stand where: a `HandedState`, "quarantined" or "denied" by the centre's verdict, or "replaced"."""
    rows = tables.execute(
        "SELECT CASE WHEN h.state = 'handed' AND s.sequence IS NULL THEN 'replaced'"
        " WHEN h.verdict_state = 'quarantined' THEN 'quarantined' WHEN h.verdict_state = 'refused' THEN 'denied'"
        " ELSE h.state END AS what, count(*)"
        " FROM handed_doses AS h LEFT JOIN standings AS s ON s.sequence = h.sequence"
        " WHERE h.handover_id = ? GROUP BY what",
        (handover_id,),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def is_out(tables: Tables, sequence: int) -> bool:
    """Whether a dose is with a hub that has not answered for it."""
    row = tables.execute("SELECT 1 FROM handed_doses WHERE sequence = ? AND state = 'handed'", (sequence,)).fetchone()
    return row is not None


def holders(tables: Tables, hub: str, sequences: Sequence[int]) -> dict[int, int]:
    """The newest handover to this hub that holds each of these doses; a dose that none holds is left out."""
    rows = tables.execute(
        "SELECT d.sequence, max(d.handover_id) FROM json_each(?) AS w JOIN handed_doses AS d ON d.sequence = w.value"
        " JOIN handovers AS h ON h.handover_id = d.handover_id WHERE h.hub = ? GROUP BY d.sequence",
        (json.dumps(list(sequences)), hub),
    )
    return {int(row[0]): int(row[1]) for row in rows}


def free(tables: Tables, handover_id: int, event: HandedEvent, sequences: Sequence[int] | None = None) -> int:
    """Give doses back to the site (all that are still out, or these); returns how many are free now."""
    wanted = None if sequences is None else set(sequences)
    moved = [
        (next_state(state, event), handover_id, sequence)
        for sequence, state in states(tables, handover_id)
        if (wanted is None or sequence in wanted) and moves(state, event)
    ]
    tables.conn.executemany("UPDATE handed_doses SET state = ? WHERE handover_id = ? AND sequence = ?", moved)
    return len(moved)


def all_ids(tables: Tables) -> list[int]:
    """All handovers, oldest first."""
    return [int(row[0]) for row in tables.execute("SELECT handover_id FROM handovers ORDER BY handover_id")]


def moves(state: HandedState, event: HandedEvent) -> bool:
    """Whether an event changes what stands of a dose."""
    return next_state(state, event) is not state


def _stored(row: Sequence[Any]) -> StoredHandover:
    return StoredHandover(*(*row[:16], BundleState(row[16]), *row[17:19], bool(row[19])))
