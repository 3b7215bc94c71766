"""Step 14: epochs of the ledger, and what has to be offered once more.

ledger_epochs     what the centre declared after it was restored, and from which entry on all is lost to this node
lost_receipts     receipts for entries that the centre has lost, byte for byte; each stood in `receipts` before
lost_signings     statements of a hub whose receipt was lost, as they stood in `delegated_signings`
contradictions    signed words of the centre that do not agree with what it signed before

A receipt, its verdicts and a change of them are still never changed. They leave their tables in one way alone: an epoch
takes them along, the bundle is due again in the same transaction, and the bytes stay here or in the feed.
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only

# The receipt of a bundle, where an epoch has taken along just this one.
_LOST: Final = (
    "SELECT 1 FROM receipts AS r JOIN lost_receipts AS l ON l.epoch = r.epoch AND l.sequence = r.sequence"
    " AND l.answer = r.answer WHERE r.epoch = {epoch} AND r.sequence = {sequence}"
)

_SQL: Final = f"""
CREATE TABLE ledger_epochs (
    epoch INTEGER PRIMARY KEY CHECK (epoch > 1),
    base_size INTEGER NOT NULL,           -- of the head that the centre goes on from
    lost_from INTEGER NOT NULL CHECK (lost_from <= base_size),  -- the first index that is lost to this node
    declared_at INTEGER NOT NULL,         -- by the centre's clock
    reason TEXT NOT NULL,
    statement BLOB NOT NULL,              -- signed by the ledger key; verified before it was kept
    taken_at INTEGER NOT NULL
) STRICT
;;
{append_only("ledger_epochs")}
;;
CREATE TABLE lost_receipts (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    ledger_epoch INTEGER NOT NULL REFERENCES ledger_epochs,  -- the one that took it along
    answer BLOB NOT NULL,
    entry_index INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    admitted_at INTEGER NOT NULL,
    head_epoch INTEGER NOT NULL,
    head_size INTEGER NOT NULL,
    head_root BLOB NOT NULL CHECK (length(head_root) = 32),
    head_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (epoch, sequence, ledger_epoch),
    FOREIGN KEY (epoch, sequence) REFERENCES bundles (epoch, sequence)
) STRICT
;;
{append_only("lost_receipts")}
;;
DROP TRIGGER receipts_no_delete
;;
CREATE TRIGGER receipts_no_delete BEFORE DELETE ON receipts
WHEN NOT EXISTS ({_LOST.format(epoch="OLD.epoch", sequence="OLD.sequence")}) OR EXISTS (
    SELECT 1 FROM bundles WHERE epoch = OLD.epoch AND sequence = OLD.sequence AND state IN ('receipted', 'refused'))
BEGIN SELECT RAISE(ABORT, 'a receipt leaves only with an epoch of the ledger, and its bundle is due then'); END
;;
DROP TRIGGER verdicts_no_delete
;;
CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts
WHEN NOT EXISTS ({_LOST.format(epoch="OLD.epoch", sequence="OLD.bundle")})
BEGIN SELECT RAISE(ABORT, 'a verdict leaves only with its receipt'); END
;;
CREATE TRIGGER verdicts_unsaid AFTER DELETE ON verdicts BEGIN
    UPDATE standings SET verdict_state = '', verdict_code = '' WHERE sequence = OLD.dose AND EXISTS (
        SELECT 1 FROM pass_leaves AS l JOIN bundles AS b ON b.pass_id = l.pass_id
        WHERE l.sequence = OLD.dose AND l.live = 1 AND b.epoch = OLD.epoch AND b.sequence = OLD.bundle);
END
;;
-- Doses of a batch that was refused once, and admitted when it was offered again, are at the centre by that receipt.
DROP TRIGGER held_doses_no_delete
;;
CREATE TRIGGER held_doses_no_delete BEFORE DELETE ON held_doses
WHEN NOT EXISTS (SELECT 1 FROM pass_leaves AS h JOIN passes AS p ON p.pass_id = h.pass_id AND p.state = 'released'
    JOIN bundles AS b ON b.pass_id = p.pass_id JOIN receipts AS r ON r.epoch = b.epoch AND r.sequence = b.sequence
    JOIN lost_receipts AS l ON l.epoch = r.epoch AND l.sequence = r.sequence AND l.answer = r.answer
    WHERE h.sequence = OLD.sequence AND r.outcome = 'admitted')
BEGIN SELECT RAISE(ABORT, 'what the centre has leaves only with the receipt that says so'); END
;;
CREATE TRIGGER held_doses_unsaid AFTER DELETE ON held_doses BEGIN
    UPDATE standings SET stage = '', verdict_state = '', verdict_code = '' WHERE sequence = OLD.sequence;
END
;;
-- A change belongs to the list of the time before: from the base on the centre says all of it again.
DROP TRIGGER verdict_changes_no_delete
;;
CREATE TRIGGER verdict_changes_no_delete BEFORE DELETE ON verdict_changes
WHEN NOT EXISTS (SELECT 1 FROM ledger_epochs WHERE taken_at >= OLD.taken_at)
BEGIN SELECT RAISE(ABORT, 'a change of a verdict leaves only with an epoch of the ledger'); END
;;
CREATE TRIGGER verdict_changes_unsaid AFTER DELETE ON verdict_changes WHEN OLD.is_own = 1 BEGIN
    UPDATE standings SET
        verdict_state = coalesce((SELECT c.state FROM verdict_changes AS c WHERE c.is_own = 1
            AND c.sequence = OLD.sequence ORDER BY c.number DESC LIMIT 1), OLD.state_before),
        verdict_code = coalesce((SELECT c.code FROM verdict_changes AS c WHERE c.is_own = 1
            AND c.sequence = OLD.sequence ORDER BY c.number DESC LIMIT 1), OLD.code_before)
    WHERE sequence = OLD.sequence AND verdict_state <> '';
