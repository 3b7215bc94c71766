"""Step 10: what the centre says of itself at each contact: heads, versions of sets, its time; items in pieces."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

_SQL: Final = """
-- Items of one piece, as all were before this step, have none before and after them.
ALTER TABLE feed_items ADD COLUMN pieces_after INTEGER NOT NULL DEFAULT 0 CHECK (pieces_after >= 0)
;;
ALTER TABLE feed_items ADD COLUMN pieces_before INTEGER NOT NULL DEFAULT 0 CHECK (pieces_before >= 0)
;;
-- The newest statement of the centre, one row; beside it the newest head of the ledger that was verified.
CREATE TABLE contacts (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    centre_at INTEGER NOT NULL,           -- by the centre's clock, signed
    node_at INTEGER NOT NULL,             -- by the node's own clock, at that moment
    is_answer INTEGER NOT NULL CHECK (is_answer IN (0, 1)),  -- 0: it came in a file, made nobody knows when
    newest_item INTEGER NOT NULL,
    head_epoch INTEGER NOT NULL,
    head_size INTEGER NOT NULL,
    head_root BLOB NOT NULL CHECK (length(head_root) = 32),
    head_at INTEGER NOT NULL,
    statement BLOB NOT NULL               -- as the centre signed it
) STRICT
;;
CREATE TRIGGER contacts_forward BEFORE UPDATE ON contacts
WHEN NEW.head_epoch < OLD.head_epoch OR (NEW.head_epoch = OLD.head_epoch AND (NEW.head_size < OLD.head_size
    OR NEW.centre_at < OLD.centre_at OR NEW.newest_item < OLD.newest_item))
BEGIN SELECT RAISE(ABORT, 'what the centre says never goes back'); END
;;
CREATE TABLE contact_versions (
    kind TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0)
) STRICT, WITHOUT ROWID
;;
-- What the centre says there is and this node does not hold; gone when it has come.
CREATE TABLE contact_missing (
    what TEXT PRIMARY KEY,                -- 'items', or the kind of a set
    said INTEGER NOT NULL,                -- the number or version that there is
    since INTEGER NOT NULL                -- by the node's own clock
) STRICT, WITHOUT ROWID
"""

MIGRATION: Final = Migration(10, "contacts", _SQL)
