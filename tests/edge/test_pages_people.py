"""The pages that put things right: a person of a waiting list, and a dose that was recorded wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.domain.refusals import EdgeCode
from edge.store import audit, doses, people
from edge.store.people import Person, PersonId
from edge.workflow.change_person import change_person
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.record_dose import Submission
from edge.workflow.sign_pass import sign_plan
from sync_protocol.batch import Purpose
from sync_protocol.identity import IdentityState, PaperKind
from tests.browser.visitor import USER, Visitor, make_node, visit, words_in
from tests.builders import SeededEntropy
from tests.edge.clinic import DAY_SECONDS, NOW, Clinic, facts, make_clinic, villager
from tests.edge.station import organisation_signer
from tests.edge.test_pages_dose import beside

TRUE = villager(1)
LIST = "list=identity-mismatch"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """One person whose name was heard wrongly, and one whom the pack knows as recorded."""
    made = make_clinic(tmp_path)
    made.give_pack([TRUE, villager(2)])
    made.record(Submission("dose-0001", villager(1, name="Nguyễn Thị Ánh Lạ"), facts()))
    made.record(Submission("dose-0002", villager(2), facts()))
    return made


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(tmp_path, clinic.database), clinic.centre)


def person(clinic: Clinic, number: int = 1) -> Person:
    with clinic.database.read() as tables:
        found = people.get(tables, PersonId(number))
    assert found is not None
    return found


def typed(visitor: Visitor, **changes: str) -> dict[str, str | Sequence[str]]:
    """The person's form as it is on the screen, with changes."""
    form = {
        "name": "Nguyễn Thị Ánh Lạ",
        "sex": "F",
        "birth_date": "01/03/1985",
        "number": TRUE.number,
        "phone": TRUE.phone,
        "nationality": "VN",
        "address_unit": "05413",
        "group": "9",
    }
    revision = visitor.hidden()["revision"]
    return {**form, "revision": revision if isinstance(revision, str) else revision[0], **changes}


def corrected(visitor: Visitor, **changes: str) -> dict[str, str | Sequence[str]]:
    """The dose's form as it is on the screen, with another lot and a reason."""
    form = {
        "product": "AZ",
        "lot": "RIGHT01",
        "lot_expiry": "31/12/2022",
        "dose_number": "1",
        "given_day": "15/04/2022",
        "given_time": "09:30",
        "vaccinator": "Lê Văn Kim",
        "station": "Bàn 1",
        "reason": "ghi nhầm số lô",
    }
    return {**form, "submission": visitor.hidden()["submission"], **changes}


def sign_all(clinic: Clinic) -> None:
    plan = plan_passes(clinic.database, clinic.catalogue.policy, now=NOW)
    officer = Officer("Trần Thị Bưởi")
    signed = sign_plan(clinic.database, plan, organisation_signer(), officer=officer, now=NOW, entropy=SeededEntropy(5))
    assert len(list(signed)) == 1


def test_each_row_of_a_waiting_list_leads_to_its_person(visitor: Visitor) -> None:
    text = visitor.get("/work-lists?list=identity-mismatch")
    assert f'href="/people/1?{LIST}"' in text
    assert "/people/2" not in text
    assert 'value="Nguyễn Thị Ánh Lạ"' in visitor.get(f"/people/1?{LIST}")


def test_the_page_says_which_field_differs_and_the_cursor_is_there(visitor: Visitor) -> None:
    text = visitor.get("/people/1")
    assert "Khác ở họ tên so với CSDLQG" in text
    assert "Khác với CSDLQG" in beside(text, "name")
    assert text.count("autofocus") == 1
    assert text.partition('id="name"')[2].partition(">")[0].count("autofocus") == 1


