"""Where a bundle stands in its node's chain, and whether the ledger ever had the heads that it names."""

from __future__ import annotations

from sqlalchemy import Connection

from central.domain import admission
from central.domain.admission import PlaceError
from central.domain.node import KnownNode, NodeState
from central.store import ledger
from central.workflow.lost_history import check_provable, provable_head
from central.workflow.take_up_epoch import reopened
from sync_protocol.bundle import VerifiedBundle
from sync_protocol.errors import Code
from sync_protocol.manifest import Checkpoint


def place_problem(connection: Connection, verified: VerifiedBundle, node: KnownNode) -> PlaceError | None:
    """What is wrong with a bundle's place in its node's chain, or None where it is the next link.

    Raises:
        ProtocolError: HEAD_INCONSISTENT for a bundle that names a head which this ledger never had, LEDGER_EPOCH for
            one that names a head which it may have lost.
    """
    # SPEC 8 (6)
    try:
        _check_place(connection, verified, node)
    except PlaceError as error:
        bundle = verified.bundle
        held = ledger.digest_at(connection, node.code, epoch=bundle.epoch, sequence=bundle.sequence)
        if held is not None and held != verified.digest:
            # Two digests for one place: two machines, or one that was copied, sign with the same key.
            return PlaceError(Code.FORKED, "bundle: its place in the chain is taken by another", head=node.head)
        return error
    # A consistency proof can only start at a head that this ledger had, or at the base of an epoch behind it.
    if verified.bundle.known_head is not None:
        check_provable(connection, verified.bundle.known_head)
    return None


def _check_place(connection: Connection, verified: VerifiedBundle, node: KnownNode) -> None:
    """As `admission.check_place`; an epoch that was taken up after a restore leaves those before it open a while."""
    bundle = verified.bundle
    is_ended = bundle.epoch < node.head.epoch and node.state is NodeState.ENROLLED
    open_ = reopened(connection, node.code, epoch=bundle.epoch) if is_ended else None
    if open_ is None or bundle.sequence > open_.until:
        admission.check_place(verified, node)
        return
    if bundle.sequence != open_.head.sequence + 1 or bundle.previous != open_.head.digest:
        raise PlaceError(Code.NOT_NEXT, "bundle: is not the next of its ended epoch", head=open_.head)
    if open_.names(bundle.sequence) not in (None, verified.digest):
        raise PlaceError(Code.FORKED, "bundle: is none of those that ended its epoch", head=node.head)


def head_time_of(connection: Connection, claimed: Checkpoint) -> int | None:
    """When the ledger had exactly this head (epoch seconds, UTC), or None if it never had it.

    For a head that an epoch superseded it is the time of the base: what can be proven, and never what is claimed.
    """
    found = provable_head(connection, claimed)
    return None if found is None else found.at
