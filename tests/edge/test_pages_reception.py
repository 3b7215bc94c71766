"""The reception desk: who stands there, every doubt said beside its field, nobody written twice or lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.domain.roles import Role
from edge.store import audit, identity_checks, people, roster, visits
from edge.store.people import Person, PersonId
from edge.store.visits import Visit, VisitId, VisitState
from edge.workflow.change_person import change_person
from edge.workflow.receive_person import Newcomer, receive_newcomer
from edge.workflow.record_dose import Submission
from sync_protocol.identity import IdentityState, PaperKind, Recipient, Sex
from tests.browser.visitor import ADDRESS, USER, Visitor, make_node, visit, words_in
from tests.edge.clinic import NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.station import DAY
from tests.edge.test_pages_dose import beside

PROVINCES = ("054",)
CARD = "{number}|{old}|{name}|{born}|{sex}|Thôn 2, Hòa Hiệp|25122021"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Two people in the store, and a pack that knows them and eight more."""
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in range(1, 11))
    for number in (1, 2):
        made.record(Submission(f"dose-{number:04d}", villager(number), facts()))
    return made


@pytest.fixture
def desk(tmp_path: Path, clinic: Clinic) -> Visitor:
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=(Role.RECEPTION,))
    visitor.get("/reception")
    return visitor


def card(one: Recipient, *, old: str = "", more: str = "") -> str:
    """What a hand scanner types for this person's card."""
    year, month, day = one.birth_date.split("-")
    sex = "Nữ" if one.sex is Sex.F else "Nam"
    return CARD.format(number=one.number, old=old, name=one.name, born=day + month + year, sex=sex) + more


def find(desk: Visitor, text: str, *, status: int | None = 200) -> str:
    return desk.post("/reception/find", {"card": text}, status=status)


def typed(desk: Visitor, one: Recipient, **changes: str) -> dict[str, str | Sequence[str]]:
    """The form that is on the screen, filled in with this person."""
    birth_date = "/".join(reversed(one.birth_date.split("-")))
    form = {"name": one.name, "sex": one.sex.value, "birth_date": birth_date, "number": one.number}
    form |= {"phone": one.phone, "address_unit": one.address_unit, "nationality": one.nationality}
    return {**form, "submission": key(desk), **changes}


def key(desk: Visitor) -> str:
    """The key of the form for a new person, which is the last one on the page; a fresh one on a page without forms."""
    found: list[str] = re.findall(r'name="submission" value="([^"]+)"', desk.text)
    return found[-1] if found else f"fresh-{len(desk.text)}"


def confirmed(desk: Visitor) -> dict[str, str | Sequence[str]]:
    """What the second press of the button says beside the fields."""
    codes = re.findall(r'name="confirmed" value="([^"]+)"', desk.text)
    return {"confirmed": codes, "confirmed_for": re.findall(r'name="confirmed_for" value="([^"]+)"', desk.text)[0]}


def person(clinic: Clinic, number: int) -> Person:
    with clinic.database.read() as tables:
        found = people.get(tables, PersonId(number))
    assert found is not None
    return found


def line(clinic: Clinic) -> list[tuple[int, int]]:
    """Who waits: number and person."""
    with clinic.database.read() as tables:
        return [(one.number, one.person_id) for one in visits.waiting(tables, DAY)]


def stored_visit(clinic: Clinic, number: int = 1) -> Visit:
    with clinic.database.read() as tables:
        found = visits.get(tables, VisitId(number))
    assert found is not None
    return found


def test_somebody_who_is_known_is_in_the_line_with_a_scan_and_enter(desk: Visitor, clinic: Clinic) -> None:
    assert desk.text.partition('id="card"')[2].partition(">")[0].count("autofocus") == 1
    text = find(desk, card(villager(1)), status=None)
    assert '<button class="button large" type="submit" autofocus>' in text
    assert text.count("autofocus") == 1
    assert "Đã khớp" in text
    text = desk.post("/reception/arrive", {"person": "1", "submission": key(desk)})
    assert f"Số 1: {villager(1).name} vào hàng đợi" in text
    assert "Đã khớp" in text
    assert text.partition('id="card"')[2].partition(">")[0].count("autofocus") == 1
    assert line(clinic) == [(1, 1)]
    assert stored_visit(clinic).arrived_by == USER
    with clinic.database.read() as tables:
        entry = audit.entries(tables)[-1]
        assert (entry.action, entry.subject, entry.actor) == ("visit-opened", "visit:1", USER)
        audit.verify(tables)


