"""What the centre has sent to this node, item by item, as it was signed."""

from __future__ import annotations

from io import BytesIO

from edge.store.database import Tables
from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, read_item


def newest_number(tables: Tables) -> int:
    """The number of the last item taken; 0 before the first."""
    return int(tables.execute("SELECT coalesce(max(number), 0) FROM feed_items").fetchone()[0])


def add(tables: Tables, item: FeedItem, signed: bytes, *, at: int) -> None:
    """Keep an item that was verified. IntegrityError (our bug) if it does not follow the last one."""
    tables.execute(
        "INSERT INTO feed_items (number, kind, at, taken_at, item, pieces_after, pieces_before)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (item.number, item.kind, item.at, at, signed, item.more, item.before),
    )


def is_within(tables: Tables) -> bool:
    """Whether pieces of the last item's body are still to come."""
    row = tables.execute("SELECT pieces_after FROM feed_items ORDER BY number DESC LIMIT 1").fetchone()
    return row is not None and row[0] > 0


def whole_body(tables: Tables, last: FeedItem) -> bytes:
    """The body of which an item brings the last piece, joined from the items before it.

    Raises:
        ProtocolError: COUNT_MISMATCH where those are not the other pieces of the same body; TOO_LARGE.
    """
    if last.more == 0 == last.before:
        return last.body
    first = last.number - last.before
    # One piece at a time: a pack of several megabytes is in memory once, not twice.
    joined, count, size = BytesIO(), 0, 0
    rows = tables.execute(
        "SELECT item FROM feed_items WHERE number BETWEEN ? AND ? ORDER BY number", (first, last.number)
    )
    for row in rows:
        piece = read_item(bytes(row[0]))
        if (piece.kind, piece.before, piece.more) != (last.kind, count, last.before - count):
            raise ProtocolError(Code.COUNT_MISMATCH, "feed item: what comes before it is not of the same body")
        count += 1
        size += len(piece.body)
        if size > limits.FEED_BODY_BYTES:
            raise ProtocolError(Code.TOO_LARGE, "feed item: its pieces join to more than FEED_BODY_BYTES")
        joined.write(piece.body)
    if count != last.before + 1:
        raise ProtocolError(Code.COUNT_MISMATCH, "feed item: pieces before it are missing")
    return joined.getvalue()


def newest_of_kind(tables: Tables, kind: FeedKind) -> tuple[int, int] | None:
    """When the last whole body of a kind was made and when it was taken (epoch seconds UTC); None before the first."""
    row = tables.execute(
        "SELECT at, taken_at FROM feed_items WHERE kind = ? AND pieces_after = 0 ORDER BY number DESC LIMIT 1", (kind,)
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def all_items(tables: Tables) -> list[tuple[int, bytes]]:
    """Every item by its number, for `check`."""
    return [
        (int(row[0]), bytes(row[1])) for row in tables.execute("SELECT number, item FROM feed_items ORDER BY number")
    ]


def numbers_of_kind(tables: Tables, kind: FeedKind) -> list[int]:
    """The numbers of the items that bring the last piece of a body of this kind, in order."""
    rows = tables.execute("SELECT number FROM feed_items WHERE kind = ? AND pieces_after = 0 ORDER BY number", (kind,))
    return [int(row[0]) for row in rows]


def body_at(tables: Tables, number: int) -> bytes:
    """The whole body whose last piece this item brings, unverified. Raises ProtocolError as `whole_body`."""
    row = tables.execute("SELECT item FROM feed_items WHERE number = ?", (number,)).fetchone()
    return whole_body(tables, read_item(bytes(row[0])))
