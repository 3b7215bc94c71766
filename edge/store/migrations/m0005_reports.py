"""Step 5: what the reports count of each day, kept by the store itself, and the orders in which they read.

`report_counts` is derived like `tallies`: triggers write it in the transaction that changes a dose, a person, a pass or
a bundle, and `check` recomputes it. Three months of reports are then some thousand rows, however many doses there were.

    kind     name                     number
    dose     product                  the dose's number in the series
    hour     ''                       local hour of the injection, 0 … 23
    sex      F, M                     0
    age      ''                       full years on the day of the injection
    signed   same-day, later          0; only doses that a sealed bundle carries
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

# The dose `s` of `standings` with its row `d` and its person `p`, once for each kind that every dose has.
_KINDS: Final = """
SELECT {day} AS given_day, k.kind AS kind,
    CASE k.kind WHEN 'dose' THEN {product} WHEN 'sex' THEN {sex} ELSE '' END AS name,
    CASE k.kind WHEN 'dose' THEN {dose_number} WHEN 'hour' THEN ({given_at} + 25200) / 3600 % 24
        WHEN 'age' THEN {age} ELSE 0 END AS number
"""
_ALL_KINDS: Final = "(SELECT 'dose' AS kind UNION ALL SELECT 'hour' UNION ALL SELECT 'sex' UNION ALL SELECT 'age') AS k"
_PERSON_KINDS: Final = "(SELECT 'sex' AS kind UNION ALL SELECT 'age') AS k"


def _age(day: str, born: str) -> str:
    """Full years; a person of whom only the year is known has had the birthday. An impossible day gives 0."""
    return (
        f"max(0, CAST(substr({day}, 1, 4) AS INTEGER) - CAST(substr({born}, 1, 4) AS INTEGER)"
        f" - (length({born}) = 10 AND substr({day}, 6) < substr({born}, 6)))"
    )


def _kinds(standing: str, person: str) -> str:
    return _KINDS.format(
        day=f"{standing}.given_day",
        given_at=f"{standing}.given_at",
        product=f"{standing}.product",
        dose_number="d.dose_number",
        sex=f"{person}.sex",
        age=_age(f"{standing}.given_day", f"{person}.birth_date"),
    )


def _change(rows: str, sign: str) -> str:
    """Add the number of the rows, or take it away: `rows` gives given_day, kind, name, number, doses."""
    return (
        f"INSERT INTO report_counts SELECT given_day, kind, name, number, {sign}doses FROM ({rows}) WHERE 1"
        " ON CONFLICT DO UPDATE SET doses = doses + excluded.doses;"
    )


def _one(standing: str) -> str:
    """The rows of one dose that is NEW or OLD in `standings`."""
    return (
        f"SELECT *, 1 AS doses FROM ({_kinds(standing, 'p')} FROM doses AS d JOIN people AS p"
        f" ON p.person_id = d.person_id, {_ALL_KINDS} WHERE d.sequence = {standing}.sequence)"
    )


def _of_person(person: str) -> str:
    """The rows of all doses of the person who is NEW or OLD."""
    return (
        f"SELECT *, count(*) AS doses FROM ({_kinds('s', person)} FROM standings AS s JOIN doses AS d"
        f" ON d.sequence = s.sequence, {_PERSON_KINDS} WHERE s.person_id = {person}.person_id)"
        " GROUP BY given_day, kind, name, number"
    )


# The doses of passes as they were signed; `standings` leaves out what a correction has replaced since.
_SIGNED: Final = """
SELECT s.given_day AS given_day, 'signed' AS kind,
    CASE WHEN s.given_day = date(a.signed_at, 'unixepoch', '+7 hours') THEN 'same-day' ELSE 'later' END AS name,
    0 AS number, count(*) AS doses
FROM pass_leaves AS l JOIN passes AS a ON a.pass_id = l.pass_id JOIN standings AS s ON s.sequence = l.sequence
WHERE {which} GROUP BY 1, 2, 3, 4
"""
_REPLACED: Final = """
SELECT OLD.given_day AS given_day, 'signed' AS kind,
    CASE WHEN OLD.given_day = date(a.signed_at, 'unixepoch', '+7 hours') THEN 'same-day' ELSE 'later' END AS name,
    0 AS number, 1 AS doses
FROM pass_leaves AS l JOIN passes AS a ON a.pass_id = l.pass_id
WHERE l.sequence = OLD.sequence AND l.live = 1
"""
_FILL: Final = (
    f"SELECT given_day, kind, name, number, count(*) FROM ({_kinds('s', 'p')} FROM standings AS s"
    f" JOIN doses AS d ON d.sequence = s.sequence JOIN people AS p ON p.person_id = s.person_id, {_ALL_KINDS})"
    " GROUP BY 1, 2, 3, 4"
)
_FILL_SIGNED: Final = _SIGNED.format(which="l.live = 1 AND s.stage NOT IN ('', 'open')")

# What `report_counts` must hold, from the tables that it is derived from.
DERIVED: Final = f"{_FILL} UNION ALL SELECT * FROM ({_FILL_SIGNED})"

_SQL: Final = f"""
CREATE TABLE report_counts (
    given_day TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('dose', 'hour', 'sex', 'age', 'signed')),
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    doses INTEGER NOT NULL,
    PRIMARY KEY (given_day, kind, name, number)
) STRICT, WITHOUT ROWID
;;
INSERT INTO report_counts {DERIVED}
;;
CREATE TRIGGER standings_reported AFTER INSERT ON standings BEGIN {_change(_one("NEW"), "")} END
;;
CREATE TRIGGER standings_reported_less AFTER DELETE ON standings BEGIN {_change(_one("OLD"), "-")} END
;;
CREATE TRIGGER standings_signed_less AFTER DELETE ON standings WHEN OLD.stage NOT IN ('', 'open') BEGIN
    {_change(_REPLACED, "-")}
END
;;
CREATE TRIGGER people_reported AFTER UPDATE OF sex, birth_date ON people
WHEN NEW.sex <> OLD.sex OR NEW.birth_date <> OLD.birth_date BEGIN
    {_change(_of_person("OLD"), "-")}
    {_change(_of_person("NEW"), "")}
END
;;
CREATE TRIGGER bundles_reported AFTER INSERT ON bundles WHEN NEW.pass_id IS NOT NULL BEGIN
    {_change(_SIGNED.format(which="l.pass_id = NEW.pass_id AND l.live = 1"), "")}
END
;;
-- Before the leaves are free: the pass still says whose they were.
CREATE TRIGGER passes_reported_less BEFORE UPDATE OF state ON passes
WHEN OLD.state = 'sealed' AND NEW.state = 'released' BEGIN
    {_change(_SIGNED.format(which="l.pass_id = NEW.pass_id AND l.live = 1"), "-")}
END
;;
-- Lots are compared with vials out of this index alone.
CREATE INDEX vials_for_reports ON vials (day, product, lot, doses) WHERE state <> 'withdrawn'
;;
-- The rows of bundles hold their bytes: to look through them for a day would read the whole outbox.
CREATE INDEX bundles_for_reports ON bundles (created_at)
"""

MIGRATION: Final = Migration(5, "reports", _SQL)
