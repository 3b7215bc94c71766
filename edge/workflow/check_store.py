"""Verify everything the node keeps, from its bytes: what a store that nobody touched must always satisfy.

1. the file: page checksums, indexes, references;
2. the audit trail: each entry follows from the one before;
3. each pass: its packed doses give its statement again, its signature verifies, each statement names the one before;
4. each leaf: a dose version is in at most one live batch;
5. each bundle: the node's signature, its digest, its place in the chain, the batch inside it;
6. each receipt: verified again from its bytes against the head that its bundle names; no head contradicts another;
7. each sheet of a closed day: the body of its bundle, with the audit trail as it is (`check_closings`);
8. each item of the feed (`check_feed`), and what is kept of certificates (`check_certificates`)
   and of passports and verdicts (`check_news`),
   and epochs of the ledger with the receipts that they took along (`check_ledger_epochs`), and of this node
   (`check_node_epochs`), and questions about people with their answers (`check_questions`);
9. doses that were handed over, as a site and as a hub (`check_handovers`);
10. what the store derives from these (where each dose stands, and how many) is what follows from them.

Nothing is repaired here. A finding names the thing by its number and never a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from edge.domain.outbox import DELIVERED
from edge.domain.pass_journal import LIVE, PassState
from edge.store import (
    audit,
    bundles,
    hub_passes,
    ledger_epochs,
    node_epochs,
    node_identity,
    passes,
    receipts,
    reports,
    standings,
    verdicts,
)
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.store.errors import StoreError
from edge.store.node_identity import NodeIdentity
from edge.store.passes import StoredPass
from edge.workflow.admitted_late import verdicts_that_count
from edge.workflow.check_certificates import certificate_findings
from edge.workflow.check_closings import closing_findings
from edge.workflow.check_feed import feed_findings
from edge.workflow.check_handovers import delegated_findings, handover_findings
from edge.workflow.check_ledger_epochs import epoch_findings
from edge.workflow.check_news import news_findings
from edge.workflow.check_node_epochs import node_epoch_findings
from edge.workflow.check_questions import question_findings
from sync_protocol.batch import Purpose, parse_batch, prepare_batch, verify_batch
from sync_protocol.bundle import BatchBody, BundleKind, encode_batch_body, parse_bundle, verify_bundle
from sync_protocol.columns import unpack_doses
from sync_protocol.errors import ProtocolError
from sync_protocol.ledger_epoch import proven_from, superseding
from sync_protocol.manifest import parse_statement
from sync_protocol.receipt import verify_inclusion, verify_receipt


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: what it is about ("pass:3") and what is wrong with it."""

    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How much was verified, and what was found; a good store has no findings."""

    audit_entries: int
    passes: int
    doses: int
    bundles: int
    receipts: int
    findings: tuple[Finding, ...]


def check_store(database: Database) -> CheckReport:
    """Verify the whole store in one snapshot. Raises StoreError only where the store cannot be read at all."""
    # (1) Before anything is read as rows.
    found = [Finding("file", text) for text in database.quick_check()]
    with database.read() as tables:
        entries, digest_of_previous = 0, None
        try:
            # (2)
            entries, _ = audit.verify(tables)
        except StoreError as error:
            found.append(Finding("audit", error.rule))
        identity = node_identity.find(tables)
        if identity is None:
            return CheckReport(entries, 0, doses=0, bundles=0, receipts=0, findings=tuple(found))
        dose_count = 0
        pass_ids = passes.numbers(tables)
        for stored in _stored(tables, pass_ids):
            # (3)
            found += _check_pass(tables, stored, identity, digest_of_previous)
            dose_count += stored.doses
            if stored.state in {PassState.SEALED, PassState.RELEASED} and stored.statement is not None:
                digest_of_previous = hashlib.sha256(stored.statement).digest()
        # (4)
        found += [Finding(f"dose:{sequence}", "a leaf of two live batches") for sequence in passes.doubled(tables)]
        chain = bundles.chain(tables)
        receipt_count = 0
        for epoch, sequence in chain:
            bundle = bundles.find(tables, epoch, sequence)
            assert bundle is not None
            # (5)
            found += _check_bundle(tables, bundle, identity)
            # (6)
            receipt_count += receipts.find(tables, epoch, sequence) is not None
            found += _check_receipt(tables, bundle, identity)
        found += [
            Finding(f"head:{epoch}/{size}", "two roots were signed for one size of the ledger")
            for epoch, size in receipts.contradicting_heads(tables)
        ]
        # (7)
        found += [Finding(subject, what) for subject, what in closing_findings(tables)]
        # (8)
        found += [Finding(subject, what) for subject, what in feed_findings(tables, identity)]
        found += [Finding(subject, what) for subject, what in certificate_findings(tables)]
        found += [Finding(subject, what) for subject, what in news_findings(tables, identity)]
        found += [Finding(subject, what) for subject, what in epoch_findings(tables, identity)]
        found += [Finding(subject, what) for subject, what in node_epoch_findings(tables, identity)]
        found += [Finding(subject, what) for subject, what in question_findings(tables)]
        # (9)
        found += [Finding(subject, what) for subject, what in handover_findings(tables, identity)]
        # (10)
        derived = (*standings.differences(tables), *reports.differences(tables))
        found += [Finding("derived", text) for text in derived]
    return CheckReport(
        entries,
        len(pass_ids),
        doses=dose_count,
        bundles=len(chain),
        receipts=receipt_count,
        findings=tuple(found),
    )


def _stored(tables: Tables, pass_ids: list[int]) -> Iterator[StoredPass]:
    for pass_id in pass_ids:
        stored = passes.find(tables, pass_id)
        assert stored is not None
        yield stored


def _check_pass(
    tables: Tables, stored: StoredPass, identity: NodeIdentity, previous: bytes | None
) -> Iterator[Finding]:
    subject = f"pass:{stored.pass_id}"
    leaves = passes.leaves(tables, stored.pass_id)
    try:
        doses = unpack_doses(stored.columns, node=identity.node, facility=identity.facility)
        statement = parse_statement(stored.statement_payload)
        if prepare_batch(statement.manifest, doses, stored.secret).statement_payload != stored.statement_payload:
            yield Finding(subject, "the packed doses do not give the statement")
        if [dose.sequence for dose in doses] != leaves:
            yield Finding(subject, "the leaves are not the packed doses")
        if stored.state is not PassState.ABANDONED and statement.manifest.previous != previous:
            yield Finding(subject, "it does not name the statement before it")
        if stored.statement is not None:
            batch = parse_batch(stored.statement)
            verify_batch(batch, doses, stored.secret, certificate=batch.certificates[0])
            if batch.message.payload != stored.statement_payload:
                yield Finding(subject, "what was signed is not what was prepared")
        if stored.purpose is Purpose.DELEGATED:
            yield from (Finding(subject, what) for what in delegated_findings(tables, stored, identity))
    except (ProtocolError, IndexError) as error:
        yield Finding(subject, str(error))
    live = passes.live_leaf_count(tables, stored.pass_id)
    if live != (stored.doses if stored.state in LIVE else 0):
        yield Finding(subject, f"it is {stored.state} and {live} of its {stored.doses} leaves are live")


def _check_bundle(tables: Tables, stored: StoredBundle, identity: NodeIdentity) -> Iterator[Finding]:
    subject = f"bundle:{stored.epoch}/{stored.sequence}"
    try:
        if (start := node_identity.chain_start(tables, identity, stored.epoch)) is None:
            yield Finding(subject, "this node never had its epoch")
            return
        verified = verify_bundle(parse_bundle(stored.inner), start.node_key)
    except ProtocolError as error:
        yield Finding(subject, str(error))
        return
    bundle = verified.bundle
    if verified.digest != stored.digest:
        yield Finding(subject, "its digest is not that of its bytes")
    if (bundle.node, bundle.epoch, bundle.sequence) != (identity.node, stored.epoch, stored.sequence):
        yield Finding(subject, "its bytes name another place")
    before = bundles.find(tables, stored.epoch, stored.sequence - 1)
    previous = start.predecessor if before is None else before.digest
    if bundle.previous != previous or stored.previous != previous:
        yield Finding(subject, "it does not name the bundle before it")
    if bundle.kind is not BundleKind.BATCH:
        return
    left = node_epochs.find_left(tables, stored.epoch, stored.sequence)
    pass_id = stored.pass_id if left is None else left.pass_id
    carried = None if pass_id is None else passes.find(tables, pass_id)
    if carried is None or carried.statement is None:
        yield Finding(subject, "a batch without its pass")
        return
    body = BatchBody(
        carried.statement,
        secret=carried.secret,
        columns=carried.columns,
        carried=hub_passes.carried(tables, carried.pass_id),
    )
    if bundle.body != encode_batch_body(body):
        yield Finding(subject, "it carries another batch than its pass")


def _check_receipt(tables: Tables, stored: StoredBundle, identity: NodeIdentity) -> Iterator[Finding]:
    subject = f"receipt:{stored.epoch}/{stored.sequence}"
    receipt = receipts.find(tables, stored.epoch, stored.sequence)
    if (receipt is not None) != (stored.state in DELIVERED):
        yield Finding(subject, f"the bundle is {stored.state}, which its receipt does not say")
    if receipt is None:
        return
    try:
        named, steps = parse_bundle(stored.inner).claimed.known_head, ledger_epochs.steps(tables)
        until = verify_inclusion(receipt.answer, ledger_keys=[identity.ledger_key]).head.epoch
        verified = verify_receipt(
            receipt.answer,
            ledger_keys=[identity.ledger_key],
            node=identity.node,
            epoch=stored.epoch,
            sequence=stored.sequence,
            digest=stored.digest,
            known_head=None if named is None else proven_from(named, steps, until=until),
        )
    except ProtocolError as error:
        yield Finding(subject, str(error))
        return
    if superseding(verified.head, steps) is not None:
        yield Finding(subject, "the centre has declared that it lost this entry")
    if verified.head != receipt.head or str(verified.entry.outcome) != receipt.outcome:
        yield Finding(subject, "the row says something else than the receipt")
    if stored.pass_id is None or hub_passes.is_delegated(tables, stored.pass_id):
        return
    carried = passes.find(tables, stored.pass_id)
    # Doses that the centre gave back once are not judged by a batch that they left.
    is_released = carried is not None and carried.state is PassState.RELEASED
    leaves = [] if is_released else passes.leaves(tables, stored.pass_id)[: len(verified.verdicts)]
    counting = verdicts_that_count(tables, leaves, verified.verdicts[: len(leaves)], identity=identity)
    said = sorted(
        (dose, verdict.state.value, "" if verdict.code is None else verdict.code.value)
        for dose, verdict in zip(leaves, counting, strict=True)
    )
    if said != verdicts.of_bundle(tables, stored.epoch, stored.sequence):
        yield Finding(subject, "the verdicts are not those of the receipt")
