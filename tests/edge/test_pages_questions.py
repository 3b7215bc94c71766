"""What the pages say of people about whom the centre was asked, and the button that asks at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.domain.roles import Role
from edge.store import people, questions
from edge.store.people import PersonId
from edge.workflow.begin_epoch import ask_epoch
from edge.workflow.record_dose import Submission
from sync_protocol import limits
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState, PaperKind
from sync_protocol.node_epoch import EpochReason
from sync_protocol.population import PackAnswer
from tests.browser.visitor import USER, Visitor, make_node, visit, words_in
from tests.edge.clinic import NOW, NURSE, facts, villager
from tests.edge.test_questions import Site, set_apart


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two people whom nobody knows."""
    made = Site(tmp_path)
    made.record(1, 2)
    return made


def look(site: Site, tmp_path: Path, *roles: Role) -> Visitor:
    return visit(make_node(tmp_path, site.clinic.database), site.clinic.centre, roles=roles or tuple(Role))


@pytest.fixture
def visitor(site: Site, tmp_path: Path) -> Visitor:
    return look(site, tmp_path)


def test_the_page_of_a_person_says_how_far_the_question_is(site: Site, visitor: Visitor) -> None:
    assert "Chưa hỏi trung tâm. Máy tự hỏi trong lần liên lạc tới." in visitor.get("/people/1")
    site.ask()
    said = visitor.get("/people/1")
    assert "Đã hỏi lúc 16:30, chờ trả lời. Câu hỏi đi trong lần liên lạc tới, hoặc bằng USB." in said
    site.send()
    assert "Đã hỏi lúc 16:30, chờ trả lời. Trung tâm đã nhận câu hỏi." in visitor.get("/people/1")
    site.answer((1, PackAnswer.MATCHED), (2, PackAnswer.BIRTH_DATE_DIFFERS))
    said = visitor.get("/people/1")
    assert "Đã khớp" in said
    assert "Theo trả lời của trung tâm cho câu hỏi số 1, nhận lúc 16:30." in said
    assert "/people/1/ask" not in said
    said = visitor.get("/people/2")
    assert "Khác ở ngày sinh so với CSDLQG" in said
    assert "Trung tâm trả lời lúc 16:30: khác ngày sinh. Sửa theo giấy tờ thì máy tự hỏi lại." in said


def test_whom_the_centre_does_not_know_either_the_page_names_so(site: Site, visitor: Visitor) -> None:
    site.contact()
    site.answer((1, PackAnswer.UNKNOWN))
    said = visitor.get("/people/1")
    assert "Trung tâm cũng không biết (lúc 16:30)" in said
    assert "Theo trả lời" not in said


def test_the_button_asks_at_once_and_says_so(site: Site, visitor: Visitor) -> None:
    visitor.get("/people/1")
    said = visitor.post("/people/1/ask")
    assert "Máy đang hỏi trung tâm." in said
    assert "Đã hỏi lúc 16:30, chờ trả lời." in said
    with site.clinic.database.read() as tables:
        (question,) = questions.all_questions(tables)
    assert (question.person_id, question.asked_by) == (PersonId(1), USER)
    # Pressed again while the answer is on its way, nothing is asked twice.
    visitor.post("/people/1/ask")
    assert len(site.bodies()) == 1


def test_at_the_reception_the_button_stands_beside_the_person(site: Site, visitor: Visitor) -> None:
    said = visitor.get("/reception?person=1")
    assert "Chưa hỏi trung tâm." in said
    said = visitor.post("/people/1/ask?list=reception")
    assert visitor.place == "/reception?person=1"
    assert "Đã hỏi lúc 16:30, chờ trả lời." in said
    site.send()
    site.answer((1, PackAnswer.NAME_DIFFERS))
    # A pack that does not know the person unsays nothing.
    site.clinic.give_pack([villager(9)])
    assert "Khác ở họ tên" in visitor.get("/reception?person=1")


def test_the_work_list_says_it_row_by_row_and_asks_about_all(site: Site, visitor: Visitor) -> None:
    said = visitor.get("/work-lists?list=identity-waiting")
    assert said.count("chưa hỏi trung tâm") == 2
    said = visitor.post("/identity/ask", {"list": "identity-waiting"})
    assert "Máy đang hỏi trung tâm về những người trên danh sách này." in said
    assert said.count("đã hỏi lúc 16:30, chờ trả lời") == 2
    assert [len(body) for body in site.bodies()] == [2]
    site.send()
    site.answer((1, PackAnswer.NAME_DIFFERS), (2, PackAnswer.UNKNOWN))
    assert "trung tâm trả lời lúc 16:30: khác họ tên" in visitor.get("/work-lists?list=identity-mismatch")
    visitor.post("/identity/ask", {"list": "identity-mismatch"})
    assert [len(body) for body in site.bodies()] == [2, 1]


