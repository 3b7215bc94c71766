"""Takes what a node shows of epochs that this centre has lost: takes them up again at once, or lets a person decide.

1. the envelope opens, every word inside is signed by this centre, and the key of the newest epoch signed the whole;
2. the node is not locked out; an epoch that goes on here is said to be taken up, and a machine whose epoch has ended is
   told so; nothing else happens;
3. how the showing stands to what is known here is judged anew each time, until it is decided: an epoch of the ledger
   may have been declared since;
4. what nothing speaks against is taken up in the same transaction. Everything else waits, and is shown to the operator;
   where another machine has the node's present epoch by another word of ours, the node counts as forked. Whoever shows
   an enrolment file and no word that it was accepted stops nobody.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from central.domain.node import NodeState
from central.domain.node_epoch import compare
from central.domain.shown_epoch import Held, ShownStanding, judge_shown, new_epochs
from central.store import ledger_epochs, node_epochs, nodes, shown_epochs, trust
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing, KeyRole
from central.store.nodes import NodeRow
from central.store.shown_epochs import StoredShowing
from central.workflow.take_up_epoch import take_up
from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import parse_epoch_request, verify_epoch_request
from sync_protocol.node_epoch_answer import EpochState
from sync_protocol.sealing import Entropy, open_sealed
from sync_protocol.shown_epoch import ShownEpoch, VerifiedShowing, verify_showing
from sync_protocol.shown_epoch_answer import ShownAnswer, ShownState, seal_shown_answer, sign_shown_answer


def take_shown_epoch(sealed: bytes, *, engine: Engine, keys: KeyRing, entropy: Entropy, now: int) -> bytes:
    """Answers a showing.

    Args:
        sealed: the body as received, unverified.
        engine, keys: of the centre.
        entropy: seals the answer.
        now: epoch seconds, UTC.

    Returns:
        The sealed answer.

    Raises:
        ProtocolError: codes of form, what `verify_showing` raises, NODE_UNKNOWN where the enrolment is not shown,
            NODE_DENIED, FACILITY_MISMATCH, LATER where too much waits; the store is unchanged.
        StoreError: the store is away or busy; the node tries again.
        TokenError: the publisher key cannot sign now; nothing is stored.
    """
    # (1) Nothing is locked meanwhile: whoever shows what is not ours costs the store one reading.
    inner = open_sealed(sealed, keys.sealing, max_bytes=limits.SHOWN_EPOCHS_BYTES)
    with read_transaction(engine) as connection:
        publisher_keys = trust.centre_public_keys(connection, KeyRole.PUBLISHER)
    shown = verify_showing(inner, publisher_keys)
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        state, code = _judge_and_keep(connection, shown, keys=keys, now=now)
        signed = sign_shown_answer(ShownAnswer(shown.node, shown.digest, state, at=now, code=code), keys.publisher)
    # From here on an epoch that was taken up goes on as it did before the restore.
    return seal_shown_answer(signed, recipient=shown.newest.node_sealing_key, entropy=entropy)


def standing_of(connection: Connection, shown: VerifiedShowing) -> ShownStanding:
    """How a verified showing stands to what is known here now."""
    row = nodes.find_node(connection, shown.node)
    begun = _begun(connection, shown.node)
    new = new_epochs(shown.epochs, since=0 if row is None else row.epoch)
    if row is None or not new:
        held = Held(None if row is None else row.state, 0 if row is None else row.epoch, begun)
    else:
        held = _held(connection, row, new, begun=begun)
    return judge_shown(shown.epochs, held, ledger_epochs.steps(connection))


def _judge_and_keep(
    connection: Connection, shown: VerifiedShowing, *, keys: KeyRing, now: int
) -> tuple[ShownState, Code | None]:
    row, newest = nodes.find_node(connection, shown.node), shown.newest
    since = 0 if row is None else row.epoch
    # (2)
    if row is None and shown.file is None:
        raise ProtocolError(Code.NODE_UNKNOWN, "shown epochs: no node of this code is known, and no enrolment is shown")
    if row is not None and row.state is NodeState.DENIED:
        raise ProtocolError(Code.NODE_DENIED, "shown epochs: the node is locked out")
    if row is not None and shown.file is not None and row.facility != shown.file.facility:
        raise ProtocolError(Code.FACILITY_MISMATCH, "shown epochs: the node stands in another facility")
    digest = _begun(connection, shown.node).get(newest.epoch)
    if newest.epoch == since and digest == newest.digest:
        return ShownState.TAKEN, None
    if newest.epoch <= since and digest in (None, newest.digest):
        # It was in order, and has ended since: another machine goes on.
        return ShownState.REFUSED, Code.EPOCH
    before = shown_epochs.find(connection, newest.digest)
    if before is not None and before.state is ShownState.REFUSED:
        return ShownState.REFUSED, Code.EPOCH_REFUSED
    # (3)
    standing = standing_of(connection, shown)
    waits, is_proven = standing is not ShownStanding.PLAIN, newest.at is not None
    if (
        waits
        and before is None
        and not shown_epochs.has_room(connection, shown.node, is_known=row is not None, is_proven=is_proven)
    ):
        raise ProtocolError(Code.LATER, "shown epochs: others wait for a person")
    stored = StoredShowing(
        digest=newest.digest,
        node=shown.node,
        epoch=newest.epoch,
        since=since,
        standing=standing,
        showing=shown.inner,
        state=ShownState.WAITING,
        shown_at=now if before is None else before.shown_at,
    )
    shown_epochs.put(connection, stored)
    # (4)
    if not waits:
        take_up(connection, shown, keys=keys, at=now, by="", why="")
        return ShownState.TAKEN, None
    is_present = row is not None and row.state is NodeState.ENROLLED and row.epoch == newest.epoch
    if standing is ShownStanding.TAKEN and is_present and is_proven:
        nodes.set_state(connection, shown.node, NodeState.FORKED)
    return ShownState.WAITING, Code.EPOCH_SHOWN


def _begun(connection: Connection, node: str) -> dict[int, bytes]:
    found = nodes.enrolment_digests(connection)
    return {epoch: digest for (code, epoch), digest in found.items() if code == node}


def _held(connection: Connection, row: NodeRow, new: tuple[ShownEpoch, ...], *, begun: dict[int, bytes]) -> Held:
    refused = [node_epochs.find_request(connection, one.digest) for one in new]
    is_refused = any(found is not None and found.state is EpochState.REFUSED for found in refused)
    showings = [shown_epochs.find(connection, one.digest) for one in new]
    is_refused = is_refused or any(found is not None and found.state is ShownState.REFUSED for found in showings)
    request, agrees, chain = new[0].request, True, None
    if request is not None and row.epoch:
        # Behind a gap nobody can tell whether the epochs follow one another; a fresh enrolment follows nothing.
        agrees = request.epoch == row.epoch and _is_signed_here(connection, new[0])
    if request is not None and agrees and row.epoch:
        ledger = node_epochs.links(connection, row.code, epoch=row.epoch, first=request.chain.delivered)
        chain = compare(request.chain, ledger, head=row.last_sequence).standing
    return Held(row.state, row.epoch, begun, is_refused=is_refused, agrees=agrees, chain=chain)


def _is_signed_here(connection: Connection, first: ShownEpoch) -> bool:
    """Whether the key that the node has here signed the request that ended its epoch."""
    request = first.request
    assert request is not None
    known = nodes.known_node(connection, request.node, epoch=request.epoch)
    if known is None:
        return False
    try:
        verify_epoch_request(parse_epoch_request(first.inner), known.signing_key)
    except ProtocolError:
        return False
    return True
