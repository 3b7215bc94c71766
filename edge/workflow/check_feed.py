"""Verify the feed that is kept: each item signed by the centre for this node, numbered without a gap; its statement."""

from __future__ import annotations

from collections.abc import Iterator

from edge.store import contacts, feed
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from sync_protocol.contact import verify_statement
from sync_protocol.errors import ProtocolError
from sync_protocol.feed import verify_item
from sync_protocol.ledger_epoch import begins_epoch


def feed_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    """Give what is wrong, each with the item that it is about."""
    place = 0
    for number, signed in feed.all_items(tables):
        place += 1
        subject = f"feed:{number}"
        try:
            item = verify_item(signed, identity.publisher_key, node=identity.node)
        except ProtocolError as error:
            yield subject, f"the item does not verify: {error.code}"
            continue
        if begins_epoch(item) and number > place:
            # The centre was restored: its numbers go on above all that were given out before.
            place = number
        if not place == number == item.number:
            yield subject, "the item is not at its place"
    yield from _contact_findings(tables, identity)


def _contact_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    held = contacts.newest(tables)
    if held is None:
        return
    try:
        said = verify_statement(held.signed, identity.publisher_key, node=identity.node)
    except ProtocolError as error:
        yield "contact", f"the statement does not verify: {error.code}"
        return
    kept = (held.centre_at, held.newest_item, held.versions)
    # What answers a request may have come in a file, where somebody carried both; the other way round it cannot be.
    if kept != (said.at, said.newest_item, said.versions) or (held.is_answer and not said.nonce):
        yield "contact", "what is kept of the statement is not what it says"