@pytest.mark.parametrize(
    "text", [villager(2).number, villager(2).phone, villager(2).name, "cuc c", card(villager(2), more="|||x")]
)
def test_one_box_takes_number_phone_name_and_card(desk: Visitor, text: str) -> None:
    assert f'<h2 class="what" id="who">{villager(2).name}</h2>' in find(desk, text, status=None)


def test_a_new_card_is_one_enter_as_well(desk: Visitor, clinic: Clinic) -> None:
    one = villager(3, phone="", address_unit="", group=0)
    text = find(desk, card(one))
    assert "Người mới, chưa có trong máy" in text
    assert text.count("autofocus") == 1
    assert "autofocus" in text.partition("Lưu và vào hàng đợi")[0].rpartition("<button")[2]
    # What the page holds is sent as it is.
    text = desk.post("/reception/people", typed(desk, one))
    assert f"Số 1: {one.name} vào hàng đợi" in text
    assert "Đã khớp" in text
    assert person(clinic, 3).recipient == one
    with clinic.database.read() as tables:
        check = identity_checks.newest(tables, PersonId(3))
        assert check is not None
        assert (check.state, check.reference, check.checked_by) == (IdentityState.MATCHED, "pack-1", USER)


def test_the_same_form_however_often_it_is_sent_is_one_person_and_one_visit(desk: Visitor, clinic: Clinic) -> None:
    find(desk, card(villager(3)))
    form = typed(desk, villager(3))
    for _ in range(3):
        assert "Số 1: " in desk.post("/reception/people", form)
    # Even after the person has been put right and the visit cancelled.
    change_person(clinic.database, PersonId(3), villager(3, name="Nguyễn Thị Đúng"), revision=1, at=NOW, by=NURSE)
    desk.post("/reception/visits/1/cancel", {"reason": "Ghi nhầm người"})
    assert "Đã hủy lượt số 1" in desk.post("/reception/people", form)
    assert (clinic.count("people"), clinic.count("visits")) == (3, 1)


def test_a_used_form_with_somebody_else_in_it_is_kept_and_asked_about(desk: Visitor, clinic: Clinic) -> None:
    find(desk, card(villager(3)))
    form = typed(desk, villager(3))
    desk.post("/reception/people", form)
    # The back button brought the form back, and another person was typed into it.
    other = {**form, "name": villager(4).name, "number": villager(4).number, "phone": villager(4).phone}
    text = desk.post("/reception/people", other, status=422)
    assert "Phiếu này đã dùng cho một người khác" in text
    assert f'value="{villager(4).name}"' in text
    desk.post("/reception/people", typed(desk, villager(4)))
    assert line(clinic) == [(1, 3), (2, 4)]


def test_who_arrives_twice_keeps_the_number(desk: Visitor, clinic: Clinic) -> None:
    for _ in range(2):
        find(desk, villager(1).number, status=None)
        text = desk.post("/reception/arrive", {"person": "1", "submission": key(desk)})
    assert "đã ở hàng đợi từ 16:30" in text
    assert "Đã ở hàng đợi, số 1" in find(desk, villager(1).number, status=None)
    assert clinic.count("visits") == 1


