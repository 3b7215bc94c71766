"""The injection table with a line before it: calling, one key per dose, two tables, late entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bootstrap import Node
from edge.domain.vial import VialContents
from edge.store import doses, people, visits
from edge.store.visits import VisitState
from edge.web.frame import access
from edge.workflow.open_vial import open_vial
from edge.workflow.record_dose import Submission
from sync_protocol.identity import IdentityState
from tests.browser.visitor import ADDRESS, Visitor, add_user, make_node, visit, words_in
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock
from tests.edge.test_pages_dose import beside, form_of

DAY = "2022-04-15"
SAVE = '<button class="button large" type="submit" autofocus>'


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Three people in the line, numbers 1 to 3, and an open vial at table 1."""
    made = make_clinic(tmp_path)
    with made.database.write_transaction() as tables:
        for number in (1, 2, 3):
            person_id = people.add(tables, villager(number), state=IdentityState.WAITING, at=NOW - 900, by=NURSE)
            visits.arrive(tables, person_id, day=DAY, at=NOW - 900 + number * 60, by=NURSE)
    contents = VialContents("AZ", "ABX1234", "2022-12-31", doses=10, station="Bàn 1")
    open_vial(made.database, contents, key="vial-0001", at=NOW - 3_600, by=NURSE)
    return made


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Node:
    return make_node(tmp_path, clinic.database, clock)


@pytest.fixture
def visitor(node: Node, clinic: Clinic) -> Visitor:
    return visit(node, clinic.centre)


def one_key(visitor: Visitor) -> str:
    """Press Enter on the page as it stands: every field goes as it is filled."""
    return visitor.post("/doses", visitor.fields())


def second_table(visitor: Visitor, node: Node) -> Visitor:
    """Another user in another browser of the same node."""
    client = visitor.client.application.test_client()
    user_id = add_user(node, login="bay", name="Y tá Trần Văn Bảy")
    with visitor.client.application.test_request_context(base_url=ADDRESS):
        access.sessions().start("thẻ thứ hai", user_id, at=node.clock.now())
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = "thẻ thứ hai"
    return Visitor(client)


def test_the_line_stands_on_the_page_with_number_name_and_since_when(visitor: Visitor) -> None:
    text = visitor.get("/doses/new")
    assert "Đang chờ tiêm: 3 người" in text
    assert text.index(villager(1).name) < text.index(villager(2).name) < text.index(villager(3).name)
    assert "chờ từ 16:16" in text
    # The scanner types where the cursor is; Enter in the empty box calls the next one.
    assert "data-scan autofocus" in text
    assert text.count("autofocus") == 1


def test_enter_in_the_empty_box_calls_the_first_one_and_everything_is_filled(visitor: Visitor) -> None:
    visitor.get("/doses/new")
    text = visitor.post("/doses/card", {"card": ""})
    assert f"</span> {villager(1).name}</h2>" in text
    assert "Số 1" in text
    assert SAVE in text
    assert 'name="name"' not in text
    assert 'name="vial" value="1"' in text


