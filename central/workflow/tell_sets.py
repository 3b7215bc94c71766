"""Tells the nodes of a new catalogue or trust list: the signed set itself, as an item of each node's feed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from central.store import feed, nodes
from central.store.database import lock_ledger
from central.store.key_store import KeyRing
from central.store.published_sets import PublishedKind, newest_set
from sync_protocol.feed import FeedKind

_FEED_KINDS: Final[Mapping[PublishedKind, FeedKind]] = MappingProxyType(
    {PublishedKind.CATALOGUE: FeedKind.CATALOGUE, PublishedKind.TRUST_LIST: FeedKind.TRUST_LIST}
)


def tell_sets(connection: Connection, *, keys: KeyRing, at: int) -> int:
    """Puts the newest catalogue and trust list into the feed of each node that may hold older ones.

    In the caller's transaction. A node that was made after a publication has that version, or a later one, from its
    enrolment file; one that waits for its enrolment may have an older one there, so it is told as well. A node that was
    told this version already is passed over.

    Args:
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.

    Returns:
        How many items there are more; a set of some size is counted once.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    # The numbers of a feed follow one another: whoever adds to it does so alone.
    lock_ledger(connection)
    told = 0
    for published_kind, feed_kind in _FEED_KINDS.items():
        published = newest_set(connection, published_kind)
        if published is None:
            continue
        for node in nodes.created_until(connection, published.issued_at):
            if feed.newest_body(connection, node, feed_kind) != published.content:
                feed.put_item(connection, node, feed_kind, published.content, keys=keys, at=at)
                told += 1
    return told
