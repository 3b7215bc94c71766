"""Verify the epochs of the ledger that this node obeys, and the receipts that they took along, from their bytes.

Part of `check_store`.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.store import bundles, ledger_epochs
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from sync_protocol.errors import ProtocolError
from sync_protocol.ledger_epoch import LedgerEpoch, divergence, verify_ledger_epoch
from sync_protocol.receipt import verify_inclusion


def epoch_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    """What is wrong with epochs: the subject ("ledger-epoch:2") and the sentence of each finding."""
    known: LedgerEpoch | None = None
    for obeyed in reversed(ledger_epochs.obeyed(tables)):
        subject = f"ledger-epoch:{obeyed.statement.epoch}"
        try:
            statement = verify_ledger_epoch(obeyed.signed, [identity.ledger_key])
        except ProtocolError as error:
            yield subject, str(error)
            continue
        if known is not None and statement.epoch <= known.epoch:
            yield subject, "it does not follow the one before"
        if obeyed.lost_from != divergence(statement, known):
            yield subject, "the row says something else than the statement"
        known = statement
    for lost in ledger_epochs.lost_receipts(tables):
        subject = f"receipt:{lost.epoch}/{lost.sequence}"
        bundle = bundles.find(tables, lost.epoch, lost.sequence)
        try:
            found = verify_inclusion(lost.answer, ledger_keys=[identity.ledger_key])
        except ProtocolError as error:
            yield subject, str(error)
            continue
        if bundle is None or found.entry.digest != bundle.digest or found.head != lost.head:
            yield subject, "what was lost is the receipt of another bundle"
