"""Step 18: the age of what is carried for others is counted by what the centre has signed, not by this machine."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

_SQL: Final = """
-- The newest time that the centre had signed when the file was taken, and the first one that it signed afterwards:
-- epoch seconds UTC, by the centre's clock. The file is older than what has passed since the second.
ALTER TABLE carried ADD COLUMN known_at INTEGER NOT NULL DEFAULT 0
;;
ALTER TABLE carried ADD COLUMN aged_from INTEGER
;;
UPDATE carried SET known_at = coalesce((SELECT max(centre_at) FROM contacts), 0)
"""

MIGRATION: Final = Migration(18, "carried-age", _SQL)
