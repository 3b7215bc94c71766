"""Step 11: passports of the site's people, and verdicts that came after the receipt.

verdict_changes       what the centre says of doses after its receipt; both words are kept, with their instants
health_certificates   what stands in the QR of each dose that this node recorded
population_gaps       a change of the population pack that starts from another version than the one held

A verdict of a receipt is never changed: `standings` shows the newest change instead, whichever came first. The triggers
of steps 3 and 8 that wrote the receipt's verdict alone are made anew.
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only


def _said(column: str, otherwise: str) -> str:
    """What holds of dose `sequence`: its newest change, else the word that just came."""
    return (
        f"coalesce((SELECT c.{column} FROM verdict_changes AS c WHERE c.is_own = 1 AND c.sequence = standings.sequence"
        f" ORDER BY c.number DESC LIMIT 1), {otherwise})"
    )


_SQL: Final = f"""
CREATE TABLE verdict_changes (
    node TEXT NOT NULL,                   -- who recorded the dose: this node, or a site's for which it signed
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    is_own INTEGER NOT NULL CHECK (is_own IN (0, 1)),
    state_before TEXT NOT NULL CHECK (state_before IN ('admitted', 'quarantined', 'refused')),
    code_before TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('admitted', 'quarantined', 'refused')),
    code TEXT NOT NULL,
    changed_at INTEGER NOT NULL,          -- by the centre's clock
    item INTEGER NOT NULL REFERENCES feed_items (number),
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (node, sequence, number)
) STRICT, WITHOUT ROWID
;;
CREATE INDEX verdict_changes_own ON verdict_changes (sequence, number) WHERE is_own = 1
;;
{append_only("verdict_changes")}
;;
-- Only where the receipt's word stands already: otherwise it waits here for it.
CREATE TRIGGER verdict_changes_stand AFTER INSERT ON verdict_changes WHEN NEW.is_own = 1 BEGIN
    UPDATE standings SET verdict_state = {_said("state", "verdict_state")},
        verdict_code = {_said("code", "verdict_code")} WHERE sequence = NEW.sequence AND verdict_state <> '';
END
;;
DROP TRIGGER verdicts_stand
;;
CREATE TRIGGER verdicts_stand AFTER INSERT ON verdicts BEGIN
    UPDATE standings SET verdict_state = {_said("state", "NEW.state")}, verdict_code = {_said("code", "NEW.code")}
        WHERE sequence = NEW.dose AND stage <> '';
END
;;
DROP TRIGGER handed_doses_stand_on
;;
CREATE TRIGGER handed_doses_stand_on AFTER UPDATE OF state ON handed_doses BEGIN
    UPDATE standings SET stage = CASE NEW.state WHEN 'signed' THEN 'receipted' WHEN 'handed' THEN 'handed' ELSE '' END,
        verdict_state = CASE NEW.verdict_state WHEN '' THEN '' ELSE {_said("state", "NEW.verdict_state")} END,
        verdict_code = CASE NEW.verdict_state WHEN '' THEN '' ELSE {_said("code", "NEW.verdict_code")} END
        WHERE sequence = NEW.sequence;
END
;;
CREATE TABLE health_certificates (
    sequence INTEGER NOT NULL,            -- of the dose: not a reference, a restored copy may not have it yet
    issue INTEGER NOT NULL CHECK (issue > 0),
    state TEXT NOT NULL CHECK (state IN ('issued', 'renewed', 'revoked')),
    changed_at INTEGER NOT NULL,          -- since when it stands so, by the centre's clock
    issued_day TEXT NOT NULL,             -- local day of the issue, '' where only the revocation came
    expires_at INTEGER NOT NULL,
    hc1 TEXT NOT NULL,                    -- what stands in the QR, '' where only the revocation came
    item INTEGER NOT NULL REFERENCES feed_items (number),
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (sequence, issue)
) STRICT, WITHOUT ROWID
;;
CREATE INDEX health_certificates_by_day ON health_certificates (issued_day, sequence)
;;
-- A text never changes. A revocation is the last word.
CREATE TRIGGER health_certificates_steps BEFORE UPDATE ON health_certificates
WHEN NOT (OLD.state <> 'revoked' AND NEW.state = 'revoked' AND NEW.sequence = OLD.sequence AND NEW.issue = OLD.issue
    AND NEW.issued_day = OLD.issued_day AND NEW.expires_at = OLD.expires_at AND NEW.hc1 = OLD.hc1)
BEGIN SELECT RAISE(ABORT, 'a health certificate is only ever revoked'); END
;;
CREATE TRIGGER health_certificates_no_delete BEFORE DELETE ON health_certificates
BEGIN SELECT RAISE(ABORT, 'health certificates are kept'); END
;;
CREATE TABLE population_gaps (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL,             -- what the centre has and this node could not make
    code TEXT NOT NULL,
    missed_at INTEGER NOT NULL
) STRICT
"""

MIGRATION: Final = Migration(11, "passports", _SQL)
