"""Whoever no pack here knows is asked about at the centre, and the answer is the evidence of exactly that person."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Final

import pytest

from edge.bootstrap import Node
from edge.config import Config
from edge.domain.questions import EPOCH_QUESTIONS, key_digest, references
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.work_list import Cause
from edge.jobs import FEED_SECONDS, exchange_if_due, exchange_once
from edge.store import audit, bundles, doses, identity_checks, people, questions, work_lists
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.store.questions import StoredQuestion
from edge.workflow.ask_identity import BUNDLES_AT_ONCE, AskResult, ask_identity, ask_now
from edge.workflow.change_person import change_person
from edge.workflow.check_identity import check_identity, check_person
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.export_stick import plan_export
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.receive_person import cancel_visit, receive_known
from edge.workflow.record_dose import Submission
from edge.workflow.sign_pass import sign_plan
from edge.workflow.take_feed import fetch_feed
from edge.workflow.working_clock import WorkingClock
from sync_protocol import limits
from sync_protocol.api import NetworkError
from sync_protocol.bundle import BundleKind, parse_bundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, sign_item
from sync_protocol.identity import EvidenceSource, IdentityState, PaperKind, Sex
from sync_protocol.population import PackAnswer
from sync_protocol.questions import Answer, encode_answers, parse_questions
from tests.builders import SeededEntropy
from tests.edge.clinic import DAY_SECONDS, NODE, NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock, organisation_signer
from tests.simulator import Fault

ONE: Final = PersonId(1)
TWO: Final = PersonId(2)


class Site:
    """A clinic whose time goes by, with its exchange."""

    def __init__(self, directory: Path) -> None:
        self.clinic: Clinic = make_clinic(directory)
        self.clock = TickingClock(NOW)
        self.clinic.centre.now = self.clock.now
        self.entropy = SeededEntropy(77)
        clock = WorkingClock(self.clinic.database, self.clock)
        self.node = Node(Config(directory), self.clinic.database, clock, self.entropy, self.clinic.shelf)

    def record(self, *indices: int) -> None:
        """A dose of each of these villagers."""
        for index in indices:
            self.clinic.record(Submission(f"dose-{index:04d}", villager(index), facts()), at=self.clock.at)

    def contact(self) -> int:
        """One exchange; gives how many bundles the centre has admitted by it."""
        return exchange_once(self.node, self.clinic.centre).admitted

    def send(self) -> None:
        """What is due goes up, and nothing comes down."""
        exchange(self.clinic.database, self.clinic.centre, now=self.clock.now, entropy=self.entropy)

    def sign(self) -> None:
        """Signs what can be signed."""
        clinic, officer = self.clinic, Officer("Trần Thị Bưởi")
        plan = plan_passes(clinic.database, clinic.catalogue.policy, now=self.clock.at)
        signed = sign_plan(
            clinic.database, plan, organisation_signer(), officer=officer, now=self.clock.at, entropy=self.entropy
        )
        assert len(list(signed)) == 1

    def ask(self) -> AskResult:
        return ask_identity(self.clinic.database, at=self.clock.at, by="exchange", entropy=self.entropy)

    def answer(self, *said: tuple[int, PackAnswer]) -> None:
        """The centre has answers, by reference; they come at once."""
        body = encode_answers(self.clock.at, [Answer(reference, answer) for reference, answer in said])
        self.clinic.centre.put_item(NODE, FeedKind.ANSWERS, body)
        self.hear()

    def hear(self) -> None:
        fetch_feed(self.clinic.database, self.clinic.centre, now=self.clock.now, entropy=self.entropy)

    def person(self, person_id: PersonId = ONE) -> Person:
        with self.clinic.database.read() as tables:
            found = people.get(tables, person_id)
        assert found is not None
        return found

    def change(self, person_id: PersonId = ONE, **changes: object) -> Person:
        person = self.person(person_id)
        recipient = replace(person.recipient, **changes)  # type: ignore[arg-type]
        return change_person(
            self.clinic.database, person_id, recipient, revision=person.revision, at=self.clock.at, by=NURSE
        )

    def asked(self) -> list[StoredQuestion]:
        with self.clinic.database.read() as tables:
            return questions.all_questions(tables)

    def bodies(self) -> list[list[tuple[int, str]]]:
        """Of each bundle of questions, the references and the numbers of papers in it."""
        found = []
        with self.clinic.database.read() as tables:
            for place in bundles.places_of_kind(tables, BundleKind.QUESTIONS.value):
                bundle = bundles.find(tables, *place)
                assert bundle is not None
                body = parse_questions(parse_bundle(bundle.inner).claimed.body)
                found.append([(one.reference, one.person.number) for one in body])
        return found

    def told(self, action: Action) -> list[tuple[str, str]]:
        with self.clinic.database.read() as tables:
            return [(line.subject, line.details) for line in audit.entries(tables) if line.action == action]

    def later(self, seconds: int) -> None:
        self.clock.at += seconds

    def is_sound(self) -> bool:
        return check_store(self.clinic.database).findings == ()


def set_apart(tables: Tables) -> None:
    """The first person's name as an older program may have stored it: letters and tones apart, in no message's form."""
    name = unicodedata.normalize("NFD", "Nguyễn Thị Bưởi")
    tables.execute("UPDATE people SET name = ?, revision = revision + 1 WHERE person_id = 1", (name,))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class TestAsking:
    def test_whoever_waits_is_asked_about_once_by_the_next_contact(self, site: Site) -> None:
        site.record(1, 2)
        assert site.contact() == 1
        assert site.bodies() == [[(1, villager(1).number), (2, villager(2).number)]]
        site.later(FEED_SECONDS)
        assert site.contact() == 0
        assert site.told(Action.IDENTITY_ASKED) == [("bundle:1/1", "2 people")]
        assert site.is_sound()

    def test_with_nobody_to_ask_about_a_contact_makes_no_bundle(self, site: Site) -> None:
        site.clinic.give_pack([villager(1)])
        site.record(1)
        assert site.contact() == 0
        site.later(FEED_SECONDS)
        assert exchange_if_due(site.node, site.clinic.centre) is not None
        assert site.clinic.count("bundles") == 0
        assert site.clinic.centre.offers == 0

    def test_a_question_alone_is_no_reason_for_a_contact(self, site: Site) -> None:
        site.contact()
        site.record(1)
        assert exchange_if_due(site.node, site.clinic.centre) is None
        assert site.clinic.count("bundles") == 0

    def test_the_doses_of_a_day_go_before_the_questions(self, site: Site) -> None:
        site.clinic.give_pack([villager(2)])
        site.record(1, 2)
        site.sign()
        site.clinic.centre.faults = [Fault.UNREACHED]
        with pytest.raises(NetworkError):
            site.contact()
        # What was signed could not be sent: nothing is put behind it before it was.
        assert site.bodies() == []
        assert site.contact() == 2
        with site.clinic.database.read() as tables:
            kinds = [line.kind for line in sorted(bundles.lines(tables), key=lambda line: line.sequence)]
        assert kinds == ["batch", "questions"]
        assert site.clinic.centre.offers == 3

    def test_whoever_the_pack_knows_is_not_asked_about(self, site: Site) -> None:
        site.record(1, 2)
        # The pack came after the doses, and nobody has pressed the button since.
        site.clinic.give_pack([villager(1)])
        site.contact()
        assert site.bodies() == [[(1, villager(2).number)]]
        assert site.person().identity_state is IdentityState.MATCHED

    def test_foreigners_and_whoever_has_no_number_are_no_questions(self, site: Site) -> None:
        for key, changes in (
            ("dose-0001", {"paper": PaperKind.PASSPORT, "number": "C1234567", "nationality": "LA"}),
            ("dose-0002", {"paper": PaperKind.NONE, "number": ""}),
            ("dose-0003", {"number": "123"}),
        ):
            confirmed = frozenset(EdgeCode) | frozenset(Code)
            site.clinic.record(Submission(key, villager(len(key), **changes), facts(), confirmed=confirmed))
        assert site.ask() == AskResult()

    def test_many_people_travel_in_several_bundles_and_the_rest_later(self, site: Site) -> None:
        with site.clinic.database.write_transaction() as tables:
            for index in range(1, 2_201):
                people.add(tables, villager(index), state=IdentityState.WAITING, at=NOW, by=NURSE)
        assert site.ask() == AskResult(BUNDLES_AT_ONCE * limits.QUESTIONS, BUNDLES_AT_ONCE)
        assert site.ask() == AskResult(200, 1)
        assert site.ask() == AskResult()
        numbers = [number for body in site.bodies() for _, number in body]
        assert len(numbers) == len(set(numbers)) == 2_200
        assert site.is_sound()

    def test_a_day_has_no_more_questions_than_the_centre_answers(self, site: Site) -> None:
        with site.clinic.database.write_transaction() as tables:
            for index in range(1, limits.QUESTIONS_DAY + 11):
                people.add(tables, villager(index), state=IdentityState.WAITING, at=NOW, by=NURSE)
        while site.ask().people:
            assert len(site.asked()) <= limits.QUESTIONS_DAY
        assert len(site.asked()) == limits.QUESTIONS_DAY
        pressed = ask_now(site.clinic.database, None, at=site.clock.at, by=NURSE, entropy=site.entropy)
        assert pressed == AskResult()
        # It is half past four in the afternoon: the next local day begins in seven and a half hours.
        site.later(7 * 3_600 + 1_800 - 1)
        assert site.ask() == AskResult()
        site.later(1)
        assert site.ask() == AskResult(10, 1)

    def test_whom_no_question_can_carry_holds_up_nobody_else(self, site: Site) -> None:
        site.record(1, 2, 3)
        with site.clinic.database.write_transaction() as tables:
            set_apart(tables)
        assert site.ask() == AskResult(2, 1)
        assert [reference for reference, _ in site.bodies()[0]] == [1, 2]
        assert site.ask() == AskResult()
        for person_id in (ONE, None):
            pressed = ask_now(site.clinic.database, person_id, at=site.clock.at, by=NURSE, entropy=site.entropy)
            assert pressed == AskResult()
        site.change(name="Nguyễn Thị Bưởi")
        assert site.ask() == AskResult(1, 1)
        assert site.is_sound()

    def test_a_clock_that_was_a_year_ahead_costs_no_day_its_questions(self, site: Site) -> None:
        site.later(365 * DAY_SECONDS)
        with site.clinic.database.write_transaction() as tables:
            for index in range(1, limits.QUESTIONS_DAY + 11):
                people.add(tables, villager(index), state=IdentityState.WAITING, at=NOW, by=NURSE)
        while site.ask().people:
            pass
        assert len(site.asked()) == limits.QUESTIONS_DAY
        site.later(-365 * DAY_SECONDS)
        assert site.ask() == AskResult(10, 1)

    def test_a_clock_that_was_a_year_ahead_delays_no_second_question(self, site: Site) -> None:
        site.record(1)
        site.later(365 * DAY_SECONDS)
        site.contact()
        site.answer((1, PackAnswer.UNKNOWN))
        # A quarter of an hour is no reason to ask anew, a year is one.
        site.later(-900)
        assert site.ask() == AskResult()
        site.later(900 - 365 * DAY_SECONDS)
        assert site.ask() == AskResult(1, 1)
        assert site.ask() == AskResult()

    def test_whoever_asks_at_the_same_moment_nobody_is_asked_about_twice(self, site: Site) -> None:
        with site.clinic.database.write_transaction() as tables:
            for index in range(1, 801):
                people.add(tables, villager(index), state=IdentityState.WAITING, at=NOW, by=NURSE)
        barrier = Barrier(6)

        def ask(number: int) -> int:
            barrier.wait()
            entropy = SeededEntropy(number)
            if number % 2:
                return ask_identity(site.clinic.database, at=NOW, by="exchange", entropy=entropy).people
            return ask_now(site.clinic.database, None, at=NOW, by=NURSE, entropy=entropy).people

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(ask, range(6))) == 800
        assert sorted(one.person_id for one in site.asked()) == list(range(1, 801))
        assert site.is_sound()

    def test_by_stick_a_node_that_is_alone_asks_too_and_only_once(self, site: Site) -> None:
        site.record(1)
        first = plan_export(site.clinic.database, now=site.clock.at, entropy=site.entropy)
        assert plan_export(site.clinic.database, now=site.clock.at, entropy=site.entropy) == first
        assert len(site.bodies()) == 1

    def test_a_node_that_reaches_the_centre_does_not_ask_by_stick(self, site: Site) -> None:
        site.contact()
        site.record(1)
        plan_export(site.clinic.database, now=site.clock.at, entropy=site.entropy)
        assert site.bodies() == []


class TestAnswers:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Site:
        """Two people who were asked about, as number 1 and 2."""
        made = Site(tmp_path)
        made.record(1, 2)
        made.contact()
        return made

    def test_an_answer_makes_the_dose_signable_and_is_its_evidence(self, site: Site) -> None:
        site.later(60)
        site.answer((1, PackAnswer.MATCHED), (2, PackAnswer.BIRTH_DATE_DIFFERS))
        assert site.person().identity_state is IdentityState.MATCHED
        assert site.person(TWO).identity_state is IdentityState.MISMATCH
        with site.clinic.database.read() as tables:
            (dose,) = doses.assemble(tables, [1])
            wrong = identity_checks.newest(tables, TWO)
            assert work_lists.counts(tables) == {Cause.MISMATCH: 1}
        assert dose.evidence.source is EvidenceSource.ANSWER
        assert (dose.evidence.reference, dose.evidence.checked_at) == ("answer-1", site.clock.at)
        assert wrong is not None
        assert (wrong.field, wrong.reference) == ("birth_date", "answer-2")
        assert site.told(Action.IDENTITY_ANSWERED) == [("person:1", "answer-1"), ("person:2", "answer-2")]
        assert site.is_sound()

    def test_whoever_the_centre_does_not_know_waits_and_is_asked_about_ever_more_rarely(self, site: Site) -> None:
        site.answer((1, PackAnswer.UNKNOWN), (2, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.WAITING
        site.later(DAY_SECONDS - 1)
        assert site.ask() == AskResult()
        site.later(1)
        assert site.ask() == AskResult(1, 1)
        site.send()
        site.answer((3, PackAnswer.UNKNOWN))
        site.later(2 * DAY_SECONDS - 1)
        assert site.ask() == AskResult()
        site.later(1)
        assert site.ask() == AskResult(1, 1)
        assert site.is_sound()

    def test_a_difference_is_not_asked_about_again(self, site: Site) -> None:
        site.answer((1, PackAnswer.NAME_DIFFERS), (2, PackAnswer.MATCHED))
        site.later(400 * DAY_SECONDS)
        assert site.ask() == AskResult()

    def test_changed_after_asked_the_answer_does_nothing_and_the_new_data_are_asked_about(self, site: Site) -> None:
        site.change(birth_date="1985-03-02")
        site.answer((1, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.WAITING
        assert site.asked()[0].is_settled
        assert site.ask() == AskResult(1, 1)
        site.send()
        site.answer((3, PackAnswer.BIRTH_DATE_DIFFERS))
        assert site.person().identity_state is IdentityState.MISMATCH
        assert site.is_sound()

    def test_changed_and_changed_back_the_first_answer_holds_and_nothing_is_asked_twice(self, site: Site) -> None:
        site.change(sex=Sex.M)
        site.change(sex=Sex.F)
        assert site.ask() == AskResult()
        site.answer((1, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.MATCHED

    def test_a_new_telephone_number_asks_nothing_and_loses_nothing(self, site: Site) -> None:
        site.change(phone="0912345678")
        assert site.ask() == AskResult()
        site.answer((1, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.MATCHED
        changed = site.change(phone="0912345679")
        assert changed.identity_state is IdentityState.MATCHED
        with site.clinic.database.read() as tables:
            (dose,) = doses.assemble(tables, [1])
        assert dose.evidence.reference == "answer-1"
        assert site.is_sound()

    def test_a_repeated_item_changes_nothing(self, site: Site) -> None:
        site.answer((1, PackAnswer.MATCHED))
        checks = site.clinic.count("identity_checks")
        site.answer((1, PackAnswer.NAME_DIFFERS))
        assert site.clinic.count("identity_checks") == checks
        assert site.person().identity_state is IdentityState.MATCHED
        assert site.is_sound()

    def test_answers_of_another_nodes_feed_are_not_taken(self, site: Site) -> None:
        centre = site.clinic.centre
        body = encode_answers(site.clock.at, [Answer(1, PackAnswer.MATCHED)])
        item = FeedItem("19002A", 1, FeedKind.ANSWERS, site.clock.at, body)
        centre.feeds.setdefault(NODE, []).append(sign_item(item, centre.publisher))
        with pytest.raises(ProtocolError):
            site.hear()
        assert site.asked()[0].answer is None
        assert site.person().identity_state is IdentityState.WAITING

    def test_whose_visit_was_cancelled_meanwhile_is_answered_all_the_same(self, site: Site) -> None:
        at, by = site.clock.at, NURSE
        visit = receive_known(site.clinic.database, ONE, key="luot-0001", at=at, by=by).visit
        cancel_visit(site.clinic.database, visit.visit_id, reason="left", at=at, by=by)
        site.answer((1, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.MATCHED
        assert site.is_sound()

    def test_answers_to_nothing_of_this_store_are_passed_over(self, site: Site) -> None:
        site.answer((9, PackAnswer.MATCHED), (2_000_000, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.WAITING
        assert site.is_sound()

    def test_an_item_that_cannot_be_read_does_nothing(self, site: Site) -> None:
        site.clinic.centre.put_item(NODE, FeedKind.ANSWERS, b"\xa0")
        site.hear()
        assert [details for _, details in site.told(Action.FEED_UNREADABLE)] == [Code.FIELD_MISSING]
        assert site.is_sound()

    def test_a_pack_that_does_not_know_the_person_takes_no_answer_back(self, site: Site) -> None:
        site.answer((1, PackAnswer.NAME_DIFFERS), (2, PackAnswer.MATCHED))
        site.clinic.give_pack([villager(7)])
        check_identity(site.clinic.database, at=site.clock.at, by=NURSE)
        assert site.person().identity_state is IdentityState.MISMATCH
        assert check_person(site.clinic.database, ONE, at=site.clock.at, by=NURSE).recipient == villager(1)
        with site.clinic.database.read() as tables:
            newest = identity_checks.newest(tables, ONE)
        assert newest is not None
        assert (newest.source, newest.field) == (EvidenceSource.ANSWER, "name")

    def test_a_difference_that_the_pack_found_outlives_a_centre_that_knows_nothing(self, site: Site) -> None:
        site.clinic.give_pack([villager(1, name="Nguyễn Thị Khác")])
        check_identity(site.clinic.database, at=site.clock.at, by=NURSE)
        site.answer((1, PackAnswer.UNKNOWN))
        assert site.person().identity_state is IdentityState.MISMATCH
        with site.clinic.database.read() as tables:
            newest = identity_checks.newest(tables, ONE)
        assert newest is not None
        assert newest.field == "name"

    def test_whom_a_pack_has_matched_meanwhile_no_answer_unmakes(self, site: Site) -> None:
        site.clinic.give_pack([villager(1)])
        check_identity(site.clinic.database, at=site.clock.at, by=NURSE)
        site.answer((1, PackAnswer.NAME_DIFFERS))
        assert site.person().identity_state is IdentityState.MATCHED


class TestPressed:
    def test_who_presses_the_button_asks_again_but_not_while_the_answer_is_on_its_way(self, site: Site) -> None:
        site.record(1)

        def press(person_id: PersonId | None = ONE) -> AskResult:
            return ask_now(site.clinic.database, person_id, at=site.clock.at, by=NURSE, entropy=site.entropy)

        assert press() == AskResult(1, 1)
        assert press() == AskResult()
        site.contact()
        site.answer((1, PackAnswer.UNKNOWN))
        assert press(None) == AskResult(1, 1)
        site.contact()
        site.answer((2, PackAnswer.NAME_DIFFERS))
        assert press() == AskResult(1, 1)
        site.contact()
        site.answer((3, PackAnswer.MATCHED))
        assert press() == AskResult()
        assert site.person().identity_state is IdentityState.MATCHED
        assert site.told(Action.IDENTITY_ASKED)[0] == ("bundle:1/1", "1 people")

    def test_nobody_is_not_asked_about(self, site: Site) -> None:
        with pytest.raises(RefusedError, match=EdgeCode.PERSON_UNKNOWN):
            ask_now(site.clinic.database, PersonId(9), at=NOW, by=NURSE, entropy=site.entropy)


class TestLostBundles:
    def test_an_answer_without_the_receipt_of_its_question_waits_for_it(self, site: Site) -> None:
        site.record(1)
        site.ask()
        # As by a stick that brings the feed first; or an answer to the life before this store was restored.
        site.answer((1, PackAnswer.MATCHED))
        assert site.person().identity_state is IdentityState.WAITING
        site.send()
        assert site.person().identity_state is IdentityState.MATCHED
        assert site.is_sound()

    def test_a_refused_bundle_is_asked_about_again_after_a_day(self, site: Site) -> None:
        site.record(1)
        site.clinic.centre.refuse = [Code.KIND_UNKNOWN]
        site.contact()
        site.later(DAY_SECONDS - 1)
        assert site.ask() == AskResult()
        site.later(1)
        assert site.ask() == AskResult(1, 1)

    def test_each_epoch_counts_in_a_range_of_its_own(self) -> None:
        ranges: Sequence[range] = [references(epoch, 0) for epoch in (1, 2, 2_047)]
        assert [(one[0], len(one)) for one in ranges] == [
            (1, EPOCH_QUESTIONS),
            (EPOCH_QUESTIONS + 1, EPOCH_QUESTIONS),
            (2_046 * EPOCH_QUESTIONS + 1, EPOCH_QUESTIONS),
        ]
        assert ranges[-1][-1] <= limits.COUNTER
        assert references(1, 5)[0] == 6
        assert not references(1, EPOCH_QUESTIONS)
        assert not references(2_048, 0)

    def test_the_digest_is_of_the_four_fields_alone(self) -> None:
        one = villager(1)
        assert key_digest(one) == key_digest(replace(one, phone="0900000000", group=1))
        changed = (
            replace(one, name="Nguyễn Thị Anh"),
            replace(one, sex=Sex.M),
            replace(one, birth_date="1985"),
            replace(one, number="054185000002"),
        )
        assert len({key_digest(one), *map(key_digest, changed)}) == 5


class TestCheck:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Site:
        made = Site(tmp_path)
        made.record(1, 2)
        made.contact()
        made.answer((1, PackAnswer.MATCHED), (2, PackAnswer.NAME_DIFFERS))
        return made

    @pytest.mark.parametrize(
        ("touch", "subject"),
        [
            ("UPDATE questions SET digest = zeroblob(32) WHERE reference = 1", "bundle:1/1"),
            ("DELETE FROM questions WHERE reference = 2", "bundle:1/1"),
            ("UPDATE questions SET answer = 'matched' WHERE reference = 2", "question:2"),
            ("UPDATE questions SET answered_at = answered_at + 1 WHERE reference = 1", "question:1"),
            ("UPDATE questions SET person_id = 2 WHERE reference = 1", "person:1"),
            ("UPDATE identity_checks SET state = 'matched' WHERE person_id = 2", "person:2"),
            ("UPDATE identity_checks SET reference = 'answer-3' WHERE person_id = 1", "person:1"),
        ],
    )
    def test_what_somebody_wrote_past_the_program_is_found(self, site: Site, touch: str, subject: str) -> None:
        triggers = ("questions_fixed", "questions_no_delete", "identity_checks_no_update", "identity_checks_no_delete")
        with site.clinic.database.write_transaction() as tables:
            with pytest.raises(Exception, match=r"fixed|kept|append-only"):
                tables.execute(touch)
            for trigger in triggers:
                tables.execute(f"DROP TRIGGER {trigger}")
            tables.execute(touch)
        assert subject in {finding.subject for finding in check_store(site.clinic.database).findings}
