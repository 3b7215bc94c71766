"""A store of the schema that sites have, with everything of a working day in it, goes on with the newest one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from edge.store import carried, contacts, node_identity
from edge.store.schema import MIGRATIONS, migrate
from edge.workflow.ask_identity import ask_identity
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.take_feed import fetch_feed
from sync_protocol.identity import IdentityState
from tests.edge.station import Station, make_station

RELEASED: Final = 16
CARRIED: Final = b"sealed by a neighbour"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    made = make_station(tmp_path, steps=MIGRATIONS[:RELEASED])
    made.record(3)
    made.record(2, state=IdentityState.WAITING)
    made.sign()
    fetch_feed(made.database, made.centre, now=made.clock.now, entropy=made.entropy)
    with made.database.write_transaction() as tables:
        # As the program of that schema writes it.
        tables.execute(
            "INSERT INTO carried (digest, kind, place, size_bytes, content, taken_at) VALUES (?, 'bundle', 1, ?, ?, ?)",
            (bytes(32), len(CARRIED), CARRIED, made.clock.now()),
        )
    assert migrate(made.database, at=made.clock.now()) == len(MIGRATIONS) - RELEASED
    return made


def test_a_store_that_is_in_use_is_whole_after_the_newest_steps(station: Station) -> None:
    assert migrate(station.database, at=station.clock.now()) == 0
    assert check_store(station.database).findings == ()


def test_what_was_carried_before_its_age_was_counted_by_the_centre_is_kept_from_the_last_contact_on(
    station: Station,
) -> None:
    with station.database.write_transaction() as tables:
        contact = contacts.newest(tables)
        assert contact is not None
        known = tables.execute("SELECT known_at, aged_from FROM carried").fetchone()
        assert tuple(known) == (contact.centre_at, None)
        assert carried.drop_old(tables) == 0
        assert [one.is_new for one in carried.waiting(tables, at=station.clock.now(), most=9)] == [True]


def test_a_node_that_enrolled_before_answers_were_kept_has_none_to_show(station: Station) -> None:
    with station.database.read() as tables:
        assert node_identity.enrolment_answer(tables) == b""


def test_who_waited_before_there_were_questions_is_asked_about_and_what_was_signed_is_sent(station: Station) -> None:
    asked = ask_identity(station.database, at=station.clock.now(), by="Máy", entropy=station.entropy)
    assert (asked.people, asked.bundles) == (2, 1)
    sent = exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    assert (sent.admitted, sent.unsent) == (2, 0)
    assert check_store(station.database).findings == ()