END
;;
-- The numbers of an epoch begin above whatever was given out before it.
DROP TRIGGER feed_items_gap_free
;;
CREATE TRIGGER feed_items_gap_free BEFORE INSERT ON feed_items
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM feed_items) AND NOT (
    NEW.kind = 'ledger-epoch' AND NEW.number > (SELECT coalesce(max(number), 0) FROM feed_items))
BEGIN SELECT RAISE(ABORT, 'feed_items has no gaps'); END
;;
-- Of the doses that this node signed for others, the verdict becomes unknown again where the receipt was lost.
DROP TRIGGER delegated_leaves_steps
;;
CREATE TRIGGER delegated_leaves_steps BEFORE UPDATE ON delegated_leaves
WHEN NOT (NEW.pass_id = OLD.pass_id AND NEW.position = OLD.position AND NEW.handover_id = OLD.handover_id
    AND NEW.place = OLD.place AND NEW.node = OLD.node AND NEW.sequence = OLD.sequence AND OLD.live = 1
    AND ((OLD.verdict_state = '' AND (NEW.live = 0) = (NEW.verdict_state = ''))
        OR (NEW.live = 1 AND NEW.verdict_state = '' AND NEW.verdict_code = '' AND EXISTS (
            SELECT 1 FROM bundles AS b JOIN lost_receipts AS l ON l.epoch = b.epoch AND l.sequence = b.sequence
            WHERE b.pass_id = OLD.pass_id AND b.state NOT IN ('receipted', 'refused')))))
BEGIN SELECT RAISE(ABORT, 'a leaf is only ever released or judged'); END
;;
CREATE TABLE lost_signings (
    signing_id INTEGER NOT NULL,
    ledger_epoch INTEGER NOT NULL REFERENCES ledger_epochs,
    handover_id INTEGER NOT NULL REFERENCES handovers,
    statement BLOB NOT NULL,
    receipt BLOB NOT NULL,
    signed_at INTEGER NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (signing_id, ledger_epoch)
) STRICT, WITHOUT ROWID
;;
{append_only("lost_signings")}
;;
-- The statement stays as it was signed; the receipt beside it is the one that the centre can still prove.
DROP TRIGGER delegated_signings_no_update
;;
CREATE TRIGGER delegated_signings_no_update BEFORE UPDATE ON delegated_signings
WHEN NOT (NEW.signing_id = OLD.signing_id AND NEW.handover_id = OLD.handover_id AND NEW.statement = OLD.statement
    AND NEW.secret = OLD.secret AND NEW.sequences = OLD.sequences AND NEW.columns = OLD.columns
    AND NEW.signed_at = OLD.signed_at AND EXISTS (
        SELECT 1 FROM lost_signings AS l WHERE l.signing_id = OLD.signing_id AND l.receipt = OLD.receipt))
BEGIN SELECT RAISE(ABORT, 'delegated_signings is append-only'); END
;;
DROP TRIGGER handed_doses_steps
;;
CREATE TRIGGER handed_doses_steps BEFORE UPDATE ON handed_doses
WHEN NOT (NEW.handover_id = OLD.handover_id AND NEW.place = OLD.place AND NEW.sequence = OLD.sequence
    AND ((OLD.state = 'handed' AND NEW.state IN ('signed', 'back', 'refused'))
        OR (OLD.state = 'signed' AND NEW.state = 'handed' AND EXISTS (
            SELECT 1 FROM delegated_signings AS g JOIN lost_signings AS l ON l.signing_id = g.signing_id
                AND l.receipt = g.receipt WHERE g.signing_id = OLD.signing_id))))
BEGIN SELECT RAISE(ABORT, 'no such step of a dose that was handed over'); END
;;
CREATE TRIGGER handed_doses_wait_again AFTER UPDATE OF state ON handed_doses
WHEN OLD.state = 'signed' AND NEW.state = 'handed' BEGIN
    INSERT INTO report_counts SELECT s.given_day, 'signed',
        CASE WHEN s.given_day = date(g.signed_at, 'unixepoch', '+7 hours') THEN 'same-day' ELSE 'later' END, 0, -1
        FROM standings AS s, delegated_signings AS g WHERE s.sequence = NEW.sequence AND g.signing_id = OLD.signing_id
        ON CONFLICT DO UPDATE SET doses = doses + excluded.doses;
END
;;
CREATE TABLE contradictions (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,                  -- by this node's clock
    code TEXT NOT NULL,
    said BLOB NOT NULL UNIQUE,            -- signed by the centre: an epoch, or what it says at a contact
    held BLOB NOT NULL                    -- signed before, and not in agreement with it; empty where it stands alone
) STRICT
;;
{append_only("contradictions")}
"""

MIGRATION: Final = Migration(14, "ledger_epochs", _SQL)
