"""Epochs of the ledger that this node obeys, what they took along, and what contradicts the centre's earlier word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.store.database import Tables
from sync_protocol.ledger_epoch import FIRST_EPOCH, EpochStep, LedgerEpoch, read_ledger_epoch
from sync_protocol.manifest import Checkpoint

# A broken centre may contradict itself every minute; the first ones tell the story.
CONTRADICTIONS_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class ObeyedEpoch:
    """An epoch that this node has obeyed.

    Attributes:
        statement: what the centre declared; its signature was verified before it was kept.
        signed: the same as it came.
        lost_from: the first entry that is lost to this node.
        taken_at: epoch seconds UTC, by this node's clock.
        lost: how many receipts it took along.
        again: how many of their bundles have no receipt again yet.
    """

    statement: LedgerEpoch
    signed: bytes
    lost_from: int
    taken_at: int
    lost: int
    again: int


@dataclass(frozen=True, slots=True)
class LostReceipt:
    """A receipt for an entry that the centre has lost, as it came."""

    epoch: int
    sequence: int
    ledger_epoch: int
    answer: bytes
    head: Checkpoint
    received_at: int


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two signed words of the centre that do not agree; `held` is empty where one stands alone."""

    number: int
    at: int
    code: str
    said: bytes
    held: bytes


_DUE: Final = "b.state NOT IN ('receipted', 'refused')"


def newest(tables: Tables) -> LedgerEpoch | None:
    """The epoch that this node knows the ledger to be in, or None in the first one."""
    row = tables.execute("SELECT statement FROM ledger_epochs ORDER BY epoch DESC LIMIT 1").fetchone()
    return None if row is None else read_ledger_epoch(bytes(row[0]))


def steps(tables: Tables) -> tuple[EpochStep, ...]:
    """Where every epoch after the first began, by number, as the newest statement says."""
    found = newest(tables)
    return () if found is None else found.steps


def current(tables: Tables) -> int:
    """The number of the epoch that this node knows the ledger to be in."""
    found = newest(tables)
    return FIRST_EPOCH if found is None else found.epoch


def add(tables: Tables, statement: LedgerEpoch, *, signed: bytes, lost_from: int, at: int) -> None:
    """Keep an epoch that was verified and agrees with all that is held."""
    tables.execute(
        "INSERT INTO ledger_epochs VALUES (?, ?, ?, ?, ?, ?, ?)",
        (statement.epoch, statement.step.base.size, lost_from, statement.step.at, statement.reason, signed, at),
    )


def obeyed(tables: Tables) -> list[ObeyedEpoch]:
    """Every epoch, the newest first."""
    rows = tables.execute(
        "SELECT e.statement, e.lost_from, e.taken_at,"
        " (SELECT count(*) FROM lost_receipts AS l WHERE l.ledger_epoch = e.epoch),"
        " (SELECT count(*) FROM lost_receipts AS l JOIN bundles AS b ON b.epoch = l.epoch AND b.sequence = l.sequence"
        f" WHERE l.ledger_epoch = e.epoch AND {_DUE})"
        " FROM ledger_epochs AS e ORDER BY e.epoch DESC"
    ).fetchall()
    return [
        ObeyedEpoch(read_ledger_epoch(bytes(row[0])), bytes(row[0]), row[1], row[2], lost=row[3], again=row[4])
        for row in rows
    ]


def sent_again(tables: Tables) -> int:
    """How many bundles whose receipt was lost have none again yet."""
    row = tables.execute(
        "SELECT count(DISTINCT b.epoch || '/' || b.sequence) FROM lost_receipts AS l JOIN bundles AS b"
        f" ON b.epoch = l.epoch AND b.sequence = l.sequence WHERE {_DUE}"
    ).fetchone()
    return int(row[0])


def receipts_to_lose(tables: Tables, *, lost_from: int, before: int) -> list[tuple[int, int]]:
    """The places (epoch, sequence) of bundles whose receipt proves an entry from an index on, by an older head.

    Args:
        lost_from: the first index that is lost.
        before: the epoch that begins; receipts of its own stay.
    """
    rows = tables.execute(
        "SELECT epoch, sequence FROM receipts WHERE entry_index >= ? AND head_epoch < ? ORDER BY epoch, sequence",
        (lost_from, before),
    )
    return [(row[0], row[1]) for row in rows]


def set_receipt_aside(tables: Tables, epoch: int, sequence: int, *, ledger_epoch: int) -> None:
    """Keep a receipt among the lost ones; it leaves with `drop_receipt` when its bundle is due again."""
    tables.execute(
        "INSERT INTO lost_receipts SELECT epoch, sequence, ?, answer, entry_index, outcome, admitted_at, head_epoch,"
        " head_size, head_root, head_at, received_at FROM receipts WHERE epoch = ? AND sequence = ?",
        (ledger_epoch, epoch, sequence),
    )


