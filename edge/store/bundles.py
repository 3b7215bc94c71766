"""The outbox: sealed bundles in the order of the chain, and how far each has come.

The rows are the queue. `sealed` bytes are made once; state changes go through `move`, which knows only the table
of `edge.domain.outbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.outbox import DUE, BundleEvent, BundleState, next_state
from edge.store.database import Tables

DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Link:
    """The newest bundle of an epoch: what the next one names."""

    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class NewBundle:
    """A bundle at the moment of sealing."""

    epoch: int
    sequence: int
    kind: str
    previous: bytes
    digest: bytes
    inner: bytes
    sealed: bytes
    pass_id: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle of the outbox with its bytes."""

    epoch: int
    sequence: int
    kind: str
    state: BundleState
    previous: bytes
    digest: bytes
    inner: bytes
    sealed: bytes
    pass_id: int | None


@dataclass(frozen=True, slots=True)
class BundleLine:
    """A bundle as a list shows it: no bytes, only how many.

    `problem` is the code of the latest answer that was no receipt, or ""; `exported_at` is when the bundle was last
    read back from a stick, which delivers nothing.
    """

    epoch: int
    sequence: int
    kind: str
    state: BundleState
    size_bytes: int
    doses: int
    pass_id: int | None
    created_at: int
    offers: int
    offered_at: int | None
    problem: str
    admitted_at: int | None
    outcome: str
    exported_at: int | None


_COLUMNS: Final = "epoch, sequence, kind, state, previous, digest, inner_bytes, sealed, pass_id"
_DUE: Final = ", ".join(f"'{state}'" for state in sorted(DUE))
# A bundle of an epoch that has ended is left behind, unless it has a receipt; `node_epochs` says what became of it.
_NOT_LEFT: Final = "NOT EXISTS (SELECT 1 FROM left_bundles AS x WHERE x.epoch = b.epoch AND x.sequence = b.sequence)"
_IS_DUE: Final = f"b.state IN ({_DUE}) AND {_NOT_LEFT}"
# While a request for a new epoch is open nothing is offered: what the centre compares must not change under it.
_MAY_SEND: Final = "NOT EXISTS (SELECT 1 FROM epoch_requests AS q WHERE q.state IN ('asking', 'waiting'))"
_LINE: Final = """
SELECT b.epoch, b.sequence, b.kind, b.state, length(b.sealed), coalesce(p.doses, 0), b.pass_id, b.created_at,
    b.offers, b.offered_at, b.problem, r.admitted_at, coalesce(r.outcome, ''), e.exported_at
FROM bundles AS b
LEFT JOIN passes AS p ON p.pass_id = b.pass_id
LEFT JOIN receipts AS r ON r.epoch = b.epoch AND r.sequence = b.sequence
LEFT JOIN stick_exports AS e ON e.epoch = b.epoch AND e.sequence = b.sequence
"""


def newest(tables: Tables, epoch: int) -> Link | None:
    """The end of the chain in this epoch, or None before the first bundle."""
    row = tables.execute(
        "SELECT sequence, digest FROM bundles WHERE epoch = ? ORDER BY sequence DESC LIMIT 1", (epoch,)
    ).fetchone()
    return None if row is None else Link(row[0], row[1])


def add(tables: Tables, new: NewBundle) -> None:
    """Append to the chain. IntegrityError (our bug) if it does not follow the one before it."""
    tables.execute(
        f"INSERT INTO bundles ({_COLUMNS}, created_at) VALUES (?, ?, ?, 'sealed', ?, ?, ?, ?, ?, ?)",
        (
            new.epoch,
            new.sequence,
            new.kind,
            new.previous,
            new.digest,
            new.inner,
            new.sealed,
            new.pass_id,
            new.created_at,
        ),
    )


def due(tables: Tables) -> StoredBundle | None:
    """The first bundle of the chain that still has to be offered."""
    row = tables.execute(
        f"SELECT {_COLUMNS} FROM bundles AS b WHERE {_IS_DUE} AND {_MAY_SEND} ORDER BY epoch, sequence LIMIT 1"
    ).fetchone()
    return None if row is None else _stored(row)


def due_run(tables: Tables, *, most: int, most_bytes: int) -> list[StoredBundle]:
    """The first due bundles of the chain, of one epoch, at most so many and so heavy; the first one always."""
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM bundles AS b WHERE {_IS_DUE} AND {_MAY_SEND} ORDER BY epoch, sequence LIMIT ?",
        (most,),
    )
    run: list[StoredBundle] = []
    weight = 0
    for bundle in map(_stored, rows):
        weight += len(bundle.sealed)
        if run and (weight > most_bytes or bundle.epoch != run[0].epoch):
            break
        run.append(bundle)
    return run


def find(tables: Tables, epoch: int, sequence: int) -> StoredBundle | None:
    """The bundle at this place of the chain, if there is one."""
    row = tables.execute(
        f"SELECT {_COLUMNS} FROM bundles WHERE epoch = ? AND sequence = ?", (epoch, sequence)
    ).fetchone()
    return None if row is None else _stored(row)


