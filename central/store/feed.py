"""The feed of each node: signed items, numbered from 1, never changed; a large body is several items in a row.

What is for everybody is written down once, where it is decided: a published set, an epoch of the ledger. A node's own
item of it is *due* from then on, and made when anything is put into its feed, or when it asks: see `settle`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, func, select

from central.store import ledger_epochs
from central.store.key_store import KeyRing
from central.store.published_sets import PublishedKind, due_sets, note_told
from central.store.tables import feed_items
from sync_protocol.feed import FeedItem, FeedKind, parted, read_item, sign_item, whole_items
from sync_protocol.ledger_epoch import FIRST_EPOCH, first_item_of

SET_KINDS: Final[Mapping[PublishedKind, FeedKind]] = MappingProxyType(
    {PublishedKind.CATALOGUE: FeedKind.CATALOGUE, PublishedKind.TRUST_LIST: FeedKind.TRUST_LIST}
)
_LISTS: Final = (FeedKind.REGISTRATIONS, FeedKind.DELEGATIONS)
# What is said by itself after an epoch, or by its newest list alone.
_NOT_AGAIN: Final = frozenset({*_LISTS, FeedKind.LEDGER_EPOCH})


@dataclass(frozen=True, slots=True, repr=False)
class StoredItem:
    """An item as it is kept; `item` is what the publisher signed."""

    number: int
    kind: FeedKind
    at: int
    item: bytes


def put_item(connection: Connection, node: str, kind: FeedKind, body: bytes, *, keys: KeyRing, at: int) -> int:
    """Signs what is next in a node's feed and keeps it, in the caller's transaction; gives the number of its last item.

    What is due to the node comes before it. Two transactions that add to the same feed at once get the same number, and
    the later one fails as a whole: who does both under the ledger lock, or tries again, loses nothing.

    Args:
        node: code of a known node, enrolled or not: it takes the item when it comes.
        body: encoded by the kind's own module; a large one is parted.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.

    Raises:
        ProtocolError: TOO_LARGE.
    """
    # A body that is too large is refused before anything else is made.
    pieces = parted(body)
    settle(connection, node, keys=keys, at=at)
    return _append(connection, node, kind, pieces, keys=keys, at=at)


def settle(connection: Connection, node: str, *, keys: KeyRing, at: int) -> None:
    """Puts into a node's feed what is due to it, in the caller's transaction and under the ledger lock; else nothing.

    1. the epochs of the ledger that were declared since its last item, each with a number above all that the node can
       hold; then again what was put into the feed since the base that they go on from, since the node may hold another
       item under the number it had;
    2. the newest catalogue and trust list.

    Args:
        node: code of a known node, in whatever state.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    # (1)
    current = ledger_epochs.current(connection)
    if current > FIRST_EPOCH and (newest := newest_number(connection, node)) < first_item_of(current):
        _begin_epochs(connection, node, newest=newest, keys=keys, at=at)
    # (2)
    for due in due_sets(connection, node):
        kind = SET_KINDS[due.kind]
        # Before it was noted who is told what, the feed alone said so.
        if due.told is not None or newest_body(connection, node, kind) != due.content:
            _append(connection, node, kind, parted(due.content), keys=keys, at=at)
        note_told(connection, node, due)


def _append(
    connection: Connection, node: str, kind: FeedKind, pieces: Sequence[bytes], *, keys: KeyRing, at: int
) -> int:
    number = newest_number(connection, node)
    rows = []
    for before, piece in enumerate(pieces):
        number += 1
        item = FeedItem(node, number, kind, at, piece, more=len(pieces) - 1 - before, before=before)
        signed = sign_item(item, keys.publisher)
        rows.append({"node": node, "number": number, "kind": kind.value, "at": at, "item": signed})
    connection.execute(feed_items.insert(), rows)
    return number


def _begin_epochs(connection: Connection, node: str, *, newest: int, keys: KeyRing, at: int) -> None:
    unheard = [one for one in ledger_epochs.all_epochs(connection) if first_item_of(one.epoch) > newest]
    steps = [one.statement.step for one in unheard]
    # What any of them may have lost is said behind the last.
    again = [
        item
        for item in bodies_since(connection, node, min(step.base.at for step in steps))
        if item.kind not in _NOT_AGAIN
    ]
    # A node may hold a newer list than this one, of a time that was lost: the list here is what holds.
    lists = [(kind, newest_body(connection, node, kind)) for kind in _LISTS]
    at = max(at, *(step.at for step in steps))
    rows = []
    for one in unheard:
        item = FeedItem(node, first_item_of(one.epoch), FeedKind.LEDGER_EPOCH, at, one.signed)
        signed = sign_item(item, keys.publisher)
        rows.append({"node": node, "number": item.number, "kind": item.kind.value, "at": at, "item": signed})
    connection.execute(feed_items.insert(), rows)
    for kind, body in [*lists, *((item.kind, item.body) for item in again)]:
        if body is not None:
            _append(connection, node, kind, parted(body), keys=keys, at=at)


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
