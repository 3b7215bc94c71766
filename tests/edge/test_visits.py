"""Visits: numbers in the order of arrival, one open visit a person, moves that begin where they must."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlcipher3.dbapi2 as dbapi  # type: ignore[import-untyped]

from edge.store import people, visits
from edge.store.people import PersonId
from edge.store.visits import VisitState
from sync_protocol.identity import IdentityState
from tests.edge.clinic import villager
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, Station, make_station

NEXT_DAY = "2022-04-16"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    station = make_station(tmp_path)
    with station.database.write_transaction() as tables:
        for number in range(1, 4):
            people.add(tables, villager(number), state=IdentityState.WAITING, at=AFTERNOON, by="Lan")
    return station


def test_people_are_numbered_in_the_order_of_arrival_on_each_day(station: Station) -> None:
    with station.database.write_transaction() as tables:
        first = visits.arrive(tables, PersonId(2), day=DAY, at=AFTERNOON, by="Lan")
        second = visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON + 60, by="Lan")
        other_day = visits.arrive(tables, PersonId(3), day=NEXT_DAY, at=AFTERNOON + DAY_SECONDS, by="Lan")
        assert [first.number, second.number, other_day.number] == [1, 2, 1]
        assert visits.waiting(tables, DAY) == [first, second]
        assert (first.state, first.arrived_by, first.sequence) == (VisitState.WAITING, "Lan", None)


def test_who_arrives_twice_keeps_the_place_in_the_line(station: Station) -> None:
    with station.database.write_transaction() as tables:
        first = visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON, by="Lan", submission="phiếu-1")
        assert visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON + 60, by="Hoa") == first
        assert visits.of_submission(tables, "phiếu-1") == first
        assert visits.of_submission(tables, "") is None


def test_who_comes_on_another_day_leaves_the_line_of_the_day_before(station: Station) -> None:
    with station.database.write_transaction() as tables:
        first = visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON, by="Lan")
        again = visits.arrive(tables, PersonId(1), day=NEXT_DAY, at=AFTERNOON + DAY_SECONDS, by="Lan")
        forgotten = visits.get(tables, first.visit_id)
        assert forgotten is not None
        assert (forgotten.state, forgotten.remark) == (VisitState.CANCELLED, visits.FORGOTTEN)
        assert visits.open_of_person(tables, PersonId(1)) == again


def test_a_dose_moves_the_person_to_the_observed_and_from_there_home(station: Station) -> None:
    sequence = station.record(1)[0]
    with station.database.write_transaction() as tables:
        visit = visits.arrive(tables, PersonId(4), day=DAY, at=AFTERNOON, by="Lan")
        assert not visits.leave(tables, visit.visit_id, at=AFTERNOON, by="Lan")
        assert visits.give_dose(tables, visit.visit_id, sequence, leave_at=AFTERNOON + 1_800)
        assert not visits.give_dose(tables, visit.visit_id, sequence, leave_at=AFTERNOON)
        assert not visits.cancel(tables, visit.visit_id, at=AFTERNOON, by="Lan", remark="về")
        assert visits.waiting(tables, DAY) == []
        watched = visits.observed(tables, DAY)
        assert [(one.sequence, one.leave_at) for one in watched] == [(sequence, AFTERNOON + 1_800)]
        assert visits.leave(tables, visit.visit_id, at=AFTERNOON + 1_900, by="Hoa", remark="khỏe")
        left = visits.get(tables, visit.visit_id)
        assert left is not None
        assert (left.state, left.ended_by, left.remark) == (VisitState.LEFT, "Hoa", "khỏe")
        assert visits.count_states(tables, DAY) == {VisitState.LEFT: 1}


def test_a_cancelled_visit_frees_the_person_and_keeps_its_number(station: Station) -> None:
    with station.database.write_transaction() as tables:
        visit = visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON, by="Lan")
        assert visits.cancel(tables, visit.visit_id, at=AFTERNOON, by="Lan", remark="sốt")
        assert visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON, by="Lan").number == 2


def test_the_store_itself_keeps_a_person_in_one_line_and_visits_for_ever(station: Station) -> None:
    with station.database.write_transaction() as tables:
        visits.arrive(tables, PersonId(1), day=DAY, at=AFTERNOON, by="Lan")
    second = (
        "INSERT INTO visits (day, number, person_id, state, arrived_at, arrived_by) VALUES (?, 9, 1, 'waiting', 1, '')"
    )
    for statement, values in ((second, (DAY,)), ("DELETE FROM visits", ())):
        with pytest.raises(dbapi.IntegrityError), station.database.write_transaction() as tables:
            tables.execute(statement, values)