def test_a_dose_is_one_key_and_the_next_one_in_the_line_is_there_at_once(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/new")
    visitor.post("/doses/card", {"next": "yes"})
    for number in (1, 2):
        text = one_key(visitor)
        assert f"Đã lưu 19001A-{number:06d}" in text
        assert f"</span> {villager(number + 1).name}</h2>" in text
        assert SAVE in text
    text = one_key(visitor)
    # Nobody waits any more: the page is ready for whoever comes.
    assert "data-scan autofocus" in text
    assert "đã ghi 3/10 mũi" in text
    with clinic.database.read() as tables:
        given = doses.of_day(tables, DAY)
        assert [one.state for one in (visits.observed(tables, DAY))] == [VisitState.OBSERVED] * 3
    assert [(one.facts.lot, one.facts.station, one.facts.given_at) for one in given] == [("ABX1234", "Bàn 1", NOW)] * 3


def test_a_double_click_in_the_line_records_one_dose_and_calls_one_person(
    visitor: Visitor, clinic: Clinic, clock: TickingClock
) -> None:
    visitor.get("/doses/new")
    visitor.post("/doses/card", {"next": "yes"})
    form = visitor.fields()
    for _ in range(2):
        text = visitor.post("/doses", form)
        assert "Đã lưu 19001A-000001" in text
        assert f"</span> {villager(2).name}</h2>" in text
        clock.at += 61
    assert clinic.count("doses") == 1


def test_two_tables_call_two_people(visitor: Visitor, node: Node, clinic: Clinic) -> None:
    other = second_table(visitor, node)
    visitor.get("/doses/new")
    other.get("/doses/new")
    assert f"</span> {villager(1).name}</h2>" in visitor.post("/doses/card", {"next": "yes"})
    assert f"</span> {villager(2).name}</h2>" in other.post("/doses/card", {"next": "yes"})
    assert "bàn khác đã gọi" in other.text
    # The first table goes past the person whom the second one has called.
    assert f"</span> {villager(3).name}</h2>" in one_key(visitor)


def test_two_tables_with_the_same_person_record_one_dose(visitor: Visitor, node: Node, clinic: Clinic) -> None:
    other = second_table(visitor, node)
    visitor.get("/doses/new?visit=1")
    assert "Bàn khác cũng vừa gọi số 1" in other.get("/doses/new?visit=1")
    one_key(visitor)
    text = other.post("/doses", other.fields(), status=422)
    assert "Người này đã có một mũi tiêm trong ngày này ở đây" in text
    assert clinic.count("doses") == 1
    assert "không còn chờ tiêm" in other.get("/doses/new?visit=1")


def test_who_does_not_come_is_passed_over_and_keeps_the_place(visitor: Visitor) -> None:
    visitor.get("/doses/new?visit=1")
    text = visitor.post("/doses/card", {"next": "yes", "after": "1"})
    assert f"</span> {villager(2).name}</h2>" in text
    # After the second one it is the first one's turn again.
    assert f"</span> {villager(1).name}</h2>" in one_key(visitor)


def test_calling_into_an_empty_line_is_a_sentence(visitor: Visitor, clinic: Clinic) -> None:
    with clinic.database.write_transaction() as tables:
        for one in visits.waiting(tables, DAY):
            visits.cancel(tables, one.visit_id, at=NOW, by=NURSE, remark="hẹn ngày khác")
    visitor.get("/doses/new")
    assert "Không còn ai đang chờ tiêm" in visitor.post("/doses/card", {"next": "yes"}, status=200)
    assert "Ô này còn trống" in beside(visitor.post("/doses/card", {"card": " "}, status=422), "card")
    for nobody in ("/doses/new?visit=99", "/doses/new?visit=x", "/doses/new?visit=99999999999"):
        visitor.get(nobody)
    visitor.get("/doses/new?person=99", status=422)


def test_a_card_of_somebody_known_shows_them_and_a_card_that_differs_is_compared(visitor: Visitor) -> None:
    card = "054185000001||{}|01031985|Nữ|x|25122021"
    visitor.get("/doses/new")
    text = visitor.post("/doses/card", {"card": card.format(villager(1).name.upper())}, status=200)
    assert f'<h2 id="who">{villager(1).name}</h2>' in text
    text = visitor.post("/doses/card", {"card": card.format("Lê Thị Khác")}, status=200)
    assert 'id="name" name="name" type="text" value="Lê Thị Khác"' in text


def test_doubts_about_somebody_who_is_shown_are_said_and_confirmed(visitor: Visitor, clinic: Clinic) -> None:
    with clinic.database.write_transaction() as tables:
        odd = villager(4, birth_date="1986-03-01")
        person_id = people.add(tables, odd, state=IdentityState.WAITING, at=NOW, by=NURSE)
    visitor.get(f"/doses/new?person={person_id}")
    text = visitor.post("/doses", visitor.fields(), status=422)
    assert "không hợp với năm sinh" in beside(text, "number")
    assert "Đúng, vẫn lưu" in text
    assert "Đã lưu" in one_key(visitor)
    # What blocks leads to the page where the person is put right, and back.
    with clinic.database.write_transaction() as tables:
        unborn = people.add(tables, villager(5, birth_date="2023"), state=IdentityState.WAITING, at=NOW, by=NURSE)
    visitor.get(f"/doses/new?person={unborn}")
    text = visitor.post("/doses", visitor.fields(), status=422)
    assert "trước ngày sinh" in text


def test_from_the_person_and_back_to_the_injection(visitor: Visitor) -> None:
    text = visitor.get("/doses/new?visit=1")
    assert 'href="/people/1?visit=1"' in text
    text = visitor.get("/people/1?visit=1")
    assert 'href="/doses/new?visit=1"' in text
    form = {
        "name": villager(1).name, "sex": "F", "birth_date": "01/03/1985", "number": villager(1).number,
        "phone": "0912345678", "nationality": "VN", "address_unit": "05413", "revision": "1",
    }  # fmt: skip
    text = visitor.post("/people/1?visit=1", form)
    assert "0912345678" in text
    assert SAVE in text


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"given_day": "14/04/2022"}, "late_reason", "chưa ghi lý do"),
        ({"given_day": "31/02/2022", "late_reason": "x"}, "given_day", "Ngày không có thật"),
        ({"given_day": "16/04/2022"}, "given_day", "sau giờ của máy"),
        ({"given_time": "17:30"}, "given_day", "sau giờ của máy"),
        ({"dose_number": "1", "lot_expiry": "14/04/2022"}, "lot_expiry", "đã hết hạn"),
    ],
)
def test_what_cannot_be_stands_beside_its_field_and_its_part_of_the_page_is_open(
    visitor: Visitor, clinic: Clinic, changes: dict[str, str], field: str, said: str
) -> None:
    visitor.get("/doses/new")
    text = visitor.post("/doses", form_of(visitor, **{"given_day": "", "given_time": "", **changes}), status=422)
    assert said in beside(text, field)
    before = text.partition(f'id="{field}"')[0]
    assert "<details open>" in before
    assert clinic.count("doses") == 0


