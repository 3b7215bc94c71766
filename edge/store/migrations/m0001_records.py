"""Step 1: the node itself, its signed sets, people, identity checks, doses, imports, the audit trail."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only, gap_free

_PARTS: Final = (
    """
CREATE TABLE node (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    node TEXT NOT NULL,
    facility TEXT NOT NULL,
    facility_name TEXT NOT NULL,
    centre_url TEXT NOT NULL,
    epoch INTEGER NOT NULL,               -- 0 until the centre has answered
    node_key BLOB NOT NULL,               -- PKCS #8 DER, P-256: signs bundles
    opening_key BLOB NOT NULL,            -- PKCS #8 DER, P-256: opens what is sealed to this node
    publisher_key BLOB NOT NULL,          -- SubjectPublicKeyInfo DER, as enrolled
    sealing_key BLOB NOT NULL,            -- SubjectPublicKeyInfo DER: the centre's
    ledger_key BLOB NOT NULL,             -- SubjectPublicKeyInfo DER: the centre's
    enrolment_file BLOB NOT NULL,
    request BLOB NOT NULL,                -- signed by the node key
    sealed_request BLOB NOT NULL,         -- the same, sealed to the centre: made once, sent as often as needed
    request_digest BLOB NOT NULL CHECK (length(request_digest) = 32),
    requested_at INTEGER NOT NULL,
    enrolled_at INTEGER                   -- NULL until the centre's answer was verified
) STRICT
;;
CREATE TABLE signed_sets (
    kind TEXT NOT NULL CHECK (kind IN ('catalogue', 'trust-list')),
    version INTEGER NOT NULL,
    cose BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    imported_at INTEGER NOT NULL,
    PRIMARY KEY (kind, version)
) STRICT""",
    append_only("signed_sets"),
    """
