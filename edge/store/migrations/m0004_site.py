"""Step 4: the people who work at the site, their devices, visits, vials, approvals, closings; words to search by."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only

_SQL: Final = f"""
CREATE TABLE users (
    user_id INTEGER PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,           -- folded: one person, one login, whatever was typed
    name TEXT NOT NULL,
    roles TEXT NOT NULL,                  -- words of `Role`, sorted, parted by spaces
    password TEXT NOT NULL,               -- Argon2id, in the PHC string form
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    failures INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER NOT NULL DEFAULT 0,
    language TEXT NOT NULL DEFAULT 'vi',
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT
;;
-- Records name their author: a user is closed, never deleted.
CREATE TRIGGER users_no_delete BEFORE DELETE ON users BEGIN SELECT RAISE(ABORT, 'users are kept'); END
;;
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID
;;
-- What somebody has typed and not sent yet, by page; gone when it is sent.
CREATE TABLE drafts (
    user_id INTEGER NOT NULL REFERENCES users,
    place TEXT NOT NULL,
    texts TEXT NOT NULL,                  -- JSON: field to text
    typed_by TEXT NOT NULL,               -- who typed it: after a shift change another person than the user
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, place)
) STRICT, WITHOUT ROWID
;;
CREATE TABLE devices (
    device_id INTEGER PRIMARY KEY,
    token_digest BLOB NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    code TEXT NOT NULL,                   -- shown on the device; the manager compares it
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'admitted', 'refused', 'withdrawn')),
    asked_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT NOT NULL DEFAULT '',
    CHECK ((state = 'asked') = (decided_at IS NULL))
) STRICT
;;
CREATE INDEX devices_by_state ON devices (state, device_id)
;;
-- With what the node shows itself on the clinic's network; another one takes its place before it expires.
CREATE TABLE lan_certificate (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    key BLOB NOT NULL,
    certificate BLOB NOT NULL,
    made_at INTEGER NOT NULL
) STRICT
;;
-- People who are expected on a day.
CREATE TABLE roster (
    day TEXT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES people,
    product TEXT NOT NULL DEFAULT '',
    sort_name TEXT NOT NULL,              -- folded, the given name first: the order in which lists of people stand
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL,
    PRIMARY KEY (day, person_id)
) STRICT, WITHOUT ROWID
;;
CREATE INDEX roster_by_name ON roster (day, sort_name, person_id)
;;
-- One way of one person from the door to leaving.
CREATE TABLE visits (
    visit_id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    number INTEGER NOT NULL,              -- 1, 2, 3 … in the order of arrival on this day
    person_id INTEGER NOT NULL REFERENCES people,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'observed', 'left', 'cancelled')),
    arrived_at INTEGER NOT NULL,
    arrived_by TEXT NOT NULL,
    sequence INTEGER REFERENCES doses,    -- the dose, once it is recorded
    leave_at INTEGER,                     -- the instant from which the person may leave
    ended_at INTEGER,
    ended_by TEXT NOT NULL DEFAULT '',
    remark TEXT NOT NULL DEFAULT '',
    submission TEXT NOT NULL DEFAULT '',  -- made with the form: a second submit finds the first
    UNIQUE (day, number),
    CHECK ((state IN ('observed', 'left')) <= (sequence IS NOT NULL))
) STRICT
;;
-- A person stands in one line at a time.
CREATE UNIQUE INDEX visits_one_open ON visits (person_id) WHERE state IN ('waiting', 'observed')
;;
CREATE INDEX visits_by_state ON visits (state, day, number)
;;
CREATE INDEX visits_by_person ON visits (person_id, day)
;;
CREATE UNIQUE INDEX visits_by_submission ON visits (submission) WHERE submission <> ''
;;
CREATE UNIQUE INDEX visits_by_dose ON visits (sequence) WHERE sequence IS NOT NULL
;;
CREATE TRIGGER visits_no_delete BEFORE DELETE ON visits BEGIN SELECT RAISE(ABORT, 'visits are kept'); END
;;
CREATE TABLE vials (
    vial_id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    station TEXT NOT NULL,
    product TEXT NOT NULL,
    lot TEXT NOT NULL,
    lot_expiry TEXT NOT NULL,             -- YYYY-MM-DD
    doses INTEGER NOT NULL CHECK (doses BETWEEN 1 AND 100),  -- how many one vial gives
    opened_at INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'withdrawn')),
    ended_at INTEGER,                     -- when it was closed or withdrawn
    ended_by TEXT NOT NULL DEFAULT '',
    submission TEXT NOT NULL UNIQUE       -- made with the form: a second submit finds the first
) STRICT
;;
CREATE INDEX vials_by_day ON vials (day, vial_id)
;;
CREATE INDEX vials_by_product ON vials (product, vial_id)
;;
-- Which vial a dose was drawn from, where it was recorded from an opened vial.
CREATE TABLE vial_doses (
    sequence INTEGER PRIMARY KEY REFERENCES doses,
    vial_id INTEGER NOT NULL REFERENCES vials
) STRICT
;;
CREATE INDEX vial_doses_by_vial ON vial_doses (vial_id)
;;
{append_only("vial_doses")}
;;
CREATE TRIGGER vials_no_delete BEFORE DELETE ON vials BEGIN SELECT RAISE(ABORT, 'vials are kept'); END
;;
-- A selection of doses that a second person is asked to approve; bound to what both saw by its digest.
CREATE TABLE approvals (
    approval_id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    sequences TEXT NOT NULL,              -- JSON: the doses
    late_reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'approved', 'refused', 'used', 'withdrawn')),
    asked_at INTEGER NOT NULL,
    asked_by INTEGER NOT NULL REFERENCES users,
    decided_at INTEGER,
    decided_by INTEGER REFERENCES users CHECK (decided_by <> asked_by),
    remark TEXT NOT NULL DEFAULT '',
    used_at INTEGER,                      -- what the statements of the turn claim that it was used for
    CHECK ((state IN ('approved', 'refused', 'used')) <= (decided_by IS NOT NULL)),
    CHECK ((state = 'used') = (used_at IS NOT NULL))
) STRICT
;;
CREATE INDEX approvals_by_state ON approvals (state, approval_id)
;;
CREATE TRIGGER approvals_fixed BEFORE UPDATE OF approval_id, digest, sequences, late_reason, asked_at, asked_by
    ON approvals BEGIN SELECT RAISE(ABORT, 'what is approved is fixed'); END
