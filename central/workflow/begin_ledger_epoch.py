"""The operator declares that the ledger was restored from an older copy, and from where it goes on.

1. the base: the last head that no node contradicts, or the one that the operator names;
2. the statement, signed by the ledger key, and the entry that marks it in the ledger itself;
3. bundles that stand behind the base already get an answer that shows a head of the new epoch;
4. from then on it is due to every node's feed, before anything else: see `feed.settle`.

All of it is one transaction under the ledger lock. An epoch too many does no harm but costs bytes: nodes offer again
what they hold receipts for, and get answers to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.store import bundles, ledger, ledger_epochs, nodes
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.store.ledger import StoredHead
from central.workflow.lost_history import open_losses
from sync_protocol.bundle import parse_bundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_entry import entry_leaf, epoch_entry, parse_entry
from sync_protocol.ledger_epoch import EpochStep, LedgerEpoch, proven_from, sign_ledger_epoch
from sync_protocol.limits import LEDGER_EPOCHS
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt, verify_inclusion
from sync_protocol.tree_head import TreeHead, sign_tree_head


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
            last one before the smallest head that this ledger's key signed and this ledger does not have. Heads that
            are only named count for nothing here.
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
        shown = open_losses(connection)
        losses = [lost.head for lost in shown]
        if not losses and not without_evidence:
            raise ProtocolError(Code.LEDGER_EPOCH, "ledger epoch: no node shows a head that is missing here")
        # (1)
        # Anybody with a node's key may name a head that never was: only what our own key signed moves the base.
        smallest = min((lost.head.size for lost in shown if lost.is_proven), default=newest.head.size + 1)
        size = min(newest.head.size, max(1, smallest - 1)) if base_size is None else base_size
        base = ledger.head_of_size(connection, size)
        if base is None:
            raise ProtocolError(Code.LEDGER_EPOCH, "ledger epoch: the ledger never had a head of this size")
        # A number that a node has seen, of an epoch that was lost itself, is not used twice.
        current = ledger_epochs.current(connection)
        used = max([current, *(lost.head.epoch for lost in shown if lost.is_proven or _is_likely(lost.head, current))])
        # (2)
        at = max(now, newest.head.at)
        statement = LedgerEpoch(
            EpochStep(number or used + 1, base.head.checkpoint, at), reason, ledger_epochs.steps(connection)
        )
        signed = sign_ledger_epoch(statement, keys.ledger)
        tree = _mark(connection, statement, signed, index=newest.head.size, keys=keys)
        # What was only named has been answered with this, whoever proves it still can: nothing nags for ever.
        ledger_epochs.drop_claims(connection, losses)
        # (3)
        anew = _answer_anew(connection, statement, tree=tree, until=newest.head.size, keys=keys)
        # (4)
        told = nodes.count_nodes(connection)
    # From here on every head, receipt and feed is one of the new epoch.
    return BegunEpoch(statement.epoch, size, base.head.root.hex(), nodes=told, answered_anew=anew)


def _is_likely(claimed: Checkpoint, current: int) -> bool:
    """Whether a head that is only claimed may be of an epoch that was lost: a lie uses up few numbers."""
    return claimed.epoch <= current + LEDGER_EPOCHS


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
