"""Gives a node what follows in its feed: signed by the node's key, answered with a page that it alone can open."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine

from central.domain.node import NodeState
from central.store import feed, nodes
from central.store.database import read_transaction
from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import parse_request, seal_page, verify_request
from sync_protocol.sealing import Entropy

# A 2G link carries this in half a minute; what is left comes with the next page.
_PAGE_BYTES: Final = 128 * 1024


def give_feed(request: bytes, *, engine: Engine, entropy: Entropy) -> bytes:
    """Answers a node's request.

    Args:
        request: as received, unverified.
        engine: the store.
        entropy: seals the page.

    Returns:
        The sealed page; without items where the node has everything.

    Raises:
        ProtocolError: codes of form, NODE_UNKNOWN, NODE_DENIED, EPOCH, SIGNATURE_INVALID.
        StoreError: the store is away or busy; the node asks again.
    """
    message, asked = parse_request(request)
    with read_transaction(engine) as connection:
        node = nodes.known_node(connection, asked.node, epoch=asked.epoch)
        if node is None or node.state is NodeState.WAITING:
            raise ProtocolError(Code.NODE_UNKNOWN, "feed request: no node of this code is enrolled")
        if node.state is NodeState.DENIED:
            raise ProtocolError(Code.NODE_DENIED, "feed request: the node is locked out")
        verify_request(message, node.signing_key)
        # Only the machine of the current epoch is answered: an older copy of it could not open the page anyway.
        if asked.epoch != node.head.epoch:
            raise ProtocolError(Code.EPOCH, "feed request: the node's epoch is another")
        return _page(connection, asked.node, after=asked.after, most_bytes=_PAGE_BYTES, entropy=entropy)


def feed_file(node: str, *, after: int, engine: Engine, entropy: Entropy) -> bytes:
    """The same page for a stick, as large as a page may be, at the operator's word.

    Raises:
        ProtocolError: NODE_UNKNOWN, NODE_DENIED.
    """
    with read_transaction(engine) as connection:
        found = nodes.find_node(connection, node)
        if found is None or found.state is NodeState.WAITING:
            raise ProtocolError(Code.NODE_UNKNOWN, "node: is not enrolled")
        if found.state is NodeState.DENIED:
            raise ProtocolError(Code.NODE_DENIED, "node: is locked out")
        return _page(connection, node, after=after, most_bytes=limits.FEED_PAGE_BYTES // 2, entropy=entropy)


def _page(connection: Connection, node: str, *, after: int, most_bytes: int, entropy: Entropy) -> bytes:
    recipient = nodes.sealing_key_of(connection, node)
    assert isinstance(recipient, ec.EllipticCurvePublicKey)
    items = feed.items_after(connection, node, after, most_items=limits.FEED_PAGE_ITEMS, most_bytes=most_bytes)
    return seal_page(items, newest=feed.newest_number(connection, node), recipient=recipient, entropy=entropy)