;;
CREATE TRIGGER approvals_steps BEFORE UPDATE OF state ON approvals
WHEN NOT ((OLD.state = 'asked' AND NEW.state IN ('approved', 'refused', 'withdrawn'))
    OR (OLD.state = 'approved' AND NEW.state IN ('used', 'withdrawn')))
BEGIN SELECT RAISE(ABORT, 'no such step of an approval'); END
;;
CREATE TRIGGER approvals_no_delete BEFORE DELETE ON approvals BEGIN SELECT RAISE(ABORT, 'approvals are kept'); END
;;
CREATE TABLE closings (
    day TEXT NOT NULL,
    revision INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    closed_by TEXT NOT NULL,
    body BLOB NOT NULL,                   -- the sheet as it was sent
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (day, revision),
    FOREIGN KEY (epoch, sequence) REFERENCES bundles (epoch, sequence)
) STRICT, WITHOUT ROWID
;;
{append_only("closings")}
;;
-- Which work list a person is on, and the key by which lists of people are sorted: the last word of the folded name.
ALTER TABLE people ADD COLUMN work_list TEXT GENERATED ALWAYS AS (CASE identity_state
    WHEN 'no_number' THEN 'identity-missing'
    WHEN 'malformed' THEN 'identity-malformed'
    WHEN 'mismatch' THEN 'identity-mismatch'
    WHEN 'waiting' THEN
        CASE WHEN paper = 'passport' AND nationality <> 'VN' THEN 'identity-foreign' ELSE 'identity-waiting' END
    ELSE '' END) VIRTUAL
;;
ALTER TABLE people ADD COLUMN given_name TEXT GENERATED ALWAYS AS
    (substr(folded_name, length(rtrim(folded_name, replace(folded_name, ' ', ''))) + 1)) VIRTUAL
;;
CREATE INDEX people_by_work ON people (work_list, given_name, folded_name, person_id) WHERE work_list <> ''
;;
CREATE INDEX people_by_work_unit ON people (work_list, address_unit, given_name, folded_name, person_id)
    WHERE work_list <> ''
;;
-- The doses of people on work lists, by day and product; and what the centre returned, by its code.
CREATE INDEX standings_blocked ON standings (identity_state, given_day, product, person_id)
    WHERE identity_state NOT IN ('matched', 'vouched')
;;
CREATE INDEX standings_by_code ON standings (verdict_code, given_day, product, person_id) WHERE verdict_code <> ''
;;
-- The outbox for people, without the pages of bytes that stand between a row's small columns.
CREATE INDEX bundles_lines ON bundles (epoch, sequence, kind, state, length(sealed), pass_id, created_at, offers,
    offered_at, problem)
;;
-- The manager reads the trail by kind of act, by person and by day.
CREATE INDEX audit_by_action ON audit (action, entry)
;;
CREATE INDEX audit_by_actor ON audit (actor, entry)
;;
CREATE INDEX audit_by_time ON audit (at, entry)
;;
-- Words of names, so that any of them finds the person: "an nguyen" as well as "nguyen van an".
CREATE VIRTUAL TABLE people_words USING fts5 (folded_name, content='people', content_rowid='person_id', prefix='1 2 3')
;;
INSERT INTO people_words (people_words) VALUES ('rebuild')
;;
CREATE TRIGGER people_words_add AFTER INSERT ON people BEGIN
    INSERT INTO people_words (rowid, folded_name) VALUES (NEW.person_id, NEW.folded_name);
END
;;
CREATE TRIGGER people_words_change AFTER UPDATE OF folded_name ON people WHEN NEW.folded_name <> OLD.folded_name BEGIN
    INSERT INTO people_words (people_words, rowid, folded_name) VALUES ('delete', OLD.person_id, OLD.folded_name);
    INSERT INTO people_words (rowid, folded_name) VALUES (NEW.person_id, NEW.folded_name);
END
"""

MIGRATION: Final = Migration(4, "site", _SQL)
