"""`check` is silent about a sound centre, and names every planted corruption."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from central.store.database import lock_ledger, write_transaction
from central.store.tables import APPEND_ONLY
from central.store.verdict_changes import change_verdicts
from central.workflow.centre_status import centre_status
from central.workflow.check_centre import check_centre
from sync_protocol.verdict import ADMITTED
from tests.central.scenario import EVENING, World


@pytest.fixture
def busy(world: World) -> World:
    """A centre with two sites' bundles: admitted, quarantined, refused."""
    here, there = world.site(), world.site("19002", "19002A")
    doses = [*here.doses(range(5)), here.dose(6, product="ZZ")]
    world.know(doses)
    here.send(doses)
    here.send_inner(here.link(b"not a batch"))
    there.send([there.dose(1), there.dose(40)])
    return world


def test_a_sound_centre_checks_out(busy: World) -> None:
    report = check_centre(busy.centre.engine)
    assert report.findings == ()
    assert (report.entries, report.bundles, report.doses) == (4, 3, 8)


def sql(statement: str) -> Callable[[Connection], None]:
    def run(connection: Connection) -> None:
        assert connection.execute(text(statement)).rowcount > 0

    return run


PLANTED = {
    "an entry's bytes": ("I12", "UPDATE ledger_entries SET entry = x'a0' WHERE idx = 1"),
    "an entry's outcome": ("I12", "UPDATE ledger_entries SET outcome = 'admitted' WHERE idx = 2"),
    "a leaf hash": ("I12", "UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE idx = 1"),
    "a root": ("I8", "UPDATE tree_heads SET root = zeroblob(32) WHERE size = 2"),
    "a signed head": ("I8", "UPDATE tree_heads SET head = (SELECT head FROM tree_heads WHERE size = 1) WHERE size = 3"),
    "a head taken out": ("I8", "DELETE FROM tree_heads WHERE size = 3"),
    "a truncated ledger": ("I8", "DELETE FROM tree_heads WHERE size = 4"),
    "a node's head": ("I6", "UPDATE nodes SET last_sequence = 1 WHERE code = '19001A'"),
    "a node's enrolment": ("I6", "UPDATE node_epochs SET enrolment_digest = zeroblob(32) WHERE node = '19001A'"),
    "an inner bundle": ("I12", "UPDATE bundles SET inner = CAST(substr(inner, 2) AS BLOB) WHERE ledger_index = 1"),
    "an answer": ("I12", "UPDATE bundles SET answer = (SELECT answer FROM bundles WHERE ledger_index = 1)"),
    "a bundle taken out": ("I9", "DELETE FROM bundles WHERE ledger_index = 2"),
    "a stored name": ("I12", "UPDATE doses SET name = 'Ai Đó' WHERE sequence = 1 AND node = '19001A'"),
    "a stored day": ("I12", "UPDATE doses SET given_at = given_at - 86400 WHERE sequence = 2 AND node = '19001A'"),
    "a dose taken out": ("I12", "DELETE FROM doses WHERE id = 4097"),
    "a verdict": ("I12", "UPDATE verdicts SET state = 'admitted', code = '' WHERE state = 'quarantined'"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_corruption_is_found(busy: World, name: str) -> None:
    invariant, statement = PLANTED[name]
    _without_triggers(busy)
    with write_transaction(busy.centre.engine) as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        sql("DELETE FROM verdicts WHERE dose = 4097")(connection) if "dose taken out" in name else None
        sql("DELETE FROM bundle_seals")(connection) if "bundle taken out" in name else None
        sql(statement)(connection)
    assert invariant in {finding.invariant for finding in check_centre(busy.centre.engine).findings}


def test_a_verdict_that_a_person_changed_is_no_corruption(busy: World) -> None:
    with write_transaction(busy.centre.engine) as connection:
        lock_ledger(connection)
        waits = connection.execute(text("SELECT dose FROM verdicts WHERE state = 'quarantined'")).scalars().all()
        assert change_verdicts(connection, waits, ADMITTED, by="hoa.lt", at=EVENING) == len(waits) > 0
    assert check_centre(busy.centre.engine).findings == ()


def test_a_verdict_that_was_turned_without_a_word_to_the_site_is_found(busy: World) -> None:
    change = "UPDATE verdicts SET state = 'admitted', code = '', decided_by = 'hoa.lt' WHERE state = 'quarantined'"
    with write_transaction(busy.centre.engine) as connection:
        sql(change)(connection)
    assert {finding.invariant for finding in check_centre(busy.centre.engine).findings} == {"I12"}


def test_findings_name_places_and_never_people(busy: World) -> None:
    _without_triggers(busy)
    with write_transaction(busy.centre.engine) as connection:
        sql("UPDATE doses SET name = 'Ai Đó'")(connection)
    said = repr(check_centre(busy.centre.engine).findings)
    assert "Ai Đó" not in said
    assert "Hùng" not in said


def test_status_counts_what_is_there(busy: World) -> None:
    status = centre_status(busy.centre.engine)
    assert status is not None
    assert status.ledger_size == 4
    # Person 1 came to both sites on one day.
    assert status.verdicts["19001"] == {"admitted": 5, "product-unknown": 1}
    assert sum(status.verdicts["19002"].values()) == 2
    assert {node.last_sequence for node in status.nodes} == {1, 2}


def _without_triggers(world: World) -> None:
    """An attacker with the file in hand drops the triggers first."""
    with write_transaction(world.centre.engine) as connection:
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
