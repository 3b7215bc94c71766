"""Step 15: what is known of the machine's clock, and the reasons for signatures after a long silence.

clock_mark              the latest look at the clock, so that the next run can compare
clock_jumps             each jump that was seen
clock_anchor            what the newest answer of the centre says of the clock
clock_overrides         what a person has said what time it is, and until when that holds
pass_offline_reasons    why a pass was signed although the node was alone for long
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only

_SQL: Final = f"""
CREATE TABLE clock_mark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    machine_at INTEGER NOT NULL,
    working_at INTEGER NOT NULL,
    is_behind INTEGER NOT NULL CHECK (is_behind IN (0, 1))
) STRICT
;;
CREATE TABLE clock_jumps (
    number INTEGER PRIMARY KEY,
    seen_at INTEGER NOT NULL,             -- working time
    before_at INTEGER NOT NULL,           -- machine's time at the look before
    after_at INTEGER NOT NULL,            -- machine's time at this look
    seconds INTEGER NOT NULL CHECK (seconds <> 0)
) STRICT
;;
{append_only("clock_jumps")}
;;
CREATE TABLE clock_anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    centre_at INTEGER NOT NULL,
    machine_at INTEGER NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER,
    jumps INTEGER NOT NULL                -- how many jumps were known then
) STRICT
;;
CREATE TABLE clock_overrides (
    number INTEGER PRIMARY KEY,
    set_at INTEGER NOT NULL,              -- working time from then on
    machine_at INTEGER NOT NULL,
    seconds INTEGER NOT NULL,             -- what is added to the machine's time; 0: the machine's time was confirmed
    set_by TEXT NOT NULL CHECK (set_by <> ''),
    reason TEXT NOT NULL CHECK (reason <> ''),
    jumps INTEGER NOT NULL,               -- how many jumps were known then; they are settled by it
    ended_at INTEGER,
    ended_by TEXT NOT NULL DEFAULT ''     -- '' where an answer of the centre ended it
) STRICT
;;
CREATE TRIGGER clock_overrides_fixed BEFORE UPDATE ON clock_overrides
WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
    OR (OLD.number, OLD.set_at, OLD.machine_at, OLD.seconds, OLD.set_by, OLD.reason, OLD.jumps)
    IS NOT (NEW.number, NEW.set_at, NEW.machine_at, NEW.seconds, NEW.set_by, NEW.reason, NEW.jumps)
BEGIN SELECT RAISE(ABORT, 'what a person said of the clock is fixed; it ends once'); END
;;
CREATE TRIGGER clock_overrides_no_delete BEFORE DELETE ON clock_overrides
BEGIN SELECT RAISE(ABORT, 'what a person said of the clock is kept'); END
;;
CREATE TABLE pass_offline_reasons (
    pass_id INTEGER PRIMARY KEY REFERENCES passes,
    reason TEXT NOT NULL CHECK (reason <> ''),
    findings TEXT NOT NULL,               -- codes and figures, as the audit trail has them
    given_at INTEGER NOT NULL,
    given_by TEXT NOT NULL
) STRICT
;;
{append_only("pass_offline_reasons")}
"""

MIGRATION: Final = Migration(15, "clock", _SQL)
