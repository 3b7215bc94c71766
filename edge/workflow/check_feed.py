"""Verify the feed that is kept: each item signed by the centre for this node, numbered without a gap."""

from __future__ import annotations

from collections.abc import Iterator

from edge.store import feed
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from sync_protocol.errors import ProtocolError
from sync_protocol.feed import verify_item


def feed_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    """Give what is wrong, each with the item that it is about."""
    for place, (number, signed) in enumerate(feed.all_items(tables), start=1):
        subject = f"feed:{number}"
        try:
            item = verify_item(signed, identity.publisher_key, node=identity.node)
        except ProtocolError as error:
            yield subject, f"the item does not verify: {error.code}"
            continue
        if not place == number == item.number:
            yield subject, "the item is not at its place"
