"""Step 13: new epochs of this node after its store was restored or copied.

epoch_signs       what made this store look like an older copy, or like one of two
epoch_requests    what was asked of the centre, with the fresh keys, and what it answered
past_epochs       the keys of epochs that have ended
left_bundles      bundles of an ended epoch that never got a receipt, and where what they carry is sealed again
dose_floors       the lowest number that a dose may get from then on
held_doses        doses that the centre has from a bundle which this store does not know
taken_doses       doses whose number is another dose's at the centre, and under which number they were recorded again
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only, gap_free


def _said(column: str) -> str:
    """What holds of a dose that the centre has: the newest change of its verdict, else what came with the epoch."""
    return (
        f"coalesce((SELECT c.{column} FROM verdict_changes AS c WHERE c.is_own = 1 AND c.sequence = NEW.sequence"
        f" ORDER BY c.number DESC LIMIT 1), NEW.verdict_{column})"
    )


_SQL: Final = f"""
CREATE TABLE epoch_signs (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch INTEGER NOT NULL,               -- the one that this store had
    kind TEXT NOT NULL CHECK (kind IN ('behind', 'forked', 'ended')),
    head_epoch INTEGER,                   -- what the centre holds, where it said so
    head_sequence INTEGER,
    noticed_at INTEGER NOT NULL
) STRICT
;;
CREATE TABLE epoch_requests (
    request_id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,               -- the one that is to end
    reason TEXT NOT NULL CHECK (reason IN ('restored', 'copied', 'demanded')),
    request BLOB NOT NULL,                -- signed by the node key of that epoch
    sealed BLOB NOT NULL,                 -- the same, sealed to the centre: made once, sent as often as needed
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    node_key BLOB NOT NULL,               -- PKCS #8 DER, P-256: fresh, for the new epoch
    opening_key BLOB NOT NULL,            -- PKCS #8 DER, P-256: fresh too
    asked_at INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'asking' CHECK (state IN ('asking', 'waiting', 'granted', 'refused')),
    code TEXT NOT NULL DEFAULT '',        -- why it was refused
    answered_at INTEGER,                  -- the latest answer that verified
    answer BLOB,                          -- the one that ended it
    missing TEXT NOT NULL DEFAULT '[]',   -- JSON: runs of numbers at the centre that this store does not know
    CHECK ((state IN ('granted', 'refused')) = (answer IS NOT NULL))
) STRICT
;;
{gap_free("epoch_requests", "request_id")}
;;
CREATE UNIQUE INDEX epoch_requests_one_open ON epoch_requests ((1)) WHERE state IN ('asking', 'waiting')
;;
CREATE TRIGGER epoch_requests_fixed BEFORE UPDATE OF request_id, epoch, reason, request, sealed, digest, node_key,
    opening_key, asked_at, asked_by ON epoch_requests
