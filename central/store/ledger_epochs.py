"""Epochs of the ledger as they were declared, the answers made anew for them, and what shows that history was lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from central.store.database import insert_on
from central.store.tables import later_answers, ledger_epochs, lost_heads
from sync_protocol.ledger_epoch import FIRST_EPOCH, EpochStep, LedgerEpoch, read_ledger_epoch
from sync_protocol.manifest import Checkpoint

# A node that lies could name a new head with each request; the first ones tell the story, and one node's are few.
LOST_HEADS_KEPT: Final = 1_000
CLAIMS_OF_A_NODE: Final = 20


@dataclass(frozen=True, slots=True, repr=False)
class StoredEpoch:
    """A declared epoch: what was signed, as bytes, and where its entry stands."""

    epoch: int
    ledger_index: int
    signed: bytes

    @property
    def statement(self) -> LedgerEpoch:
        """What it says; our own, so its signature is verified by `check` alone."""
        return read_ledger_epoch(self.signed)


@dataclass(frozen=True, slots=True)
class LostHead:
    """A head that somebody showed and that this ledger does not have; `is_proven` where our own signature came along.

    `node` is "" for a receipt that was brought.
    """

    head: Checkpoint
    node: str
    is_proven: bool
    seen_at: int


def newest(connection: Connection) -> StoredEpoch | None:
    """The epoch that the ledger is in, or None in the first one."""
    table = ledger_epochs
    columns = (table.c.epoch, table.c.ledger_index, table.c.statement)
    row = connection.execute(select(*columns).order_by(table.c.epoch.desc()).limit(1)).one_or_none()
    return None if row is None else StoredEpoch(*row)


def all_epochs(connection: Connection) -> list[StoredEpoch]:
    """Every declared epoch, the oldest first."""
    table = ledger_epochs
    columns = (table.c.epoch, table.c.ledger_index, table.c.statement)
    return [StoredEpoch(*row) for row in connection.execute(select(*columns).order_by(table.c.epoch))]


def steps(connection: Connection) -> tuple[EpochStep, ...]:
    """Where every epoch after the first began, by number."""
    found = newest(connection)
    return () if found is None else found.statement.steps


def current(connection: Connection) -> int:
    """The number of the epoch that the ledger is in."""
    found = connection.execute(select(func.max(ledger_epochs.c.epoch))).scalar()
    return FIRST_EPOCH if found is None else int(found)


def put(connection: Connection, statement: LedgerEpoch, *, signed: bytes, ledger_index: int) -> None:
    """Keeps a declaration, beside the entry that marks it."""
    connection.execute(
        ledger_epochs.insert(),
        {
            "epoch": statement.epoch,
            "ledger_index": ledger_index,
            "base_size": statement.step.base.size,
            "at": statement.step.at,
            "reason": statement.reason,
            "statement": signed,
        },
    )


def put_later_answer(connection: Connection, digest: bytes, *, epoch: int, answer: bytes) -> None:
    """Keeps what is answered to a bundle from an epoch on."""
    connection.execute(later_answers.insert(), {"digest": digest, "epoch": epoch, "answer": answer})


def all_later_answers(connection: Connection) -> Iterator[tuple[bytes, int, bytes]]:
    """Every answer that was made anew, as (digest, epoch, answer), for `check`."""
    table = later_answers
    statement = select(table.c.digest, table.c.epoch, table.c.answer).order_by(table.c.digest, table.c.epoch)
    for row in connection.execute(statement):
        yield row[0], row[1], row[2]


def put_lost_head(connection: Connection, head: Checkpoint, *, node: str, receipt: bytes | None, at: int) -> None:
    """Keeps a head that is not this ledger's, once; a proof takes the place of a mere claim.

    Of claims a few of each node are kept, and so many of all.
    """
    table = lost_heads
    same = (table.c.epoch == head.epoch, table.c.size == head.size, table.c.root == head.root)
    if receipt is not None:
        connection.execute(table.delete().where(*same, table.c.receipt.is_(None)))
    else:
        claims = select(func.count(), func.count().filter(table.c.node == node)).where(table.c.receipt.is_(None))
        of_all, of_node = connection.execute(claims).one()
        if of_all >= LOST_HEADS_KEPT or of_node >= CLAIMS_OF_A_NODE:
            return
    connection.execute(
        insert_on(connection, table).on_conflict_do_nothing(),
        {
            "epoch": head.epoch,
            "size": head.size,
            "root": head.root,
            "at": head.at,
            "node": node,
            "receipt": receipt,
            "seen_at": at,
        },
    )


def drop_claims(connection: Connection, heads: Iterable[Checkpoint]) -> None:
    """Forgets heads that were only named, so that there is room for those of the next loss; proofs stay."""
    table = lost_heads
    for head in heads:
        same = (table.c.epoch == head.epoch, table.c.size == head.size, table.c.root == head.root)
        connection.execute(table.delete().where(*same, table.c.receipt.is_(None)))


def all_lost_heads(connection: Connection) -> list[LostHead]:
    """Every head that is not this ledger's, the largest first."""
    table = lost_heads
    found = select(table).order_by(table.c.epoch.desc(), table.c.size.desc(), table.c.root)
    rows = connection.execute(found).mappings()
    return [
        LostHead(
            Checkpoint(epoch=row["epoch"], size=row["size"], root=row["root"], at=row["at"]),
            node=row["node"],
            is_proven=row["receipt"] is not None,
            seen_at=row["seen_at"],
        )
        for row in rows
    ]
