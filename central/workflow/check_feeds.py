"""Re-verifies the feeds: each item signed by a publisher key of ours for its node, numbered without a gap (I22).

And that a set which counts as told to a node is the newest of its kind there.
"""

from __future__ import annotations

from sqlalchemy import Connection

from central.domain.finding import Finding
from central.store import feed, published_sets, trust
from central.store.key_store import KeyRole
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, verify_item
from sync_protocol.keys import PublicKey
from sync_protocol.ledger_epoch import begins_epoch


def check_feeds(connection: Connection) -> list[Finding]:
    """Checks every item of every node."""
    publishers = trust.centre_public_keys(connection, KeyRole.PUBLISHER)
    seen: dict[str, int] = {}
    findings = []
    for node, stored in feed.all_items(connection):
        seen[node] = seen.get(node, 0) + 1
        place = f"feed {node}/{stored.number}"
        try:
            item = _verified(stored.item, publishers, node=node)
        except ProtocolError as error:
            findings.append(Finding("I22", place, f"the item does not verify: {error.code}"))
            continue
        if begins_epoch(item):
            seen[node] = max(seen[node], item.number)
        if (item.number, item.kind, item.at) != (stored.number, stored.kind, stored.at) or item.number != seen[node]:
            findings.append(Finding("I22", place, "the item is not what its row says, or not at its place"))
    if not findings:
        findings = [
            Finding("I22", f"feed {node}", f"the newest {kind} counts as told and is not there")
            for node, kind, content in published_sets.told_sets(connection)
            if feed.newest_body(connection, node, feed.SET_KINDS[kind]) != content
        ]
    return findings


def _verified(signed: bytes, publishers: tuple[PublicKey, ...], *, node: str) -> FeedItem:
    """An older publisher key stays good for what it once signed."""
    for key in publishers:
        try:
            return verify_item(signed, key, node=node)
        except ProtocolError as error:
            if error.code is not Code.SIGNATURE_INVALID:
                raise
    raise ProtocolError(Code.SIGNATURE_INVALID, "feed item: no publisher key of ours signed it")
