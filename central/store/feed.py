"""The feed of each node: signed items, numbered from 1, never changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from central.store.key_store import KeyRing
from central.store.tables import feed_items
from sync_protocol.feed import FeedItem, FeedKind, sign_item


@dataclass(frozen=True, slots=True, repr=False)
class StoredItem:
    """An item as it is kept; `item` is what the publisher signed."""

    number: int
    kind: FeedKind
    at: int
    item: bytes


def put_item(connection: Connection, node: str, kind: FeedKind, body: bytes, *, keys: KeyRing, at: int) -> int:
    """Signs the next item of a node's feed and keeps it, in the caller's transaction; gives its number.

    Two transactions that add to the same feed at once get the same number, and the later one fails as a whole: who
    does both under the ledger lock, or tries again, loses nothing.

    Args:
        node: code of a known node, enrolled or not: it takes the item when it comes.
        body: encoded by the kind's own module.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.

    Raises:
        ProtocolError: TOO_LARGE.
    """
    number = newest_number(connection, node) + 1
    signed = sign_item(FeedItem(node, number, kind, at, body), keys.publisher)
    connection.execute(
        feed_items.insert(), {"node": node, "number": number, "kind": kind.value, "at": at, "item": signed}
    )
    return number


def newest_number(connection: Connection, node: str) -> int:
    """The number of a node's last item; 0 before the first."""
    table = feed_items
    found = connection.execute(select(func.max(table.c.number)).where(table.c.node == node)).scalar()
    return 0 if found is None else int(found)


def items_after(connection: Connection, node: str, number: int, *, most_items: int, most_bytes: int) -> list[bytes]:
    """The signed items that follow, in order; the first one always, more only as long as they fit together."""
    table = feed_items
    follows = (table.c.node == node, table.c.number > number)
    # Sizes first: a driver may fetch all that is asked for, and five hundred items weigh half a gigabyte.
    sizes = select(table.c.number, func.length(table.c.item)).where(*follows).order_by(table.c.number)
    last, size = number, 0
    for place, length in connection.execute(sizes.limit(most_items)):
        size += length
        if last > number and size > most_bytes:
            break
        last = place
    items = select(table.c.item).where(*follows, table.c.number <= last).order_by(table.c.number)
    return list(connection.execute(items).scalars())


def newest_of_kind(connection: Connection, node: str, kind: FeedKind) -> StoredItem | None:
    """The last item of a kind, so that the same content is not sent twice; None before the first."""
    table = feed_items
    statement = (
        select(table.c.number, table.c.at, table.c.item)
        .where(table.c.node == node, table.c.kind == kind.value)
        .order_by(table.c.number.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else StoredItem(row[0], kind, row[1], row[2])


def all_items(connection: Connection) -> list[tuple[str, StoredItem]]:
    """Every item with its node, by node and number, for `check`."""
    table = feed_items
    rows = connection.execute(select(table).order_by(table.c.node, table.c.number)).mappings()
    return [(row["node"], StoredItem(row["number"], FeedKind(row["kind"]), row["at"], row["item"])) for row in rows]
