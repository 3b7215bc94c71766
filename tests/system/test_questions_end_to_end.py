"""Whom no pack knows: asked about at the real centre, answered in the same contact, signed for and admitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

from central.store.database import read_transaction
from central.store.tables import answered_questions
from central.store.tables import doses as dose_rows
from central.workflow.check_centre import check_centre
from edge.bootstrap import Node as OpenNode
from edge.config import Config
from edge.jobs import exchange_once
from edge.store import doses, identity_checks, people, questions
from edge.store.people import Person, PersonId
from edge.store.questions import StoredQuestion
from edge.workflow.ask_identity import ask_identity
from edge.workflow.change_person import change_person
from edge.workflow.check_store import check_store
from edge.workflow.exchange import ExchangeResult
from edge.workflow.export_stick import export_stick
from edge.workflow.import_stick import import_stick
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.take_feed import fetch_feed
from edge.workflow.working_clock import WorkingClock
from sync_protocol.identity import EvidenceSource, IdentityState, Recipient
from sync_protocol.population import PackAnswer
from tests.central.scenario import World
from tests.system.copied_nodes import Machine, decide, machine_of, waiting
from tests.system.restores import Restores
from tests.system.restores import wrong as wrong_after_restore
from tests.system.test_answers_end_to_end import make_node
from tests.system.test_stick_end_to_end import take

BY: Final = "Lê Thị Hoa"
ONE: Final = PersonId(1)
TWO: Final = PersonId(2)


@dataclass(slots=True)
class Site:
    """A node of the real centre whose program runs."""

    machine: Machine
    directory: Path

    @property
    def world(self) -> World:
        return self.machine.way.world

    @property
    def now(self) -> int:
        return self.machine.station.clock.at

    def record(self, count: int = 1) -> list[int]:
        """Doses of people who wait; gives their sequences."""
        return self.machine.station.record(count, state=IdentityState.WAITING)

    def know(self, sequences: list[int], change: Callable[[Recipient], Recipient] = lambda one: one) -> None:
        """The registry has these people, or what is made of them."""
        with self.machine.database.read() as tables:
            made = doses.assemble(tables, sequences)
        self.world.know([replace(dose, recipient=change(dose.recipient)) for dose in made])

    def tick(self, seconds: int = 60) -> None:
        at = max(self.now, self.world.clock.at) + seconds
        self.machine.station.clock.at = self.world.clock.at = at

    def contact(self) -> ExchangeResult:
        """What the program does at each contact."""
        self.tick()
        station = self.machine.station
        clock = WorkingClock(station.database, station.clock)
        shelf = CatalogueShelf(station.database)
        node = OpenNode(Config(self.directory), station.database, clock, station.entropy, shelf)
        return exchange_once(node, self.machine.way)

    def ask(self) -> None:
        """Questions are sealed and go up; nothing comes down."""
        self.tick()
        ask_identity(self.machine.database, at=self.now, by="exchange", entropy=self.machine.station.entropy)
        self.machine.run()

    def hear(self) -> None:
        self.tick()
        station = self.machine.station
        fetch_feed(station.database, self.machine.way, now=station.clock.now, entropy=station.entropy)

    def person(self, person_id: PersonId = ONE) -> Person:
        with self.machine.database.read() as tables:
            found = people.get(tables, person_id)
        assert found is not None
        return found

    def asked(self) -> list[StoredQuestion]:
        with self.machine.database.read() as tables:
            return questions.all_questions(tables)

    def born(self, birth_date: str) -> None:
        """The date of birth of the first person is put right."""
        person = self.person()
        new = replace(person.recipient, birth_date=birth_date)
        change_person(self.machine.database, ONE, new, revision=person.revision, at=self.now, by="Y tá")

    def wrong(self) -> list[object]:
        """What the checks of both sides find."""
        return [*check_centre(self.world.centre.engine).findings, *check_store(self.machine.database).findings]


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(machine_of(make_node(world, tmp_path / "node")), tmp_path)


def admitted(world: World) -> int:
    with read_transaction(world.centre.engine) as connection:
        return len(list(connection.execute(select(dose_rows.c.id))))


def bundles_answered(world: World) -> list[tuple[int, int]]:
    """Of each bundle that was answered, how many people it asked about and how many matched."""
    with read_transaction(world.centre.engine) as connection:
        rows = connection.execute(
            select(answered_questions.c.people, answered_questions.c.matched).order_by(
                answered_questions.c.ledger_index
            )
        )
        return [(row[0], row[1]) for row in rows]


def test_from_an_unknown_person_to_a_dose_in_the_ledger_in_two_contacts(site: Site, world: World) -> None:
    sequences = site.record(2)
    site.know(sequences)
    assert site.machine.station.plan() == ()
    result = site.contact()
    assert (result.admitted, result.taken, result.problem) == (1, 1, "")
    assert bundles_answered(world) == [(2, 2)]
    with site.machine.database.read() as tables:
        evidence = [dose.evidence for dose in doses.assemble(tables, sequences)]
    assert [(one.source, one.reference) for one in evidence] == [
        (EvidenceSource.ANSWER, "answer-1"),
        (EvidenceSource.ANSWER, "answer-2"),
    ]
    site.machine.station.sign()
    assert site.contact().admitted == 1
    assert admitted(world) == 2
    # Nobody is left to ask about: an idle contact makes nothing.
    assert site.contact().admitted == 0
    assert site.wrong() == []


def test_a_difference_is_named_and_asked_about_anew_once_it_is_put_right(site: Site) -> None:
    sequences = site.record()
    site.know(sequences, lambda one: replace(one, birth_date="1985-03-02"))
    site.contact()
    with site.machine.database.read() as tables:
        check = identity_checks.newest(tables, ONE)
    assert check is not None
    assert (check.state, check.field) == (IdentityState.MISMATCH, "birth_date")
    site.born("1985-03-02")
    site.contact()
    assert site.person().identity_state is IdentityState.MATCHED
    site.machine.station.sign()
    site.contact()
    assert admitted(site.world) == 1
    assert site.wrong() == []


def test_changed_while_the_answer_is_on_its_way_the_answer_is_about_nobody(site: Site) -> None:
    sequences = site.record()
    site.know(sequences)
    site.ask()
    site.born("1985-03-02")
    site.hear()
    assert site.asked()[0].answer is PackAnswer.MATCHED
    assert site.person().identity_state is IdentityState.WAITING
    site.contact()
    assert [one.answer for one in site.asked()] == [PackAnswer.MATCHED, PackAnswer.BIRTH_DATE_DIFFERS]
    assert site.person().identity_state is IdentityState.MISMATCH
    # Put back: what the centre said of those data holds, and nothing is asked a third time.
    site.born("1985-03-01")
    assert site.person().identity_state is IdentityState.MATCHED
    site.contact()
    assert len(site.asked()) == 2
    assert site.wrong() == []


def test_whoever_the_registry_does_not_know_waits_and_is_asked_about_again_after_a_day(site: Site) -> None:
    sequences = site.record()
    site.contact()
    assert site.person().identity_state is IdentityState.WAITING
    assert bundles_answered(site.world) == [(1, 0)]
    site.contact()
    site.know(sequences)
    site.tick(86_400)
    site.contact()
    assert bundles_answered(site.world) == [(1, 0), (1, 1)]
    assert site.person().identity_state is IdentityState.MATCHED
    assert site.wrong() == []


def test_twelve_hundred_people_are_asked_about_in_one_contact(site: Site, world: World) -> None:
    sequences = site.record(1_200)
    site.know(sequences[:1_100])
    result = site.contact()
    assert (result.admitted, result.unsent) == (3, 0)
    assert bundles_answered(world) == [(500, 500), (500, 500), (200, 100)]
    # The registry knows a namesake of each of the others, born on the same day, with another number.
    with site.machine.database.read() as tables:
        assert people.count_states(tables) == {IdentityState.MATCHED: 1_100, IdentityState.MISMATCH: 100}
    assert site.wrong() == []


def test_without_a_network_by_stick_and_back_also_when_it_is_read_twice(
    site: Site, world: World, tmp_path: Path
) -> None:
    sequences = site.record(2)
    site.know(sequences)
    stick = tmp_path / "USB"
    stick.mkdir()
    station = site.machine.station
    export_stick(station.database, stick, now=station.clock.now, entropy=station.entropy, by=BY)
    take(world, stick)
    brought = import_stick(station.database, stick, now=station.clock.now, by=BY)
    assert (brought.admitted, +brought.faulty) == (1, {})
    assert site.person().identity_state is IdentityState.MATCHED
    checks = _checks(site)
    import_stick(station.database, stick, now=station.clock.now, by=BY)
    site.hear()
    assert _checks(site) == checks
    station.sign()
    export_stick(station.database, stick, now=station.clock.now, entropy=station.entropy, by=BY)
    take(world, stick)
    assert admitted(world) == 2
    import_stick(station.database, stick, now=station.clock.now, by=BY)
    assert site.wrong() == []


def test_an_answer_to_the_life_before_a_backup_is_nobody_elses(site: Site, tmp_path: Path) -> None:
    site.record()
    site.machine.run()
    restored = Site(site.machine.copy(tmp_path / "backup", apart=1), tmp_path)
    site.know(site.record())
    # The machine that dies soon asks about two; the second one, whom the registry knows, is its question 2.
    site.contact()
    assert [one.answer for one in site.asked()] == [PackAnswer.UNKNOWN, PackAnswer.MATCHED]
    # The restored one asks about people of its own under the same numbers.
    restored.record()
    restored.ask()
    assert [one.reference for one in restored.asked()] == [1, 2]
    restored.hear()
    assert restored.person(TWO).identity_state is IdentityState.WAITING
    # Two machines with one number in the chain: a person at the centre decides which one goes on.
    restored.machine.ask()
    (digest,) = waiting(site.world)
    decide(site.world, digest)
    restored.contact()
    last = restored.asked()[-2:]
    assert [(one.epoch, one.person_id, one.answer) for one in last] == [
        (2, ONE, PackAnswer.UNKNOWN),
        (2, TWO, PackAnswer.NUMBER_DIFFERS),
    ]
    assert not {one.reference for one in last} & {1, 2}
    assert restored.person(TWO).identity_state is IdentityState.MISMATCH
    assert restored.wrong() == []


def test_what_a_restored_centre_has_lost_is_asked_again_and_answered_once(world: World, tmp_path: Path) -> None:
    made = Restores(world, tmp_path)
    site = Site(machine_of(made.node(1)), tmp_path)
    made.nodes[0] = site.machine
    site.contact()
    made.copy("before")
    site.know(site.record(2))
    with read_transaction(world.centre.engine) as connection:
        assert connection.execute(select(answered_questions)).first() is None
    site.ask()
    # The bundle has its receipt; the answers never come down before the centre breaks.
    made.restore("before")
    made.begin()
    site.know([1, 2])
    made.settle()
    site.contact()
    assert bundles_answered(world) == [(2, 2)]
    assert [one.reference for one in site.asked()] == [1, 2]
    assert site.person().identity_state is IdentityState.MATCHED
    assert site.person(TWO).identity_state is IdentityState.MATCHED
    assert wrong_after_restore(made) == []


def _checks(site: Site) -> int:
    with site.machine.database.read() as tables:
        return int(tables.execute("SELECT count(*) FROM identity_checks").fetchone()[0])
