"""Step 6: what the centre has sent to this node, item by item."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only, gap_free

_SQL: Final = f"""
CREATE TABLE feed_items (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,                  -- when the centre made it
    taken_at INTEGER NOT NULL,
    item BLOB NOT NULL                    -- as the centre signed it
) STRICT
;;
{gap_free("feed_items", "number")}
;;
{append_only("feed_items")}
"""

MIGRATION: Final = Migration(6, "feed", _SQL)
