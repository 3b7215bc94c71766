"""Step 8: doses handed to a delegated signer, and those of other sites that this node signs as one.

delegations          who signs for whom, as the centre said last
handovers            a site: what it handed over, one bundle each
handed_doses         a site: each dose of them, and what became of it
delegated_signings   a site: what the hub signed, verified
site_handovers       a hub: what sites handed over, as their nodes signed it
site_doses           a hub: each dose of them
delegated_leaves     a hub: the leaves of its delegated batches, which are no doses of its own
carried_handovers    a hub: what its batch has to show to the centre
handed_back          both: doses that the hub does not sign, and why
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations import m0005_reports
from edge.store.migrations.migration import Migration, append_only, gap_free

# By whether the hub signed on the day of the injection, as the reports count own signatures.
_NAME: Final = (
    "CASE WHEN {day} = date(g.signed_at, 'unixepoch', '+7 hours') THEN 'same-day' ELSE 'later' END AS name, 0 AS number"
)
_SIGNED: Final = f"""
SELECT s.given_day AS given_day, 'signed' AS kind, {_NAME.format(day="s.given_day")}, count(*) AS doses
FROM handed_doses AS h JOIN delegated_signings AS g ON g.signing_id = h.signing_id
JOIN standings AS s ON s.sequence = h.sequence WHERE h.state = 'signed' GROUP BY 1, 2, 3, 4
"""
# What `report_counts` must hold from this step on.
REPORTS_DERIVED: Final = (
    "SELECT given_day, kind, name, number, sum(doses) FROM ("
    "SELECT given_day, kind, name, number, doses FROM ("
    "SELECT '' AS given_day, '' AS kind, '' AS name, 0 AS number, 0 AS doses WHERE 0 UNION ALL "
    f"{m0005_reports.DERIVED}) UNION ALL SELECT * FROM ({_SIGNED})) GROUP BY 1, 2, 3, 4"
)


def _counted(rows: str, sign: str) -> str:
    return (
        f"INSERT INTO report_counts SELECT given_day, 'signed', name, number, {sign}1 FROM ({rows}) WHERE 1"
        " ON CONFLICT DO UPDATE SET doses = doses + excluded.doses;"
    )


_NOW_SIGNED: Final = (
    f"SELECT s.given_day, {_NAME.format(day='s.given_day')} FROM standings AS s, delegated_signings AS g"
    " WHERE s.sequence = NEW.sequence AND g.signing_id = NEW.signing_id"
)
_REPLACED: Final = (
    f"SELECT OLD.given_day, {_NAME.format(day='OLD.given_day')} FROM handed_doses AS h"
    " JOIN delegated_signings AS g ON g.signing_id = h.signing_id WHERE h.sequence = OLD.sequence"
    " AND h.state = 'signed'"
)

_SQL: Final = f"""
-- Each list of the centre takes the place of the one before.
CREATE TABLE delegations (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    body BLOB NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT
;;
CREATE TABLE handovers (
    handover_id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    bundle INTEGER NOT NULL,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    delegation INTEGER NOT NULL,          -- by whose word the hub signs; of the list as it was
    hub TEXT NOT NULL,
    hub_name TEXT NOT NULL,
    hub_node TEXT NOT NULL,
    hub_key BLOB NOT NULL,                -- SubjectPublicKeyInfo DER: a file for a stick is sealed to it
    first_day TEXT NOT NULL,
    last_day TEXT NOT NULL,
    people INTEGER NOT NULL CHECK (people BETWEEN 1 AND 1000),
    doses INTEGER NOT NULL CHECK (doses BETWEEN 1 AND 3000),
    reason TEXT NOT NULL,
    asks_day TEXT NOT NULL,               -- '' unless it asks for one day
    handed_by TEXT NOT NULL,
    handed_at INTEGER NOT NULL,
    UNIQUE (epoch, bundle),
    FOREIGN KEY (epoch, bundle) REFERENCES bundles (epoch, sequence)
) STRICT
;;
{gap_free("handovers", "handover_id")}
;;
{append_only("handovers")}
;;
-- Statements of the hub over doses of this site; each was verified before it was kept.
CREATE TABLE delegated_signings (
    signing_id INTEGER PRIMARY KEY,
    handover_id INTEGER NOT NULL REFERENCES handovers,
    statement BLOB NOT NULL,
    secret BLOB NOT NULL CHECK (length(secret) = 32),
    sequences TEXT NOT NULL,              -- JSON: the doses in the order of their leaves
    columns BLOB NOT NULL,                -- the same doses as they were signed, packed by this node
    verdicts BLOB NOT NULL,               -- as the ledger entry binds them
    receipt BLOB NOT NULL,                -- the centre's answer to the hub's bundle
    signed_at INTEGER NOT NULL,           -- what the statement claims
    taken_at INTEGER NOT NULL,
    UNIQUE (handover_id, statement)      -- a batch over several handovers comes once for each
) STRICT
;;
{gap_free("delegated_signings", "signing_id")}
;;
{append_only("delegated_signings")}
;;
CREATE TABLE handed_doses (
    handover_id INTEGER NOT NULL REFERENCES handovers,
    place INTEGER NOT NULL,               -- of the dose in the bundle's columns, from 0
    sequence INTEGER NOT NULL REFERENCES doses,
    state TEXT NOT NULL CHECK (state IN ('handed', 'signed', 'back', 'refused')),
    signing_id INTEGER REFERENCES delegated_signings,
    verdict_state TEXT NOT NULL DEFAULT '' CHECK (verdict_state IN ('', 'admitted', 'quarantined', 'refused')),
    verdict_code TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (handover_id, place),
    CHECK ((state = 'signed') = (signing_id IS NOT NULL) AND (state = 'signed') = (verdict_state <> ''))
) STRICT, WITHOUT ROWID
;;
-- A dose version is with one hub at most.
CREATE UNIQUE INDEX handed_doses_once ON handed_doses (sequence) WHERE state IN ('handed', 'signed')
;;
CREATE INDEX handed_doses_by_dose ON handed_doses (sequence, handover_id)
;;
CREATE TRIGGER handed_doses_steps BEFORE UPDATE ON handed_doses
WHEN NOT (OLD.state = 'handed' AND NEW.state IN ('signed', 'back', 'refused') AND NEW.handover_id = OLD.handover_id
    AND NEW.place = OLD.place AND NEW.sequence = OLD.sequence)
BEGIN SELECT RAISE(ABORT, 'no such step of a dose that was handed over'); END
;;
CREATE TRIGGER handed_doses_no_delete BEFORE DELETE ON handed_doses
BEGIN SELECT RAISE(ABORT, 'what was handed over is kept'); END
;;
-- What one party may sign, the other may not: neither table takes a dose that is live in the other.
CREATE TRIGGER handed_doses_unsigned BEFORE INSERT ON handed_doses
WHEN EXISTS (SELECT 1 FROM pass_leaves WHERE sequence = NEW.sequence AND live = 1)
BEGIN SELECT RAISE(ABORT, 'a dose of a live batch is not handed over'); END
;;
CREATE TRIGGER pass_leaves_unhanded BEFORE INSERT ON pass_leaves
WHEN EXISTS (SELECT 1 FROM handed_doses WHERE sequence = NEW.sequence AND state IN ('handed', 'signed'))
BEGIN SELECT RAISE(ABORT, 'a dose that was handed over is not signed here'); END
;;
CREATE TRIGGER handed_doses_stand AFTER INSERT ON handed_doses BEGIN
    UPDATE standings SET stage = 'handed' WHERE sequence = NEW.sequence;
END
;;
CREATE TRIGGER handed_doses_stand_on AFTER UPDATE OF state ON handed_doses BEGIN
    UPDATE standings SET stage = CASE NEW.state WHEN 'signed' THEN 'receipted' ELSE '' END,
        verdict_state = NEW.verdict_state, verdict_code = NEW.verdict_code WHERE sequence = NEW.sequence;
END
;;
CREATE TRIGGER handed_doses_reported AFTER UPDATE OF state ON handed_doses WHEN NEW.state = 'signed' BEGIN
    {_counted(_NOW_SIGNED, "")}
END
;;
CREATE TRIGGER standings_delegated_less AFTER DELETE ON standings WHEN OLD.stage = 'receipted' BEGIN
    {_counted(_REPLACED, "-")}
END
;;
CREATE TABLE site_handovers (
    handover_id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    site TEXT NOT NULL,
    site_name TEXT NOT NULL,
    node TEXT NOT NULL,
    delegation INTEGER NOT NULL,
    inner_bytes BLOB NOT NULL,            -- signed by the site's node; verified before it was kept
    first_day TEXT NOT NULL,
    last_day TEXT NOT NULL,
    people INTEGER NOT NULL,
    doses INTEGER NOT NULL,
    reason TEXT NOT NULL,
    asks_day TEXT NOT NULL,
    handed_at INTEGER NOT NULL,           -- by the site's clock
    taken_at INTEGER NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('feed', 'file')),
    confirmed_at INTEGER,                 -- when the centre sent it too: before, a batch carries it along
    CHECK (way = 'file' OR confirmed_at IS NOT NULL)
) STRICT
;;
{gap_free("site_handovers", "handover_id")}
;;
CREATE TRIGGER site_handovers_fixed BEFORE UPDATE OF handover_id, digest, site, site_name, node, delegation,
    inner_bytes, first_day, last_day, people, doses, reason, asks_day, handed_at, taken_at, way ON site_handovers
