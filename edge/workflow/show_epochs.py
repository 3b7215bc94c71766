"""The centre does not know this node's epoch: show what it signed when it began, so that it takes it up again.

That is so after the centre was put back to a copy from before the epoch, or from before the node was enrolled.

1. What is shown is what is kept: the enrolment file with request and answer, and each request for an epoch with the
   centre's answer, taken out of its envelope. The key of the present epoch signs it.
2. The answer is opened with this node's key, and the centre's signature is verified; nothing else is believed.
3. Taken up: the feed is asked again at once, and says what the ledger lost. Waiting and refused are told by a code.

Nothing in the store changes: what is lost becomes due by the word of the feed, as after every restore.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from edge.store import node_epochs, node_identity, receipts
from edge.store.database import Database, Tables
from edge.store.node_identity import NodeIdentity
from edge.workflow.show_receipts import show_receipts
from edge.workflow.take_feed import FeedResult, fetch_feed
from sync_protocol import limits
from sync_protocol.api import CentralApi, NetworkError, RemoteProblem, ShownApi
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch_answer import unseal_epoch_answer
from sync_protocol.sealing import Entropy, seal
from sync_protocol.shown_epoch import NONCE_BYTES, Enrolled, Granted, Showing, showing_digest, sign_showing
from sync_protocol.shown_epoch_answer import ShownState, open_shown_answer
from sync_protocol.signers.key_signer import KeySigner

_LOG: Final = logging.getLogger(__name__)
# What a centre says that does not know the node's epoch, or the node, or has begun this epoch for another machine.
_LOST: Final = frozenset({Code.LEDGER_EPOCH, Code.NODE_UNKNOWN, Code.SIGNATURE_INVALID})


def fetch_or_show(
    database: Database, central: CentralApi, *, now: Callable[[], int], entropy: Entropy, problem: str = ""
) -> FeedResult:
    """Ask for the feed; where the centre has lost this node's epoch, show it and ask again.

    Where it lacks a head, it is shown receipts for that; whatever comes of it, the feed is asked.

    Args:
        database: the node's store.
        central: the centre; one that cannot be shown anything leaves everything as it is.
        now: the clock; epoch seconds UTC.
        entropy: draws nonces, and seals.
        problem: the code with which the exchange before it ended, or "".

    Raises:
        NetworkError, ProtocolError, StoreError: as `fetch_feed`; RemoteProblem with EPOCH_SHOWN where a person at the
            centre has to confirm the epoch, EPOCH where another machine goes on.
    """
    is_shown = _try_to_show(database, central, problem, entropy=entropy)
    before = _evidence(database)
    try:
        found = fetch_feed(database, central, now=now, entropy=entropy)
        if _evidence(database) > before:
            # An epoch goes on from another head than the one that we were shown: nobody had told the operator.
            _try_to_show(database, central, Code.HEAD_INCONSISTENT.value, entropy=entropy)
        return found
    except ProtocolError as refusal:
        if not isinstance(refusal, RemoteProblem):
            _try_to_show(database, central, refusal.code.value, entropy=entropy)
            raise
        if refusal.code not in _LOST or not isinstance(central, ShownApi):
            raise
        code = show_epochs(database, central, entropy=entropy, at=now())
        if code is not None:
            if code is Code.EPOCH_SHOWN and not is_shown:
                # Before anything is taken up the loss has to be declared: what proves it, and from where.
                _try_to_show(database, central, Code.LEDGER_EPOCH.value, entropy=entropy)
            raise RemoteProblem(code, "shown epochs: not taken up") from refusal
    return fetch_feed(database, central, now=now, entropy=entropy)


def _evidence(database: Database) -> int:
    with database.read() as tables:
        return receipts.evidence_count(tables)


def _try_to_show(database: Database, central: CentralApi, problem: str, *, entropy: Entropy) -> bool:
    """Show receipts where that helps; a centre that turns them away, or does not know the call, still has its feed."""
    try:
        return show_receipts(database, central, problem, entropy=entropy) > 0
    except (NetworkError, RemoteProblem) as error:
        _LOG.info("shown receipts: %s", error)
        return False


def show_epochs(database: Database, central: ShownApi, *, entropy: Entropy, at: int) -> Code | None:
    """Steps 1 and 2.

    Args:
        at: epoch seconds UTC.

    Returns:
        None where the epoch goes on at the centre now; else the code that says why not.

    Raises:
        NetworkError: the centre was not reached.
        ProtocolError: the answer does not verify, or RemoteProblem where the centre turns the showing away.
        StoreError: the store.
    """
    # (1)
    with database.read() as tables:
        identity = node_identity.get(tables)
        showing = _showing(tables, identity, nonce=entropy.token(NONCE_BYTES), at=at)
    inner = sign_showing(showing, KeySigner(identity.node_key))
    sealed = central.show_epochs(seal(inner, recipient=identity.sealing_key, entropy=entropy))
    # (2)
    answer = open_shown_answer(
        sealed, identity.opening_key, identity.publisher_key, node=identity.node, digest=showing_digest(inner)
    )
    return None if answer.state is ShownState.TAKEN else answer.code or Code.EPOCH_SHOWN


def _showing(tables: Tables, identity: NodeIdentity, *, nonce: bytes, at: int) -> Showing:
    granted = node_epochs.granted(tables, most=limits.SHOWN_EPOCHS + 1)
    enrolled = Enrolled(identity.enrolment_file, identity.request, node_identity.enrolment_answer(tables))
    # Where more epochs began than can be shown, the oldest ones would not follow the enrolment.
    is_all = len(granted) <= limits.SHOWN_EPOCHS
    granted = granted[-limits.SHOWN_EPOCHS :]
    return Showing(
        identity.node,
        identity.epoch,
        enrolled=enrolled if is_all else None,
        grants=tuple(Granted(one.request, unseal_epoch_answer(one.answer, one.opening_key)) for one in granted),
        at=at,
        nonce=nonce,
    )
