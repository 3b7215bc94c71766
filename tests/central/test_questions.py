"""Nodes ask the population database about people: answered once, in the feed, bounded, and nothing of it is lost."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from central.domain.node import NodeState
from central.domain.people import RegistryAnswer
from central.registry.registry import RegistryClient
from central.store import feed, nodes, questions
from central.store.database import StoreError, lock_ledger, read_transaction, write_transaction
from central.store.questions import Asked
from central.store.tables import APPEND_ONLY
from central.web.epochs import KINDS
from central.workflow.begin_ledger_epoch import begin_ledger_epoch
from central.workflow.check_centre import check_centre
from sync_protocol import cbor, limits
from sync_protocol.bundle import BundleKind
from sync_protocol.days import day_end, day_start
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind, verify_item
from sync_protocol.population import PackAnswer, PersonKey
from sync_protocol.problems import PROBLEMS
from sync_protocol.questions import Answer, Question, encode_answers, encode_questions, parse_answers
from sync_protocol.receipt import VerifiedReceipt
from tests.builders import ec_key
from tests.central.handing import items_of
from tests.central.pages import SECRETS, pages_client, read_page
from tests.central.scenario import DAY, Site, World, recipient
from tests.central.snapshots import snapshot
from tests.protocol.refusals import refused

NEXT_DAY = "2022-04-16"


def key_of(person: int) -> PersonKey:
    made = recipient(person)
    return PersonKey(made.number, made.name, made.sex, made.birth_date)


def about(*people: PersonKey, first: int = 1) -> bytes:
    """The body of questions about these people, with references from `first` on."""
    return encode_questions([Question(first + place, person) for place, person in enumerate(people)])


def link(site: Site, body: bytes) -> bytes:
    return site.link(body, kind=BundleKind.QUESTIONS)


def ask(site: Site, *people: PersonKey, first: int = 1) -> VerifiedReceipt:
    return site.send_inner(link(site, about(*people, first=first)))


def answers_of(world: World, node: str = "19001A") -> list[tuple[int, tuple[Answer, ...]]]:
    """Every body of answers in a node's feed, verified as the node would, over all epochs of the ledger."""
    publisher = world.centre.keys.publisher.public_key
    with read_transaction(world.centre.engine) as connection:
        stored = [found for of, found in feed.all_items(connection) if (of, found.kind) == (node, FeedKind.ANSWERS)]
    return [parse_answers(verify_item(one.item, publisher, node=node).body) for one in stored]


def know(world: World, site: Site, *people: int) -> None:
    """Puts people into the population registry."""
    world.know([replace(site.dose(person), sequence=1) for person in people])


@dataclass(slots=True)
class Listening:
    """The population registry; it notes about how many people each call is, and is away as long as it is told so."""

    registry: RegistryClient
    calls: list[int] = field(default_factory=list)
    is_away: bool = False

    def answer(self, people: Sequence[PersonKey]) -> list[RegistryAnswer]:
        if self.is_away:
            raise StoreError("planted: the population database is away", try_again=True)
        self.calls.append(len(people))
        return self.registry.answer(people)


def listen(world: World) -> Listening:
    listening = Listening(world.centre.registry)
    world.centre = replace(world.centre, registry=listening)
    return listening


def test_each_question_is_answered_in_the_feed_of_the_node_that_asked(any_world: World) -> None:
    world, site, other = any_world, any_world.site(), any_world.site("19002", "19002A")
    know(world, site, 1, 2, 3, 4, 5, 6)
    listening = listen(world)
    asked = [
        key_of(1),
        replace(key_of(2), name="Nguyễn Văn Khác"),
        replace(key_of(3), birth_date="1990"),
        replace(key_of(4), sex=key_of(5).sex),
        replace(key_of(5), number="001999999999"),
        replace(key_of(6), name="Ai Đó", birth_date="1990"),
        key_of(7),
    ]
    receipt = ask(site, *asked, first=41)
    assert (receipt.entry.kind, receipt.entry.refusal, receipt.entry.doses) == ("questions", None, 0)
    assert receipt.verdicts == ()
    said = tuple(Answer(reference, answer) for reference, answer in enumerate(PackAnswer, 41))
    assert answers_of(world) == [(receipt.entry.admitted_at, said)]
    assert answers_of(world, other.node) == []
    assert listening.calls == [7]
    site.send(site.doses([8]))
    assert check_centre(world.centre.engine).findings == ()


