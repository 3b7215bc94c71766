"""Ends a node's epoch and begins the next one with the keys of a request.

All of it happens in the caller's transaction, under the ledger lock: nothing of the old epoch is admitted afterwards,
and whoever else had asked in it is told at the next contact that another machine goes on.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection

from central.store import bundles, node_epochs, nodes
from central.store.key_store import KeyRing
from central.store.node_epochs import StoredEpochRequest
from central.workflow.dose_numbers import next_free_dose
from central.workflow.tell_delegations import retell_delegations
from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import EpochRequest, parse_epoch_request
from sync_protocol.node_epoch_answer import (
    EpochAnswer,
    EpochGrant,
    EpochState,
    HeldDose,
    seal_epoch_answer,
    sign_epoch_answer,
)
from sync_protocol.sealing import Entropy


def grant_epoch(
    connection: Connection, stored: StoredEpochRequest, *, keys: KeyRing, entropy: Entropy, at: int, by: str, why: str
) -> bytes:
    """Grants a request that waits; returns the sealed answer.

    Args:
        stored: a request of the node's current epoch, kept and undecided.
        at: epoch seconds, UTC.
        by, why: who decides and for what reason; "" where nobody had to.

    Raises:
        ProtocolError: TOO_LARGE where the store lacks more than one answer can tell; nothing was written.
        TokenError: the publisher key cannot sign now.
    """
    request = parse_epoch_request(stored.request).claimed
    node = nodes.find_node(connection, stored.node)
    assert node is not None
    grant = EpochGrant(
        epoch=stored.epoch + 1,
        previous=stored.digest,
        first_dose=next_free_dose(connection, stored.node, facility=node.facility, at_least=request.last_dose),
        receipts=_receipts(connection, request),
        held=_held(connection, request),
    )
    answer = _sealed(EpochAnswer(stored.node, stored.digest, at, grant), request, keys=keys, entropy=entropy)
    node_epochs.decide(connection, stored.digest, EpochState.GRANTED, answer=answer, at=at, by=by, why=why)
    nodes.start_epoch(
        connection,
        stored.node,
        epoch=grant.epoch,
        signing_key=request.node_key,
        sealing_key=request.node_sealing_key,
        enrolment_digest=stored.digest,
        first_dose=grant.first_dose,
        at=at,
    )
    # Its keys stand in the lists of those it signs for, or who sign for it.
    retell_delegations(connection, node.facility, keys=keys, at=at)
    return answer


def refuse_epoch(
    connection: Connection,
    stored: StoredEpochRequest,
    *,
    code: Code,
    keys: KeyRing,
    entropy: Entropy,
    at: int,
    by: str,
    why: str,
) -> bytes:
    """Refuses a request that waits, with a code; returns the sealed answer."""
    request = parse_epoch_request(stored.request).claimed
    said = EpochAnswer(stored.node, stored.digest, at, refusal=code)
    answer = _sealed(said, request, keys=keys, entropy=entropy)
    node_epochs.decide(connection, stored.digest, EpochState.REFUSED, answer=answer, at=at, by=by, why=why)
    return answer


def waiting_answer(request: EpochRequest, digest: bytes, *, keys: KeyRing, entropy: Entropy, at: int) -> bytes:
    """Says that a person has to decide. It is made anew each time, so that its time is that of the answer."""
    return _sealed(EpochAnswer(request.node, digest, at), request, keys=keys, entropy=entropy)


def _sealed(answer: EpochAnswer, request: EpochRequest, *, keys: KeyRing, entropy: Entropy) -> bytes:
    recipient = request.node_sealing_key
    assert isinstance(recipient, ec.EllipticCurvePublicKey)
    return seal_epoch_answer(sign_epoch_answer(answer, keys.publisher), recipient=recipient, entropy=entropy)


def _receipts(connection: Connection, request: EpochRequest) -> tuple[tuple[int, bytes], ...]:
    found = []
    for sequence, digest in enumerate(request.chain.links, start=request.chain.delivered + 1):
        if (answer := bundles.answer_to_inner(connection, digest)) is not None:
            found.append((sequence, answer))
    return tuple(found)


def _held(connection: Connection, request: EpochRequest) -> tuple[HeldDose, ...]:
    # What the store has no answer for, and whatever lies behind its last dose.
    first = request.open_doses[0].first if request.open_doses else request.last_dose + 1
    runs = iter(request.open_doses)
    run = next(runs, None)
    found = []
    for dose in node_epochs.held_doses(connection, request.node, first=first):
        while run is not None and run.last < dose.sequence:
            run = next(runs, None)
        if dose.sequence > request.last_dose or (run is not None and dose.sequence in run):
            found.append(dose)
        if len(found) > limits.EPOCH_DOSES:
            raise ProtocolError(Code.TOO_LARGE, "epoch: the store is too old; the node has to be enrolled anew")
    return tuple(found)
