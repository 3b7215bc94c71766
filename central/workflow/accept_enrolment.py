"""Accepts the request of a node that holds a one-time code: registers its keys, gives the signed answer."""

from __future__ import annotations

import hashlib

from sqlalchemy import Engine

from central.domain.node import NodeState
from central.store import feed, nodes
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.workflow.build_population_pack import tell_pack_again
from central.workflow.dose_numbers import next_free_dose
from central.workflow.tell_delegations import retell_delegations
from central.workflow.tell_registrations import tell_registrations
from sync_protocol import limits
from sync_protocol.enrolment import EnrolmentAnswer, sign_enrolment_answer, verify_enrolment_request
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.sealing import open_sealed


def accept_enrolment(sealed: bytes, *, engine: Engine, keys: KeyRing, now: int) -> bytes:
    """Uses a one-time code up, once, whoever is faster.

    1. the envelope opens, and the sender holds the key that the request carries;
    2. the code was given out for this node, is in time and unused; the same request again gets its first answer;
    3. the node starts a new epoch with its keys: its chain begins behind the request's digest.

    Args:
        sealed: the body as received, unverified.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Returns:
        The signed enrolment answer.

    Raises:
        ProtocolError: TOO_LARGE, codes of form, SIGNATURE_INVALID, ENROLMENT_INVALID, NODE_DENIED; the store is
            unchanged.
        StoreError: the store is away or busy; the node tries again.
    """
    # (1)
    inner = open_sealed(sealed, keys.sealing, max_bytes=limits.MESSAGE_BYTES)
    verified = verify_enrolment_request(inner)
    request = verified.request
    code_digest = hashlib.sha256(request.one_time_code).digest()
    with write_transaction(engine) as connection:
        # Before the first row: an admission that holds the lock and needs the row would wait for this one, and this one
        # for it.
        lock_ledger(connection)
        # (2)
        enrolment = nodes.find_enrolment(connection, code_digest)
        if enrolment is None or enrolment.node != request.node:
            raise ProtocolError(Code.ENROLMENT_INVALID, "enrolment request: the one-time code is not known")
        known = nodes.find_node(connection, request.node)
        assert known is not None
        if known.state is NodeState.DENIED:
            raise ProtocolError(Code.NODE_DENIED, "enrolment request: the node is locked out")
        if enrolment.answer is not None:
            if enrolment.request_digest == verified.digest:
                return enrolment.answer
            raise ProtocolError(Code.ENROLMENT_INVALID, "enrolment request: the one-time code is used up")
        if now >= enrolment.expires_at:
            raise ProtocolError(Code.ENROLMENT_INVALID, "enrolment request: the one-time code is past its end")
        # (3)
        answer = EnrolmentAnswer(
            node=request.node,
            epoch=known.epoch + 1,
            node_key=request.node_key,
            digest=verified.digest,
            at=now,
            # A fresh store would give the numbers of the one before it a second time.
            first_dose=next_free_dose(connection, request.node, facility=known.facility) if known.epoch else 1,
        )
        signed = sign_enrolment_answer(answer, keys.publisher)
        nodes.start_epoch(
            connection,
            request.node,
            epoch=answer.epoch,
            signing_key=request.node_key,
            sealing_key=request.node_sealing_key,
            enrolment_digest=verified.digest,
            first_dose=answer.first_dose,
            at=now,
        )
        nodes.use_enrolment(connection, code_digest, request_digest=verified.digest, answer=signed, at=now)
        feed.settle(connection, request.node, keys=keys, at=now)
        # A further node of a facility has to know the certificates that are registered already.
        tell_registrations(connection, known.facility, keys=keys, now=now)
        # Its keys stand in the lists of those it signs for, or who sign for it.
        retell_delegations(connection, known.facility, keys=keys, at=now)
        # A change of a pack is of no use to a machine that has none.
        tell_pack_again(connection, request.node, keys=keys, now=now)
    return signed
