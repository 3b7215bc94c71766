"""The operator declares that the ledger was restored from an older copy, and from where it goes on.

1. the base: the last head that no node contradicts, or the one that the operator names;
2. the statement, signed by the ledger key, and the entry that marks it in the ledger itself;
3. bundles that stand behind the base already get an answer that shows a head of the new epoch;
4. every node's feed says it, with a number above all that a node can hold, and then says again what was put into it
   since the base: a node may hold another item under the number that it had.

All of it is one transaction under the ledger lock. An epoch too many does no harm but costs bytes: nodes offer again
what they hold receipts for, and get answers to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine

from central.store import bundles, feed, ledger, ledger_epochs, nodes
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.store.ledger import StoredHead
from central.workflow.lost_history import open_losses, provable_head
from sync_protocol.bundle import parse_bundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.ledger_entry import entry_leaf, epoch_entry, parse_entry
from sync_protocol.ledger_epoch import EpochStep, LedgerEpoch, first_item_of, proven_from, sign_ledger_epoch
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt, verify_inclusion
from sync_protocol.tree_head import TreeHead, sign_tree_head

_LISTS: Final = (FeedKind.REGISTRATIONS, FeedKind.DELEGATIONS)
# What is said by itself, or by its newest list alone.
_TOLD: Final = frozenset({*_LISTS, FeedKind.LEDGER_EPOCH})


@dataclass(frozen=True, slots=True)
class BegunEpoch:
    """What was declared: the epoch, the size and root (hexadecimal) it goes on from, how many nodes will be told."""

    epoch: int
    base_size: int
    base_root: str
    nodes: int
    answered_anew: int


def begin_ledger_epoch(
    *,
    reason: str,
    engine: Engine,
    keys: KeyRing,
    now: int,
    base_size: int | None = None,
    number: int | None = None,
    without_evidence: bool = False,
) -> BegunEpoch:
    """Declares an epoch.

    Args:
        reason: in the operator's words; all nodes get to read it.
        engine, keys: of the centre.
        now: epoch seconds, UTC.
        base_size: the size from which on all that was ever signed may be lost; by default the newest head, or the
            last one before the smallest head that a node shows and this ledger does not have.
        number: of the epoch, where the default (one more than any known) is known to be used up.
        without_evidence: declare it although no node has shown that anything is missing.

    Raises:
        ProtocolError: LEDGER_EPOCH where nothing speaks for a restore, or where base or number cannot be;
            FIELD_INVALID for a reason that nobody can read.
        StoreError: nothing was declared.
        TokenError: the ledger key cannot sign now; nothing was declared.
    """
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        newest = ledger.newest_head(connection)
        assert newest is not None
        losses = [lost.head for lost in open_losses(connection)]
        if not losses and not without_evidence:
            raise ProtocolError(Code.LEDGER_EPOCH, "ledger epoch: no node shows a head that is missing here")
        # (1)
        smallest = min((head.size for head in losses), default=newest.head.size + 1)
        size = min(newest.head.size, max(1, smallest - 1)) if base_size is None else base_size
        base = ledger.head_of_size(connection, size)
        if base is None:
            raise ProtocolError(Code.LEDGER_EPOCH, "ledger epoch: the ledger never had a head of this size")
        # A number that a node has seen, of an epoch that was lost itself, is not used twice.
        used = max([ledger_epochs.current(connection), *(head.epoch for head in losses)])
        # (2)
        at = max(now, newest.head.at)
        statement = LedgerEpoch(
            EpochStep(number or used + 1, base.head.checkpoint, at), reason, ledger_epochs.steps(connection)
        )
        signed = sign_ledger_epoch(statement, keys.ledger)
        tree = _mark(connection, statement, signed, index=newest.head.size, keys=keys)
        ledger_epochs.drop_claims(connection, (head for head in losses if provable_head(connection, head) is not None))
        # (3)
        anew = _answer_anew(connection, statement, tree=tree, until=newest.head.size, keys=keys)
        # (4)
        told = [row.code for row in nodes.list_nodes(connection)]
        for node in told:
            _tell(connection, node, statement, signed, keys=keys)
    # From here on every head, receipt and feed is one of the new epoch.
    return BegunEpoch(statement.epoch, size, base.head.root.hex(), nodes=len(told), answered_anew=anew)


def _tell(connection: Connection, node: str, statement: LedgerEpoch, signed: bytes, *, keys: KeyRing) -> None:
    at = statement.step.at
    again = [item for item in feed.bodies_since(connection, node, statement.step.base.at) if item.kind not in _TOLD]
    # A node may hold a newer list than this one, of a time that was lost: the list here is what holds.
    lists = [(kind, feed.newest_body(connection, node, kind)) for kind in _LISTS]
    feed.begin_epoch(connection, node, signed, number=first_item_of(statement.epoch), keys=keys, at=at)
    for kind, body in lists:
        if body is not None:
            feed.put_item(connection, node, kind, body, keys=keys, at=at)
    for item in again:
        feed.put_item(connection, node, item.kind, item.body, keys=keys, at=at)


def _mark(connection: Connection, statement: LedgerEpoch, signed: bytes, *, index: int, keys: KeyRing) -> Tree:
    """Appends the entry that marks the epoch, with its head and the statement; gives the ledger's tree."""
    step = statement.step
    entry = epoch_entry(step.epoch, hashlib.sha256(signed).digest(), index=index, at=step.at)
    tree = Tree([*ledger.leaves_from(connection, 0), entry_leaf(entry)])
    ledger.append_entry(connection, entry)
    head = TreeHead(epoch=step.epoch, size=tree.size, root=tree.root, at=step.at)
    ledger.put_head(connection, StoredHead(head, sign_tree_head(head, keys.ledger)))
    ledger_epochs.put(connection, statement, signed=signed, ledger_index=index)
    return tree


def _answer_anew(connection: Connection, statement: LedgerEpoch, *, tree: Tree, until: int, keys: KeyRing) -> int:
    """Makes the answers to bundles at base ≤ index < until anew; returns how many."""
    count = 0
    for stored in bundles.bundles_from(connection, statement.step.base.size):
        entry = parse_entry(ledger.entry_at(connection, stored.ledger_index))
        named = parse_bundle(stored.inner).claimed.known_head
        known = None if named is None else proven_from(named, statement.steps)
        answer = build_receipt(
            entry,
            tree,
            epoch=statement.epoch,
            at=statement.step.at,
            known_head_size=None if known is None else known.size,
            ledger_signer=keys.ledger,
            verdicts=verify_inclusion(stored.answer, ledger_keys=[keys.ledger.public_key]).verdicts,
        )
        ledger_epochs.put_later_answer(connection, stored.digest, epoch=statement.epoch, answer=answer)
        count += 1
    assert count <= until
    return count