BEGIN SELECT RAISE(ABORT, 'what was asked is fixed'); END
;;
CREATE TRIGGER epoch_requests_steps BEFORE UPDATE OF state ON epoch_requests
WHEN OLD.state IN ('granted', 'refused') OR (OLD.state = 'waiting' AND NEW.state = 'asking')
BEGIN SELECT RAISE(ABORT, 'no such step of a request'); END
;;
CREATE TRIGGER epoch_requests_no_delete BEFORE DELETE ON epoch_requests
BEGIN SELECT RAISE(ABORT, 'requests are kept'); END
;;
CREATE TABLE past_epochs (
    epoch INTEGER PRIMARY KEY,
    node_key BLOB NOT NULL,               -- SubjectPublicKeyInfo DER: verifies its bundles
    opening_key BLOB NOT NULL,            -- PKCS #8 DER: opens what was sealed to the node before
    predecessor BLOB NOT NULL CHECK (length(predecessor) = 32),
    ended_at INTEGER NOT NULL
) STRICT
;;
{append_only("past_epochs")}
;;
CREATE TABLE left_bundles (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    pass_id INTEGER REFERENCES passes,    -- what it carried
    new_epoch INTEGER,                    -- where that is sealed again; NULL where it had to be done anew
    new_sequence INTEGER,
    left_at INTEGER NOT NULL,
    PRIMARY KEY (epoch, sequence),
    FOREIGN KEY (epoch, sequence) REFERENCES bundles (epoch, sequence),
    FOREIGN KEY (new_epoch, new_sequence) REFERENCES bundles (epoch, sequence) DEFERRABLE INITIALLY DEFERRED,
    CHECK ((new_epoch IS NULL) = (new_sequence IS NULL) AND (new_epoch IS NULL OR new_epoch > epoch))
) STRICT, WITHOUT ROWID
;;
CREATE INDEX left_bundles_by_new ON left_bundles (new_epoch, new_sequence) WHERE new_epoch IS NOT NULL
;;
{append_only("left_bundles")}
;;
-- Only what the centre has not promised to keep is left behind.
CREATE TRIGGER left_bundles_unsent BEFORE INSERT ON left_bundles
WHEN EXISTS (SELECT 1 FROM receipts WHERE epoch = NEW.epoch AND sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'a delivered bundle is not left'); END
;;
-- What was counted as signed when it was sealed is counted again when it is sealed again.
CREATE TRIGGER left_bundles_reported_less AFTER INSERT ON left_bundles WHEN NEW.pass_id IS NOT NULL BEGIN
    INSERT INTO report_counts SELECT s.given_day, 'signed',
        CASE WHEN s.given_day = date(a.signed_at, 'unixepoch', '+7 hours') THEN 'same-day' ELSE 'later' END, 0,
        -count(*)
        FROM pass_leaves AS l JOIN passes AS a ON a.pass_id = l.pass_id JOIN standings AS s ON s.sequence = l.sequence
        WHERE l.pass_id = NEW.pass_id AND l.live = 1 GROUP BY 1, 2, 3, 4
        ON CONFLICT DO UPDATE SET doses = doses + excluded.doses;
END
;;
-- The pass of a bundle that was left is free to be sealed again; nothing else of sealed bytes ever changes.
DROP TRIGGER bundles_fixed
;;
CREATE TRIGGER bundles_fixed BEFORE UPDATE OF epoch, sequence, kind, previous, digest, inner_bytes, sealed, pass_id,
    created_at ON bundles
WHEN NOT (NEW.epoch = OLD.epoch AND NEW.sequence = OLD.sequence AND NEW.kind = OLD.kind
    AND NEW.previous = OLD.previous AND NEW.digest = OLD.digest AND NEW.inner_bytes = OLD.inner_bytes
    AND NEW.sealed = OLD.sealed AND NEW.created_at = OLD.created_at AND NEW.pass_id IS NULL
    AND EXISTS (SELECT 1 FROM left_bundles AS l WHERE l.epoch = OLD.epoch AND l.sequence = OLD.sequence
        AND l.pass_id IS OLD.pass_id))
