"""Which dose numbers of a node are taken: in tables, in bundles that were refused, and in histories that parted."""

from __future__ import annotations

from sqlalchemy import Connection

from central.domain.node_epoch import lowest_free_dose
from central.store import node_epochs
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import Bundle, BundleKind, parse_batch_body, parse_bundle
from sync_protocol.columns import unpack_doses
from sync_protocol.errors import ProtocolError
from sync_protocol.handover import parse_handover, unpack_handover


def next_free_dose(connection: Connection, node: str, *, facility: str, at_least: int = 0) -> int:
    """The lowest dose number that a new epoch of the node may give.

    Args:
        at_least: the highest number that the node itself knows of.
    """
    highest = max(at_least, node_epochs.highest_stored_dose(connection, node))
    for inner in node_epochs.refused_inner(connection, node):
        highest = max(highest, highest_inside(inner, facility=facility))
    for _, _, inner in node_epochs.kept_forks(connection, node):
        highest = max(highest, highest_inside(inner, facility=facility))
    return lowest_free_dose(highest)


def highest_inside(inner: bytes, *, facility: str) -> int:
    """The highest number of the node's own doses in a bundle; 0 where it holds none that can be read."""
    try:
        bundle = parse_bundle(inner).claimed
        if bundle.kind is BundleKind.BATCH:
            return _highest_of_batch(bundle, facility)
        if bundle.kind is BundleKind.DOSES:
            doses = unpack_handover(parse_handover(bundle.body), node=bundle.node, facility=facility)
            return max(dose.sequence for dose in doses)
    except ProtocolError:
        # It was refused for being unreadable: whoever made it knows no numbers either.
        return 0
    return 0


def _highest_of_batch(bundle: Bundle, facility: str) -> int:
    body = parse_batch_body(bundle.body)
    manifest = parse_batch(body.statement).statement.manifest
    if manifest.for_node:
        return 0
    doses = unpack_doses(body.columns, node=bundle.node, facility=facility)
    return max((dose.sequence for dose in doses if dose.node == bundle.node), default=0)
