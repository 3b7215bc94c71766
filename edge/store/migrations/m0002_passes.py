"""Step 2: signing passes with their leaves, the outbox, receipts, verdicts, what the link to the centre did."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only, gap_free

_SQL: Final = f"""
CREATE TABLE passes (
    pass_id INTEGER PRIMARY KEY,
    batch_number INTEGER NOT NULL CHECK (batch_number > 0),
    state TEXT NOT NULL CHECK (state IN ('prepared', 'signed', 'sealed', 'abandoned', 'released')),
    purpose TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT NOT NULL,
    people INTEGER NOT NULL CHECK (people BETWEEN 1 AND 1000),
    doses INTEGER NOT NULL CHECK (doses BETWEEN 1 AND 3000),
    signer_name TEXT NOT NULL,
    approver TEXT NOT NULL,
    late_reason TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    secret BLOB NOT NULL CHECK (length(secret) = 32),
    columns BLOB NOT NULL,                -- the doses as they will travel, packed once
    statement_payload BLOB NOT NULL,      -- what the token signs over
    statement BLOB,                       -- the COSE message, from `signed` on
    signed_at INTEGER,
    changed_at INTEGER NOT NULL,
    CHECK ((state IN ('signed', 'sealed', 'released')) <= (statement IS NOT NULL)),
    CHECK ((statement IS NULL) = (signed_at IS NULL))
) STRICT
;;
-- One pass at a time: the next batch names the digest of this one's statement.
CREATE UNIQUE INDEX passes_one_open ON passes ((1)) WHERE state IN ('prepared', 'signed')
;;
-- A number given back by an abandoned pass, whose signature nobody has seen, is used again.
CREATE UNIQUE INDEX passes_by_number ON passes (batch_number) WHERE state <> 'abandoned'
;;
{gap_free("passes", "pass_id")}
;;
CREATE TRIGGER passes_fixed BEFORE UPDATE OF pass_id, batch_number, purpose, first_day, last_day, people, doses,
    signer_name, approver, late_reason, claimed_at, secret, columns, statement_payload ON passes
BEGIN SELECT RAISE(ABORT, 'what a pass signs is fixed'); END
;;
CREATE TRIGGER passes_signed_once BEFORE UPDATE OF statement ON passes WHEN OLD.statement IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a pass is signed once'); END
;;
CREATE TRIGGER passes_steps BEFORE UPDATE OF state ON passes
WHEN NOT ((OLD.state = 'prepared' AND NEW.state IN ('signed', 'abandoned'))
    OR (OLD.state = 'signed' AND NEW.state IN ('sealed', 'abandoned'))
    OR (OLD.state = 'sealed' AND NEW.state = 'released'))
BEGIN SELECT RAISE(ABORT, 'no such step of a pass'); END
;;
CREATE TRIGGER passes_no_delete BEFORE DELETE ON passes BEGIN SELECT RAISE(ABORT, 'passes are kept'); END
;;
CREATE TABLE pass_leaves (
    pass_id INTEGER NOT NULL REFERENCES passes,
    position INTEGER NOT NULL,            -- 0 for the first dose: leaf position + 1 of the tree
    sequence INTEGER NOT NULL REFERENCES doses,
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (pass_id, position)
) STRICT, WITHOUT ROWID
;;
-- A dose version is a leaf of at most one live batch.
CREATE UNIQUE INDEX pass_leaves_once ON pass_leaves (sequence) WHERE live = 1
;;
CREATE INDEX pass_leaves_by_dose ON pass_leaves (sequence, pass_id)
;;
CREATE TRIGGER pass_leaves_only_released BEFORE UPDATE ON pass_leaves
WHEN NOT (OLD.live = 1 AND NEW.live = 0 AND NEW.pass_id = OLD.pass_id AND NEW.position = OLD.position
    AND NEW.sequence = OLD.sequence)