def test_several_are_chosen_from_by_keyboard_and_somebody_new_is_one_of_them(desk: Visitor) -> None:
    text = find(desk, "nguyen thi")
    assert 'href="/reception?person=1" data-choice="1" autofocus' in text
    assert 'href="/reception?person=2" data-choice="2">' in text
    assert text.count("autofocus") == 1
    assert "Có 2 người phù hợp" in text
    text = desk.post("/reception/new", {"card": "Nguyễn Thị Hoàn Toàn Mới"}, status=200)
    assert 'value="Nguyễn Thị Hoàn Toàn Mới"' in text


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("054185000099", "number", "054185000099"),
        ("054.185.000099", "number", "054185000099"),
        ("212345678", "number", "212345678"),
        ("c1234567", "number", "C1234567"),
        ("0987654321", "phone", "0987654321"),
        ("+84 987 654 321", "phone", "0987654321"),
        ("Lò Thị Mới", "name", "Lò Thị Mới"),
    ],
)
def test_nobody_found_is_a_form_with_the_text_where_it_belongs(
    desk: Visitor, text: str, field: str, value: str
) -> None:
    shown = find(desk, text)
    assert f'name="{field}" type="text" value="{value}"' in shown
    assert shown.count("autofocus") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Ô này còn trống"),
        (" \t ", "Ô này còn trống"),
        ("054185000001|x", "đọc được 2 trường, cần ít nhất 7"),
        ("054185000001||A|01031985|Nữ|B", "đọc được 6 trường"),
        (CARD.format(number="05418500000", old="", name="A B", born="01031985", sex="Nữ"), "Không đọc được mã QR"),
        (
            CARD.format(number="０５４１８５００００01", old="", name="A B", born="01031985", sex="Nữ"),
            "Không đọc được mã QR",
        ),
        (CARD.format(number="054185000001", old="", name="A\x00B", born="01031985", sex="Nữ"), "Không đọc được mã QR"),
        (CARD.format(number="054185000001", old="", name="A B", born="31021985", sex="Nữ"), "Không đọc được mã QR"),
        (CARD.format(number="054185000001", old="", name="A B", born="01031985", sex="?"), "Không đọc được mã QR"),
        ("０５４１８５００００９９", "Không có người này trong máy"),
        ("12345", "Không có người này trong máy"),
        ("Nguyễn\u202eÁnh", "Không đúng dạng"),
        ("Nguyễn\x00Ánh", "Không đúng dạng"),
        ("x" * 400_000, "Không đúng dạng"),
    ],
)
def test_a_line_that_cannot_be_read_is_said_at_the_box(desk: Visitor, clinic: Clinic, text: str, said: str) -> None:
    shown = find(desk, text, status=422)
    assert said in beside(shown, "card")
    assert shown.count("autofocus") == 1
    assert "x" * 201 not in shown
    assert clinic.count("people") == 2


def test_a_megabyte_in_the_box_is_answered_by_the_desk(desk: Visitor) -> None:
    assert "Quá dài" in beside(find(desk, "x" * 1_000_000, status=413), "card")


def test_a_card_that_differs_is_shown_beside_the_store_and_taken_over_by_enter(desk: Visitor, clinic: Clinic) -> None:
    true = villager(1, name="Nguyễn Thị Bưởi Thật", birth_date="1985-03-04")
    text = find(desk, card(true))
    assert "Là người này: dùng dữ liệu trên thẻ" in text
    assert re.search(r'class="differs"><th scope="row">Họ và tên</th><td>Nguyễn Thị Bưởi Thật</td>', text)
    assert re.search(r'class="differs"><th scope="row">Ngày sinh</th><td>04/03/1985</td><td>01/03/1985', text)
    assert not re.search(r'class="differs"><th scope="row">Giới tính', text)
    assert text.count("autofocus") == 1
    taken = {"person": "1", "revision": "1", **typed(desk, true, phone="", address_unit="")}
    text = desk.post("/reception/take", taken)
    assert "Số 1: Nguyễn Thị Bưởi Thật vào hàng đợi" in text
    # The pack knows her as she was written before: the page says in what they differ now.
    assert "nhiều trường" in text
    assert person(clinic, 1).recipient == true
    assert person(clinic, 1).revision == 2
    # Twice is once.
    desk.post("/reception/take", taken)
    assert (person(clinic, 1).revision, line(clinic)) == (2, [(1, 1)])


def test_the_data_of_the_store_may_be_kept_instead(desk: Visitor, clinic: Clinic) -> None:
    find(desk, card(villager(1, birth_date="1985-03-04")))
    desk.post("/reception/arrive", {"person": "1", "submission": key(desk)})
    assert person(clinic, 1).recipient == villager(1)
    assert line(clinic) == [(1, 1)]


def test_case_alone_is_no_difference(desk: Visitor) -> None:
    shown = find(desk, card(villager(1, name=villager(1).name.upper())), status=None)
    assert "Vào hàng đợi" in shown


