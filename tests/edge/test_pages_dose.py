"""The page that records a dose: cards, numbers, faults beside their fields, warnings, and one dose per form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge.store import doses
from edge.web.desks.dose_page import OF_PERSON
from edge.web.frame import access
from edge.workflow.record_dose import Submission
from sync_protocol.identity import PaperKind
from tests.browser.visitor import USER, Visitor, make_node, visit, words_in
from tests.edge.clinic import DAY_SECONDS, NOW, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock

CARD = "054185000123|123456789|Đặng Thị Ánh|01031985|Nữ|Thôn 2, Hòa Hiệp|25122021"
TYPED = {
    "name": "Đặng Thị Ánh",
    "sex": "F",
    "birth_date": "01/03/1985",
    "number": "054185000123",
    "nationality": "VN",
    "product": "AZ",
    "lot": "ABX1234",
    "lot_expiry": "31/12/2022",
    "dose_number": "1",
    "given_day": "15/04/2022",
    "given_time": "16:20",
    "vaccinator": "Lê Văn Kim",
}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Visitor:
    return visit(make_node(tmp_path, clinic.database, clock), clinic.centre)


def form_of(visitor: Visitor, **changes: str) -> dict[str, str | Sequence[str]]:
    """A form that is filled in, with the key of the page that is open."""
    return {**TYPED, "submission": str(visitor.hidden()["submission"]), **changes}


def beside(text: str, field: str) -> str:
    """What the page says beside a field."""
    _, found, rest = text.partition(f'id="{field}-told">')
    return rest.partition("</span>")[0].rpartition("</svg>")[2] if found else ""


def test_the_scanner_box_has_the_cursor(visitor: Visitor) -> None:
    text = visitor.get("/doses/new")
    assert text.count("autofocus") == 1
    assert "data-scan autofocus" in text


@pytest.mark.parametrize("more", ["", "|||x", "|cha|mẹ|056085000001|x"])
def test_a_card_fills_the_form_and_one_enter_saves(visitor: Visitor, clinic: Clinic, more: str) -> None:
    clinic.record(Submission("earlier-one", villager(5), facts(given_at=NOW - 3_600)))
    visitor.get("/doses/new")
    text = visitor.post("/doses/card", {"card": CARD + more}, status=200)
    assert 'value="Đặng Thị Ánh"' in text
    assert 'value="054185000123"' in text
    assert 'value="F" checked' in text
    # Product, lot and the rest are those of the day, so nothing is missing and the button has the cursor.
    assert '<button class="button large" type="submit" autofocus>' in text


def test_a_dose_is_on_disk_when_the_page_says_so(visitor: Visitor, clinic: Clinic) -> None:
    clinic.give_pack([villager(123, name="Đặng Thị Ánh")])
    visitor.get("/doses/new")
    text = visitor.post("/doses", form_of(visitor))
    assert "Đã lưu 19001A-000001" in text
    assert "Đã khớp" in text
    with clinic.database.read() as tables:
        assert [one.recorded_by for one in doses.of_day(tables, "2022-04-15")] == [USER]


@pytest.mark.parametrize(
    ("registered", "said"),
    [
        ({"birth_date": "1985-03-02"}, "Khác ở ngày sinh"),
        ({"name": "Đặng Thị Ảnh Khác"}, "Khác ở họ tên"),
        ({"number": "054185000124"}, "số giấy tờ"),
    ],
)
def test_the_page_says_at_once_which_field_differs(
    visitor: Visitor, clinic: Clinic, registered: Mapping[str, str], said: str
) -> None:
    clinic.give_pack([replace(villager(123, name="Đặng Thị Ánh"), **registered)])  # type: ignore[arg-type]
    visitor.get("/doses/new")
    text = visitor.post("/doses", form_of(visitor))
    assert "Đã lưu 19001A-000001" in text
    assert "Không khớp" in text
    assert said in text


def test_without_a_pack_the_dose_is_saved_and_waits(visitor: Visitor) -> None:
    visitor.get("/doses/new")
    text = visitor.post("/doses", form_of(visitor))
    assert "Đã lưu" in text
    assert "Chờ xác thực" in text


def test_a_double_click_a_reload_and_the_back_button_give_one_dose(
    visitor: Visitor, clinic: Clinic, clock: TickingClock
) -> None:
    visitor.get("/doses/new")
    # Without day and time the dose is given now, and "now" is later at each sending.
    form = form_of(visitor, given_day="", given_time="")
    for _ in range(3):
        assert "Đã lưu 19001A-000001" in visitor.post("/doses", form)
        clock.at += 61
    assert clinic.count("doses") == 1


def test_a_used_form_with_another_person_asks_again_and_then_records(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/new")
    form = form_of(visitor)
    visitor.post("/doses", form)
    other = {"name": "Lê Thị Bưởi", "number": "054185000124"}
    text = visitor.post("/doses", {**form, **other}, status=422)
    assert "Lê Thị Bưởi" in text
    assert visitor.hidden()["submission"] != form["submission"]
    visitor.post("/doses", form_of(visitor, **other))
    assert clinic.count("doses") == 2


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Ô này còn trống. Ghi đủ như trên giấy tờ, ví dụ Nguyễn Thị Ánh."),
        ("birth_date", "31/02/1985", "Ngày không có thật"),
        ("birth_date", "sáng nay", "ví dụ 01/03/1985"),
        ("product", "", "Ô này còn trống"),
        ("product", "XX", "mục"),
        ("lot", "", "ví dụ ABX1234"),
        ("lot", "L" * 41, "Không đúng dạng"),
        ("lot_expiry", "31/12/2021", "đã hết hạn vào ngày tiêm (31/12/2021)"),
        ("dose_number", "một", "Một số từ 1"),
        ("dose_number", "", "Ô này còn trống"),
        ("given_time", "25:99", "ví dụ 09:30"),
        ("given_day", "16/04/2022", "sau giờ của máy"),
        ("given_day", "01/01/1980", "trước ngày sinh"),
        ("name", "Ẩn\u202eDanh", "Không đúng dạng"),
        ("nationality", "Việt", "ví dụ VN"),
    ],
)
def test_a_fault_stands_beside_its_field_with_the_rule_and_what_was_typed_stays(
    visitor: Visitor, clinic: Clinic, field: str, value: str, said: str
) -> None:
    visitor.get("/doses/new")
    text = visitor.post("/doses", form_of(visitor, **{field: value}), status=422)
    assert said in beside(text, field)
    assert f'<a href="#{field}">' in text
    assert 'value="Lê Văn Kim"' in text
    assert clinic.count("doses") == 0


def test_all_faults_are_said_at_once(visitor: Visitor) -> None:
    visitor.get("/doses/new")
    text = visitor.post("/doses", {"submission": "12345678"}, status=422)
    for field in ("name", "birth_date", "product", "lot"):
        assert beside(text, field), field
    assert '<a href="#sex">' in text


def test_a_warning_is_asked_once_and_holds_only_for_what_was_shown(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/new")
    form = form_of(visitor, birth_date="01/03/1986")
    text = visitor.post("/doses", form, status=422)
    assert "không hợp với năm sinh" in beside(text, "number")
    assert "Đúng, vẫn lưu" in text
    confirmed = {**form, **visitor.hidden()}
    # Another year is another question, although the warning has the same code.
    assert "Đúng, vẫn lưu" in visitor.post("/doses", {**confirmed, "birth_date": "01/03/1987"}, status=422)
    assert clinic.count("doses") == 0
    assert "Đã lưu" in visitor.post("/doses", confirmed)


@pytest.mark.parametrize(
    "line",
    [
        "054185000123|Đặng Thị Ánh",
        "０５４１８５０００１２３|1|Đặng Thị Ánh|01031985|Nữ|x|25122021",
        "054185000123||Đặng\x07Thị|01031985|Nữ|x|25122021",
        "054185000123||Đặng Thị Ánh|31021985|Nữ|x|25122021",
        "|" * 900,
        "054",
        "",
    ],
)
def test_a_line_that_is_no_card_is_refused_beside_the_box(visitor: Visitor, line: str) -> None:
    visitor.get("/doses/new")
    answer = visitor.client.post(
        "/doses/card",
        base_url="http://127.0.0.1:8750",
        data={"card": line, "csrf_token": visitor.hidden()["csrf_token"]},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert beside(answer.text, "card")
    assert answer.status_code in (200, 422)


def test_markup_on_a_card_stays_text(visitor: Visitor) -> None:
    visitor.get("/doses/new")
    card = CARD.replace("Đặng Thị Ánh", '"><script>alert(1)</script>')
    answer = visitor.client.post(
        "/doses/card",
        base_url="http://127.0.0.1:8750",
        data={"card": card, "csrf_token": visitor.hidden()["csrf_token"]},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert "<script>alert" not in answer.text


def test_a_number_finds_the_person_and_proposes_the_next_dose(visitor: Visitor, clinic: Clinic) -> None:
    clinic.record(Submission("first-dose", villager(7), facts(given_at=NOW - 60 * DAY_SECONDS, late_reason="x")))
    visitor.get("/doses/new")
    text = visitor.post("/doses/card", {"card": "054185000007"}, status=200)
    assert villager(7).name in text
    assert 'id="dose_number" name="dose_number" type="text" value="2"' in text
    assert "Đã tiêm ở đây: AZ mũi 1" in text
    saved = visitor.post(
        "/doses",
        form_of(visitor, name=villager(7).name, number=villager(7).number, dose_number="2", person="1"),
    )
    assert "mũi 2/2" in saved
    assert clinic.count("people") == 1


def test_several_people_are_offered_and_one_is_chosen_without_a_name_in_an_address(
    visitor: Visitor, clinic: Clinic
) -> None:
    for number in (1, 6, 11):
        clinic.record(Submission(f"dose-{number:04d}", villager(number), facts()))
    visitor.get("/doses/new")
    text = visitor.post("/doses/card", {"card": "nguyen thi buoi"}, status=200)
    assert text.count('href="/doses/new?person=') == 3
    text = visitor.get("/doses/new?person=2")
    assert f'<h2 id="who">{villager(6).name}</h2>' in text
    assert not words_in(visitor.addresses, ["Nguy", "nguyen", villager(6).number])


def test_a_person_without_a_number_is_recorded_once_and_not_twice(visitor: Visitor, clinic: Clinic) -> None:
    nobody = villager(8, paper=PaperKind.NONE, number="")
    clinic.record(Submission("first-dose", nobody, facts(given_at=NOW - 60 * DAY_SECONDS, late_reason="x")))
    visitor.get("/doses/new")
    visitor.get("/doses/new?person=1")
    # Who is known is shown and not typed: the form carries the number of the row.
    shown = {
        name: text for name, text in form_of(visitor, dose_number="2", person="1").items() if name not in OF_PERSON
    }
    visitor.post("/doses", shown)
    assert clinic.count("people") == 1
    assert clinic.count("doses") == 2


def test_product_lot_and_expiry_are_remembered_for_the_day(visitor: Visitor, clinic: Clinic) -> None:
    clinic.record(Submission("yesterday", villager(1), facts(given_at=NOW - DAY_SECONDS, lot="OLD1", late_reason="x")))
    assert "OLD1" not in visitor.get("/doses/new")
    visitor.post("/doses", form_of(visitor))
    text = visitor.get("/doses/new")
    for value in ("ABX1234", "31/12/2022", "Lê Văn Kim"):
        assert f'value="{value}"' in text
    # Another table of the same node has its own vial.
    clinic.record(Submission("other-table", villager(2), facts(lot="OTHER9")))
    assert "OTHER9" not in visitor.get("/doses/new")


def test_a_foreigner_is_vouched_for_with_one_button(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/new")
    text = visitor.post("/doses", form_of(visitor, number="C1234567", nationality="DE", name="Anna Müller"))
    assert "Người nước ngoài" in text
    assert "Cơ sở đã xác nhận hộ chiếu" in visitor.post("/doses/1/vouch")
    assert clinic.count("identity_checks") == 1


def test_the_session_holds_a_token_and_the_number_of_a_row_and_nothing_else(visitor: Visitor) -> None:
    visitor.get("/doses/new")
    visitor.post("/doses", form_of(visitor))
    with visitor.client.session_transaction(base_url="http://127.0.0.1:8750") as session:
        kept = {key: value for key, value in session.items() if key not in ("csrf_token", access.BADGE)}
    assert kept == {"dose": 1}
