"""A node is enrolled anew with an empty store: it does not give the numbers of its old doses a second time."""

from __future__ import annotations

from pathlib import Path

from central.store.facilities import Facility
from central.workflow.enrol_facility import enrol_facility
from edge.store import doses, sets
from edge.store.database import Database
from edge.store.schema import migrate
from edge.workflow.enrol import begin_enrolment, finish_enrolment
from tests.builders import SeededEntropy
from tests.central.scenario import EVENING, World
from tests.edge.station import DATA_KEY, Station, TickingClock
from tests.simulator import SimulatedCentre
from tests.system.copied_nodes import EpochWay, Machine, admitted, at_centre, audit, finish, machine_of
from tests.system.test_answers_end_to_end import make_node


def enrolled_again(world: World, directory: Path, old: Machine, *, meanwhile: int) -> Machine:
    """The same node in an empty store; so many doses are recorded before the centre's answer comes."""
    centre = world.centre
    ticket = enrol_facility(
        Facility("19001", "Trạm y tế 19001", ("05413",)),
        "19001A",
        engine=centre.engine,
        keys=centre.keys,
        public_url="http://127.0.0.1:8480",
        good_seconds=3_600,
        entropy=centre.entropy,
        now=world.clock.now(),
        again=True,
    )
    assert ticket.file is not None
    directory.mkdir()
    database = Database.create(directory / "node.db", DATA_KEY)
    migrate(database, at=EVENING)
    clock = TickingClock(world.clock.now())
    station = Station(
        database, SimulatedCentre(clock.now), clock, entropy=SeededEntropy(77), signer=old.station.signer, people=50_000
    )
    way = EpochWay(world)
    begin_enrolment(
        database, ticket.file, spoken=ticket.fingerprint, entropy=SeededEntropy(6), at=clock.now(), by="Trạm trưởng"
    )
    if meanwhile:
        station.record(meanwhile)
    finish_enrolment(database, way, at=clock.now(), by="Trạm trưởng")
    return Machine(station, way)


def test_an_empty_store_goes_on_above_the_old_numbers(world: World, tmp_path: Path) -> None:
    old = machine_of(make_node(world, tmp_path / "old"))
    old.sign(3)
    old.sync()
    new = enrolled_again(world, tmp_path / "new", old, meanwhile=0)
    assert new.station.record(2) == [1_001, 1_002]
    finish(new)
    assert (admitted(world), new.to_record_again()) == (5, 0)
    assert max(at_centre(world).values()) == 1
    audit(world, new)


def test_what_was_recorded_before_the_answer_is_recorded_again(world: World, tmp_path: Path) -> None:
    old = machine_of(make_node(world, tmp_path / "old"))
    old.sign(3)
    old.sync()
    new = enrolled_again(world, tmp_path / "new", old, meanwhile=2)
    # Numbers 1 and 2 are other people's doses at the centre: neither signed nor sent under them.
    assert (new.to_record_again(), new.station.plan()) == (2, ())
    known = new.recorded()
    assert new.renumber() == 2
    assert new.recorded() == known
    with new.database.read() as tables:
        assert doses.last_sequence(tables) == 1_002
        assert [doses.replaced_by(tables, sequence) for sequence in (1, 2)] == [1_001, 1_002]
    finish(new)
    assert admitted(world) == 5
    audit(world, new)


def test_the_first_enrolment_of_a_node_reserves_nothing(world: World, tmp_path: Path) -> None:
    machine = machine_of(make_node(world, tmp_path / "node"))
    assert machine.station.record(1) == [1]
    with machine.database.read() as tables:
        assert sets.newest_version(tables, sets.StoredSetKind.CATALOGUE) == 1
