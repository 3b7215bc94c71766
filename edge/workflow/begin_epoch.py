"""This store was restored from a backup, or its disk was copied: ask the centre for a new epoch, and go on in it.

1. The request, with fresh keys, is stored before it leaves. From here on nothing is offered, so that what the centre
   compares does not change; recording and signing go on.
2. It is sent. A lost answer costs nothing: the next try sends the same bytes, and the centre repeats itself.
3. The answer is opened with the fresh key and verified against the stored request; nothing else is believed.
4. Where it is granted, `go_on` does the rest (`continue_epoch`); a refusal ends the request, and waiting is shown.
"""

from __future__ import annotations

from edge.store import audit, bundles, dose_numbers, doses, node_epochs, node_identity, receipts
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.node_epochs import AskState, SignKind, StoredAsk
from edge.store.node_identity import NodeIdentity
from edge.workflow.continue_epoch import go_on
from edge.workflow.exchange import note_unreached
from sync_protocol import limits
from sync_protocol.api import EpochApi, NetworkError, RemoteProblem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import (
    NONCE_BYTES,
    ChainPart,
    EpochReason,
    EpochRequest,
    VerifiedEpochRequest,
    dose_runs,
    epoch_request_digest,
    parse_epoch_request,
    sign_epoch_request,
    verify_epoch_request,
)
from sync_protocol.node_epoch_answer import EpochState, open_epoch_answer
from sync_protocol.sealing import Entropy, fresh_private_key, seal
from sync_protocol.signers.key_signer import KeySigner


def begin_epoch(
    database: Database, central: EpochApi, reason: EpochReason, *, entropy: Entropy, at: int, by: str
) -> StoredAsk:
    """Ask for a new epoch and do what the centre says; while a request is open, that one is sent again.

    Args:
        database: the node's store.
        central: the centre.
        reason: as the person says it.
        entropy: draws the fresh keys.
        at: epoch seconds UTC.
        by: who asks.

    Returns:
        The request as it stands now.

    Raises:
        NetworkError: the centre was not reached; what was stored serves the next try.
        ProtocolError: the answer does not verify, or RemoteProblem where the centre turns the request away; the request
            stays open.
        StoreError: NOT_ENROLLED, or the store.
    """
    ask_epoch(database, reason, entropy=entropy, at=at, by=by)
    found = send_ask(database, central, entropy=entropy, at=at)
    assert found is not None
    return found


def ask_epoch(database: Database, reason: EpochReason, *, entropy: Entropy, at: int, by: str) -> StoredAsk:
    """Step 1, with no network. An open request stays as it is."""
    with database.write_transaction() as tables:
        identity = node_identity.get(tables)
        found = node_epochs.open_ask(tables)
        if found is not None:
            return found
        node_key, opening_key = fresh_private_key(entropy), fresh_private_key(entropy)
        request = EpochRequest(
            node=identity.node,
            epoch=identity.epoch,
            reason=reason,
            chain=_chain(tables, identity),
            known_head=receipts.known_head(tables),
            last_dose=doses.last_sequence(tables),
            open_doses=dose_runs(dose_numbers.open_sequences(tables)),
            node_key=node_key.public_key(),
            node_sealing_key=opening_key.public_key(),
            at=at,
            nonce=entropy.token(NONCE_BYTES),
        )
        inner = sign_epoch_request(request, KeySigner(identity.node_key))
        asked = node_epochs.ask(
            tables,
            epoch=identity.epoch,
            reason=reason,
            request=inner,
            sealed=seal(inner, recipient=identity.sealing_key, entropy=entropy),
            digest=epoch_request_digest(inner),
            node_key=node_key,
            opening_key=opening_key,
            at=at,
            by=by,
        )
        details = f"epoch {identity.epoch}, {reason.value}"
        audit.append(tables, Action.EPOCH_ASKED, f"epoch-request:{asked.request_id}", actor=by, at=at, details=details)
    return asked


def send_ask(database: Database, central: EpochApi, *, entropy: Entropy, at: int) -> StoredAsk | None:
    """Steps 2 to 4 for the open request; None where none is open. Also what the background does at each exchange.

    Raises as `begin_epoch`.
    """
    with database.read() as tables:
        asked = node_epochs.open_ask(tables)
    if asked is None:
        return None
    try:
        # (2)
        sealed = central.begin_epoch(asked.sealed)
    except RemoteProblem as problem:
        _note_problem(database, asked, problem, at=at)
        raise
    return take_answer(database, asked, sealed, entropy=entropy, at=at)


