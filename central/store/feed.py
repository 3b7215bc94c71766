"""The feed of each node: signed items, numbered from 1, never changed; a large body is several items in a row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from central.store import ledger_epochs
from central.store.key_store import KeyRing
from central.store.tables import feed_items
from sync_protocol.feed import FeedItem, FeedKind, parted, read_item, sign_item, whole_items
from sync_protocol.ledger_epoch import first_item_of


@dataclass(frozen=True, slots=True, repr=False)
class StoredItem:
    """An item as it is kept; `item` is what the publisher signed."""

    number: int
    kind: FeedKind
    at: int
    item: bytes


def put_item(connection: Connection, node: str, kind: FeedKind, body: bytes, *, keys: KeyRing, at: int) -> int:
    """Signs what is next in a node's feed and keeps it, in the caller's transaction; gives the number of its last item.

    Two transactions that add to the same feed at once get the same number, and the later one fails as a whole: who
    does both under the ledger lock, or tries again, loses nothing.

    Args:
        node: code of a known node, enrolled or not: it takes the item when it comes.
        body: encoded by the kind's own module; a large one is parted.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.

    Raises:
        ProtocolError: TOO_LARGE.
    """
    pieces = parted(body)
    number = newest_number(connection, node)
    if number == 0:
        open_feed(connection, node, keys=keys, at=at)
        number = newest_number(connection, node)
    rows = []
    for before, piece in enumerate(pieces):
        number += 1
        item = FeedItem(node, number, kind, at, piece, more=len(pieces) - 1 - before, before=before)
        signed = sign_item(item, keys.publisher)
        rows.append({"node": node, "number": number, "kind": kind.value, "at": at, "item": signed})
    connection.execute(feed_items.insert(), rows)
    return number


def open_feed(connection: Connection, node: str, *, keys: KeyRing, at: int) -> None:
    """Lets the feed of a node that is enrolled after the ledger was restored begin with the epoch.

    A machine of this code may hold items from before. In the first epoch a feed begins with whatever comes first.
    """
    epoch = ledger_epochs.newest(connection)
    if epoch is not None and newest_number(connection, node) == 0:
        begin_epoch(connection, node, epoch.signed, number=first_item_of(epoch.epoch), keys=keys, at=at)


def begin_epoch(connection: Connection, node: str, signed: bytes, *, number: int, keys: KeyRing, at: int) -> None:
    """Lets a node's feed go on at a number above all that it can hold, with the statement that says why.

    Args:
        node: code of a known node.
        signed: the statement of the ledger's epoch.
        number: from `first_item_of`.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.
    """
    kind = FeedKind.LEDGER_EPOCH
    item = sign_item(FeedItem(node, number, kind, at, signed), keys.publisher)
    connection.execute(
        feed_items.insert(), {"node": node, "number": number, "kind": kind.value, "at": at, "item": item}
    )


def newest_number(connection: Connection, node: str) -> int:
    """The number of a node's last item; 0 before the first."""
    table = feed_items
    found = connection.execute(select(func.max(table.c.number)).where(table.c.node == node)).scalar()
    return 0 if found is None else int(found)


def items_after(connection: Connection, node: str, number: int, *, most_items: int, most_bytes: int) -> list[bytes]:
    """The signed items that follow in a row; the first one always, more only as long as they fit together."""
    table = feed_items
    follows = (table.c.node == node, table.c.number > number)
    # Sizes first: a driver may fetch all that is asked for, and five hundred items weigh half a gigabyte.
    sizes = select(table.c.number, func.length(table.c.item)).where(*follows).order_by(table.c.number)
    last, size = number, 0
    for place, length in connection.execute(sizes.limit(most_items)):
        size += length
        # Where an epoch leaves numbers out, an answer ends: the items of a page stand in a row.
        if last > number and (size > most_bytes or place != last + 1):
            break
        last = place
    items = select(table.c.item).where(*follows, table.c.number <= last).order_by(table.c.number)
    return list(connection.execute(items).scalars())


def bodies_since(connection: Connection, node: str, at: int) -> list[FeedItem]:
    """The whole bodies of a node's feed that were made at an instant or later, in order."""
    table = feed_items
    found = select(table.c.item).where(table.c.node == node, table.c.at >= at).order_by(table.c.number)
    return list(whole_items(read_item(signed) for signed in connection.execute(found).scalars()))


def newest_of_kind(connection: Connection, node: str, kind: FeedKind) -> StoredItem | None:
    """The last item of a kind, with the last piece of its body; None before the first."""
    table = feed_items
    statement = (
        select(table.c.number, table.c.at, table.c.item)
        .where(table.c.node == node, table.c.kind == kind.value)
        .order_by(table.c.number.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else StoredItem(row[0], kind, row[1], row[2])


def newest_body(connection: Connection, node: str, kind: FeedKind) -> bytes | None:
    """The last body of a kind, whole, so that the same content is not sent twice; None before the first."""
    last = newest_of_kind(connection, node, kind)
    if last is None:
        return None
    table = feed_items
    first = last.number - read_item(last.item).before
    pieces = select(table.c.item).where(table.c.node == node, table.c.number.between(first, last.number))
    signed = connection.execute(pieces.order_by(table.c.number)).scalars()
    return b"".join(read_item(item).body for item in signed)


def all_items(connection: Connection) -> list[tuple[str, StoredItem]]:
    """Every item with its node, by node and number, for `check`."""
    table = feed_items
    rows = connection.execute(select(table).order_by(table.c.node, table.c.number)).mappings()
    return [(row["node"], StoredItem(row["number"], FeedKind(row["kind"]), row["at"], row["item"])) for row in rows]