BEGIN SELECT RAISE(ABORT, 'sealed bytes are made once'); END
;;
CREATE TABLE dose_floors (
    first_dose INTEGER PRIMARY KEY CHECK (first_dose > 1),
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT
;;
{append_only("dose_floors")}
;;
-- Numbers are given in order and without gaps, but for those that the centre says are taken.
DROP TRIGGER doses_gap_free
;;
CREATE TRIGGER doses_gap_free BEFORE INSERT ON doses
WHEN NEW.sequence <> max((SELECT coalesce(max(sequence), 0) + 1 FROM doses),
    (SELECT coalesce(max(first_dose), 1) FROM dose_floors))
BEGIN SELECT RAISE(ABORT, 'doses has no gaps'); END
;;
CREATE TABLE held_doses (
    sequence INTEGER PRIMARY KEY REFERENCES doses,
    epoch INTEGER NOT NULL,               -- the one that began when the centre said so
    verdict_state TEXT NOT NULL CHECK (verdict_state IN ('admitted', 'quarantined', 'refused')),
    verdict_code TEXT NOT NULL
) STRICT
;;
{append_only("held_doses")}
;;
CREATE TABLE taken_doses (
    sequence INTEGER PRIMARY KEY REFERENCES doses,
    epoch INTEGER NOT NULL,
    noted_at INTEGER NOT NULL,
    again INTEGER UNIQUE REFERENCES doses (sequence) CHECK (again > sequence),
    again_at INTEGER,
    again_by TEXT NOT NULL DEFAULT '',
    CHECK ((again IS NULL) = (again_at IS NULL))
) STRICT
;;
CREATE INDEX taken_doses_open ON taken_doses (sequence) WHERE again IS NULL
;;
CREATE TRIGGER taken_doses_steps BEFORE UPDATE ON taken_doses
WHEN OLD.again IS NOT NULL OR NEW.sequence <> OLD.sequence OR NEW.epoch <> OLD.epoch OR NEW.noted_at <> OLD.noted_at
BEGIN SELECT RAISE(ABORT, 'a dose is recorded again once'); END
;;
CREATE TRIGGER taken_doses_no_delete BEFORE DELETE ON taken_doses
BEGIN SELECT RAISE(ABORT, 'taken numbers are kept'); END
;;
-- A version is replaced once at most; one that was recorded again under a new number has given its place free.
DROP INDEX doses_by_replaced
;;
CREATE INDEX doses_by_replaced ON doses (replaces) WHERE replaces IS NOT NULL
;;
CREATE TRIGGER doses_replaced_once BEFORE INSERT ON doses
WHEN NEW.replaces IS NOT NULL AND EXISTS (SELECT 1 FROM doses AS r WHERE r.replaces = NEW.replaces
    AND NOT EXISTS (SELECT 1 FROM taken_doses AS t WHERE t.sequence = r.sequence))
BEGIN SELECT RAISE(ABORT, 'a version is replaced once'); END
;;
-- Neither is signed or handed over: the one is at the centre, the other would stand there for somebody else's dose.
CREATE TRIGGER pass_leaves_known BEFORE INSERT ON pass_leaves
WHEN EXISTS (SELECT 1 FROM held_doses WHERE sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM taken_doses WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'a dose whose number is at the centre is not signed'); END
;;
CREATE TRIGGER handed_doses_known BEFORE INSERT ON handed_doses
WHEN EXISTS (SELECT 1 FROM held_doses WHERE sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM taken_doses WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'a dose whose number is at the centre is not handed over'); END
;;
CREATE TRIGGER held_doses_stand AFTER INSERT ON held_doses BEGIN
    UPDATE standings SET stage = 'receipted', verdict_state = {_said("state")}, verdict_code = {_said("code")}
        WHERE sequence = NEW.sequence;
END
;;
CREATE TRIGGER taken_doses_stand AFTER INSERT ON taken_doses BEGIN
    UPDATE standings SET stage = 'taken', verdict_state = 'refused', verdict_code = 'dose-repeated'
        WHERE sequence = NEW.sequence;
END
;;
-- What is said of the number is said of the other dose.
CREATE TRIGGER taken_doses_stay AFTER UPDATE OF verdict_state, verdict_code ON standings
WHEN NEW.stage = 'taken' AND (NEW.verdict_state <> 'refused' OR NEW.verdict_code <> 'dose-repeated') BEGIN
    UPDATE standings SET verdict_state = 'refused', verdict_code = 'dose-repeated' WHERE sequence = NEW.sequence;
END
;;
-- The record under the new number is the dose from here on.
CREATE TRIGGER taken_doses_again AFTER UPDATE OF again ON taken_doses BEGIN
    DELETE FROM standings WHERE sequence = NEW.sequence;
END
;;
DROP VIEW live_doses
;;
CREATE VIEW live_doses AS
    SELECT * FROM doses AS d WHERE NOT EXISTS (SELECT 1 FROM doses AS r WHERE r.replaces = d.sequence)
        AND NOT EXISTS (SELECT 1 FROM taken_doses AS t WHERE t.sequence = d.sequence AND t.again IS NOT NULL)
"""

MIGRATION: Final = Migration(13, "node_epochs", _SQL)