def test_a_second_dose_entered_as_the_first_says_what_comes_next(visitor: Visitor, clinic: Clinic) -> None:
    earlier = facts(given_at=NOW - 60 * DAY_SECONDS, late_reason="sổ giấy")
    clinic.record(Submission("earlier-1", people.PersonId(1), earlier))
    text = visitor.get("/doses/new?visit=1")
    assert 'id="dose_number" name="dose_number" type="text" value="2"' in text
    assert "Đã tiêm ở đây: AZ mũi 1 ngày 14/02/2022" in text
    text = visitor.post("/doses", {**visitor.fields(), "dose_number": "1"}, status=422)
    assert "mũi tiếp theo là mũi 2" in beside(text, "dose_number")


def test_a_late_dose_takes_its_day_and_reason_and_the_next_one_may_follow_it(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/new")
    late = {"given_day": "14/04/2022", "given_time": "", "late_reason": "mất điện chiều 14/04"}
    text = visitor.post("/doses", form_of(visitor, **late))
    assert "Nhập tiếp mũi khác của ngày 14/04/2022" in text
    # Nobody is observed for a dose of yesterday, and the usual form is one of today.
    assert 'id="given_day" name="given_day" type="text" value=""' in text
    with clinic.database.read() as tables:
        assert visits.observed(tables, DAY) == []
    text = visitor.get("/doses/new?late=1")
    assert "Đang nhập chậm cho ngày 14/04/2022" in text
    assert 'value="mất điện chiều 14/04"' in text


def test_what_was_saved_leads_to_its_correction_and_its_paper(visitor: Visitor) -> None:
    visitor.get("/doses/new?visit=1")
    text = one_key(visitor)
    assert 'href="/doses/1/correct"' in text
    assert 'href="/doses/1/slip?back=injection"' in text


def test_no_address_at_the_table_names_a_person(visitor: Visitor) -> None:
    visitor.get("/doses/new")
    visitor.post("/doses/card", {"card": villager(2).name}, status=200)
    visitor.get("/doses/new?visit=1")
    one_key(visitor)
    personal = [text for number in (1, 2, 3) for text in (*villager(number).name.split(), villager(number).number)]
    assert not words_in(visitor.addresses, [*personal, "1985", "%"])