BEGIN SELECT RAISE(ABORT, 'a leaf is only ever released'); END
;;
CREATE TRIGGER pass_leaves_no_delete BEFORE DELETE ON pass_leaves
BEGIN SELECT RAISE(ABORT, 'leaves are kept'); END
;;
CREATE TABLE bundles (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sealed', 'offered', 'receipted', 'refused', 'forked')),
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    inner_bytes BLOB NOT NULL,            -- signed by the node key; what is chained and archived
    sealed BLOB NOT NULL,                 -- made once; every retry offers these bytes
    pass_id INTEGER UNIQUE REFERENCES passes,
    created_at INTEGER NOT NULL,
    offers INTEGER NOT NULL DEFAULT 0,
    offered_at INTEGER,                   -- the latest offer
    problem TEXT NOT NULL DEFAULT '',     -- the code of the latest answer that was no receipt
    PRIMARY KEY (epoch, sequence)
) STRICT
;;
CREATE INDEX bundles_due ON bundles (epoch, sequence) WHERE state IN ('sealed', 'offered', 'forked')
;;
CREATE TRIGGER bundles_fixed BEFORE UPDATE OF epoch, sequence, kind, previous, digest, inner_bytes, sealed, pass_id,
    created_at ON bundles
BEGIN SELECT RAISE(ABORT, 'sealed bytes are made once'); END
;;
CREATE TRIGGER bundles_no_delete BEFORE DELETE ON bundles BEGIN SELECT RAISE(ABORT, 'bundles are kept'); END
;;
CREATE TRIGGER bundles_chain BEFORE INSERT ON bundles
WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM bundles WHERE epoch = NEW.epoch)
    OR EXISTS (SELECT 1 FROM bundles WHERE epoch = NEW.epoch AND sequence = NEW.sequence - 1
        AND digest <> NEW.previous)
BEGIN SELECT RAISE(ABORT, 'a bundle follows the one before it'); END
;;
-- "Delivered" is written only beside the verified receipt that says so.
CREATE TRIGGER bundles_delivered BEFORE UPDATE OF state ON bundles
WHEN NEW.state IN ('receipted', 'refused') AND NOT EXISTS (
    SELECT 1 FROM receipts WHERE epoch = NEW.epoch AND sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'no bundle is delivered without a receipt'); END
;;
CREATE TABLE receipts (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    answer BLOB NOT NULL,                 -- byte for byte as it came; verified before it was stored
    entry_index INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    admitted_at INTEGER NOT NULL,         -- by the centre's clock, inside the signed entry
    head_epoch INTEGER NOT NULL,
    head_size INTEGER NOT NULL,
    head_root BLOB NOT NULL CHECK (length(head_root) = 32),
    head_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (epoch, sequence),
    FOREIGN KEY (epoch, sequence) REFERENCES bundles (epoch, sequence)
) STRICT
;;
CREATE INDEX receipts_by_head ON receipts (head_epoch, head_size)
;;
{append_only("receipts")}
;;
CREATE TABLE verdicts (
    epoch INTEGER NOT NULL,
    bundle INTEGER NOT NULL,
    dose INTEGER NOT NULL REFERENCES doses (sequence),
    state TEXT NOT NULL CHECK (state IN ('admitted', 'quarantined', 'refused')),
    code TEXT NOT NULL,                   -- '' where the state is admitted
    PRIMARY KEY (epoch, bundle, dose),
    FOREIGN KEY (epoch, bundle) REFERENCES receipts (epoch, sequence)
) STRICT, WITHOUT ROWID
;;
CREATE INDEX verdicts_by_dose ON verdicts (dose)
;;
{append_only("verdicts")}
;;
-- Answers that claim to be the centre's and do not verify, or that contradict what it signed before.
CREATE TABLE evidence (
    evidence_id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    code TEXT NOT NULL,
    answer BLOB NOT NULL
) STRICT
;;
{append_only("evidence")}
;;
-- What the latest exchanges told of the link: cause, since when, what next.
CREATE TABLE link (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    tried_at INTEGER,
    reached_at INTEGER,                   -- the latest answer that verified
    failing_since INTEGER,                -- NULL while the latest exchange worked
    failures INTEGER NOT NULL,
    code TEXT NOT NULL,
    next_try_at INTEGER,
    bytes_sent INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL
) STRICT
;;
INSERT INTO link VALUES (1, NULL, NULL, NULL, 0, '', NULL, 0, 0)
"""

MIGRATION: Final = Migration(2, "passes", _SQL)
