"""The centre says that its ledger was restored from an older copy: verify it, and let everything lost be due again.

1. the statement is signed by the pinned ledger key, and newer than the one obeyed before;
2. its bases agree with every head that this node has verified on the same history; otherwise it is evidence;
3. receipts for entries from the point where both part are set aside, and their bundles are due again in the same
   transaction; what the centre said of their doses is unknown from here on;
4. statements of a hub over doses of this site wait for a receipt again, where theirs was lost.

Nothing signed is thrown away: receipts stay among the lost ones, items stay in the feed.
"""

from __future__ import annotations

from typing import Final

from edge.domain.outbox import BundleEvent
from edge.store import audit, bundles, contacts, ledger_epochs, node_identity, receipts
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from edge.workflow.exchange import ACTOR
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem
from sync_protocol.ledger_epoch import LedgerEpoch, check_epoch_follows, verify_ledger_epoch
from sync_protocol.receipt import verify_inclusion

# Why a bundle is due that had its receipt; shown until it is offered again.
RESTORED: Final = BundleEvent.CENTRE_RESTORED.value


def apply_ledger_epoch(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Obey an epoch that came as an item of the feed. ProtocolError: it does not verify; nothing was written."""
    obey_ledger_epoch(tables, item.body, identity=node_identity.get(tables), at=at)


def obey_ledger_epoch(tables: Tables, signed: bytes, *, identity: NodeIdentity, at: int) -> bool:
    """Obey an epoch, however it came; says whether it was new and agrees with what is held.

    Args:
        signed: as received, unverified.
        at: epoch seconds UTC.

    Raises:
        ProtocolError: what `verify_ledger_epoch` raises; nothing was written.
    """
    # (1)
    statement = verify_ledger_epoch(signed, [identity.ledger_key])
    known = ledger_epochs.newest(tables)
    # (2)
    try:
        lost_from = check_epoch_follows(statement, known, receipts.heads(tables))
    except ProtocolError as error:
        if error.code is not Code.SET_OLDER or _contradicts(statement, known):
            held = _held_against(tables, statement, known)
            ledger_epochs.keep_contradiction(tables, said=signed, held=held, code=error.code.value, at=at)
            _note(tables, Action.LEDGER_CONTRADICTED, statement, at=at, details=error.code.value)
        return False
    # (3)
    contacts.forget(tables)
    ledger_epochs.add(tables, statement, signed=signed, lost_from=lost_from, at=at)
    lost = ledger_epochs.receipts_to_lose(tables, lost_from=lost_from, before=statement.epoch)
    for epoch, sequence in lost:
        bundle = bundles.find(tables, epoch, sequence)
        assert bundle is not None
        ledger_epochs.set_receipt_aside(tables, epoch, sequence, ledger_epoch=statement.epoch)
        bundles.move(tables, bundle, BundleEvent.CENTRE_RESTORED, problem=RESTORED)
        ledger_epochs.drop_receipt(tables, epoch, sequence)
    held_steps = frozenset(() if known is None else known.steps)
    parted = [step.base for step in held_steps.symmetric_difference(statement.steps)]
    ledger_epochs.drop_changes(tables, since=min(base.at for base in parted))
    # (4)
    doses = _lose_signings(tables, statement, lost_from=lost_from, identity=identity)
    details = f"goes on at {statement.step.base.size}, {len(lost)} bundles and {doses} doses at a hub are sent again"
    _note(tables, Action.LEDGER_EPOCH_TAKEN, statement, at=at, details=details)
    return True


def _contradicts(statement: LedgerEpoch, known: LedgerEpoch | None) -> bool:
    """Whether an older statement is none of those that the known one tells of: two epochs of one number."""
    return known is not None and not set(statement.steps) <= set(known.steps)


def _held_against(tables: Tables, statement: LedgerEpoch, known: LedgerEpoch | None) -> bytes:
    """What was signed before and does not agree: a receipt, else the epoch obeyed, else nothing that was kept."""
    for place in receipts.places(tables):
        held = receipts.find(tables, *place)
        assert held is not None
        try:
            check_epoch_follows(statement, known, [held.head])
        except ProtocolError as error:
            if error.code is Code.HEAD_INCONSISTENT:
                return held.answer
    obeyed = ledger_epochs.obeyed(tables)
    return obeyed[0].signed if obeyed else b""


def _lose_signings(tables: Tables, statement: LedgerEpoch, *, lost_from: int, identity: NodeIdentity) -> int:
    doses = 0
    for signing_id, receipt in ledger_epochs.signings(tables):
        held = verify_inclusion(receipt, ledger_keys=[identity.ledger_key])
        if held.entry.index >= lost_from and held.head.epoch < statement.epoch:
            doses += ledger_epochs.lose_signing(tables, signing_id, ledger_epoch=statement.epoch)
    return doses


def _note(tables: Tables, action: Action, statement: LedgerEpoch, *, at: int, details: str) -> None:
    audit.append(tables, action, f"ledger-epoch:{statement.epoch}", actor=ACTOR, at=at, details=details)
