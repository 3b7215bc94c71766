"""The stored ledger: entries, their leaf hashes, and the signed head after each append.

Whoever appends holds `database.lock_ledger` in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from central.store.tables import ledger_entries, tree_heads
from sync_protocol.ledger_entry import LedgerEntry, encode_entry, entry_leaf
from sync_protocol.tree_head import TreeHead


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A head with its signed bytes."""

    head: TreeHead
    signed: bytes


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry's bytes and leaf hash, as they are kept."""

    index: int
    entry: bytes
    leaf_hash: bytes


def ledger_size(connection: Connection) -> int:
    """How many entries there are, the genesis entry counted."""
    newest = connection.execute(select(func.max(ledger_entries.c.idx))).scalar()
    return 0 if newest is None else int(newest) + 1


def leaves_from(connection: Connection, index: int) -> Sequence[bytes]:
    """The leaf hashes from an index on, in order."""
    table = ledger_entries
    return (
        connection.execute(select(table.c.leaf_hash).where(table.c.idx >= index).order_by(table.c.idx)).scalars().all()
    )


def append_entry(connection: Connection, entry: LedgerEntry) -> None:
    """Stores an entry at its index."""
    connection.execute(
        ledger_entries.insert(),
        {
            "idx": entry.index,
            "node": entry.node,
            "epoch": entry.epoch,
            "sequence": entry.sequence,
            "kind": entry.kind,
            "digest": entry.digest,
            "outcome": entry.outcome,
            "doses": entry.doses,
            "admitted_at": entry.admitted_at,
            "entry": encode_entry(entry),
            "leaf_hash": entry_leaf(entry),
        },
    )


def entry_at(connection: Connection, index: int) -> bytes:
    """The bytes of the entry at an index that the ledger has."""
    found: bytes = connection.execute(select(ledger_entries.c.entry).where(ledger_entries.c.idx == index)).scalar_one()
    return found


def put_head(connection: Connection, stored: StoredHead) -> None:
    """Stores the signed head of the newest size."""
    head = stored.head
    connection.execute(
        tree_heads.insert(),
        {"size": head.size, "epoch": head.epoch, "root": head.root, "at": head.at, "head": stored.signed},
    )


def newest_head(connection: Connection) -> StoredHead | None:
    """The newest head, or None before the genesis entry."""
    row = connection.execute(select(tree_heads).order_by(tree_heads.c.size.desc()).limit(1)).one_or_none()
    return None if row is None else _head(row.size, row.epoch, row.root, row.at, row.head)


def head_of_size(connection: Connection, size: int) -> StoredHead | None:
    """The head that the ledger had at a size, or None."""
    row = connection.execute(select(tree_heads).where(tree_heads.c.size == size)).one_or_none()
    return None if row is None else _head(row.size, row.epoch, row.root, row.at, row.head)


def digest_at(connection: Connection, node: str, *, epoch: int, sequence: int) -> bytes | None:
    """The digest of the bundle that holds this place in a node's chain, or None."""
    table = ledger_entries
    return connection.execute(
        select(table.c.digest).where(table.c.node == node, table.c.epoch == epoch, table.c.sequence == sequence)
    ).scalar()


def newest_link(connection: Connection, node: str, *, epoch: int) -> tuple[int, bytes] | None:
    """The newest bundle of an epoch of a node, as (sequence, digest), or None."""
    table = ledger_entries
    statement = select(table.c.sequence, table.c.digest).where(table.c.node == node, table.c.epoch == epoch)
    row = connection.execute(statement.order_by(table.c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else (row[0], row[1])


def all_entries(connection: Connection) -> Iterator[StoredEntry]:
    """Every entry in the ledger's order."""
    table = ledger_entries
    for row in connection.execute(select(table.c.idx, table.c.entry, table.c.leaf_hash).order_by(table.c.idx)):
        yield StoredEntry(row[0], row[1], row[2])


def all_heads(connection: Connection) -> Iterator[StoredHead]:
    """Every head, the smallest first."""
    for row in connection.execute(select(tree_heads).order_by(tree_heads.c.size)):
        yield _head(row.size, row.epoch, row.root, row.at, row.head)


def _head(size: int, epoch: int, root: bytes, at: int, signed: bytes) -> StoredHead:
    return StoredHead(TreeHead(epoch=epoch, size=size, root=root, at=at), signed)
