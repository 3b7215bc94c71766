"""What this node can show of the centre's ledger: words that contradict each other, and what epochs took along.

Nothing is decided here: a pair is judged from its bytes each time, as anybody would who gets the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.store import ledger_epochs, node_identity, receipts
from edge.store.database import Database, Tables
from edge.store.ledger_epochs import ObeyedEpoch
from edge.store.node_identity import NodeIdentity
from edge.store.receipts import KeptAnswer
from sync_protocol import cbor
from sync_protocol.contact import verify_statement
from sync_protocol.errors import ProtocolError
from sync_protocol.ledger_evidence import (
    EVIDENCE_PAIRS,
    Evidence,
    EvidencePair,
    JudgedPair,
    encode_evidence,
    judge_evidence,
)
from sync_protocol.manifest import Checkpoint
from sync_protocol.receipt import RECEIPT_BYTES, verify_inclusion


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What the page shows.

    Attributes:
        epochs: the epochs that this node obeys, the newest first.
        pairs: each pair with what it proves, the newest first; `explained` says by which epoch, 0 for none.
        sent_again: bundles whose receipt the centre has lost and that have none again yet.
    """

    epochs: tuple[ObeyedEpoch, ...]
    pairs: tuple[tuple[JudgedPair, int], ...]
    sent_again: int


def ledger_view(database: Database) -> LedgerView:
    """Look at all of it. Raises StoreError NOT_ENROLLED."""
    with database.read() as tables:
        identity = node_identity.get(tables)
        epochs = tuple(ledger_epochs.obeyed(tables))
        pairs = _pairs(tables)
        sent_again = ledger_epochs.sent_again(tables)
        evidence = Evidence(identity.node, tuple(pairs))
    judged = judge_evidence(evidence, ledger_keys=[identity.ledger_key], publisher_key=identity.publisher_key)
    return LedgerView(epochs, tuple((one, _explained(one, epochs)) for one in reversed(judged)), sent_again)


def evidence_file(database: Database) -> bytes:
    """All pairs as one file, which `hcvx-verify` judges. Raises StoreError NOT_ENROLLED."""
    with database.read() as tables:
        return encode_evidence(Evidence(node_identity.get(tables).node, tuple(_pairs(tables))))


def _pairs(tables: Tables) -> list[EvidencePair]:
    """The pairs, oldest first; what is too large for a file was signed by nobody."""
    held = [(one.head, one.answer) for one in receipts.all_receipts(tables)]
    held += [(lost.head, lost.answer) for lost in ledger_epochs.lost_receipts(tables)]
    identity = node_identity.get(tables)
    pairs = [EvidencePair(one.at, one.code, one.said, one.held) for one in ledger_epochs.contradictions(tables)]
    for kept in receipts.kept_answers(tables):
        if kept.sequence == 0:
            pairs.append(_contact(kept, held, identity))
            continue
        try:
            head = verify_inclusion(kept.answer, ledger_keys=[identity.ledger_key]).head
        except ProtocolError:
            pairs.append(EvidencePair(kept.at, kept.code, kept.answer, b""))
            continue
        pairs.append(EvidencePair(kept.at, kept.code, kept.answer, _against(head, kept.answer, held)))
    whole = [one for one in pairs if len(one.said) <= RECEIPT_BYTES and len(one.held) <= RECEIPT_BYTES]
    return sorted(whole, key=lambda one: one.received_at)[-EVIDENCE_PAIRS:]


def _contact(kept: KeptAnswer, held: Sequence[tuple[Checkpoint, bytes]], identity: NodeIdentity) -> EvidencePair:
    """What the centre said at a contact, with a receipt of a larger ledger, or what it had said the time before."""
    fields = cbor.decode(kept.answer, max_bytes=RECEIPT_BYTES)
    assert isinstance(fields, dict)
    said, before = fields[1], fields[4]
    assert isinstance(said, bytes)
    assert isinstance(before, bytes)
    try:
        head = verify_statement(said, identity.publisher_key, node=identity.node).head
    except ProtocolError:
        return EvidencePair(kept.at, kept.code, said, before)
    larger = [one for one in held if one[0].epoch == head.epoch and one[0].size > head.size]
    return EvidencePair(kept.at, kept.code, said, _against(head, b"", larger) or before)


def _against(head: Checkpoint, answer: bytes, held: Sequence[tuple[Checkpoint, bytes]]) -> bytes:
    """What was signed before and says most against a head: one of its size with another root, else the newest one."""
    others = [(other, receipt) for other, receipt in held if receipt != answer]
    for other, receipt in others:
        if (other.epoch, other.size) == (head.epoch, head.size) and other.root != head.root:
            return receipt
    newest = max(others, key=lambda one: (one[0].epoch, one[0].size), default=None)
    return b"" if newest is None else newest[1]


def _explained(one: JudgedPair, epochs: Sequence[ObeyedEpoch]) -> int:
    """The first epoch that was obeyed after a pair came, by its number; 0 where there is none."""
    after = [found for found in epochs if found.taken_at >= one.pair.received_at]
    return after[-1].statement.epoch if after else 0