def test_a_name_that_is_put_right_is_matched_at_once_and_the_list_says_so(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get(f"/people/1?{LIST}")
    text = visitor.post(f"/people/1?{LIST}", typed(visitor, name=TRUE.name))
    assert f"Đã lưu thông tin của {TRUE.name}" in text
    assert "Đã khớp" in text
    assert "Danh sách này đã hết việc" in text
    assert person(clinic).identity_state is IdentityState.MATCHED
    with clinic.database.read() as tables:
        assert audit.entries(tables)[-1].actor == USER


def test_what_is_still_wrong_is_named(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get(f"/people/1?{LIST}")
    text = visitor.post(f"/people/1?{LIST}", typed(visitor, name=TRUE.name, birth_date="02/03/1985"))
    assert "Khác ở ngày sinh so với CSDLQG" in text
    assert "Sửa tiếp" in text
    assert person(clinic).identity_state is IdentityState.MISMATCH
    assert "Khác với CSDLQG" in beside(visitor.get("/people/1"), "birth_date")


def test_saving_without_a_change_asks_a_pack_that_came_meanwhile(visitor: Visitor, clinic: Clinic) -> None:
    clinic.give_pack([villager(1, name="Nguyễn Thị Ánh Lạ")], version=2)
    visitor.get("/people/1")
    assert "Đã khớp" in visitor.post("/people/1", typed(visitor))
    assert person(clinic).revision == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Ô này còn trống"),
        ("birth_date", "31/02/1985", "Ngày không có thật"),
        ("nationality", "Việt", "ví dụ VN"),
        ("group", "100", "Một số từ 0"),
        ("phone", "0" * 50, "10 chữ số"),
        ("name", "Ẩn\u202eDanh", "Không đúng dạng"),
    ],
)
def test_a_fault_stands_beside_its_field_and_what_was_typed_stays(
    visitor: Visitor, clinic: Clinic, field: str, value: str, said: str
) -> None:
    visitor.get("/people/1")
    text = visitor.post("/people/1", typed(visitor, guardian="Lê Thị Giữ Lại", **{field: value}), status=422)
    assert said in beside(text, field)
    assert f'<a href="#{field}">' in text
    assert 'value="Lê Thị Giữ Lại"' in text
    assert person(clinic).revision == 1


def test_of_two_desks_the_slower_one_loses_nothing_and_overwrites_nothing_unseen(
    visitor: Visitor, clinic: Clinic
) -> None:
    visitor.get("/people/1")
    form = typed(visitor, name=TRUE.name, phone="0911111111")
    other = villager(1, name="Nguyễn Thị Ánh Lạ", phone="0922222222", guardian="Lê Văn Cha")
    change_person(clinic.database, PersonId(1), other, revision=1, at=NOW, by="Bàn khác")
    text = visitor.post("/people/1", form, status=409)
    assert "Hồ sơ vừa được người khác sửa" in text
    assert f'value="{TRUE.name}"' in text
    assert 'value="0911111111"' in text
    assert "Người kia vừa ghi: 0922222222" in beside(text, "phone")
    assert 'value="Lê Văn Cha"' in text
    assert "người giám hộ" in text
    assert person(clinic).recipient == other
    visitor.post("/people/1", {**form, "guardian": "Lê Văn Cha", "revision": str(visitor.hidden()["revision"])})
    assert person(clinic).recipient == villager(1, phone="0911111111", guardian="Lê Văn Cha")


