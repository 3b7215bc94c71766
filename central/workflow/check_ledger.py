"""Re-verifies the ledger and every bundle in it from their bytes (I5, I6, I8, I9, I12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from central.domain.finding import Finding
from central.store import bundles, ledger, ledger_epochs, nodes, trust
from central.store.bundles import StoredBundle
from central.store.closings import closing_rows
from central.store.doses import stored_doses
from central.store.key_store import KeyRole
from central.store.registrations import all_requests
from central.store.tables import ledger_entries, organisation_certificates
from central.workflow.check_closings import check_stored_closing
from central.workflow.check_doses import check_stored_doses
from central.workflow.check_registrations import check_stored_request
from sync_protocol.batch import parse_batch, verify_batch
from sync_protocol.bundle import BundleKind, VerifiedBundle, parse_batch_body, parse_bundle, verify_bundle
from sync_protocol.certificate import parse_certificate
from sync_protocol.columns import unpack_doses
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import PublicKey
from sync_protocol.ledger_entry import ADMITTED, OWN_KINDS, LedgerEntry, encode_entry, entry_leaf, parse_entry
from sync_protocol.ledger_epoch import EpochStep, proven_from
from sync_protocol.merkle import Tree
from sync_protocol.receipt import VerifiedReceipt, verify_inclusion, verify_receipt
from sync_protocol.tree_head import verify_tree_head


@dataclass(slots=True)
class LedgerCheck:
    """What has been looked at so far, and what was found."""

    entries: int = 0
    bundles: int = 0
    doses: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_ledger(connection: Connection) -> LedgerCheck:
    """Checks everything that was admitted.

    1. every entry parses, stands at its index, and is what its columns and its leaf hash say;
    2. every node's entries count from 1 without a gap, each naming its predecessor; no digest is there twice;
    3. every head is signed by our ledger key and is the root over the entries of its size, so each is consistent with
       every later one;
    4. every bundle verifies under its node's key and its receipt verifies; a batch verifies wholly, from columns to
       the organisation's signature;
    5. the stored doses and verdicts are those of the bundle and its receipt, and the stored closing sheets and
       requests for registration too.
    """
    check = LedgerCheck()
    entries = dict(_checked_entries(connection, check))
    _check_chains(connection, list(entries.values()), check)
    _check_heads(connection, check)
    _check_bundles(connection, entries, check)
    return check


def _checked_entries(connection: Connection, check: LedgerCheck) -> Iterator[tuple[int, LedgerEntry]]:
    # (1)
    for row in connection.execute(select(ledger_entries).order_by(ledger_entries.c.idx)).mappings():
        place = f"entry {row['idx']}"
        if row["idx"] != check.entries:
            check.findings.append(Finding("I6", place, "an index is left out before it"))
        check.entries += 1
        try:
            entry = parse_entry(row["entry"])
        except ProtocolError as error:
            check.findings.append(Finding("I12", place, error.rule))
            continue
        said = (entry.index, entry.node, entry.epoch, entry.sequence, entry.kind, entry.digest, entry.outcome)
        columns = ("idx", "node", "epoch", "sequence", "kind", "digest", "outcome")
        same = said == tuple(row[name] for name in columns) and encode_entry(entry) == row["entry"]
        if not same or entry.doses != row["doses"] or entry.admitted_at != row["admitted_at"]:
            check.findings.append(Finding("I12", place, "the columns are not those of the entry's bytes"))
        if entry_leaf(entry) != row["leaf_hash"]:
            check.findings.append(Finding("I12", place, "the leaf hash is not that of the entry's bytes"))
        yield entry.index, entry


def _check_chains(connection: Connection, entries: list[LedgerEntry], check: LedgerCheck) -> None:
    # (2)
    heads = {key: (0, digest) for key, digest in nodes.enrolment_digests(connection).items()}
    digests: set[bytes] = set()
    for entry in entries:
        if entry.kind in OWN_KINDS:
            continue
        place = f"entry {entry.index}"
        if entry.digest in digests:
            check.findings.append(Finding("I5", place, "its digest is in the ledger twice"))
        digests.add(entry.digest)
        before = heads.get((entry.node, entry.epoch))
        if before != (entry.sequence - 1, entry.previous):
            check.findings.append(Finding("I6", place, "is not the next link of its node's chain"))
        heads[entry.node, entry.epoch] = (entry.sequence, entry.digest)
    for row in nodes.list_nodes(connection):
        if row.epoch and heads.get((row.code, row.epoch), (0, b""))[0] != row.last_sequence:
            check.findings.append(Finding("I6", f"node {row.code}", "its head is not its newest entry"))


def _check_heads(connection: Connection, check: LedgerCheck) -> None:
    # (3)
    leaves = ledger.leaves_from(connection, 0)
    ledger_keys = trust.centre_public_keys(connection, KeyRole.LEDGER)
    tree, expected, last_at = Tree(), 0, 0
    for stored in ledger.all_heads(connection):
        place, expected = f"head {stored.head.size}", expected + 1
        if stored.head.size != expected or stored.head.size > len(leaves):
            check.findings.append(Finding("I8", place, "there is not one head for each size"))
            continue
        tree.append(leaves[stored.head.size - 1])
        if stored.head.root != tree.root:
            check.findings.append(Finding("I8", place, "the root is not that of the entries"))
        if stored.head.at < last_at:
            check.findings.append(Finding("I8", place, "the ledger's time goes back"))
        last_at = stored.head.at
        try:
            if verify_tree_head(stored.signed, ledger_keys) != stored.head:
                check.findings.append(Finding("I8", place, "the signed head says something else"))
        except ProtocolError as error:
            check.findings.append(Finding("I8", place, error.rule))
    if expected != len(leaves):
        check.findings.append(Finding("I8", f"head {len(leaves)}", "the newest entries have no head"))


def _check_bundles(connection: Connection, entries: dict[int, LedgerEntry], check: LedgerCheck) -> None:
    # (4)
    ledger_keys, steps = trust.centre_public_keys(connection, KeyRole.LEDGER), ledger_epochs.steps(connection)
    node_keys = {(item.node, item.epoch): item.key for item in nodes.node_keys(connection)}
    sheets, requests = closing_rows(connection), all_requests(connection)
    archived = set()
    for stored in bundles.all_bundles(connection):
        check.bundles += 1
        archived.add(stored.ledger_index)
        place, entry = f"entry {stored.ledger_index}", entries.get(stored.ledger_index)
        if entry is None:
            check.findings.append(Finding("I12", place, "a bundle has no entry"))
            continue
        try:
            verified = _verified(stored, entry, node_keys)
            receipt = verified_answer(stored.answer, entry, verified, ledger_keys, steps=steps)
            content = _verified_doses(connection, verified) if _holds_doses(verified, entry) else ()
            check.findings += check_stored_closing(verified, entry, sheets)
            check.findings += check_stored_request(verified, entry, requests)
        except ProtocolError as error:
            check.findings.append(Finding("I12", place, error.rule))
            continue
        check.doses += len(content)
        # (5)
        rows = stored_doses(connection, stored.ledger_index)
        check.findings += check_stored_doses(content, receipt.verdicts, rows, ledger_index=stored.ledger_index)
    own = {index for index, entry in entries.items() if entry.kind in OWN_KINDS}
    for index in sorted(set(entries) - archived - own):
        check.findings.append(Finding("I9", f"entry {index}", "its bundle is not archived"))


def _holds_doses(verified: VerifiedBundle, entry: LedgerEntry) -> bool:
    return verified.bundle.kind is BundleKind.BATCH and entry.outcome == ADMITTED


def _verified(stored: StoredBundle, entry: LedgerEntry, node_keys: dict[tuple[str, int], PublicKey]) -> VerifiedBundle:
    unverified = parse_bundle(stored.inner)
    key = node_keys.get((entry.node, entry.epoch))
    if key is None:
        raise _broken("the node's key of that epoch is gone")
    verified = verify_bundle(unverified, key)
    bundle = verified.bundle
    named = (bundle.node, bundle.epoch, bundle.sequence, bundle.kind.value, bundle.previous, verified.digest)
    if named != (entry.node, entry.epoch, entry.sequence, entry.kind, entry.previous, entry.digest):
        raise _broken("the archived bundle is not the one of the entry")
    if stored.digest != verified.digest:
        raise _broken("the bundle is archived under another digest")
    return verified


def verified_answer(
    answer: bytes,
    entry: LedgerEntry,
    verified: VerifiedBundle,
    ledger_keys: tuple[PublicKey, ...],
    *,
    steps: tuple[EpochStep, ...],
) -> VerifiedReceipt:
    """Verifies a stored answer as its node would have, in the epoch in which it was made. Raises ProtocolError."""
    named, head = verified.bundle.known_head, verify_inclusion(answer, ledger_keys=ledger_keys).head
    receipt = verify_receipt(
        answer,
        ledger_keys=ledger_keys,
        node=entry.node,
        epoch=entry.epoch,
        sequence=entry.sequence,
        digest=entry.digest,
        known_head=None if named is None else proven_from(named, steps, until=head.epoch),
    )
    if receipt.entry != entry:
        raise _broken("the receipt was given for another entry")
    return receipt


def _verified_doses(connection: Connection, verified: VerifiedBundle) -> tuple[Dose, ...]:
    body = parse_batch_body(verified.bundle.body)
    unverified = parse_batch(body.statement)
    if unverified.certificates:
        signer = unverified.certificates[0]
    else:
        table = organisation_certificates
        der = connection.execute(select(table.c.der).where(table.c.thumbprint == unverified.thumbprint)).scalar()
        if der is None:
            raise _broken("the batch's certificate is gone")
        signer = parse_certificate(der)
    manifest = unverified.statement.manifest
    content = unpack_doses(body.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    return verify_batch(unverified, content, body.secret, certificate=signer).doses


def _broken(rule: str) -> ProtocolError:
    return ProtocolError(Code.RECEIPT_MISMATCH, rule)
