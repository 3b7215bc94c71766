"""What the centre answered to one bundle, however the answer came: verify it, and commit what it says.

The network and the stick use the same two steps. `verify_answer` writes nothing but evidence; `settle_bundle` is called
in the caller's transaction, with the type that only a verification makes.
"""

from __future__ import annotations

from edge.domain.outbox import DUE, BundleEvent, BundleState
from edge.domain.pass_journal import PassState
from edge.store import audit, bundles, hub_passes, ledger_epochs, node_identity, passes, receipts, verdicts
from edge.store.audit import Action
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.store.node_identity import NodeIdentity
from edge.workflow.admitted_late import delegated_that_count, hold_admitted, verdicts_that_count
from edge.workflow.hand_over import take_back_refused
from edge.workflow.sign_delegated import wait_again
from edge.workflow.take_answers import take_receipt
from sync_protocol.bundle import Bundle, parse_bundle, verify_bundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_epoch import FIRST_EPOCH, EpochStep, proven_from, superseding
from sync_protocol.receipt import VerifiedReceipt, verify_inclusion, verify_receipt


def verify_answer(
    database: Database, due: StoredBundle, answer: bytes, *, identity: NodeIdentity, at: int
) -> VerifiedReceipt:
    """Verify an answer as the receipt of exactly this bundle.

    Args:
        due: the bundle; its state may have moved on.
        answer: as received, unverified.
        at: epoch seconds UTC.

    Raises:
        ProtocolError: it does not hold; it is kept as evidence, and nothing is called delivered because of it.
            LEDGER_EPOCH, without evidence, where node and ledger are in two epochs: a receipt that the centre has lost,
            or one of an epoch that this node does not know yet. It is asked for again.
    """
    # The head is the one that the signed bundle itself names, so a repeat verifies like the first answer.
    with database.read() as tables:
        start = node_identity.chain_start(tables, identity, due.epoch)
    assert start is not None
    bundle = verify_bundle(parse_bundle(due.inner), start.node_key).bundle
    try:
        with database.read() as tables:
            steps = ledger_epochs.steps(tables)
            is_lost = ledger_epochs.is_lost_answer(tables, due.epoch, due.sequence, answer)
        receipt = _verified(answer, bundle, due, identity=identity, steps=steps, is_lost=is_lost)
        with database.read() as tables:
            leaves = 0 if due.pass_id is None else len(passes.leaves(tables, due.pass_id))
            signed_before = receipts.root_at(tables, epoch=receipt.head.epoch, size=receipt.head.size)
        if signed_before not in (None, receipt.head.root):
            raise ProtocolError(Code.HEAD_INCONSISTENT, "receipt: the ledger has signed another root for this size")
        if receipt.entry.refusal is None and len(receipt.verdicts) != leaves:
            raise ProtocolError(Code.COUNT_MISMATCH, "receipt: it holds verdicts for another number of doses")
    except ProtocolError as error:
        with database.write_transaction() as tables:
            if error.code is not Code.LEDGER_EPOCH:
                receipts.keep_evidence(tables, due, code=error.code.value, answer=answer, at=at)
            if bundles.state(tables, due) in DUE:
                bundles.move(tables, due, BundleEvent.TURNED_AWAY, problem=error.code.value)
        raise
    return receipt


