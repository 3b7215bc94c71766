"""Tells a site what its hub signed: statement, verdicts and receipt, one item for each handover concerned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from central.domain.admission import CheckedBatch
from central.domain.delegation import content_digest
from central.domain.verdicts import JudgedDose
from central.store import feed, handovers
from central.store.key_store import KeyRing
from sync_protocol import cose
from sync_protocol.batch import BATCH_BYTES
from sync_protocol.feed import FeedKind
from sync_protocol.handover import SignedDoses, encode_signed
from sync_protocol.verdict import encode_verdicts


def tell_signed_doses(
    connection: Connection,
    batch: CheckedBatch,
    judged: Sequence[JudgedDose],
    *,
    answer: bytes,
    ledger_index: int,
    keys: KeyRing,
    at: int,
) -> None:
    """Notes that the doses of a delegated batch are answered, and tells the site's node; under the ledger lock.

    Args:
        batch: admitted; every dose of it was handed over, as `admission` saw to.
        judged: its doses with their verdicts, in leaf order.
        answer: the ledger's answer to the hub.
        ledger_index: of the hub's bundle.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC, of its entry.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    manifest = batch.manifest
    concerned = handovers.answer_doses(
        connection,
        {item.dose.sequence: content_digest(item.dose) for item in judged},
        node=manifest.for_node,
        hub=manifest.facility,
        ledger_index=ledger_index,
    )
    for digest in concerned:
        signed = SignedDoses(
            handover=digest,
            statement=_with_certificate(batch),
            secret=batch.secret,
            sequences=tuple(item.dose.sequence for item in judged),
            verdicts=encode_verdicts([item.verdict for item in judged]),
            receipt=answer,
        )
        body = encode_signed(signed)
        feed.put_item(connection, manifest.for_node, FeedKind.SIGNED_DOSES, body, keys=keys, at=at)


def _with_certificate(batch: CheckedBatch) -> bytes:
    """The statement with the signer's certificate: the centre may know it from before, the site does not."""
    message = cose.parse_sign1(batch.statement, max_bytes=BATCH_BYTES)
    if cose.certificate_chain(message):
        return batch.statement
    # x5chain is not covered by the signature, so it can be put on.
    return cose.encode_sign1(replace(message, unprotected={cose.X5CHAIN: batch.verified.certificate.der}))
