"""The last step of admission: verdicts, ledger entry, head and receipt, in one transaction under the ledger lock."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.domain.admission import CheckedBatch
from central.domain.ledger import LedgerTree
from central.domain.node import NodeState
from central.domain.people import RegistryAnswer, person_key
from central.domain.registration import CheckedRegistration
from central.domain.verdicts import Background, JudgedDose, judge_doses, refusals, replaced_by
from central.store import bundles, closings, doses, ledger, ledger_epochs, nodes, people, trust
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.store.ledger import StoredHead
from central.workflow.answer_questions import AnsweredQuestions, tell_answers
from central.workflow.carried_handovers import check_still_handed
from central.workflow.chain_place import place_problem
from central.workflow.publish_sets import current_catalogue
from central.workflow.take_handover import (
    ArrivedBack,
    ArrivedHandover,
    check_waiting,
    take_handed_back,
    take_handover,
)
from central.workflow.take_registration import take_registration
from central.workflow.tell_signed_doses import tell_signed_doses
from sync_protocol.bundle import VerifiedBundle
from sync_protocol.closing import DayClosing
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_entry import ADMITTED, LedgerEntry, entry_leaf
from sync_protocol.ledger_epoch import proven_from
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt
from sync_protocol.tree_head import TreeHead, sign_tree_head
from sync_protocol.verdict import Verdict, encode_verdicts, verdicts_digest


@dataclass(frozen=True, slots=True)
class CheckedBundle:
    """What is known of a bundle before the lock.

    Attributes:
        verified: the bundle, signed by its node.
        batch: the batch where it carries one that passed all checks, else None.
        closing: the closing sheet where it carries one that passed its checks, else None.
        answers: what the population database says, one for each dose of the batch.
        refusal: the code with which the whole bundle is refused, or None.
        registration: the request for registration where it carries one that passed its checks, else None.
        handover, back: unsigned doses, or doses handed back, where it carries them and they passed, else None.
        asked: what was answered where it carries questions, else None.
        carried: handovers that came along with a batch and are new.
    """

    verified: VerifiedBundle
    batch: CheckedBatch | None
    closing: DayClosing | None
    answers: tuple[RegistryAnswer, ...]
    refusal: Code | None
    registration: CheckedRegistration | None = None
    handover: ArrivedHandover | None = None
    back: ArrivedBack | None = None
    asked: AnsweredQuestions | None = None
    carried: tuple[ArrivedHandover, ...] = ()


def append_bundle(
    checked: CheckedBundle, envelope: bytes, *, engine: Engine, keys: KeyRing, tree: LedgerTree, now: int
) -> bytes:
    """Stores a checked bundle with its verdicts and its receipt, in one transaction under the ledger lock.

    Returns:
        The receipt; the first one where another worker was faster with the same bundle.

    Raises:
        PlaceError: another bundle took the place meanwhile.
        ProtocolError: HEAD_INCONSISTENT, LEDGER_EPOCH, NODE_DENIED.
        StoreError: nothing is stored; the sender tries again.
        TokenError: the ledger key cannot sign now; nothing is stored.
    """
    verified = checked.verified
    bundle = verified.bundle
    committed = False
    try:
        with write_transaction(engine) as connection:
            # One appender at a time over all workers; the tree in memory is touched under this lock only.
            lock_ledger(connection)
            if (answer := bundles.answer_to_inner(connection, verified.digest)) is not None:
                # Another worker was faster with the same bundle.
                bundles.put_seal(connection, envelope, digest=verified.digest)
                return answer
            node = nodes.known_node(connection, bundle.node, epoch=bundle.epoch)
            assert node is not None
            if node.state is NodeState.DENIED:
                raise ProtocolError(Code.NODE_DENIED, "bundle: the node was locked out meanwhile")
            if (place := place_problem(connection, verified, node)) is not None:
                raise place
            checked = _as_it_stands_now(connection, checked)
            newest = ledger.newest_head(connection)
            assert newest is not None
            # The ledger's time never goes back, even if the machine's clock did.
            at = max(now, newest.head.at)
            index = newest.head.size
            judged = _judge(connection, checked, now=now)
            entry = _entry(checked, [item.verdict for item in judged], index=index, at=at)
            grown = tree.catch_up(index, lambda first: ledger.leaves_from(connection, first), root=newest.head.root)
            grown.append(entry_leaf(entry))
            known = bundle.known_head and proven_from(bundle.known_head, ledger_epochs.steps(connection))
            answer = _receipt(entry, grown, newest.head, judged=judged, known=known, keys=keys)
            _store(connection, checked, entry, judged=judged, answer=answer)
            if (request := checked.registration) is not None:
                take_registration(connection, request, ledger_index=index, keys=keys, at=at)
            _pass_on(connection, checked, entry, judged=judged, answer=answer, keys=keys)
            head = TreeHead(epoch=newest.head.epoch, size=grown.size, root=grown.root, at=at)
            ledger.put_head(connection, StoredHead(head, sign_tree_head(head, keys.ledger)))
            bundles.put_seal(connection, envelope, digest=verified.digest)
            nodes.move_head(
                connection,
                bundle.node,
                epoch=bundle.epoch,
                sequence=bundle.sequence,
                digest=verified.digest,
                at=now,
            )
        # The commit is behind us: the entry is durable, the receipt may leave.
        committed = True
        return answer
    finally:
        if not committed:
            tree.forget()


def _as_it_stands_now(connection: Connection, checked: CheckedBundle) -> CheckedBundle:
    """The bundle, or its refusal where another node of the hub has answered for its doses since it was checked."""
    try:
        if checked.back is not None:
            check_waiting(connection, checked.back.back)
        if checked.batch is not None and checked.batch.manifest.for_node:
            content = checked.batch.verified.doses
            check_still_handed(connection, checked.batch.manifest, content, carried=checked.carried)
    except ProtocolError as error:
        return CheckedBundle(checked.verified, batch=None, closing=None, answers=(), refusal=error.code)
    return checked


def _judge(connection: Connection, checked: CheckedBundle, *, now: int) -> list[JudgedDose]:
    batch = checked.batch
    if batch is None:
        return []
    node, content = batch.manifest.dose_node, batch.verified.doses
    persons = [
        person_key(dose.recipient, state=dose.evidence.state, answer=answer)
        for dose, answer in zip(content, checked.answers, strict=True)
    ]
    held = doses.held_sequences(connection, node, [dose.sequence for dose in content])
    replaced_now = replaced_by(content, refusals(content, batch.manifest, held=held))
    background = Background(
        catalogue=current_catalogue(connection),
        answers=checked.answers,
        history=doses.history_of(connection, persons, node=node, replaced_now=replaced_now),
        held=held,
        replaced=doses.replaced_sequences(connection, node, replaced_now),
        arrived_at=now,
        doubt=batch.doubt,
    )
    # SPEC 8 (15) to (19)
    return judge_doses(content, batch.manifest, background)


def _entry(checked: CheckedBundle, verdicts: list[Verdict], *, index: int, at: int) -> LedgerEntry:
    bundle = checked.verified.bundle
    return LedgerEntry(
        index=index,
        node=bundle.node,
        epoch=bundle.epoch,
        sequence=bundle.sequence,
        kind=bundle.kind.value,
        digest=checked.verified.digest,
        previous=bundle.previous,
        admitted_at=at,
        outcome=checked.refusal.value if checked.refusal else ADMITTED,
        verdicts_digest=verdicts_digest(encode_verdicts(verdicts)),
        doses=len(verdicts),
    )


def _receipt(
    entry: LedgerEntry,
    tree: Tree,
    newest: TreeHead,
    *,
    judged: list[JudgedDose],
    known: Checkpoint | None,
    keys: KeyRing,
) -> bytes:
    return build_receipt(
        entry,
        tree,
        epoch=newest.epoch,
        at=entry.admitted_at,
        known_head_size=None if known is None else known.size,
        ledger_signer=keys.ledger,
        verdicts=[item.verdict for item in judged],
    )


def _store(
    connection: Connection, checked: CheckedBundle, entry: LedgerEntry, *, judged: list[JudgedDose], answer: bytes
) -> None:
    verified, at = checked.verified, entry.admitted_at
    ledger.append_entry(connection, entry)
    bundles.put_bundle(connection, verified, ledger_index=entry.index, answer=answer, received_at=at)
    if checked.closing is not None:
        closings.put_closing(connection, verified.bundle, checked.closing, ledger_index=entry.index)
    if checked.batch is None:
        return
    trust.put_seen(connection, [checked.batch.verified.certificate], at=at)
    doses.put_batch(connection, checked.batch, ledger_index=entry.index, epoch=entry.epoch)
    people.put_people(connection, judged, at=at)
    doses.put_doses(connection, judged, ledger_index=entry.index, at=at)


def _pass_on(
    connection: Connection,
    checked: CheckedBundle,
    entry: LedgerEntry,
    *,
    judged: list[JudgedDose],
    answer: bytes,
    keys: KeyRing,
) -> None:
    """What is said to the other side of a delegation, in the feed of its node."""
    index, at, batch = entry.index, entry.admitted_at, checked.batch
    if checked.handover is not None:
        take_handover(connection, checked.handover, ledger_index=index, keys=keys, at=at)
    if checked.back is not None:
        take_handed_back(connection, checked.back, ledger_index=index, keys=keys, at=at)
    if checked.asked is not None:
        tell_answers(connection, checked.asked, node=entry.node, ledger_index=index, keys=keys, at=at)
    if batch is not None and batch.manifest.for_node:
        for carried in checked.carried:
            take_handover(connection, carried, ledger_index=None, keys=keys, at=at)
        tell_signed_doses(connection, batch, judged, answer=answer, ledger_index=index, keys=keys, at=at)