BEGIN SELECT RAISE(ABORT, 'what a site handed over is fixed'); END
;;
CREATE TRIGGER site_handovers_no_delete BEFORE DELETE ON site_handovers
BEGIN SELECT RAISE(ABORT, 'handovers are kept'); END
;;
CREATE TABLE site_doses (
    handover_id INTEGER NOT NULL REFERENCES site_handovers,
    place INTEGER NOT NULL,
    node TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    given_day TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'back', 'replaced')),
    dose BLOB NOT NULL,                   -- encoded as it stands under the root
    PRIMARY KEY (handover_id, place)
) STRICT, WITHOUT ROWID
;;
CREATE UNIQUE INDEX site_doses_waiting ON site_doses (node, sequence) WHERE state = 'waiting'
;;
CREATE INDEX site_doses_by_dose ON site_doses (node, sequence)
;;
CREATE TRIGGER site_doses_steps BEFORE UPDATE ON site_doses
WHEN NOT (NEW.handover_id = OLD.handover_id AND NEW.place = OLD.place AND NEW.node = OLD.node
    AND NEW.sequence = OLD.sequence AND NEW.dose = OLD.dose
    AND ((OLD.state = 'waiting' AND NEW.state IN ('taken', 'back', 'replaced'))
        OR (OLD.state IN ('taken', 'back') AND NEW.state IN ('waiting', 'replaced'))))