def test_the_same_save_twice_is_no_conflict(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/people/1")
    form = typed(visitor, name=TRUE.name)
    for _ in range(2):
        assert "Đã lưu thông tin" in visitor.post("/people/1", form)
    assert person(clinic).revision == 2


def test_a_form_that_outlived_the_program_keeps_what_was_typed(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/people/1")
    form = {**typed(visitor, name="Trần Thị Giữ Lại"), "csrf_token": "of-yesterday"}
    assert "Trần Thị Giữ Lại" in visitor.post("/people/1", form, status=400)
    visitor.get("/doses/1/correct")
    form = {**corrected(visitor, lot="GIU-LAI"), "csrf_token": "of-yesterday"}
    assert "GIU-LAI" in visitor.post("/doses/1/correct", form, status=400)
    assert clinic.count("doses") == 2


def test_an_unread_number_keeps_its_paper_and_a_commune_of_nowhere_stays(visitor: Visitor, clinic: Clinic) -> None:
    odd = villager(3, paper=PaperKind.PASSPORT, number="AB12CD34", address_unit="99999")
    clinic.record(Submission("dose-0003", odd, facts()))
    assert 'value="99999"' in visitor.get("/people/3")
    form = typed(visitor, name=odd.name, number="AB12CD34", phone="0933333333", address_unit="99999")
    visitor.post("/people/3", form)
    assert person(clinic, 3).recipient == villager(
        3, paper=PaperKind.PASSPORT, number="AB12CD34", address_unit="99999", phone="0933333333"
    )


def test_another_person_with_the_same_number_is_pointed_at(visitor: Visitor, clinic: Clinic) -> None:
    twin = villager(1, name="Lê Thị Khác")
    clinic.record(Submission("dose-0003", twin, facts(), confirmed=frozenset({EdgeCode.PERSON_NEAR})))
    assert 'href="/people/3"' in visitor.get("/people/1")


def test_a_foreigner_is_vouched_for_only_with_a_tick_and_by_who_ticked(visitor: Visitor, clinic: Clinic) -> None:
    foreigner = villager(3, name="Anna Müller", number="C1234567", paper=PaperKind.PASSPORT, nationality="DE")
    clinic.record(Submission("dose-0003", foreigner, facts()))
    assert "/vouch" not in visitor.get("/people/1")
    visitor.get("/people/3?list=identity-foreign")
    path, hidden = "/people/3/vouch?list=identity-foreign", {"revision": "1"}
    assert beside(visitor.post(path, hidden, status=422), "sure")
    # What was compared with the passport is not what the store holds any more.
    assert "người khác sửa" in visitor.post(path, {"sure": "yes", "revision": "7"}, status=409)
    assert person(clinic, 3).identity_state is IdentityState.WAITING
    assert "Đã bảo lãnh" in visitor.post(path, {**hidden, "sure": "yes"})
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [3])[0].evidence.reference == USER[:40]


def test_a_citizen_is_not_vouched_for(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/people/1")
    form = {"revision": "1", "sure": "yes"}
    assert "Chỉ bảo lãnh được" in visitor.post("/people/1/vouch", form, status=422)
    assert person(clinic).identity_state is IdentityState.MISMATCH


def test_a_dose_is_corrected_once_however_often_the_form_is_sent(visitor: Visitor, clinic: Clinic) -> None:
    assert 'href="/doses/1/correct"' in visitor.get("/people/1")
    assert 'value="ABX1234"' in visitor.get("/doses/1/correct")
    form = corrected(visitor)
    for _ in range(3):
        text = visitor.post("/doses/1/correct", form)
        assert "Đã ghi bản đính chính" in text
        assert "thay bản 1: ghi nhầm số lô" in text
    assert clinic.count("doses") == 3
    with clinic.database.read() as tables:
        old, new = doses.assemble(tables, [1, 3])
    assert (new.lot, new.replaces, new.given_at, new.dose_total) == ("RIGHT01", 1, old.given_at, 2)
    # The used form with something else in it is another correction, of the newest version.
    text = visitor.post("/doses/1/correct", {**form, "lot": "THIRD01"}, status=422)
    assert 'href="/doses/3/correct"' in text
    assert 'value="THIRD01"' in text
    assert "bản sửa mới hơn" in visitor.post("/doses/1/correct", corrected(visitor, lot="THIRD01"), status=422)
    assert "Đính chính mũi tiêm 19001A-000003" in follow(visitor, "/doses/1/correct")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("reason", "", "ghi nhầm số lô"),
        ("reason", "x" * 301, "Không đúng dạng"),
        ("lot_expiry", "31/12/2021", "đã hết hạn"),
        ("dose_number", "0", "Một số từ 1"),
        ("given_time", "", "Ô này còn trống"),
        ("given_day", "31/02/2022", "Ngày không có thật"),
    ],
)
def test_a_fault_of_a_correction_stands_beside_its_field(
    visitor: Visitor, clinic: Clinic, field: str, value: str, said: str
) -> None:
    visitor.get("/doses/1/correct")
    text = visitor.post("/doses/1/correct", corrected(visitor, **{field: value}), status=422)
    assert said in beside(text, field)
    assert f'<a href="#{field}">' in text
    assert 'value="RIGHT01"' in text
    assert clinic.count("doses") == 2


def test_a_doubt_about_a_correction_is_asked_once(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/1/correct")
    form = corrected(visitor, lot_expiry="")
    assert "Đúng, vẫn đính chính" in visitor.post("/doses/1/correct", form, status=422)
    visitor.post("/doses/1/correct", {**form, **visitor.hidden()})
    assert clinic.count("doses") == 3


def test_a_time_that_nobody_changed_keeps_its_seconds(visitor: Visitor, clinic: Clinic) -> None:
    clinic.record(Submission("dose-0003", villager(3), facts(given_at=NOW - 7 * 3_600 + 17)))
    visitor.get("/doses/3/correct")
    visitor.post("/doses/3/correct", corrected(visitor))
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [4])[0].given_at == NOW - 7 * 3_600 + 17