def of_pass(tables: Tables, pass_id: int) -> tuple[int, int] | None:
    """The place of the bundle that carries a pass as (epoch, sequence), if it was sealed."""
    row = tables.execute("SELECT epoch, sequence FROM bundles WHERE pass_id = ?", (pass_id,)).fetchone()
    return None if row is None else (row[0], row[1])


def places_of_kind(tables: Tables, kind: str) -> list[tuple[int, int]]:
    """The places of all bundles of one kind as (epoch, sequence), in order."""
    rows = tables.execute("SELECT epoch, sequence FROM bundles WHERE kind = ? ORDER BY epoch, sequence", (kind,))
    return [(row[0], row[1]) for row in rows]


def chain(tables: Tables) -> list[tuple[int, int]]:
    """The places of all bundles as (epoch, sequence), in order."""
    return [(row[0], row[1]) for row in tables.execute("SELECT epoch, sequence FROM bundles ORDER BY epoch, sequence")]


def state(tables: Tables, bundle: StoredBundle) -> BundleState:
    """Where the bundle stands now; the argument may be older."""
    row = tables.execute(
        "SELECT state FROM bundles WHERE epoch = ? AND sequence = ?", (bundle.epoch, bundle.sequence)
    ).fetchone()
    return BundleState(row[0])


def move(tables: Tables, bundle: StoredBundle, event: BundleEvent, *, problem: str = "") -> BundleState:
    """Commit what befell a bundle; returns its new state. `problem` is the code of an answer that was no receipt."""
    after = next_state(state(tables, bundle), event)
    tables.execute(
        "UPDATE bundles SET state = ?, problem = ? WHERE epoch = ? AND sequence = ?",
        (after, problem, bundle.epoch, bundle.sequence),
    )
    return after


def note_offer(tables: Tables, bundle: StoredBundle, *, at: int) -> None:
    """Commit that the bytes are about to leave. After this the centre may have them whatever happens."""
    move(tables, bundle, BundleEvent.OFFER)
    tables.execute(
        "UPDATE bundles SET offers = offers + 1, offered_at = ? WHERE epoch = ? AND sequence = ?",
        (at, bundle.epoch, bundle.sequence),
    )


def note_export(tables: Tables, bundle: StoredBundle) -> None:
    """Commit that the bytes are about to be on a stick; why it has no receipt stays as it was."""
    after = next_state(state(tables, bundle), BundleEvent.EXPORTED)
    tables.execute(
        "UPDATE bundles SET state = ? WHERE epoch = ? AND sequence = ?", (after, bundle.epoch, bundle.sequence)
    )


def unsent(tables: Tables) -> int:
    """How many bundles have no receipt."""
    return int(tables.execute(f"SELECT count(*) FROM bundles AS b WHERE {_IS_DUE}").fetchone()[0])


def unsent_doses(tables: Tables) -> tuple[int, int | None]:
    """How many signed doses have no receipt, and when the oldest of their bundles was sealed (epoch seconds UTC)."""
    row = tables.execute(
        "SELECT coalesce(sum(p.doses), 0), min(b.created_at) FROM bundles AS b JOIN passes AS p USING (pass_id)"
        f" WHERE {_IS_DUE}"
    ).fetchone()
    return int(row[0]), row[1]


def lines(tables: Tables, *, limit: int = 200) -> list[BundleLine]:
    """The outbox for people: what has no receipt first, then the newest delivered ones."""
    order = f"b.state NOT IN ({_DUE}), b.epoch DESC, b.sequence DESC"
    rows = tables.execute(f"{_LINE} WHERE {_NOT_LEFT} ORDER BY {order} LIMIT ?", (limit,))
    return [_line(row) for row in rows]


def due_lines(tables: Tables, *, limit: int) -> list[BundleLine]:
    """What has no receipt alone, oldest first: read over an index, however many bundles were delivered."""
    rows = tables.execute(f"{_LINE} WHERE {_IS_DUE} ORDER BY b.epoch, b.sequence LIMIT ?", (limit,))
    return [_line(row) for row in rows]


def delivered_lines(tables: Tables, *, limit: int) -> list[BundleLine]:
    """The newest of those that have a receipt, read over an index."""
    where = f"b.state NOT IN ({_DUE}) AND {_NOT_LEFT}"
    rows = tables.execute(f"{_LINE} WHERE {where} ORDER BY b.epoch DESC, b.sequence DESC LIMIT ?", (limit,))
    return [_line(row) for row in rows]


def _stored(row: Sequence[Any]) -> StoredBundle:
    return StoredBundle(
        epoch=row[0],
        sequence=row[1],
        kind=row[2],
        state=BundleState(row[3]),
        previous=row[4],
        digest=row[5],
        inner=row[6],
        sealed=row[7],
        pass_id=row[8],
    )


def _line(row: Sequence[Any]) -> BundleLine:
    return BundleLine(
        epoch=row[0],
        sequence=row[1],
        kind=row[2],
        state=BundleState(row[3]),
        size_bytes=row[4],
        doses=row[5],
        pass_id=row[6],
        created_at=row[7],
        offers=row[8],
        offered_at=row[9],
        problem=row[10],
        admitted_at=row[11],
        outcome=row[12],
        exported_at=row[13],
    )