CREATE TABLE population_pack (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL,
    pack_key BLOB NOT NULL,
    people INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT
;;
-- Sorted tags of one kind that begin with one byte, end to end: a look-up reads some 5 KB and bisects.
CREATE TABLE population_tags (
    kind INTEGER NOT NULL,
    first_byte INTEGER NOT NULL CHECK (first_byte BETWEEN 0 AND 255),
    tags BLOB NOT NULL,
    PRIMARY KEY (kind, first_byte)
) STRICT, WITHOUT ROWID
;;
CREATE TABLE people (
    person_id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL DEFAULT 1,
    name TEXT NOT NULL,
    family_name TEXT,                     -- only where it is not the first token of the name
    folded_name TEXT NOT NULL,
    sex TEXT NOT NULL CHECK (sex IN ('M', 'F')),
    birth_date TEXT NOT NULL,             -- YYYY-MM-DD or YYYY
    paper TEXT NOT NULL CHECK (paper IN ('cccd', 'cmnd', 'passport', 'none')),
    number TEXT NOT NULL,
    nationality TEXT NOT NULL,
    phone TEXT NOT NULL,
    address_unit TEXT NOT NULL,
    guardian TEXT NOT NULL,
    group_code INTEGER NOT NULL,
    identity_state TEXT NOT NULL
        CHECK (identity_state IN ('matched', 'mismatch', 'malformed', 'no_number', 'waiting', 'vouched')),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT
;;
CREATE INDEX people_by_number ON people (number) WHERE number <> ''
;;
CREATE INDEX people_by_name ON people (folded_name, birth_date)
;;
CREATE INDEX people_by_phone ON people (phone) WHERE phone <> ''
;;
CREATE INDEX people_by_state ON people (identity_state, person_id)
;;
CREATE TABLE person_versions (
    person_id INTEGER NOT NULL REFERENCES people,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    family_name TEXT,
    sex TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    paper TEXT NOT NULL,
    number TEXT NOT NULL,
    nationality TEXT NOT NULL,
    phone TEXT NOT NULL,
    address_unit TEXT NOT NULL,
    guardian TEXT NOT NULL,
    group_code INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (person_id, revision)
) STRICT, WITHOUT ROWID
;;
-- What a person was before a change is kept by the store itself, not by the good will of its callers.
CREATE TRIGGER people_keep_version BEFORE UPDATE OF revision ON people BEGIN
    INSERT INTO person_versions VALUES (OLD.person_id, OLD.revision, OLD.name, OLD.family_name, OLD.sex, OLD.birth_date,
        OLD.paper, OLD.number, OLD.nationality, OLD.phone, OLD.address_unit, OLD.guardian, OLD.group_code,
        OLD.changed_at, OLD.changed_by);
END
;;
CREATE TRIGGER people_next_revision BEFORE UPDATE OF name, family_name, sex, birth_date, paper, number, nationality,
    phone, address_unit, guardian, group_code ON people WHEN NEW.revision <> OLD.revision + 1
BEGIN SELECT RAISE(ABORT, 'a change of a person is a new revision'); END
;;
CREATE TRIGGER people_no_delete BEFORE DELETE ON people BEGIN SELECT RAISE(ABORT, 'people are kept'); END""",
    append_only("person_versions"),
    """
CREATE TABLE identity_checks (
    check_id INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES people,
    revision INTEGER NOT NULL,            -- the person's revision that was checked
    state TEXT NOT NULL CHECK (state IN ('matched', 'mismatch', 'malformed', 'no_number', 'waiting', 'vouched')),
    source TEXT NOT NULL CHECK (source IN ('pack', 'answer', 'vouched')),
    reference TEXT NOT NULL,
    field TEXT NOT NULL,                  -- which field differs, '' unless state is mismatch
    checked_at INTEGER NOT NULL,
    checked_by TEXT NOT NULL
) STRICT
;;
CREATE INDEX identity_checks_by_person ON identity_checks (person_id, check_id)""",
    append_only("identity_checks"),
    gap_free("identity_checks", "check_id"),
    """
CREATE TABLE doses (
    sequence INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES people,
    product TEXT NOT NULL,
    lot TEXT NOT NULL,
    lot_expiry TEXT NOT NULL,             -- YYYY-MM-DD or ''
    dose_number INTEGER NOT NULL CHECK (dose_number BETWEEN 1 AND 9),
    dose_total INTEGER NOT NULL CHECK (dose_total BETWEEN dose_number AND 9),
    given_at INTEGER NOT NULL,
    given_day TEXT NOT NULL,              -- the local day of given_at
    recorded_at INTEGER NOT NULL,
    vaccinator TEXT NOT NULL,
    station TEXT NOT NULL,
    reaction TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    late_reason TEXT NOT NULL,
    replaces INTEGER REFERENCES doses (sequence) CHECK (replaces < sequence),
    replace_reason TEXT NOT NULL,
    submission TEXT NOT NULL UNIQUE,      -- made by the client: a second submit finds the first
    CHECK ((replaces IS NULL) = (replace_reason = ''))
) STRICT
;;
-- A version is replaced once at most. Few rows replace another, so the index costs a plain dose nothing.
CREATE UNIQUE INDEX doses_by_replaced ON doses (replaces) WHERE replaces IS NOT NULL
;;
CREATE INDEX doses_by_person ON doses (person_id, dose_number)
;;
CREATE INDEX doses_by_day ON doses (given_day, sequence)""",
    append_only("doses"),
    gap_free("doses", "sequence"),
    """
-- The newest version of each dose: what no other one replaces.
CREATE VIEW live_doses AS
    SELECT * FROM doses AS d WHERE NOT EXISTS (SELECT 1 FROM doses AS r WHERE r.replaces = d.sequence)
;;
CREATE TABLE imports (
    import_id INTEGER PRIMARY KEY,
    file_digest BLOB NOT NULL UNIQUE CHECK (length(file_digest) = 32),
    started_at INTEGER NOT NULL,
    started_by TEXT NOT NULL
) STRICT
;;
CREATE TABLE import_rows (
    import_id INTEGER NOT NULL REFERENCES imports,
    row_number INTEGER NOT NULL,
    sequence INTEGER NOT NULL REFERENCES doses,
    PRIMARY KEY (import_id, row_number)
) STRICT, WITHOUT ROWID""",
    append_only("import_rows"),
    """
CREATE TABLE audit (
    entry INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT""",
    append_only("audit"),
    gap_free("audit", "entry"),
)

MIGRATION: Final = Migration(1, "records", "\n;;\n".join(_PARTS))