def test_the_old_number_on_a_card_finds_who_was_written_with_it(desk: Visitor, clinic: Clinic) -> None:
    old = villager(3, number="212345678", paper=PaperKind.CMND)
    clinic.record(Submission("dose-0003", old, facts()))
    text = find(desk, card(villager(3), old="212345678"))
    assert "Trong máy đã có người có thể là người này" in text
    desk.post(
        "/reception/take", {"person": "3", "revision": "1", **typed(desk, villager(3), phone="", address_unit="")}
    )
    assert person(clinic, 3).recipient == villager(3)


def test_a_near_duplicate_is_shown_before_somebody_is_written_twice(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    twin = villager(30, name=villager(1).name, phone="0977777777")
    text = desk.post("/reception/people", typed(desk, twin), status=422)
    assert "Trong máy đã có người có thể là người này" in text
    assert "Là người này: giữ dữ liệu trong máy" in text
    assert clinic.count("people") == 2
    text = desk.post("/reception/people", {**typed(desk, twin), **confirmed(desk)})
    assert clinic.count("people") == 3
    assert line(clinic) == [(1, 3)]


def test_a_year_alone_is_near_every_day_of_it(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    vague = villager(30, name=villager(1).name, birth_date="1985", number="", phone="")
    assert "có thể là người này" in desk.post("/reception/people", typed(desk, vague), status=422)
    assert clinic.count("people") == 2


def test_who_is_typed_as_they_are_stored_is_received_without_a_question(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    desk.post("/reception/people", typed(desk, villager(1), phone=""))
    assert (clinic.count("people"), line(clinic)) == (2, [(1, 1)])


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"name": ""}, "name", "Ô này còn trống"),
        ({"name": "Nguyễn 🙂"}, "name", "không phải chữ"),
        ({"name": "Nguyễn Văn 2"}, "name", "không phải chữ"),
        ({"name": "Ẩn\u202eDanh"}, "name", "Không đúng dạng"),
        ({"name": "a" * 101}, "name", "Không đúng dạng"),
        ({"sex": ""}, "sex", "Ô này còn trống"),
        ({"birth_date": ""}, "birth_date", "Ô này còn trống"),
        ({"birth_date": "31/02/1985"}, "birth_date", "Ngày không có thật"),
        ({"birth_date": "16/04/2022"}, "birth_date", "sau ngày hôm nay"),
        ({"birth_date": "2023"}, "birth_date", "sau ngày hôm nay"),
        ({"birth_date": "０１/０３/1985"}, "birth_date", "Ngày không có thật"),
        ({"nationality": "Đức"}, "nationality", "ví dụ VN"),
        ({"group": "100"}, "group", "Một số từ 0"),
        ({"guardian": "Cha 👨"}, "guardian", "không phải chữ"),
        ({"phone": "0" * 50}, "phone", "10 chữ số"),
    ],
)
def test_a_fault_stands_beside_its_field_and_what_was_typed_stays(
    desk: Visitor, clinic: Clinic, changes: dict[str, str], field: str, said: str
) -> None:
    find(desk, "Lò Thị Mới")
    text = desk.post("/reception/people", typed(desk, villager(3), address_unit="05413", **changes), status=422)
    assert said in beside(text, field)
    assert f'<a href="#{field}">' in text
    assert text.count("autofocus") == 1
    assert clinic.count("people") == 2


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"number": "05418500099"}, "number", "Số này không đúng dạng. Căn cước 12 chữ số"),
        ({"number": "０５４１８５００００９９"}, "number", "Số này không đúng dạng"),
        ({"number": "999185000099"}, "number", "không phải mã tỉnh"),
        ({"sex": "M", "number": "054185000099"}, "number", "không hợp với giới tính"),
        ({"birth_date": "01/03/2085", "number": "054185000099"}, "birth_date", "sau ngày hôm nay"),
        ({"birth_date": "01/03/1986", "number": "054185000099"}, "number", "không hợp với năm sinh"),
        ({"birth_date": "01/03/2015", "number": ""}, "guardian", "Trẻ dưới 16 tuổi"),
        ({"name": "Niê", "number": ""}, "family_name", "phiên âm"),
        ({"name": "李小龍", "number": ""}, "name", "phiên âm"),
        # The pack knows who bears this number, and in which field the form differs from it.
        ({"name": "Nguyễn Thị Sai"}, "name", "Khác với CSDLQG về dân cư"),
        ({"birth_date": "02/03/1985"}, "birth_date", "Khác với CSDLQG về dân cư"),
    ],
)
def test_a_doubt_is_said_while_the_person_is_there_and_a_second_press_saves(
    desk: Visitor, clinic: Clinic, changes: dict[str, str], field: str, said: str
) -> None:
    find(desk, "Lò Thị Mới")
    form = typed(desk, villager(3), **changes)
    text = desk.post("/reception/people", form, status=422)
    assert said in beside(text, field)
    assert text.count("autofocus") == 1
    assert clinic.count("people") == 2
    if "sau ngày" in said:
        return
    # Another field's text, such as a phone, does not ask the same thing again; another name does.
    desk.post("/reception/people", {**form, **confirmed(desk), "phone": "0911111111"})
    assert line(clinic) == [(1, 3)]