def test_a_refused_bundle_is_said(site: Site, visitor: Visitor) -> None:
    site.clinic.centre.refuse = [Code.KIND_UNKNOWN]
    site.contact()
    assert "câu hỏi bị trả lại" in visitor.get("/people/1")


def test_today_and_the_exchange_say_about_how_many_people_an_answer_is_on_its_way(site: Site, visitor: Visitor) -> None:
    sentence = "Đã hỏi trung tâm về danh tính của 2 người, từ 16:30; chờ trả lời."
    assert sentence not in visitor.get("/")
    site.contact()
    assert sentence in visitor.get("/")
    assert sentence in visitor.get("/sync")
    site.answer((1, PackAnswer.MATCHED), (2, PackAnswer.UNKNOWN))
    assert sentence not in visitor.get("/")


def test_the_trail_names_the_acts_in_words(site: Site, visitor: Visitor) -> None:
    site.contact()
    site.answer((1, PackAnswer.MATCHED))
    said = visitor.get("/audit")
    assert "Hỏi trung tâm về danh tính" in said
    assert "Trung tâm trả lời về danh tính" in said
    assert not words_in(visitor.addresses, ("Nguy", "054185"))


def test_at_the_injection_nobody_may_ask(site: Site, tmp_path: Path) -> None:
    visitor = look(site, tmp_path, Role.INJECTION)
    said = visitor.get("/people/1")
    assert "Chưa hỏi trung tâm." in said
    assert "/people/1/ask" not in said
    visitor.post("/people/1/ask", status=403)
    visitor.post("/identity/ask", {"list": "identity-waiting"}, status=403)
    assert site.bodies() == []


def test_whom_no_question_can_carry_the_page_says_so_and_what_to_do(site: Site, visitor: Visitor) -> None:
    with site.clinic.database.write_transaction() as tables:
        set_apart(tables)
    said = visitor.get("/people/1")
    assert "Không hỏi trung tâm được vì họ tên có ký tự lạ. Gõ lại họ tên theo giấy tờ." in said
    assert "/people/1/ask" not in said
    assert visitor.get("/work-lists?list=identity-waiting").count("Không hỏi trung tâm được") == 1
    # A page of before was pressed: nothing is asked, and nothing is said to be.
    assert "Máy đang hỏi trung tâm." not in visitor.post("/people/1/ask")
    visitor.post("/identity/ask", {"list": "identity-waiting"})
    assert [len(body) for body in site.bodies()] == [1]


def test_where_the_questions_of_the_day_are_spent_the_page_says_until_when(site: Site, visitor: Visitor) -> None:
    with site.clinic.database.write_transaction() as tables:
        for index in range(3, limits.QUESTIONS_DAY + 3):
            people.add(tables, villager(index), state=IdentityState.WAITING, at=NOW, by=NURSE)
        # Whoever is asked about last is left over.
        tables.execute("UPDATE people SET identity_state = 'matched' WHERE person_id <= 2")
    while site.ask().people:
        pass
    with site.clinic.database.write_transaction() as tables:
        tables.execute("UPDATE people SET identity_state = 'waiting' WHERE person_id <= 2")
    until = "Hôm nay đã hỏi đủ 5.000 người; từ ngày mai máy hỏi tiếp."
    said = visitor.get("/people/1")
    assert f"Chưa hỏi trung tâm. {until}" in said
    assert "/people/1/ask" not in said
    said = visitor.get("/work-lists?list=identity-waiting")
    assert until in said
    assert "/identity/ask" not in said
    assert "Máy đang hỏi trung tâm." not in visitor.post("/people/1/ask")
    assert len(site.asked()) == limits.QUESTIONS_DAY


def test_while_a_copy_is_decided_about_the_page_says_that_nobody_is_asked_about(site: Site, visitor: Visitor) -> None:
    ask_epoch(site.clinic.database, EpochReason.RESTORED, entropy=site.entropy, at=site.clock.at, by=USER)
    said = visitor.get("/people/1")
    assert "Máy đang chờ trung tâm quyết định về bản sao; sau đó mới hỏi được." in said
    assert "/people/1/ask" not in said


def test_nobody_is_not_found(visitor: Visitor) -> None:
    visitor.get("/people/1")
    visitor.post("/people/99/ask", status=404)


def test_a_foreigner_is_no_question(site: Site, visitor: Visitor) -> None:
    foreign = villager(3, paper=PaperKind.PASSPORT, number="C1234567", nationality="LA")
    site.clinic.record(Submission("dose-0003", foreign, facts()), at=NOW)
    assert "/people/3/ask" not in visitor.get("/people/3")