def drop_receipt(tables: Tables, epoch: int, sequence: int) -> None:
    """Take a lost receipt and its verdicts out; its bundle is due. IntegrityError (our bug) otherwise."""
    tables.execute("DELETE FROM verdicts WHERE epoch = ? AND bundle = ?", (epoch, sequence))
    tables.execute(
        "UPDATE delegated_leaves SET verdict_state = '', verdict_code = '' WHERE verdict_state <> '' AND live = 1"
        " AND pass_id = (SELECT pass_id FROM bundles WHERE epoch = ? AND sequence = ?)",
        (epoch, sequence),
    )
    # Doses that are at the centre by a batch that was refused once are so no longer.
    tables.execute(
        "DELETE FROM held_doses WHERE sequence IN (SELECT l.sequence FROM bundles AS b"
        " JOIN receipts AS r ON r.epoch = b.epoch AND r.sequence = b.sequence AND r.outcome = 'admitted'"
        " JOIN passes AS p ON p.pass_id = b.pass_id AND p.state = 'released'"
        " JOIN pass_leaves AS l ON l.pass_id = p.pass_id WHERE b.epoch = ? AND b.sequence = ?)",
        (epoch, sequence),
    )
    tables.execute("DELETE FROM receipts WHERE epoch = ? AND sequence = ?", (epoch, sequence))


def drop_changes(tables: Tables, *, since: int) -> int:
    """Take out changes of verdicts that the centre made from an instant on: it says them again."""
    before = tables.conn.total_changes
    tables.execute("DELETE FROM verdict_changes WHERE changed_at >= ?", (since,))
    return int(tables.conn.total_changes - before)


def signings(tables: Tables) -> list[tuple[int, bytes]]:
    """(number, receipt) of every statement of a hub over doses of this site."""
    rows = tables.execute("SELECT signing_id, receipt FROM delegated_signings ORDER BY signing_id")
    return [(int(row[0]), bytes(row[1])) for row in rows]


def lose_signing(tables: Tables, signing_id: int, *, ledger_epoch: int) -> int:
    """Let the doses of a hub's statement be with the hub again, its receipt being lost; returns how many."""
    tables.execute(
        "INSERT INTO lost_signings SELECT signing_id, ?, handover_id, statement, receipt, signed_at, taken_at"
        " FROM delegated_signings WHERE signing_id = ?",
        (ledger_epoch, signing_id),
    )
    found = tables.execute(
        "UPDATE handed_doses SET state = 'handed', signing_id = NULL, verdict_state = '', verdict_code = ''"
        " WHERE signing_id = ? AND state = 'signed' RETURNING sequence",
        (signing_id,),
    )
    return len(found.fetchall())


def is_lost_answer(tables: Tables, epoch: int, sequence: int, answer: bytes) -> bool:
    """Whether this very answer was taken along by an epoch."""
    row = tables.execute(
        "SELECT 1 FROM lost_receipts WHERE epoch = ? AND sequence = ? AND answer = ?", (epoch, sequence, answer)
    ).fetchone()
    return row is not None


def lost_receipts(tables: Tables) -> list[LostReceipt]:
    """Every receipt that was lost, in the order of the chain."""
    rows = tables.execute(
        "SELECT epoch, sequence, ledger_epoch, answer, head_epoch, head_size, head_root, head_at, received_at"
        " FROM lost_receipts ORDER BY epoch, sequence, ledger_epoch"
    )
    return [_lost(row) for row in rows]


def keep_contradiction(tables: Tables, *, said: bytes, held: bytes, code: str, at: int) -> None:
    """Keep a signed word that does not agree with what was signed before, once."""
    tables.execute(
        "INSERT INTO contradictions (at, code, said, held) SELECT ?, ?, ?, ?"
        " WHERE (SELECT count(*) FROM contradictions) < ? ON CONFLICT DO NOTHING",
        (at, code, said, held, CONTRADICTIONS_KEPT),
    )


def contradictions(tables: Tables) -> list[Contradiction]:
    """Every one of them, oldest first."""
    rows = tables.execute("SELECT number, at, code, said, held FROM contradictions ORDER BY number")
    return [Contradiction(row[0], row[1], row[2], bytes(row[3]), bytes(row[4])) for row in rows]


def _lost(row: Sequence[Any]) -> LostReceipt:
    head = Checkpoint(epoch=row[4], size=row[5], root=bytes(row[6]), at=row[7])
    return LostReceipt(row[0], row[1], row[2], bytes(row[3]), head, row[8])