def test_an_answer_gives_nothing_out_that_was_not_asked(world: World) -> None:
    site = world.site()
    know(world, site, 1, 2)
    ask(site, key_of(1), replace(key_of(2), name="Nguyễn Văn Khác"))
    (item,) = items_of(world, site.node, FeedKind.ANSWERS)
    for person in (key_of(1), key_of(2)):
        for part in (person.number, person.name, person.birth_date):
            assert part.encode() not in item.body
    assert len(item.body) < 20


def test_a_person_with_the_number_of_the_old_card_is_found(world: World) -> None:
    site = world.site()
    know(world, site, 1)
    with write_transaction(world.centre.engine) as connection:
        connection.execute(text("UPDATE registry_people SET old_number = '019000001'"))
    ask(site, replace(key_of(1), number="019000001"))
    assert answers_of(world)[0][1] == (Answer(1, PackAnswer.MATCHED),)


def test_a_repeat_gets_the_first_receipt_and_makes_no_second_item(any_world: World) -> None:
    site = any_world.site()
    inner = link(site, about(key_of(1)))
    sealed = site.seal(inner)
    first = any_world.offer(sealed)
    site.moved(inner)
    # Who the registry knows since then is asked about again by the node, under another reference.
    know(any_world, site, 1)
    any_world.clock.at += 86_400
    before = snapshot(any_world)
    assert any_world.offer(sealed) == first
    assert snapshot(any_world) == before
    assert any_world.offer(site.seal(inner)) == first
    assert [said for _, said in answers_of(any_world)] == [(Answer(1, PackAnswer.UNKNOWN),)]
    ask(site, key_of(1), first=2)
    assert answers_of(any_world)[1][1] == (Answer(2, PackAnswer.MATCHED),)
    assert check_centre(any_world.centre.engine).findings == ()


def test_workers_with_the_same_questions_answer_them_once(any_world: World) -> None:
    site = any_world.site()
    inner = link(site, about(*map(key_of, range(40))))
    sealed = [site.seal(inner) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(any_world.offer, sealed))) == 1
    assert len(answers_of(any_world)) == 1
    assert check_centre(any_world.centre.engine).findings == ()


def test_while_the_population_database_is_away_nothing_is_lost(any_world: World) -> None:
    site = any_world.site()
    know(any_world, site, 1)
    listening = listen(any_world)
    listening.is_away = True
    inner = link(site, about(key_of(1)))
    before = snapshot(any_world)
    with pytest.raises(StoreError) as caught:
        any_world.offer(site.seal(inner))
    assert caught.value.try_again
    assert snapshot(any_world) == before
    listening.is_away = False
    assert site.send_inner(inner).entry.refusal is None
    assert answers_of(any_world)[0][1] == (Answer(1, PackAnswer.MATCHED),)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Code.NOT_CBOR),
        (b"\xa0", Code.FIELD_MISSING),
        (bytes(limits.MESSAGE_BYTES + 1), Code.TOO_LARGE),
        (cbor.encode({1: 1, 2: b""}), Code.COLUMNS_INVALID),
        (cbor.encode({1: limits.QUESTIONS + 1, 2: b""}), Code.FIELD_INVALID),
        (about(key_of(1)) + b"\x00", Code.NOT_CBOR),
    ],
)
def test_questions_that_do_not_read_hold_their_place_and_ask_nobody(world: World, body: bytes, code: Code) -> None:
    site, listening = world.site(), listen(world)
    assert site.send_inner(link(site, body)).entry.refusal is code
    assert (answers_of(world), listening.calls) == ([], [])
    assert site.send(site.doses([1])).entry.refusal is None
    assert check_centre(world.centre.engine).findings == ()


def test_a_stranger_a_denied_and_a_forked_node_get_no_answer(any_world: World) -> None:
    world, site, other = any_world, any_world.site(), any_world.site("19002", "19002A")
    listening = listen(world)
    with refused(Code.NODE_UNKNOWN):
        world.offer(site.seal(site.link(about(key_of(1)), kind=BundleKind.QUESTIONS, node="79001A")))
    with refused(Code.SIGNATURE_INVALID):
        world.offer(site.seal(replace(other, node_key=ec_key("stranger")).link(about(key_of(1)))))
    mine, clone = link(site, about(key_of(1))), link(site, about(key_of(2)))
    site.send_inner(mine)
    for inner in (clone, link(site, about(key_of(3)))):
        with refused(Code.FORKED):
            world.offer(site.seal(inner))
    with write_transaction(world.centre.engine) as connection:
        nodes.set_state(connection, other.node, NodeState.DENIED)
    with refused(Code.NODE_DENIED):
        world.offer(other.seal(link(other, about(key_of(1)))))
    assert listening.calls == [1]
    assert [len(answers_of(world, node)) for node in (site.node, other.node)] == [1, 0]
    assert check_centre(world.centre.engine).findings == ()


