"""Step 12: what went to sticks, and the files of other nodes that this one carries."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

_SQL: Final = """
CREATE TABLE stick_exports (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),   -- of the sealed bytes
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,            -- before the first byte: from then on the centre may have it
    exported_at INTEGER,                  -- when it was last read back from a stick
    UNIQUE (epoch, sequence),
    FOREIGN KEY (epoch, sequence) REFERENCES bundles (epoch, sequence)
) STRICT
;;
CREATE TABLE stick_requests (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    after INTEGER NOT NULL,               -- number of the last item of the feed that the node had
    made_at INTEGER NOT NULL,
    request BLOB NOT NULL
) STRICT
;;
CREATE TABLE carried (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    kind TEXT NOT NULL CHECK (kind IN ('bundle', 'request', 'answer', 'feed')),
    place INTEGER NOT NULL,               -- what its name told of its order; 0 for nothing
    size_bytes INTEGER NOT NULL,
    content BLOB,                         -- NULL once the centre's answer to it is here
    answers BLOB,                         -- the digest of the file that this one answers, where that is known
    code TEXT NOT NULL DEFAULT '',        -- why the centre did not take it at the last try
    taken_at INTEGER NOT NULL,
    tried_at INTEGER,
    answered_at INTEGER,
    written_at INTEGER                    -- when it was last read back from a stick
) STRICT
;;
CREATE INDEX carried_answers ON carried (answers) WHERE answers IS NOT NULL
"""

MIGRATION: Final = Migration(12, "carried", _SQL)