def epoch_turn(database: Database, central: object, *, entropy: Entropy, at: int) -> str:
    """What an exchange does first: ask again for what is open.

    Returns:
        A code that says why bundles wait (FORKED while a person decides), or "" where nothing holds them up.

    Raises:
        NetworkError: the centre was not reached.
        StoreError: the store.
    """
    if not isinstance(central, EpochApi):
        return ""
    try:
        found = send_ask(database, central, entropy=entropy, at=at)
    except NetworkError as error:
        # Nothing else of this exchange is tried: the link says so, and the next try keeps its pause.
        with database.write_transaction() as tables:
            note_unreached(tables, error, at=at, entropy=entropy)
        raise
    except ProtocolError as error:
        return error.code.value
    if found is None or found.state is AskState.GRANTED:
        return ""
    return found.code or Code.FORKED.value


def take_answer(database: Database, asked: StoredAsk, sealed: bytes, *, entropy: Entropy, at: int) -> StoredAsk:
    """Steps 3 and 4: verify an answer, however it came, and do what it says. Raises ProtocolError, StoreError."""
    with database.read() as tables:
        identity = node_identity.get(tables)
    # (3)
    request = verified_request(database, identity, asked)
    answer = open_epoch_answer(sealed, asked.opening_key, identity.publisher_key, request=request)
    # (4)
    if answer.grant is not None:
        go_on(database, asked, request, answer.grant, sealed=sealed, entropy=entropy, at=at)
    else:
        with database.write_transaction() as tables:
            now = node_epochs.open_ask(tables)
            if now is not None and now.request_id == asked.request_id:
                _keep(tables, asked, answer.state, refusal=answer.refusal, sealed=sealed, at=at)
    with database.read() as tables:
        return next(one for one in node_epochs.all_asks(tables) if one.request_id == asked.request_id)


def verified_request(database: Database, identity: NodeIdentity, asked: StoredAsk) -> VerifiedEpochRequest:
    """The request verified again from its bytes. Raises ProtocolError where the disk has changed them."""
    with database.read() as tables:
        start = node_identity.chain_start(tables, identity, asked.epoch)
    assert start is not None
    return verify_epoch_request(parse_epoch_request(asked.request), start.node_key)


def _keep(tables: Tables, asked: StoredAsk, state: EpochState, *, refusal: Code | None, sealed: bytes, at: int) -> None:
    if state is EpochState.WAITING:
        node_epochs.note_waiting(tables, asked.request_id, at=at)
        return
    code = "" if refusal is None else refusal.value
    node_epochs.end(tables, asked.request_id, AskState.REFUSED, answer=sealed, at=at, code=code)
    if refusal is Code.EPOCH:
        node_epochs.note_sign(tables, SignKind.ENDED, epoch=asked.epoch, head=None, at=at)
    subject = f"epoch-request:{asked.request_id}"
    audit.append(tables, Action.EPOCH_REFUSED, subject, actor=asked.asked_by, at=at, details=code)


def _note_problem(database: Database, asked: StoredAsk, problem: RemoteProblem, *, at: int) -> None:
    # A problem is not signed: it is shown, and the request stays open.
    if problem.code is Code.EPOCH:
        with database.write_transaction() as tables:
            node_epochs.note_sign(tables, SignKind.ENDED, epoch=asked.epoch, head=problem.head, at=at)


def _chain(tables: Tables, identity: NodeIdentity) -> ChainPart:
    unsent = node_epochs.unsent_of(tables, identity.epoch)
    newest = bundles.newest(tables, identity.epoch)
    last = 0 if newest is None else newest.sequence
    delivered = unsent[0][0] - 1 if unsent else last
    before = bundles.find(tables, identity.epoch, delivered)
    return ChainPart(
        delivered=delivered,
        digest=identity.request_digest if before is None else before.digest,
        links=tuple(digest for _, digest in unsent[: limits.EPOCH_LINKS]),
        newest=last,
    )
