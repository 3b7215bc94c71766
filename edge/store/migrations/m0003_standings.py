"""Step 3: where each dose stands, kept by the store itself, and how many stand where.

Both tables are derived: triggers write them in the transaction that changes a dose, a person, a leaf, a bundle or a
verdict, and `check` recomputes them. Pages read some rows of them where they would have to join six tables.
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

# What a count is kept of; also the order of the columns in `tallies`.
_KEY: Final = (
    "given_day",
    "product",
    "lot",
    "identity_state",
    "is_late",
    "is_correction",
    "stage",
    "verdict_state",
    "verdict_code",
)


def _more(row: str) -> str:
    """One more of the kind of `row`, which is NEW."""
    values = ", ".join(f"{row}.{name}" for name in _KEY)
    return f"INSERT INTO tallies VALUES ({values}, 1) ON CONFLICT DO UPDATE SET doses = doses + 1;"


def _less(row: str) -> str:
    """One less of the kind of `row`, which is OLD."""
    where = " AND ".join(f"{name} = {row}.{name}" for name in _KEY)
    return f"UPDATE tallies SET doses = doses - 1 WHERE {where};"


# A dose in no live batch has the stage ''; one in a pass that is not sealed 'open'; then the state of its bundle.
_FILL: Final = """
INSERT INTO standings
SELECT d.sequence, d.person_id, d.given_day, d.given_at, d.product, d.lot, p.identity_state, d.late_reason <> '',
    d.replaces IS NOT NULL, CASE WHEN l.sequence IS NULL THEN '' ELSE coalesce(b.state, 'open') END,
    coalesce(v.state, ''), coalesce(v.code, '')
FROM live_doses AS d
JOIN people AS p ON p.person_id = d.person_id
LEFT JOIN pass_leaves AS l ON l.sequence = d.sequence AND l.live = 1
LEFT JOIN bundles AS b ON b.pass_id = l.pass_id
LEFT JOIN verdicts AS v ON v.epoch = b.epoch AND v.bundle = b.sequence AND v.dose = d.sequence
"""

_SQL: Final = f"""
CREATE TABLE standings (
    sequence INTEGER PRIMARY KEY REFERENCES doses,
    person_id INTEGER NOT NULL,
    given_day TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    product TEXT NOT NULL,
    lot TEXT NOT NULL,
    identity_state TEXT NOT NULL,
    is_late INTEGER NOT NULL,
    is_correction INTEGER NOT NULL,
    stage TEXT NOT NULL,
    verdict_state TEXT NOT NULL,
    verdict_code TEXT NOT NULL
) STRICT
;;
CREATE TABLE tallies (
    {", ".join(f"{name} {'INTEGER' if name.startswith('is_') else 'TEXT'} NOT NULL" for name in _KEY)},
    doses INTEGER NOT NULL CHECK (doses >= 0),
    PRIMARY KEY ({", ".join(_KEY)})
) STRICT, WITHOUT ROWID
;;
CREATE TRIGGER standings_counted AFTER INSERT ON standings BEGIN {_more("NEW")} END
;;
CREATE TRIGGER standings_counted_less AFTER DELETE ON standings BEGIN {_less("OLD")} END
;;
CREATE TRIGGER standings_moved AFTER UPDATE ON standings BEGIN {_less("OLD")} {_more("NEW")} END
;;
{_FILL.strip()}
;;
CREATE INDEX standings_by_day ON standings (given_day, sequence)
;;
CREATE INDEX standings_by_person ON standings (person_id)
;;
-- What could be signed, and what keeps the rest from it; with all that the signing desk's list is sorted out by.
CREATE INDEX standings_unsigned ON standings
    (given_day, identity_state, product, sequence, given_at, is_late, is_correction, person_id) WHERE stage = ''
;;
-- What the centre sent back.
CREATE INDEX standings_returned ON standings (verdict_code, sequence) WHERE verdict_code <> ''
;;
CREATE TRIGGER doses_stand AFTER INSERT ON doses BEGIN
    DELETE FROM standings WHERE sequence = NEW.replaces;
    INSERT INTO standings SELECT NEW.sequence, NEW.person_id, NEW.given_day, NEW.given_at, NEW.product, NEW.lot,
        p.identity_state, NEW.late_reason <> '', NEW.replaces IS NOT NULL, '', '', ''
        FROM people AS p WHERE p.person_id = NEW.person_id;
END
;;
CREATE TRIGGER people_stand AFTER UPDATE OF identity_state ON people WHEN NEW.identity_state <> OLD.identity_state BEGIN
    UPDATE standings SET identity_state = NEW.identity_state WHERE person_id = NEW.person_id;
END
;;
CREATE TRIGGER pass_leaves_stand AFTER INSERT ON pass_leaves WHEN NEW.live = 1 BEGIN
    UPDATE standings SET stage = 'open' WHERE sequence = NEW.sequence;
END
;;
CREATE TRIGGER pass_leaves_stand_free AFTER UPDATE OF live ON pass_leaves WHEN NEW.live = 0 BEGIN
    UPDATE standings SET stage = '', verdict_state = '', verdict_code = '' WHERE sequence = NEW.sequence;
END
;;
CREATE TRIGGER bundles_stand AFTER INSERT ON bundles WHEN NEW.pass_id IS NOT NULL BEGIN
    UPDATE standings SET stage = NEW.state
        WHERE sequence IN (SELECT l.sequence FROM pass_leaves AS l WHERE l.pass_id = NEW.pass_id AND l.live = 1);
END
;;
CREATE TRIGGER bundles_stand_on AFTER UPDATE OF state ON bundles
WHEN NEW.pass_id IS NOT NULL AND NEW.state <> OLD.state BEGIN
    UPDATE standings SET stage = NEW.state
        WHERE sequence IN (SELECT l.sequence FROM pass_leaves AS l WHERE l.pass_id = NEW.pass_id AND l.live = 1);
END
;;
CREATE TRIGGER verdicts_stand AFTER INSERT ON verdicts BEGIN
    UPDATE standings SET verdict_state = NEW.state, verdict_code = NEW.code
        WHERE sequence = NEW.dose AND stage <> '';
END
"""

MIGRATION: Final = Migration(3, "standings", _SQL)
