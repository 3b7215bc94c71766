"""Re-verifies the epochs of the ledger: each statement from its bytes, at the entry that marks it (I8), and answers."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import Connection

from central.domain.finding import Finding
from central.store import bundles, ledger, ledger_epochs, nodes, trust
from central.store.key_store import KeyRole
from central.store.ledger_epochs import StoredEpoch
from central.workflow.check_ledger import verified_answer
from central.workflow.lost_history import open_losses
from sync_protocol.bundle import parse_bundle, verify_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import PublicKey
from sync_protocol.ledger_entry import EPOCH_MARK, parse_entry
from sync_protocol.ledger_epoch import FIRST_EPOCH, EpochStep, superseding, verify_ledger_epoch

_LOST: Final = "history was lost and no epoch declares it: run begin-ledger-epoch"


def check_ledger_epochs(connection: Connection) -> list[Finding]:
    """Checks every epoch, and what shows that one should be declared.

    1. each statement is signed by a ledger key of ours, names all before it, goes on from a head of this ledger, and is
       the one that its entry marks;
    2. every head is of the epoch that was marked last before it;
    3. every bundle whose first answer shows a superseded head has one made anew, and that verifies;
    4. no node has shown a head that is missing here.
    """
    ledger_keys = trust.centre_public_keys(connection, KeyRole.LEDGER)
    epochs = ledger_epochs.all_epochs(connection)
    findings = _check_statements(connection, epochs, ledger_keys)
    findings += _check_heads(connection, epochs)
    findings += _check_answers(connection, ledger_keys)
    findings += [
        Finding("I8", f"head {lost.head.epoch}/{lost.head.size}{f' of {lost.node}' if lost.node else ''}", _LOST)
        for lost in open_losses(connection)
    ]
    return findings


def _check_statements(
    connection: Connection, epochs: list[StoredEpoch], ledger_keys: tuple[PublicKey, ...]
) -> list[Finding]:
    # (1)
    findings: list[Finding] = []
    before: tuple[EpochStep, ...] = ()
    for stored in epochs:
        place = f"ledger epoch {stored.epoch}"
        try:
            statement = verify_ledger_epoch(stored.signed, ledger_keys)
            entry = parse_entry(ledger.entry_at(connection, stored.ledger_index))
        except ProtocolError as error:
            findings.append(Finding("I12", place, error.rule))
            continue
        base = ledger.head_of_size(connection, statement.step.base.size)
        if statement.earlier != before or statement.epoch != stored.epoch:
            findings.append(Finding("I8", place, "does not name just the epochs before it"))
        if base is None or base.head.checkpoint != statement.step.base:
            findings.append(Finding("I8", place, "goes on from a head that this ledger never had"))
        if (entry.kind, entry.epoch) != (EPOCH_MARK, stored.epoch) or entry.digest != _digest(stored.signed):
            findings.append(Finding("I12", place, "its entry marks something else"))
        before = statement.steps
    return findings


def _check_heads(connection: Connection, epochs: list[StoredEpoch]) -> list[Finding]:
    # (2)
    begins = {stored.ledger_index + 1: stored.epoch for stored in epochs}
    findings, epoch = [], FIRST_EPOCH
    for stored in ledger.all_heads(connection):
        epoch = begins.get(stored.head.size, epoch)
        if stored.head.epoch != epoch:
            findings.append(Finding("I8", f"head {stored.head.size}", "is of another epoch than its entry"))
    return findings


def _check_answers(connection: Connection, ledger_keys: tuple[PublicKey, ...]) -> list[Finding]:
    # (3)
    steps = ledger_epochs.steps(connection)
    if not steps:
        return []
    findings = []
    node_keys = {(item.node, item.epoch): item.key for item in nodes.node_keys(connection)}
    later = {(digest, epoch): answer for digest, epoch, answer in ledger_epochs.all_later_answers(connection)}
    for stored in bundles.bundles_from(connection, min(step.base.size for step in steps)):
        place = f"entry {stored.ledger_index}"
        head = ledger.head_of_size(connection, stored.ledger_index + 1)
        step = None if head is None else superseding(head.head.checkpoint, steps)
        found = [answer for (digest, _), answer in later.items() if digest == stored.digest]
        if step is not None and not found:
            findings.append(Finding("I9", place, "its first answer shows a head that was given up, and none is later"))
        try:
            entry = parse_entry(ledger.entry_at(connection, stored.ledger_index))
            verified = verify_bundle(parse_bundle(stored.inner), node_keys[entry.node, entry.epoch])
            for answer in found:
                verified_answer(answer, entry, verified, ledger_keys, steps=steps)
        except ProtocolError as error:
            findings.append(Finding("I12", place, error.rule))
    return findings


def _digest(signed: bytes) -> bytes:
    return hashlib.sha256(signed).digest()
