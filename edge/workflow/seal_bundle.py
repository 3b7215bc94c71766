"""Put a body into the next link of the node's chain: signed by the node key, sealed to the centre, once."""

from __future__ import annotations

import hashlib

from edge.store import bundles, node_identity, receipts
from edge.store.bundles import NewBundle
from edge.store.database import Tables
from sync_protocol.bundle import Bundle, BundleKind, sign_bundle
from sync_protocol.sealing import Entropy, seal
from sync_protocol.signers.key_signer import KeySigner


def seal_bundle(
    tables: Tables, kind: BundleKind, body: bytes, *, pass_id: int | None, now: int, entropy: Entropy
) -> NewBundle:
    """Append a bundle to the outbox inside the caller's write transaction and return it.

    The sealed bytes are made here and never again; every retry offers the same ones.

    Args:
        body: encoded by the kind's own rules.
        pass_id: the signing pass it carries, or None.
        now: epoch seconds UTC.

    Raises:
        StoreError: NOT_ENROLLED.
    """
    identity = node_identity.get(tables)
    newest = bundles.newest(tables, identity.epoch)
    bundle = Bundle(
        node=identity.node,
        epoch=identity.epoch,
        sequence=1 if newest is None else newest.sequence + 1,
        # The first bundle names the enrolment request as its predecessor.
        previous=identity.request_digest if newest is None else newest.digest,
        kind=kind,
        known_head=receipts.known_head(tables),
        created_at=now,
        body=body,
    )
    inner = sign_bundle(bundle, KeySigner(identity.node_key))
    new = NewBundle(
        epoch=bundle.epoch,
        sequence=bundle.sequence,
        kind=kind.value,
        previous=bundle.previous,
        digest=hashlib.sha256(inner).digest(),
        inner=inner,
        sealed=seal(inner, recipient=identity.sealing_key, entropy=entropy),
        pass_id=pass_id,
        created_at=now,
    )
    bundles.add(tables, new)
    return new