def test_a_signed_dose_keeps_what_was_signed_until_a_correction_is_signed(visitor: Visitor, clinic: Clinic) -> None:
    assert "giữ nguyên thông tin lúc ký" not in visitor.get("/people/2")
    sign_all(clinic)
    text = visitor.get("/people/2")
    assert "1 mũi đã ký giữ nguyên thông tin lúc ký" in text
    assert "lượt ký “Bản sửa”" in visitor.get("/doses/2/correct")
    visitor.post("/doses/2/correct", corrected(visitor))
    plan = plan_passes(clinic.database, clinic.catalogue.policy, now=NOW)
    assert [(one.purpose, one.sequences) for one in plan.passes] == [(Purpose.CORRECTION, (3,))]


def test_what_is_not_there_is_not_found(visitor: Visitor) -> None:
    for path in ("/people/99", "/people/0", "/people/99999999999999999999", "/doses/99/correct", "/people/x"):
        visitor.get(path, status=404)
    for way in ("list=../x", "list=identity-mismatch&unit=Ánh"):
        main = visitor.get(f"/people/1?{way}").partition('<main id="content">')[2]
        assert "unit=" not in main
        assert "../x" not in main


def test_a_change_that_no_page_of_ours_sent_is_refused(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/people/1")
    for path in ("/people/1", "/people/1/vouch", "/doses/1/correct"):
        answer = visitor.client.post(path, base_url="http://127.0.0.1:8750", data=typed(visitor, name="Kẻ Lạ"))
        assert answer.status_code == 403
    assert visitor.client.get("/people/1", base_url="http://127.0.0.1:8750").headers["Cache-Control"] == "no-store"
    assert person(clinic).revision == 1


def test_a_dose_of_the_wrong_person_is_moved_to_the_right_one(visitor: Visitor, clinic: Clinic) -> None:
    right = clinic.record(
        Submission("dose-0003", villager(7), facts(given_at=NOW - 60 * DAY_SECONDS, late_reason="sổ giấy"))
    )
    visitor.get("/doses/1/correct")
    text = visitor.post("/doses/1/person", {"card": villager(7).name}, status=200)
    assert f'href="/doses/1/correct?person={right.person_id}"' in text
    # The one who has the dose now is not among those to whom it may be moved.
    assert "Không tìm thấy ai khác" in visitor.post("/doses/1/person", {"card": TRUE.number}, status=200)
    text = visitor.get(f"/doses/1/correct?person={right.person_id}")
    assert f"Mũi này chuyển sang: {villager(7).name}" in text
    form = corrected(visitor, person=str(right.person_id), lot="ABX1234")
    # The right person has a first dose already: the rules see whose dose it will be.
    assert "mũi tiếp theo là mũi 2" in beside(visitor.post("/doses/1/correct", form, status=422), "dose_number")
    for _ in range(2):
        text = visitor.post("/doses/1/correct", {**form, "dose_number": "2"})
        assert "Mũi tiêm đã chuyển sang người này" in text
        assert villager(7).name in text
    with clinic.database.read() as tables:
        assert doses.of_person(tables, PersonId(1)) == []
        moved = doses.assemble(tables, [4])[0]
    assert (moved.recipient, moved.replaces, moved.recorded_by) == (villager(7), 1, USER)


def test_no_address_on_the_way_names_a_person(visitor: Visitor) -> None:
    visitor.get("/work-lists?list=identity-mismatch")
    visitor.get(f"/people/1?{LIST}")
    visitor.post(f"/people/1?{LIST}", typed(visitor, name="", phone="0911111111"), status=422)
    visitor.get(f"/people/1?{LIST}")
    visitor.post(f"/people/1?{LIST}", typed(visitor, name=TRUE.name))
    visitor.get(f"/doses/1/correct?{LIST}")
    visitor.post(f"/doses/1/correct?{LIST}", corrected(visitor))
    personal = [*TRUE.name.split(), TRUE.number, TRUE.phone, "0911111111", "1985", "RIGHT01", "Lạ", "%"]
    assert not words_in(visitor.addresses, personal)


def follow(visitor: Visitor, path: str) -> str:
    """Open a page that leads on to another one."""
    answer = visitor.client.get(path, base_url="http://127.0.0.1:8750")
    assert answer.status_code == 303
    return visitor.get(answer.headers["Location"])