BEGIN SELECT RAISE(ABORT, 'no such step of a dose of another site'); END
;;
CREATE TRIGGER site_doses_no_delete BEFORE DELETE ON site_doses
BEGIN SELECT RAISE(ABORT, 'doses of other sites are kept'); END
;;
CREATE TABLE delegated_leaves (
    pass_id INTEGER NOT NULL REFERENCES passes,
    position INTEGER NOT NULL,            -- 0 for the first dose, as in pass_leaves
    handover_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    node TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    verdict_state TEXT NOT NULL DEFAULT '' CHECK (verdict_state IN ('', 'admitted', 'quarantined', 'refused')),
    verdict_code TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (pass_id, position),
    FOREIGN KEY (handover_id, place) REFERENCES site_doses (handover_id, place)
) STRICT, WITHOUT ROWID
;;
-- A dose version of another site is a leaf of at most one live batch too.
CREATE UNIQUE INDEX delegated_leaves_once ON delegated_leaves (node, sequence) WHERE live = 1
;;
CREATE INDEX delegated_leaves_by_handover ON delegated_leaves (handover_id, place)
;;
CREATE TRIGGER delegated_leaves_steps BEFORE UPDATE ON delegated_leaves
WHEN NOT (OLD.live = 1 AND OLD.verdict_state = '' AND NEW.pass_id = OLD.pass_id AND NEW.position = OLD.position
    AND NEW.handover_id = OLD.handover_id AND NEW.place = OLD.place AND NEW.node = OLD.node
    AND NEW.sequence = OLD.sequence AND (NEW.live = 0) = (NEW.verdict_state = ''))
BEGIN SELECT RAISE(ABORT, 'a leaf is only ever released or judged'); END
;;
CREATE TRIGGER delegated_leaves_no_delete BEFORE DELETE ON delegated_leaves
BEGIN SELECT RAISE(ABORT, 'leaves are kept'); END
;;
CREATE TRIGGER delegated_leaves_take AFTER INSERT ON delegated_leaves BEGIN
    UPDATE site_doses SET state = 'taken' WHERE handover_id = NEW.handover_id AND place = NEW.place;
END
;;
-- Free again, unless the site has sent a newer version or the same one anew meanwhile.
CREATE TRIGGER delegated_leaves_free AFTER UPDATE OF live ON delegated_leaves WHEN NEW.live = 0 BEGIN
    UPDATE site_doses SET state = CASE WHEN EXISTS (
            SELECT 1 FROM site_doses AS n WHERE n.node = NEW.node AND n.sequence = NEW.sequence AND n.state = 'waiting')
        THEN 'replaced' ELSE 'waiting' END
        WHERE handover_id = NEW.handover_id AND place = NEW.place;
END
;;
-- Handovers that came by stick alone travel along with the batch: the centre may not have them yet.
CREATE TABLE carried_handovers (
    pass_id INTEGER NOT NULL REFERENCES passes,
    handover_id INTEGER NOT NULL REFERENCES site_handovers,
    PRIMARY KEY (pass_id, handover_id)
) STRICT, WITHOUT ROWID
;;
{append_only("carried_handovers")}
;;
-- Doses that the hub does not sign. `is_ours`: this node is the hub that hands back, and the bundle its own.
CREATE TABLE handed_back (
    back_id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    is_ours INTEGER NOT NULL CHECK (is_ours IN (0, 1)),
    sequences TEXT NOT NULL,              -- JSON
    reason TEXT NOT NULL,
    said_by TEXT NOT NULL,
    said_at INTEGER NOT NULL,
    epoch INTEGER,
    bundle INTEGER,
    FOREIGN KEY (epoch, bundle) REFERENCES bundles (epoch, sequence),
    CHECK ((is_ours = 1) = (bundle IS NOT NULL))
) STRICT
;;
CREATE INDEX handed_back_by_digest ON handed_back (digest)
;;
{append_only("handed_back")}
"""

MIGRATION: Final = Migration(8, "handovers", _SQL)