def test_a_node_that_is_locked_out_while_the_registry_is_asked_gets_no_answer(any_world: World) -> None:
    site = any_world.site()

    class LockedOutMeanwhile(Listening):
        def answer(self, people: Sequence[PersonKey]) -> list[RegistryAnswer]:
            with write_transaction(any_world.centre.engine) as connection:
                nodes.set_state(connection, site.node, NodeState.DENIED)
            return self.registry.answer(people)

    any_world.centre = replace(any_world.centre, registry=LockedOutMeanwhile(any_world.centre.registry))
    with refused(Code.NODE_DENIED):
        any_world.offer(site.seal(link(site, about(key_of(1)))))
    assert answers_of(any_world) == []


class TestBound:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "QUESTIONS_DAY", 5)

    def test_beyond_the_bound_of_a_day_questions_are_refused_and_doses_go_on(self, any_world: World) -> None:
        site, listening = any_world.site(), listen(any_world)
        assert ask(site, *map(key_of, range(3))).entry.refusal is None
        assert ask(site, *map(key_of, range(3)), first=4).entry.refusal is Code.QUESTIONS_DAY
        # A smaller bundle still fits; what was refused was asked of nobody and counts for nothing.
        assert ask(site, *map(key_of, range(2)), first=7).entry.refusal is None
        assert ask(site, key_of(1), first=9).entry.refusal is Code.QUESTIONS_DAY
        assert listening.calls == [3, 2]
        dose = site.dose(3)
        any_world.know([dose])
        assert site.send([dose]).entry.refusal is None
        assert check_centre(any_world.centre.engine).findings == ()

    def test_the_next_day_and_the_next_node_have_a_bound_of_their_own(self, any_world: World) -> None:
        site, second = any_world.site(), any_world.site("19001", "19001B")
        assert ask(site, *map(key_of, range(5))).entry.refusal is None
        assert ask(second, *map(key_of, range(5))).entry.refusal is None
        any_world.clock.at = day_end(DAY) - 1
        assert ask(site, key_of(9), first=6).entry.refusal is Code.QUESTIONS_DAY
        any_world.clock.at = day_start(NEXT_DAY)
        assert ask(site, *map(key_of, range(5)), first=7).entry.refusal is None

    def test_a_new_epoch_of_the_node_brings_no_new_questions(self, any_world: World) -> None:
        assert ask(any_world.site(), *map(key_of, range(5))).entry.refusal is None
        assert ask(any_world.site(), key_of(1)).entry.refusal is Code.QUESTIONS_DAY

    def test_a_clock_that_went_back_brings_no_new_questions(self, world: World) -> None:
        site = world.site()
        assert ask(site, *map(key_of, range(5))).entry.refusal is None
        world.clock.at -= 86_400
        assert ask(site, key_of(1), first=6).entry.refusal is Code.QUESTIONS_DAY


def begin(world: World, **changes: object) -> None:
    centre = world.centre
    values = {"reason": "Khôi phục", "without_evidence": True, **changes}
    begin_ledger_epoch(engine=centre.engine, keys=centre.keys, now=world.clock.at, **values)  # type: ignore[arg-type]


def test_after_a_declaration_the_answers_behind_the_base_are_told_again(any_world: World) -> None:
    world, site = any_world, any_world.site()
    know(world, site, 1)
    site.send(site.doses([8]))
    world.clock.at += 60
    ask(site, key_of(1))
    begin(world, base_size=2)
    ask(site, key_of(2), first=2)
    first, again, later = (said for _, said in answers_of(world))
    assert first == again == (Answer(1, PackAnswer.MATCHED),)
    assert later == (Answer(2, PackAnswer.UNKNOWN),)
    assert check_centre(world.centre.engine).findings == ()