def test_a_confirmation_holds_for_what_was_on_the_screen(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    desk.post("/reception/people", typed(desk, villager(30, birth_date="1986-03-01")), status=422)
    said = confirmed(desk)
    desk.post("/reception/people", {**typed(desk, villager(30, birth_date="1987-03-01")), **said}, status=422)
    assert clinic.count("people") == 2


def test_a_foreigner_is_let_in_and_the_way_to_vouch_is_shown(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "C1234567")
    anna = villager(30, name="Anna Müller", number="C1234567", paper=PaperKind.PASSPORT, nationality="DE")
    text = desk.post("/reception/people", typed(desk, anna))
    assert "Chờ bảo lãnh" in text
    assert 'href="/people/3?list=reception">Xem hộ chiếu và bảo lãnh' in text
    assert person(clinic, 3).recipient.paper is PaperKind.PASSPORT


def test_a_child_with_a_guardian_and_nobody_without_a_number_are_no_trouble(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    child = villager(30, name="Lò Thị Mới", birth_date="2015-03-01", number="", phone="")
    text = desk.post("/reception/people", typed(desk, child, guardian="Lò Văn Cha"))
    assert "Chưa ký được" in text
    assert person(clinic, 3).recipient.guardian == "Lò Văn Cha"


def test_names_are_stored_composed_and_as_they_were_written(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    desk.post("/reception/people", typed(desk, villager(30), name="  Ð\u0103\u0323ng  Thi\u0323 Le\u0323\u0302 "))
    assert person(clinic, 3).recipient.name == "Ðặng Thị Lệ"


def test_of_two_desks_the_slower_one_sees_what_the_other_wrote(desk: Visitor, clinic: Clinic) -> None:
    true = villager(1, birth_date="1985-03-04")
    find(desk, card(true))
    taken = {"person": "1", "revision": "1", **typed(desk, true, phone="", address_unit="")}
    change_person(clinic.database, PersonId(1), villager(1, phone="0922222222"), revision=1, at=NOW, by="Bàn khác")
    text = desk.post("/reception/take", taken, status=409)
    assert "0922222222" in text
    assert 'name="revision" value="2"' in text
    desk.post("/reception/take", {**taken, "revision": "2"})
    assert person(clinic, 1).recipient == villager(1, birth_date="1985-03-04", phone="0922222222")


def test_who_is_known_is_asked_of_a_pack_that_came_meanwhile(desk: Visitor, clinic: Clinic) -> None:
    clinic.record(Submission("dose-0030", villager(30), facts()))
    assert person(clinic, 3).identity_state is IdentityState.WAITING
    clinic.give_pack([villager(30, birth_date="1985-03-02")], version=2)
    text = find(desk, villager(30).number, status=None)
    assert "Khác ở ngày sinh so với CSDLQG" in text
    assert person(clinic, 3).identity_state is IdentityState.WAITING
    text = desk.post("/reception/arrive", {"person": "3", "submission": key(desk)})
    assert "Khác ở ngày sinh so với CSDLQG" in text
    assert person(clinic, 3).identity_state is IdentityState.MISMATCH


def test_a_visit_is_cancelled_with_a_reason_once_and_the_person_may_come_back(desk: Visitor, clinic: Clinic) -> None:
    receive_newcomer(clinic.database, Newcomer("form-0001", villager(3)), provinces=PROVINCES, at=NOW, by=NURSE)
    assert "Hủy lượt số 1" in desk.get("/reception/visits/1/cancel")
    assert "Ô này còn trống" in desk.post("/reception/visits/1/cancel", {}, status=422)
    assert "Không đúng dạng" in desk.post("/reception/visits/1/cancel", {"other": "x" * 301}, status=422)
    for _ in range(2):
        text = desk.post("/reception/visits/1/cancel", {"reason": "Hẹn lại ngày khác", "other": "sốt nhẹ"})
    assert "Đã hủy lượt số 1" in text
    assert "Lý do: sốt nhẹ" in text
    assert stored_visit(clinic).ended_by == USER
    with clinic.database.read() as tables:
        assert [one.action for one in audit.entries(tables)].count("visit-cancelled") == 1
    text = desk.post("/reception/arrive", {"person": "3", "submission": key(desk)})
    assert "Số 2: " in text
    assert line(clinic) == [(2, 3)]


def test_who_has_had_the_injection_is_not_taken_out_of_the_line(desk: Visitor, clinic: Clinic) -> None:
    find(desk, villager(1).number, status=None)
    desk.post("/reception/arrive", {"person": "1", "submission": key(desk)})
    desk.get("/reception/visits/1/cancel")
    with clinic.database.write_transaction() as tables:
        assert visits.give_dose(tables, VisitId(1), 1, leave_at=NOW + 1_800)
    text = desk.post("/reception/visits/1/cancel", {"reason": "Bỏ về không báo"}, status=422)
    assert "không còn ở hàng đợi" in text
    assert stored_visit(clinic).state is VisitState.OBSERVED
    assert "đang theo dõi" in desk.get("/reception?visit=1")
    assert "Đã tiêm, đang theo dõi, số 1" in desk.get("/reception?person=1")


def test_the_line_says_who_waits_and_since_when(desk: Visitor, clinic: Clinic) -> None:
    assert "Chưa có ai chờ" in desk.get("/reception")
    for number in (3, 4):
        receive_newcomer(
            clinic.database,
            Newcomer(f"form-000{number}", villager(number)),
            provinces=PROVINCES,
            at=NOW - 600 * number,
            by=NURSE,
        )
    text = desk.get("/reception")
    assert "2 người đang chờ" in text
    assert text.index(villager(3).name) < text.index(villager(4).name)
    assert "16:00 <span" in text
    assert "30 phút" in text


def test_a_form_that_is_too_old_keeps_what_was_typed(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    form = {**typed(desk, villager(3, name="Trần Thị Giữ Lại")), "csrf_token": "of-yesterday"}
    assert 'value="Trần Thị Giữ Lại"' in desk.post("/reception/people", form, status=400)
    old = {"card": "Lò", "csrf_token": "of-yesterday"}
    assert "Trang này đã cũ" in desk.post("/reception/find", old, status=400)
    assert clinic.count("people") == 2


def test_a_form_that_was_left_half_written_comes_back_until_it_is_saved(desk: Visitor, clinic: Clinic) -> None:
    find(desk, "Lò Thị Mới")
    form = typed(desk, villager(3, name="Trần Thị Giữ Lại", number="", phone=""))
    token = re.findall(r'name="csrf_token" value="([^"]+)"', desk.text)[0]
    kept = {**form, "place": "/reception/new", "csrf_token": token}
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert desk.client.post("/drafts", base_url=ADDRESS, data=kept, headers=headers).status_code == 204
    assert 'value="Trần Thị Giữ Lại"' in desk.get("/reception/new")
    desk.post("/reception/people", typed(desk, villager(3, name="Trần Thị Giữ Lại", number="", phone="")))
    assert "Trần Thị Giữ Lại" not in desk.get("/reception/new").partition("<legend>")[2].partition("</form>")[0]


def test_what_is_not_there_is_not_found(desk: Visitor) -> None:
    for path in ("/reception?person=99", "/reception/visits/99/cancel", "/reception/visits/99999999999/cancel"):
        desk.get(path, status=404)
    desk.get("/reception?visit=99&person=x")
    assert "Không có người này" in desk.post("/reception/arrive", {"person": "99", "submission": "x" * 16}, status=422)
    assert "Không có người này" in desk.post("/reception/take", {"person": "99"}, status=422)
    desk.post("/reception/arrive", {"person": "1", "submission": "x"}, status=422)


def test_the_way_to_put_a_person_right_leads_back_to_the_desk(desk: Visitor, clinic: Clinic) -> None:
    path = "/people/1?list=reception"
    assert 'href="/reception" data-back' in desk.get(path)
    form = {**typed(desk, villager(1), name="Nguyễn Thị Đúng", by=NURSE, group="9"), "revision": "1"}
    assert '<h2 class="what" id="who">Nguyễn Thị Đúng</h2>' in desk.post(path, form)
    assert person(clinic, 1).recipient == villager(1, name="Nguyễn Thị Đúng")


@pytest.mark.parametrize("role", [Role.INJECTION, Role.OBSERVATION, Role.SIGNER])
def test_the_desk_is_for_the_reception_alone(tmp_path: Path, clinic: Clinic, role: Role) -> None:
    other = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=(role,))
    for path in ("/reception", "/reception/new", "/reception/roster"):
        assert other.client.get(path, base_url=ADDRESS).status_code == 403


def test_without_a_session_no_answer_shows_anybody(tmp_path: Path, clinic: Clinic) -> None:
    receive_newcomer(clinic.database, Newcomer("form-0001", villager(3)), provinces=PROVINCES, at=NOW, by=NURSE)
    nobody = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=())
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    for path in ("find", "people", "take", "arrive", "visits/1/cancel"):
        for text in ("x", "x" * 1_000_000):
            answer = nobody.client.post(f"/reception/{path}", base_url=ADDRESS, data={"card": text}, headers=headers)
            assert villager(3).name not in answer.text
            assert answer.status_code != 200


def test_no_address_on_the_way_names_a_person(desk: Visitor) -> None:
    find(desk, card(villager(1)), status=None)
    desk.post("/reception/arrive", {"person": "1", "submission": key(desk)})
    find(desk, card(villager(1, birth_date="1985-03-04")))
    find(desk, "nguyen")
    find(desk, card(villager(3)))
    desk.post("/reception/people", typed(desk, villager(3), name=""), status=422)
    desk.post("/reception/people", typed(desk, villager(3)))
    desk.post("/reception/visits/2/cancel", {"reason": "Ghi nhầm người"})
    personal = [text for one in (1, 3) for text in (*villager(one).name.split(), villager(one).number)]
    assert not words_in(desk.addresses, [*personal, villager(3).phone, "1985", "nguyen", "%"])


def expect_today(clinic: Clinic, one: Recipient) -> None:
    """Put somebody on today's list, who is in the store already or comes into it."""
    with clinic.database.write_transaction() as tables:
        known = people.with_number(tables, one.number)
        state = IdentityState.WAITING
        person_id = known[0].person_id if known else people.add(tables, one, state=state, at=NOW, by=USER)
        person = people.get(tables, person_id)
        assert person is not None
        roster.add(tables, DAY, person, product="AZ", at=NOW, by=USER)


def test_the_card_of_somebody_expected_is_the_arrival_once(desk: Visitor, clinic: Clinic) -> None:
    expect_today(clinic, villager(3))
    assert f"{villager(3).name} vào hàng đợi" in find(desk, card(villager(3)), status=None)
    assert clinic.count("visits") == 1
    find(desk, card(villager(3)), status=None)
    assert clinic.count("visits") == 1


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        # A number is typed, not read from a card.
        (villager(3), villager(3).number),
        # The card says something else than the list.
        (villager(3), card(villager(3, name="Nguyễn Thị Khác"))),
        # A dose of this morning is on disk already.
        (villager(1), card(villager(1))),
        # The population pack has another birth date, so somebody should look.
        (villager(4, birth_date="1985-03-02"), card(villager(4, birth_date="1985-03-02"))),
    ],
)
def test_whoever_leaves_something_to_ask_is_shown_first(
    desk: Visitor, clinic: Clinic, expected: Recipient, line: str
) -> None:
    expect_today(clinic, expected)
    answer = desk.client.post(
        "/reception/find", base_url=ADDRESS, data={"card": line, "csrf_token": csrf(desk)}, headers=OWN
    )
    assert answer.status_code in (200, 303)
    assert clinic.count("visits") == 0


OWN = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}


def csrf(desk: Visitor) -> str:
    """The token of the page that is open."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', desk.text)
    assert found is not None
    return found[1]
