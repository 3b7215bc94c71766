"""A site learns what became of its doses at the hub: signed, with all that proves it, or handed back.

What does not verify is kept in the feed as the centre sent it, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.domain.handover import HandedEvent
from edge.store import audit, bundles, delegated_signings, handovers, node_identity
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.delegated_signings import NewSigning
from edge.store.handovers import StoredHandover
from edge.store.node_identity import NodeIdentity
from sync_protocol.batch import UnverifiedBatch, parse_batch, verify_batch
from sync_protocol.bundle import BundleKind, parse_bundle
from sync_protocol.columns import pack_doses
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem
from sync_protocol.handover import (
    SignedDoses,
    parse_handed_back,
    parse_handover,
    parse_signed,
    unpack_handover,
)
from sync_protocol.manifest import Manifest, Purpose
from sync_protocol.receipt import verify_inclusion
from sync_protocol.verdict import decode_verdicts, verdicts_digest

ACTOR: Final = "exchange"


def apply_signed_doses(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Verify what the hub signed, keep it, and let its doses stand as delivered with the centre's verdicts.

    Raises:
        ProtocolError: DELEGATION, SIGNER_UNKNOWN, FACILITY_MISMATCH, RECEIPT_MISMATCH and what `verify_batch` and
            `verify_inclusion` raise; nothing was written.
    """
    signed = parse_signed(item.body)
    identity = node_identity.get(tables)
    handover = _ours(tables, signed.handover)
    batch, doses = verify_signed(tables, signed, handover, identity=identity)
    verdicts = decode_verdicts(signed.verdicts, count=len(signed.sequences))
    new = NewSigning(
        handover_id=handover.handover_id,
        statement=signed.statement,
        secret=signed.secret,
        sequences=signed.sequences,
        columns=pack_doses(doses),
        verdicts=signed.verdicts,
        receipt=signed.receipt,
        signed_at=batch.statement.manifest.claimed_at,
        taken_at=at,
    )
    count = delegated_signings.add(tables, new, verdicts)
    details = f"{count} doses signed by {handover.hub}"
    subject = f"handover:{handover.handover_id}"
    audit.append(tables, Action.HANDOVER_SIGNED, subject, actor=ACTOR, at=at, details=details)


def apply_handed_back(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Free the doses that the hub does not sign. ProtocolError: unreadable, or no handover of this node."""
    back = parse_handed_back(item.body)
    handover = _ours(tables, back.handover)
    delegated_signings.keep_back(
        tables, back.handover, back.sequences, reason=back.reason, said_by=handover.hub, at=item.at
    )
    freed = handovers.free(tables, handover.handover_id, HandedEvent.HAND_BACK, back.sequences)
    subject = f"handover:{handover.handover_id}"
    audit.append(tables, Action.HANDOVER_RETURNED, subject, actor=ACTOR, at=at, details=f"{freed} doses, by the hub")


def verify_signed(
    tables: Tables, signed: SignedDoses, handover: StoredHandover, *, identity: NodeIdentity
) -> tuple[UnverifiedBatch, list[Dose]]:
    """Verify all that a site can of what its hub signed; gives the statement and the doses in leaf order.

    1. the statement is about doses of this node, and of the hub that the handover names;
    2. the doses under its root are those that this node handed over, and its certificate's key signed it;
    3. the centre has an entry for a batch of the hub's node that binds just these verdicts.

    That the certificate is the hub's own and was good then is the centre's word: it admitted the batch.

    Raises:
        ProtocolError: as `apply_signed_doses`.
    """
    batch = parse_batch(signed.statement)
    # (1)
    _check_manifest(batch.statement.manifest, handover, identity)
    if not batch.certificates:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "signed doses: no certificate came along")
    # (2)
    doses = _doses(tables, signed.sequences, handover, identity=identity)
    verify_batch(batch, doses, signed.secret, certificate=batch.certificates[0])
    # (3)
    entry = verify_inclusion(signed.receipt, ledger_keys=[identity.ledger_key]).entry
    if (entry.node, entry.kind) != (batch.statement.manifest.node, BundleKind.BATCH.value) or entry.refusal is not None:
        raise ProtocolError(Code.RECEIPT_MISMATCH, "signed doses: the entry is of no batch of the hub's node")
    if entry.verdicts_digest != verdicts_digest(signed.verdicts) or entry.doses != len(signed.sequences):
        raise ProtocolError(Code.RECEIPT_MISMATCH, "signed doses: the entry binds other verdicts")
    return batch, doses


def handed_doses(tables: Tables, handover: StoredHandover, identity: NodeIdentity) -> dict[int, Dose]:
    """The doses of a handover by sequence as they were handed over, from the bytes of its bundle.

    Raises ProtocolError where the bundle cannot be read any more.
    """
    bundle = bundles.find(tables, handover.epoch, handover.bundle)
    assert bundle is not None
    body = parse_handover(parse_bundle(bundle.inner).claimed.body)
    doses = unpack_handover(body, node=identity.node, facility=identity.facility)
    return {dose.sequence: dose for dose in doses}


def _ours(tables: Tables, digest: bytes) -> StoredHandover:
    found = handovers.by_digest(tables, digest)
    if found is None:
        raise ProtocolError(Code.DELEGATION, "handover: none of this node has this digest")
    return found


def _check_manifest(manifest: Manifest, handover: StoredHandover, identity: NodeIdentity) -> None:
    if manifest.purpose is not Purpose.DELEGATED:
        raise ProtocolError(Code.PURPOSE, "signed doses: the batch is not a delegated one")
    if (manifest.for_facility, manifest.for_node) != (identity.facility, identity.node):
        raise ProtocolError(Code.FACILITY_MISMATCH, "signed doses: signed for another site")
    # Which node of the hub signs is the hub's business and the centre's: the site's list may be older than theirs.
    if manifest.facility != handover.hub:
        raise ProtocolError(Code.DELEGATION, "signed doses: signed by another hub than they were handed to")


def _doses(tables: Tables, sequences: Sequence[int], handover: StoredHandover, *, identity: NodeIdentity) -> list[Dose]:
    """The doses of a batch, which may be of several handovers: of this one first, else of the newest that has them."""
    found = handed_doses(tables, handover, identity)
    others = handovers.holders(tables, handover.hub, [one for one in sequences if one not in found])
    for handover_id in set(others.values()):
        other = handovers.find(tables, handover_id)
        assert other is not None
        held = handed_doses(tables, other, identity)
        found |= {sequence: held[sequence] for sequence, holder in others.items() if holder == handover_id}
    missing = [sequence for sequence in sequences if sequence not in found]
    if missing:
        raise ProtocolError(Code.HANDOVER, f"signed doses: {len(missing)} of them were not handed over")
    return [found[sequence] for sequence in sequences]
