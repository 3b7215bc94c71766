"""Where a bundle stands in its node's chain, and whether the ledger ever had the heads that it names."""

from __future__ import annotations

from sqlalchemy import Connection

from central.domain import admission
from central.domain.admission import PlaceError
from central.domain.node import KnownNode
from central.store import ledger
from sync_protocol.bundle import VerifiedBundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint


def place_problem(connection: Connection, verified: VerifiedBundle, node: KnownNode) -> PlaceError | None:
    """What is wrong with a bundle's place in its node's chain, or None where it is the next link.

    Raises:
        ProtocolError: HEAD_INCONSISTENT for a bundle that names a head which this ledger never had.
    """
    # SPEC 8 (6)
    try:
        admission.check_place(verified, node)
    except PlaceError as error:
        bundle = verified.bundle
        held = ledger.digest_at(connection, node.code, epoch=bundle.epoch, sequence=bundle.sequence)
        if held is not None and held != verified.digest:
            # Two digests for one place: two machines, or one that was copied, sign with the same key.
            return PlaceError(Code.FORKED, "bundle: its place in the chain is taken by another", head=node.head)
        return error
    _check_known_head(connection, verified.bundle.known_head)
    return None


def _check_known_head(connection: Connection, known: Checkpoint | None) -> None:
    # A consistency proof can only start at a head that this ledger had.
    if known is not None and head_time_of(connection, known) is None:
        raise ProtocolError(Code.HEAD_INCONSISTENT, "bundle: the head that it names is none of this ledger")


def head_time_of(connection: Connection, claimed: Checkpoint) -> int | None:
    """When the ledger had exactly this head (epoch seconds, UTC), or None if it never had it."""
    stored = ledger.head_of_size(connection, claimed.size)
    return stored.head.at if stored is not None and stored.head.checkpoint == claimed else None
