"""A person decides which machine of a node goes on: its request is granted, and all others are refused; or none is."""

from __future__ import annotations

from sqlalchemy import Engine

from central.domain.decision import decided_by
from central.domain.node import NodeState
from central.store import node_epochs, nodes
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.store.node_epochs import StoredEpochRequest
from central.workflow.decide_shown_epoch import is_quiet
from central.workflow.grant_epoch import grant_epoch, refuse_epoch
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.sealing import Entropy


def decide_epoch(
    digest: bytes, *, is_granted: bool, by: str, why: str, engine: Engine, keys: KeyRing, entropy: Entropy, now: int
) -> StoredEpochRequest:
    """Grants or refuses a request that waits.

    Args:
        digest: of the request, 32 bytes.
        is_granted: whether the machine that asked goes on.
        by: name of the person who decides.
        why: for what reason, in words; kept here.
        engine, keys, entropy: of the centre.
        now: epoch seconds, UTC.

    Returns:
        The request as it is decided.

    Raises:
        ProtocolError: FIELD_INVALID without name or reason, EPOCH_MISMATCH where no such request waits (somebody was
            faster), NODE_DENIED, TOO_LARGE; nothing is decided.
        StoreError, TokenError: nothing is decided.
    """
    by, why = decided_by(by, why)
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        stored = node_epochs.find_request(connection, digest)
        if stored is None or all(stored.digest != one.digest for one in node_epochs.waiting_requests(connection)):
            raise ProtocolError(Code.EPOCH_MISMATCH, "epoch request: none of this digest waits for a decision")
        node = nodes.find_node(connection, stored.node)
        assert node is not None
        if node.state is NodeState.DENIED:
            raise ProtocolError(Code.NODE_DENIED, "epoch request: the node is locked out")
        if is_granted:
            grant_epoch(connection, stored, keys=keys, entropy=entropy, at=now, by=by, why=why)
        else:
            code = Code.EPOCH_REFUSED
            refuse_epoch(connection, stored, code=code, keys=keys, entropy=entropy, at=now, by=by, why=why)
            if is_quiet(connection, stored.node, epoch=stored.epoch):
                # Nothing contradicts the ledger, and nobody asks any more: the node goes on as it did.
                nodes.set_state(connection, stored.node, NodeState.ENROLLED)
        decided = node_epochs.find_request(connection, digest)
        assert decided is not None
    return decided
