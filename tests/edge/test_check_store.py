"""`check` finds each kind of damage from the bytes, and nothing in a store that nobody touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict, VerdictState
from tests.edge.station import Station, make_station


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Two delivered bundles, one of them refused, one that waits."""
    made = make_station(tmp_path)
    made.centre.judge = lambda dose: (
        Verdict(VerdictState.QUARANTINED, Code.DOSE_ORDER) if dose.sequence == 2 else Verdict(VerdictState.ADMITTED)
    )
    for refusal in (None, Code.CERTIFICATE_UNREGISTERED):
        made.record(3)
        made.sign()
        made.centre.refuse = [refusal]
        exchange(made.database, made.centre, now=made.clock.now, entropy=made.entropy)
    made.record(3)
    made.sign()
    return made


def test_a_store_that_nobody_touched_has_no_findings(station: Station) -> None:
    report = check_store(station.database)
    assert report.findings == ()
    assert (report.passes, report.bundles, report.receipts) == (3, 3, 2)
    assert report.doses == 12


DAMAGES = {
    "a byte of a statement": (
        "passes",
        "UPDATE passes SET statement = unhex(substr(hex(statement), 1, 2 * length(statement) - 2) || 'ff')"
        " WHERE pass_id = 1",
        {"pass:1", "pass:2", "bundle:1/1"},
    ),
    "a byte of the packed doses": (
        "passes",
        "UPDATE passes SET columns = unhex(substr(hex(columns), 1, 2 * length(columns) - 2) || 'ff') WHERE pass_id = 3",
        {"pass:3", "bundle:1/3"},
    ),
    "a leaf that is another dose": (
        "pass_leaves",
        "UPDATE pass_leaves SET sequence = 2 WHERE pass_id = 2 AND position = 0",
        {"pass:2"},
    ),
    "a leaf that is free in a live batch": (
        "pass_leaves",
        "UPDATE pass_leaves SET live = 0 WHERE pass_id = 1 AND position = 1",
        {"pass:1", "derived"},
    ),
    "a bundle of other bytes": (
        "bundles",
        "UPDATE bundles SET inner_bytes = (SELECT inner_bytes FROM bundles WHERE sequence = 1) WHERE sequence = 3",
        {"bundle:1/3"},
    ),
    "a digest": ("bundles", "UPDATE bundles SET digest = zeroblob(32) WHERE sequence = 3", {"bundle:1/3"}),
    "a receipt of another bundle": (
        "receipts",
        "UPDATE receipts SET answer = (SELECT answer FROM receipts WHERE sequence = 1) WHERE sequence = 2",
        {"receipt:1/2"},
    ),
    "a receipt that is gone": (
        "receipts",
        "DELETE FROM receipts WHERE sequence = 2",
        {"receipt:1/2"},
    ),
    "a refusal called admitted": (
        "receipts",
        "UPDATE receipts SET outcome = 'admitted' WHERE sequence = 2",
        {"receipt:1/2"},
    ),
    "a verdict made better": (
        "verdicts",
        "UPDATE verdicts SET state = 'admitted', code = '' WHERE dose = 2",
        {"receipt:1/1", "derived"},
    ),
    "a dose that is said to stand elsewhere": (
        "standings",
        "UPDATE standings SET identity_state = 'malformed' WHERE sequence = 1",
        {"derived"},
    ),
    "a count that is one too high": (
        "tallies",
        "UPDATE tallies SET doses = doses + 1 WHERE doses = (SELECT max(doses) FROM tallies)",
        {"derived"},
    ),
    "a head with another root": (
        "receipts",
        "UPDATE receipts SET head_size = 2, head_root = zeroblob(32) WHERE sequence = 2",
        {"receipt:1/2", "head:1/2"},
    ),
    "an audit entry": ("audit", "UPDATE audit SET details = '4 doses' WHERE entry = 1", {"audit"}),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_each_damage_is_found_where_it_is(station: Station, damage: str) -> None:
    table, statement, subjects = DAMAGES[damage]
    with station.database.write_transaction() as tables:
        # A person with the passphrase can take triggers away; what the bytes prove is left.
        names = tables.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", (table,))
        for (name,) in names.fetchall():
            tables.execute(f"DROP TRIGGER {name}")
        tables.execute("PRAGMA defer_foreign_keys = 1")
        assert tables.execute(statement).rowcount == 1
        tables.execute("DELETE FROM verdicts WHERE bundle NOT IN (SELECT sequence FROM receipts)")
    assert {finding.subject for finding in check_store(station.database).findings} == subjects


def test_a_dose_in_two_live_batches_is_found_although_the_index_is_gone(station: Station) -> None:
    with station.database.write_transaction() as tables:
        tables.execute("DROP INDEX pass_leaves_once")
        tables.execute("DROP TRIGGER pass_leaves_only_released")
        tables.execute("UPDATE pass_leaves SET sequence = 1 WHERE pass_id = 3 AND position = 0")
    subjects = {finding.subject for finding in check_store(station.database).findings}
    assert {"dose:1", "pass:3"} <= subjects


def test_a_flipped_byte_of_the_file_is_found(station: Station) -> None:
    with station.database.write_transaction() as tables:
        tables.execute("CREATE TABLE padding (content BLOB) STRICT")
        tables.execute("INSERT INTO padding VALUES (zeroblob(40000))")
        tables.execute("DELETE FROM padding")
    station.database.tables().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    station.database.close()
    data = bytearray(station.database.path.read_bytes())
    data[-100] ^= 1
    station.database.path.write_bytes(data)
    assert "file" in {finding.subject for finding in check_store(station.database).findings}
