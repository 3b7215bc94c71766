"""What the centre has sent to this node, item by item, as it was signed."""

from __future__ import annotations

from edge.store.database import Tables
from sync_protocol.feed import FeedItem, FeedKind


def newest_number(tables: Tables) -> int:
    """The number of the last item taken; 0 before the first."""
    return int(tables.execute("SELECT coalesce(max(number), 0) FROM feed_items").fetchone()[0])


def add(tables: Tables, item: FeedItem, signed: bytes, *, at: int) -> None:
    """Keep an item that was verified. IntegrityError (our bug) if it does not follow the last one."""
    tables.execute("INSERT INTO feed_items VALUES (?, ?, ?, ?, ?)", (item.number, item.kind, item.at, at, signed))


def newest_of_kind(tables: Tables, kind: FeedKind) -> tuple[int, int] | None:
    """When the last item of a kind was made and when it was taken (epoch seconds UTC); None before the first."""
    row = tables.execute(
        "SELECT at, taken_at FROM feed_items WHERE kind = ? ORDER BY number DESC LIMIT 1", (kind,)
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def all_items(tables: Tables) -> list[tuple[int, bytes]]:
    """Every item by its number, for `check`."""
    return [
        (int(row[0]), bytes(row[1])) for row in tables.execute("SELECT number, item FROM feed_items ORDER BY number")
    ]
