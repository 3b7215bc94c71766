"""Step 9: an approval pass by pass, for all turns of what was asked, and for doses of other sites at a hub.

approved_passes      the passes that a second person was asked about, each of which is signed once
delegated_approvals  a hub: for whom the doses of an approval were given, where they are not its own
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only

_SQL: Final = f"""
-- A second person agrees to passes. Each is bound to a digest of its own, so that what is left after one was signed
-- still is what they saw. `turn`: which PIN.
CREATE TABLE approved_passes (
    approval_id INTEGER NOT NULL REFERENCES approvals,
    place INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    sequences TEXT NOT NULL,              -- JSON: the doses in the order of their leaves
    pass_id INTEGER UNIQUE REFERENCES passes,
    PRIMARY KEY (approval_id, place)
) STRICT, WITHOUT ROWID
;;
CREATE TRIGGER approved_passes_asked BEFORE INSERT ON approved_passes
WHEN NEW.pass_id IS NOT NULL OR (SELECT state FROM approvals WHERE approval_id = NEW.approval_id) <> 'asked'
BEGIN SELECT RAISE(ABORT, 'what is approved is fixed when it is asked for'); END
;;
CREATE TRIGGER approved_passes_fixed BEFORE UPDATE OF approval_id, place, turn, digest, sequences ON approved_passes
BEGIN SELECT RAISE(ABORT, 'what is approved is fixed'); END
;;
CREATE TRIGGER approved_passes_once BEFORE UPDATE OF pass_id ON approved_passes
WHEN OLD.pass_id IS NOT NULL OR (SELECT state FROM approvals WHERE approval_id = OLD.approval_id) <> 'approved'
BEGIN SELECT RAISE(ABORT, 'each pass of an approval is signed once'); END
;;
CREATE TRIGGER approved_passes_no_delete BEFORE DELETE ON approved_passes
BEGIN SELECT RAISE(ABORT, 'approvals are kept'); END
;;
CREATE TRIGGER approvals_used_up BEFORE UPDATE OF state ON approvals
WHEN NEW.state = 'used'
    AND EXISTS (SELECT 1 FROM approved_passes WHERE approval_id = NEW.approval_id AND pass_id IS NULL)
BEGIN SELECT RAISE(ABORT, 'an approval is used up when all of its passes are'); END
;;
CREATE TABLE delegated_approvals (
    approval_id INTEGER PRIMARY KEY REFERENCES approvals,
    node TEXT NOT NULL,                   -- of the site; the doses of the approval are of this node
    site TEXT NOT NULL,
    site_name TEXT NOT NULL,
    people INTEGER NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT NOT NULL
) STRICT
;;
{append_only("delegated_approvals")}
"""

MIGRATION: Final = Migration(9, "approvals", _SQL)
