"""Step 17: what this node asked the centre about people, and what it answered.

A question stands in one bundle, and has at most one answer. `is_current` says whether the person's data still are those
asked about: the store itself takes it back with a change of one of the four fields.
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

_SQL: Final = """
CREATE TABLE questions (
    reference INTEGER PRIMARY KEY CHECK (reference BETWEEN 1 AND 2147483647),
    person_id INTEGER NOT NULL REFERENCES people,
    digest BLOB NOT NULL CHECK (length(digest) = 32),  -- of the four fields as they were asked about
    times INTEGER NOT NULL CHECK (times > 0),          -- how often they were, this time included
    epoch INTEGER NOT NULL,
    bundle INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    is_current INTEGER NOT NULL DEFAULT 1 CHECK (is_current IN (0, 1)),
    answer TEXT NOT NULL DEFAULT '' CHECK (answer IN ('', 'matched', 'name-differs', 'birth-date-differs',
        'sex-differs', 'number-differs', 'several-differ', 'unknown')),
    answered_at INTEGER,                  -- when the centre asked the registry, by its clock
    item INTEGER REFERENCES feed_items (number),
    is_settled INTEGER NOT NULL DEFAULT 0 CHECK (is_settled IN (0, 1)),  -- what the answer does here is done
    FOREIGN KEY (epoch, bundle) REFERENCES bundles (epoch, sequence),
    CHECK ((answer = '') = (answered_at IS NULL) AND (answer = '') = (item IS NULL)),
    CHECK (is_settled = 0 OR answer <> '')
) STRICT
;;
CREATE INDEX questions_by_person ON questions (person_id, reference)
;;
CREATE INDEX questions_by_bundle ON questions (epoch, bundle)
;;
CREATE INDEX questions_by_time ON questions (asked_at)
;;
CREATE INDEX questions_open ON questions (asked_at, reference) WHERE answer = '' AND is_current = 1
;;
CREATE TRIGGER questions_fixed BEFORE UPDATE ON questions
WHEN (OLD.reference, OLD.person_id, OLD.digest, OLD.times, OLD.epoch, OLD.bundle, OLD.asked_at, OLD.asked_by) IS NOT
    (NEW.reference, NEW.person_id, NEW.digest, NEW.times, NEW.epoch, NEW.bundle, NEW.asked_at, NEW.asked_by)
    OR (OLD.answer <> '' AND (OLD.answer, OLD.answered_at, OLD.item) IS NOT (NEW.answer, NEW.answered_at, NEW.item))
    OR NEW.is_settled < OLD.is_settled
BEGIN SELECT RAISE(ABORT, 'a question is fixed, and is answered once'); END
;;
CREATE TRIGGER questions_no_delete BEFORE DELETE ON questions
BEGIN SELECT RAISE(ABORT, 'questions are kept'); END
;;
CREATE TRIGGER people_ask_anew AFTER UPDATE OF name, sex, birth_date, number ON people
WHEN (OLD.name, OLD.sex, OLD.birth_date, OLD.number) IS NOT (NEW.name, NEW.sex, NEW.birth_date, NEW.number)
BEGIN UPDATE questions SET is_current = 0 WHERE person_id = NEW.person_id AND is_current = 1; END
"""

MIGRATION: Final = Migration(17, "questions", _SQL)
