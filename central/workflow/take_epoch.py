"""Takes a node's request for a new epoch: grants a plain restore at once, lets a person decide everything else.

1. the envelope opens, and the node's key of the epoch that it claims has signed;
2. the same request again gets its first answer; one that still waits is told so, unless another machine goes on by now;
3. the epoch is the current one: a machine whose epoch has ended is told that another one goes on;
4. the store's chain is compared with the ledger's; a store that only knows less, or more, of the same history goes on
   at once, everything else waits for a person. While it waits the node counts as forked: nothing of it is admitted.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from central.domain.admission import PlaceError
from central.domain.node import KnownNode, NodeState, require_in
from central.domain.node_epoch import WAITING_KEPT, compare, may_grant_at_once
from central.store import node_epochs, nodes
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.store.node_epochs import StoredEpochRequest
from central.workflow.grant_epoch import grant_epoch, refuse_epoch, waiting_answer
from sync_protocol import limits
from sync_protocol.days import DAY_SECONDS
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import VerifiedEpochRequest, parse_epoch_request, verify_epoch_request
from sync_protocol.node_epoch_answer import EpochState
from sync_protocol.sealing import Entropy, open_sealed


def take_epoch(sealed: bytes, *, engine: Engine, keys: KeyRing, entropy: Entropy, now: int) -> bytes:
    """Answers a request for a new epoch.

    Args:
        sealed: the body as received, unverified.
        engine, keys: of the centre.
        entropy: seals the answer.
        now: epoch seconds, UTC.

    Returns:
        The sealed answer.

    Raises:
        ProtocolError: TOO_LARGE, codes of form, NODE_UNKNOWN, NODE_DENIED, SIGNATURE_INVALID, FIELD_INVALID, EPOCH
            (PlaceError, with the head that is held), LATER where too many requests of the node wait; the store is
            unchanged.
        StoreError: the store is away or busy; the node tries again.
        TokenError: the publisher key cannot sign now; nothing is stored.
    """
    # (1)
    unverified = parse_epoch_request(open_sealed(sealed, keys.sealing, max_bytes=limits.MESSAGE_BYTES))
    claimed = unverified.claimed
    with write_transaction(engine) as connection:
        # Before the first row, as in every workflow that moves a node's chain.
        lock_ledger(connection)
        node = require_in(nodes.known_node(connection, claimed.node, epoch=claimed.epoch), what="epoch request")
        verified = verify_epoch_request(unverified, node.signing_key)
        # (2)
        stored = node_epochs.find_request(connection, verified.digest)
        if stored is None:
            # (3)
            if claimed.epoch != node.head.epoch:
                raise PlaceError(Code.EPOCH, "epoch request: another machine of this node goes on", head=node.head)
            if len(node_epochs.waiting_requests(connection, node.code)) >= WAITING_KEPT:
                raise ProtocolError(Code.LATER, "epoch request: others of this node wait for a person")
            # (4)
            stored, is_plain = _keep(connection, verified, node, now=now)
            if is_plain:
                return grant_epoch(connection, stored, keys=keys, entropy=entropy, at=now, by="", why="")
            nodes.set_state(connection, node.code, NodeState.FORKED)
        if stored.answer is not None:
            return stored.answer
        if stored.epoch != node.head.epoch:
            return refuse_epoch(
                connection, stored, code=Code.EPOCH, keys=keys, entropy=entropy, at=now, by="", why="epoch is over"
            )
        return waiting_answer(verified.request, verified.digest, keys=keys, entropy=entropy, at=now)


def _keep(
    connection: Connection, verified: VerifiedEpochRequest, node: KnownNode, *, now: int
) -> tuple[StoredEpochRequest, bool]:
    """Keeps the request as one that waits; says beside it whether it may be granted at once."""
    request, head = verified.request, node.head
    ledger = node_epochs.links(connection, node.code, epoch=head.epoch, first=request.chain.delivered)
    found = compare(request.chain, ledger, head=head.sequence)
    stored = StoredEpochRequest(
        digest=verified.digest,
        node=node.code,
        epoch=head.epoch,
        reason=request.reason,
        standing=found.standing,
        known_until=found.known_until,
        request=verified.inner,
        received_at=now,
        state=EpochState.WAITING,
        answer=None,
        decided_at=None,
        decided_by="",
        decided_why="",
    )
    node_epochs.put_request(connection, stored)
    is_plain = may_grant_at_once(
        found,
        request.reason,
        state=node.state,
        second_histories=node_epochs.second_histories(connection, node.code, epoch=head.epoch),
        granted_lately=node_epochs.granted_since(connection, node.code, now - DAY_SECONDS),
    )
    return stored, is_plain