def test_questions_that_a_restored_centre_has_lost_are_answered_anew(world: World, tmp_path: Path) -> None:
    site = world.site()
    store = world.centre.config.directory / "centre.db"
    world.centre.engine.dispose()
    shutil.copyfile(store, tmp_path / "copy.db")
    inner = link(site, about(key_of(1)))
    sealed = site.seal(inner)
    world.offer(sealed)
    assert answers_of(world)[0][1] == (Answer(1, PackAnswer.UNKNOWN),)
    world.centre.engine.dispose()
    for ending in ("", "-wal", "-shm"):
        store.with_name(store.name + ending).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "copy.db", store)
    world.centre.ledger.forget()
    begin(world)
    know(world, site, 1)
    world.offer(sealed)
    # The registry is asked again, and says what it knows by then.
    assert [said for _, said in answers_of(world)] == [(Answer(1, PackAnswer.MATCHED),)]
    assert check_centre(world.centre.engine).findings == ()


PLANTED = {
    "no row": "DELETE FROM answered_questions WHERE ledger_index = 1",
    "a row for nothing": "INSERT INTO answered_questions SELECT 3, node, asked_at, people, matched, item"
    " FROM answered_questions WHERE ledger_index = 1",
    "another item": "UPDATE answered_questions SET item = (SELECT item FROM answered_questions WHERE ledger_index = 2)"
    " WHERE ledger_index = 1",
    "an item of another kind": "UPDATE feed_items SET kind = 'verdicts' WHERE number ="
    " (SELECT item FROM answered_questions WHERE ledger_index = 1)",
    "more people": "UPDATE answered_questions SET people = people + 1",
    "other matches": "UPDATE answered_questions SET matched = 0",
    "another day": "UPDATE answered_questions SET asked_at = asked_at + 86400",
    "another node": "UPDATE answered_questions SET node = '19002A', item = 1",
}


@pytest.mark.parametrize("name", PLANTED)
def test_check_finds_answers_that_are_missing_or_others(world: World, name: str) -> None:
    site, other = world.site(), world.site("19002", "19002A")
    know(world, site, 1, 2)
    ask(site, key_of(1))
    ask(site, key_of(2), first=2)
    site.send(site.doses([3]))
    ask(other, key_of(4))
    assert check_centre(world.centre.engine).findings == ()
    with write_transaction(world.centre.engine) as connection:
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
        assert connection.execute(text(PLANTED[name])).rowcount > 0
    found = check_centre(world.centre.engine).findings
    assert "I12" in {finding.invariant for finding in found}
    assert key_of(1).number not in repr(found)


def test_answers_that_nobody_asked_for_are_found(world: World) -> None:
    site = world.site()
    ask(site, key_of(1))
    body = encode_answers(world.clock.at, [Answer(9, PackAnswer.MATCHED)])
    with write_transaction(world.centre.engine) as connection:
        lock_ledger(connection)
        feed.put_item(connection, site.node, FeedKind.ANSWERS, body, keys=world.centre.keys, at=world.clock.at)
    assert [finding.rule for finding in check_centre(world.centre.engine).findings] == ["answers that nobody asked for"]


def test_the_operators_page_counts_who_was_asked_about_and_names_nobody(any_world: World) -> None:
    world, site = any_world, any_world.site()
    second, silent = world.site("19001", "19001B"), world.site("19002", "19002A")
    know(world, site, 1, 2)
    ask(site, key_of(1), key_of(3))
    ask(second, key_of(2))
    with read_transaction(world.centre.engine) as connection:
        start, end = day_start(DAY), day_end(DAY)
        assert questions.asked_by_facility(connection, start=start, end=end) == {site.facility: Asked(3, 2)}
        assert questions.asked_by_facility(connection, start=end, end=end + 86_400) == {}
        assert questions.count_asked(connection, silent.node, start=start, end=end) == 0
    page = pages_client(world).get("/operator").get_data(as_text=True)
    assert read_page(page)[1].count("Đã hỏi CSDL dân cư về 3 người, 2 người khớp") == 1
    assert SECRETS.search(page) is None
    assert "Đã hỏi" not in pages_client(world).get(f"/operator?day={NEXT_DAY}").get_data(as_text=True)


def test_every_kind_of_bundle_has_words_for_the_operator() -> None:
    assert set(KINDS) == set(BundleKind)


def test_questions_beyond_the_bound_stand_on_the_operators_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUESTIONS_DAY", 1)
    site = world.site()
    ask(site, key_of(1), key_of(2))
    assert PROBLEMS[Code.QUESTIONS_DAY].vi in pages_client(world).get("/operator").get_data(as_text=True)