def _verified(
    answer: bytes,
    bundle: Bundle,
    due: StoredBundle,
    *,
    identity: NodeIdentity,
    steps: tuple[EpochStep, ...],
    is_lost: bool,
) -> VerifiedReceipt:
    ledger_keys = [identity.ledger_key]
    head = verify_inclusion(answer, ledger_keys=ledger_keys).head
    if is_lost or superseding(head, steps) is not None:
        raise ProtocolError(Code.LEDGER_EPOCH, "receipt: its head is one that the centre has lost")
    named = bundle.known_head
    try:
        return verify_receipt(
            answer,
            ledger_keys=ledger_keys,
            node=bundle.node,
            epoch=due.epoch,
            sequence=due.sequence,
            digest=due.digest,
            # Where that head was lost, the path begins at the base of the epoch that says so.
            known_head=None if named is None else proven_from(named, steps, until=head.epoch),
        )
    except ProtocolError as error:
        if error.code is Code.HEAD_INCONSISTENT and head.epoch > max([FIRST_EPOCH, *(step.epoch for step in steps)]):
            raise ProtocolError(Code.LEDGER_EPOCH, "receipt: of an epoch that is not declared to this node") from error
        raise


def settle_bundle(
    tables: Tables, due: StoredBundle, receipt: VerifiedReceipt, *, answer: bytes, at: int, actor: str
) -> BundleState:
    """Keep a verified receipt and do what it says, in the caller's transaction; returns the bundle's state.

    Before that transaction's commit the bundle is offered, after it the centre's promise is in the store.
    """
    if receipts.find(tables, due.epoch, due.sequence) is not None:
        # Another exchange or a stick was faster; its receipt is the same one.
        return bundles.state(tables, due)
    if superseding(receipt.head, ledger_epochs.steps(tables)) is not None:
        # The centre has declared since the verification that it lost this entry.
        return bundles.state(tables, due)
    refusal = receipt.entry.refusal
    receipts.add(tables, due, receipt, answer=answer, at=at)
    if refusal is None:
        _keep_verdicts(tables, due, receipt)
        audit.append(tables, Action.BUNDLE_RECEIPTED, subject_of(due), actor=actor, at=at)
        state = bundles.move(tables, due, BundleEvent.RECEIPT)
        take_receipt(tables, due.epoch, due.sequence, at=at, actor=actor)
        return state
    take_back_refused(tables, due, actor=actor, at=at, code=refusal.value)
    wait_again(tables, due, actor=actor, at=at, code=refusal.value)
    if due.pass_id is not None and not _is_released(tables, due.pass_id):
        passes.give_back(tables, due.pass_id, state=PassState.RELEASED, at=at)
        _hold_admitted(tables, due.pass_id)
    audit.append(tables, Action.BUNDLE_REFUSED, subject_of(due), actor=actor, at=at, details=refusal.value)
    return bundles.move(tables, due, BundleEvent.REFUSAL_RECEIPT, problem=refusal.value)


def subject_of(bundle: StoredBundle) -> str:
    """How the audit trail names a bundle."""
    return f"bundle:{bundle.epoch}/{bundle.sequence}"


def _is_released(tables: Tables, pass_id: int) -> bool:
    """Whether the centre had refused the pass before it lost that: its doses went back to the site then."""
    found = passes.find(tables, pass_id)
    return found is not None and found.state is PassState.RELEASED


def _keep_verdicts(tables: Tables, due: StoredBundle, receipt: VerifiedReceipt) -> None:
    if due.pass_id is not None and _is_released(tables, due.pass_id):
        # What is said of doses in a batch that was given up here, the receipt keeps.
        _hold_admitted(tables, due.pass_id)
        return
    if due.pass_id is not None and hub_passes.is_delegated(tables, due.pass_id):
        identity = node_identity.get(tables)
        said = delegated_that_count(tables, due.pass_id, receipt.verdicts, identity=identity)
        hub_passes.keep_verdicts(tables, due.pass_id, said)
    elif due.pass_id is not None:
        leaves = passes.leaves(tables, due.pass_id)
        said = verdicts_that_count(tables, leaves, receipt.verdicts, identity=node_identity.get(tables))
        verdicts.add(tables, due, doses=leaves, verdicts=said)


def _hold_admitted(tables: Tables, pass_id: int) -> None:
    if not hub_passes.is_delegated(tables, pass_id):
        hold_admitted(tables, passes.leaves(tables, pass_id), identity=node_identity.get(tables))
