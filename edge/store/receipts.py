"""What the centre has promised: verified receipts byte for byte, and answers that did not verify, as evidence.

Nothing unverified comes in here by `add`: its argument is the type that only `verify_receipt` makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.store.bundles import StoredBundle
from edge.store.database import Tables
from sync_protocol.batch import Checkpoint
from sync_protocol.receipt import VerifiedReceipt

# A broken proxy may answer nonsense every minute; the first ones tell the story.
EVIDENCE_ROWS: Final = 200
# Every head that was verified and is kept: those of the receipts, and the newest one that a statement brought.
_HEADS: Final = (
    "SELECT head_epoch, head_size, head_root, head_at FROM receipts"
    " UNION ALL SELECT head_epoch, head_size, head_root, head_at FROM contacts"
)


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as it came, and the head it proves inclusion in."""

    epoch: int
    sequence: int
    answer: bytes
    outcome: str
    head: Checkpoint
    received_at: int


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that did not hold, as it came; its `sequence` is 0 for what the centre said of itself at a contact."""

    at: int
    sequence: int
    code: str
    answer: bytes


def add(tables: Tables, bundle: StoredBundle, receipt: VerifiedReceipt, *, answer: bytes, at: int) -> None:
    """Keep a verified receipt; the first one stays if the bundle has one already."""
    head = receipt.head
    tables.execute(
        "INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (epoch, sequence) DO NOTHING",
        (
            bundle.epoch,
            bundle.sequence,
            answer,
            receipt.entry.index,
            str(receipt.entry.outcome),
            receipt.entry.admitted_at,
            head.epoch,
            head.size,
            head.root,
            head.at,
            at,
        ),
    )


def known_head(tables: Tables) -> Checkpoint | None:
    """The newest head of the ledger that this node has verified, in a receipt or a statement; None before the first."""
    row = tables.execute(
        f"SELECT head_epoch, head_size, head_root, head_at FROM ({_HEADS}) ORDER BY head_epoch DESC, head_size DESC"
        " LIMIT 1"
    ).fetchone()
    return None if row is None else Checkpoint(epoch=row[0], size=row[1], root=bytes(row[2]), at=row[3])


def heads(tables: Tables) -> list[Checkpoint]:
    """Every head of the ledger that was verified and that no epoch has superseded."""
    rows = tables.execute(f"SELECT DISTINCT head_epoch, head_size, head_root, head_at FROM ({_HEADS})")
    return [Checkpoint(epoch=row[0], size=row[1], root=bytes(row[2]), at=row[3]) for row in rows]


def places(tables: Tables) -> list[tuple[int, int]]:
    """The places (epoch, sequence) of all bundles with a receipt, in the order of the chain."""
    return [(row[0], row[1]) for row in tables.execute("SELECT epoch, sequence FROM receipts ORDER BY epoch, sequence")]


def root_at(tables: Tables, *, epoch: int, size: int) -> bytes | None:
    """The root (32 bytes) that the centre signed for this size before, if it did."""
    row = tables.execute(
        f"SELECT head_root FROM ({_HEADS}) WHERE head_epoch = ? AND head_size = ? LIMIT 1", (epoch, size)
    ).fetchone()
    return None if row is None else bytes(row[0])


def contradicting_heads(tables: Tables) -> list[tuple[int, int]]:
    """(epoch, size) of heads for which two roots were signed: there must be none."""
    rows = tables.execute(
        f"SELECT head_epoch, head_size FROM ({_HEADS}) GROUP BY head_epoch, head_size"
        " HAVING count(DISTINCT head_root) > 1"
    )
    return [(row[0], row[1]) for row in rows]


def find(tables: Tables, epoch: int, sequence: int) -> StoredReceipt | None:
    """The receipt of the bundle at this place of the chain, if there is one."""
    row = tables.execute(
        "SELECT answer, outcome, head_epoch, head_size, head_root, head_at, received_at FROM receipts"
        " WHERE epoch = ? AND sequence = ?",
        (epoch, sequence),
    ).fetchone()
    if row is None:
        return None
    head = Checkpoint(epoch=row[2], size=row[3], root=row[4], at=row[5])
    return StoredReceipt(epoch, sequence, answer=row[0], outcome=row[1], head=head, received_at=row[6])


def keep_evidence(tables: Tables, bundle: StoredBundle, *, code: str, answer: bytes, at: int) -> None:
    """Keep an answer that claims to be the centre's and does not hold, for a person to look at."""
    tables.execute(
        "INSERT INTO evidence (at, epoch, sequence, code, answer) SELECT ?, ?, ?, ?, ?"
        " WHERE (SELECT count(*) FROM evidence) < ?"
        " AND NOT EXISTS (SELECT 1 FROM evidence WHERE epoch = ? AND sequence = ? AND answer = ?)",
        (at, bundle.epoch, bundle.sequence, code, answer, EVIDENCE_ROWS, bundle.epoch, bundle.sequence, answer),
    )


def kept_answers(tables: Tables) -> list[KeptAnswer]:
    """Every answer that did not hold, oldest first."""
    rows = tables.execute("SELECT at, sequence, code, answer FROM evidence ORDER BY evidence_id")
    return [KeptAnswer(row[0], row[1], row[2], bytes(row[3])) for row in rows]


def all_receipts(tables: Tables) -> list[StoredReceipt]:
    """Every verified receipt, in the order of the chain."""
    return [found for place in places(tables) if (found := find(tables, *place)) is not None]


def evidence_count(tables: Tables) -> int:
    """How many such answers, and other words of the centre that contradict its own, no epoch of the ledger explains.

    An epoch is obeyed only where it agrees with every head that still stands: what came before it was explained by it.
    """
    row = tables.execute(
        "SELECT (SELECT count(*) FROM evidence WHERE at > t.at) + (SELECT count(*) FROM contradictions WHERE at > t.at)"
        " FROM (SELECT coalesce(max(taken_at), -1) AS at FROM ledger_epochs) AS t"
    ).fetchone()
    return int(row[0])
