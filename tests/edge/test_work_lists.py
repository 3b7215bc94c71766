"""Work lists: who is on which and why, in what order, page by page; the pages that show, export and take them in."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest

from edge.clients.correction_files import FILE_BYTES
from edge.domain.correction_list import Column
from edge.domain.identity import state_of_paper
from edge.domain.refusals import EdgeCode
from edge.domain.roles import Role
from edge.domain.waiting import Waiting
from edge.domain.work_list import NO_UNIT, Cause, Wanted, is_list, returned_list
from edge.store import audit, doses, identity_checks, people, work_lists
from edge.store.database import Database, Tables
from edge.store.identity_checks import CheckResult
from edge.store.people import PersonId
from edge.store.work_rows import WorkRow
from edge.web.frame.formats import given_name_first
from edge.web.frame.long_work import long_work
from edge.web.office import list_import
from edge.web.office.correction_plans import KEPT_SECONDS, MOST_KEPT
from sync_protocol.errors import Code
from sync_protocol.identity import EvidenceSource, IdentityState, PaperKind, Recipient
from sync_protocol.names import fold
from sync_protocol.verdict import Verdict, VerdictState
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit, words_in
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.station import Station, TickingClock, make_station

UNITS: Final = ("05413", "05414", "")
NAMES: Final = ("Ánh", "An", "Đào", "Dao", "Bưởi", "Êm", "Yến", "Anh", "Ân", "Ý")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Sixty people of whom forty do not match, in two communes and none, with doses on four days."""
    clinic = make_clinic(tmp_path)
    with clinic.database.write_transaction() as tables:
        for number in range(1, 61):
            name = f"{('Lê', 'Võ')[number % 2]} Thị {NAMES[number % 10]}"
            state = IdentityState.MISMATCH if number % 3 else IdentityState.MATCHED
            one = villager(number, name=name, address_unit=UNITS[number // 2 % 3])
            person_id = people.add(tables, one, state=state, at=NOW - number, by=NURSE)
            person = people.get(tables, person_id)
            assert person is not None
            result = CheckResult(person, state, EvidenceSource.PACK, "pack-1", "name" if number % 3 else "")
            identity_checks.add_many(tables, [result], at=NOW - number, by=NURSE)
            for dose in range(number % 4):
                product = ("AZ", "PF")[number % 2]
                given = facts(product=product, dose_number=dose + 1, dose_total=9, given_at=NOW - dose * DAY_SECONDS)
                doses.add(tables, person_id, given, at=NOW, by=NURSE, submission=f"dose-{number:04d}-{dose}")
    return clinic


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(tmp_path, clinic.database), clinic.centre)


def add(database: Database, recipient: Recipient, state: IdentityState | None = None) -> PersonId:
    with database.write_transaction() as tables:
        return people.add(tables, recipient, state=state or state_of_paper(recipient), at=NOW, by=NURSE)


def ids(rows: Sequence[WorkRow]) -> list[int]:
    return [row.person.person_id for row in rows]


def all_pages(tables: Tables, wanted: Wanted, *, limit: int) -> list[int]:
    """Every page of a list, from the first to the last one."""
    page = work_lists.page(tables, wanted, limit=limit)
    assert not page.has_before
    found = ids(page.rows)
    while page.has_after:
        before = page
        page = work_lists.page(tables, wanted, after=PersonId(found[-1]), limit=limit)
        assert page.has_before
        back = work_lists.page(tables, wanted, before=PersonId(ids(page.rows)[0]), limit=limit)
        assert back.rows == before.rows
        assert back.has_after
        found += ids(page.rows)
    return found


def expected(tables: Tables, wanted: Wanted) -> list[int]:
    """The same people, found by looking at everybody."""
    found = []
    for person in people.in_states(tables, list(IdentityState), limit=1_000):
        given = doses.of_person(tables, person.person_id)
        unit = "" if wanted.unit == NO_UNIT else wanted.unit
        if (
            person.identity_state is IdentityState.MISMATCH
            and (not wanted.unit or person.recipient.address_unit == unit)
            and (
                not wanted.narrows_doses
                or any(
                    wanted.first_day <= dose.given_day <= (wanted.last_day or "9999")
                    and wanted.product in ("", dose.facts.product)
                    for dose in given
                )
            )
        ):
            found.append(person)
    found.sort(key=lambda one: (*given_name_first(one.recipient.name)[0:1], fold(one.recipient.name), one.person_id))
    return [one.person_id for one in found]


MISMATCH: Final = Wanted(Cause.MISMATCH)
NARROWED: Final = (
    MISMATCH,
    replace(MISMATCH, unit="05413"),
    replace(MISMATCH, unit=NO_UNIT),
    replace(MISMATCH, first_day="2022-04-15"),
    replace(MISMATCH, last_day="2022-04-14"),
    replace(MISMATCH, first_day="2022-04-13", last_day="2022-04-14", product="AZ"),
    replace(MISMATCH, unit="05414", product="PF"),
    replace(MISMATCH, unit=NO_UNIT, first_day="2022-04-14", product="PF"),
    replace(MISMATCH, product="none"),
)


@pytest.mark.parametrize("wanted", NARROWED)
@pytest.mark.parametrize("few", [0, 8_000])
def test_a_list_holds_whom_it_must_in_the_order_of_given_names_on_pages_of_any_size(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, wanted: Wanted, few: int
) -> None:
    # With few doses people are found through them, with many by name: the answer is the same.
    monkeypatch.setattr(work_lists, "FEW_DOSES", few)
    with clinic.database.read() as tables:
        those = expected(tables, wanted)
        assert all_pages(tables, wanted, limit=7) == those
        assert all_pages(tables, wanted, limit=100) == those
        assert work_lists.count(tables, wanted) in (len(those), None)
        assert work_lists.count_all(tables, wanted) == len(those)
        assert sorted(row.person.person_id for row in work_lists.walk(tables, wanted, limit=100, piece=3)) == sorted(
            those
        )


def test_each_cause_has_its_list_and_foreigners_have_their_own(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    foreigner = villager(4, paper=PaperKind.PASSPORT, number="A1234567", nationality="US")
    of_cause = {
        Cause.NO_NUMBER: add(clinic.database, villager(1, paper=PaperKind.NONE, number="")),
        Cause.MALFORMED: add(clinic.database, villager(2, number="0541")),
        Cause.WAITING: add(clinic.database, villager(3)),
        Cause.FOREIGN: add(clinic.database, foreigner),
        Cause.MISMATCH: add(clinic.database, villager(5), IdentityState.MISMATCH),
    }
    add(clinic.database, villager(6), IdentityState.MATCHED)
    add(clinic.database, replace(foreigner, number="A7654321"), IdentityState.VOUCHED)
    with clinic.database.read() as tables:
        assert work_lists.counts(tables) == dict.fromkeys(Cause, 1)
        for cause, person_id in of_cause.items():
            page = work_lists.page(tables, Wanted(cause), limit=10)
            assert ids(page.rows) == [person_id], cause
            assert page.rows[0].since == NOW


def test_the_store_sorts_by_the_given_name_that_pages_show_first(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    for number, name in enumerate(["Võ Thị Yến", "Ánh", "H'Hen Niê", "Lê Thị  Đào", "Trần Văn-Ân"], start=1):
        add(clinic.database, villager(number, name=" ".join(name.split())))
    with clinic.database.read() as tables:
        for name, given in tables.execute("SELECT name, given_name FROM people").fetchall():
            assert given == fold(name).rpartition(" ")[2], name


def test_every_question_about_a_list_is_answered_by_an_index(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    clinic = make_clinic(tmp_path, tracer=lambda sql, values: asked.append((sql, values)))
    asked.clear()
    with clinic.database.read() as tables:
        work_lists.counts(tables)
        work_lists.returned_counts(tables)
        for wanted in (*NARROWED, Wanted(returned_list(Code.LOT_EXPIRED))):
            work_lists.count(tables, wanted)
            work_lists.page(tables, wanted, limit=100)
            work_lists.search(tables, wanted, "nguyen an", limit=100)
            work_lists.search(tables, wanted, "0912", limit=100)
        questions = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
        assert len(questions) > 40
        for sql, values in questions:
            for row in tables.execute(f"EXPLAIN QUERY PLAN {sql}", values or ()).fetchall():
                step = str(row[3])
                is_table = step.startswith(("SCAN people", "SCAN p", "SCAN s", "SCAN standings", "SCAN doses"))
                assert not is_table or "INDEX" in step, (step, sql)


def test_a_list_that_is_not_narrowed_is_never_sorted_as_a_whole(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    clinic = make_clinic(tmp_path, tracer=lambda sql, values: asked.append((sql, values)))
    person_id = add(clinic.database, villager(1), IdentityState.MISMATCH)
    with clinic.database.read() as tables:
        asked.clear()
        for wanted in (MISMATCH, replace(MISMATCH, unit="05413")):
            work_lists.page(tables, wanted, after=person_id, limit=100)
            work_lists.page(tables, wanted, before=person_id, limit=100)
        paged = [(sql, values) for sql, values in asked if "ORDER BY p.given_name" in sql]
        assert len(paged) == 4
        for sql, values in paged:
            steps = [str(row[3]) for row in tables.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
            assert not any("TEMP B-TREE" in step for step in steps), steps
            assert any("people_by_work" in step for step in steps), steps


def test_a_search_finds_people_of_the_list_by_the_beginnings_of_words_by_phone_and_by_number(clinic: Clinic) -> None:
    with clinic.database.read() as tables:

        def found(text: str, wanted: Wanted = MISMATCH) -> set[str]:
            rows = work_lists.search(tables, wanted, text, limit=100)
            return {row.person.recipient.name for row in rows}

        assert found("dao") == {"Lê Thị Đào", "Võ Thị Dao"}
        assert found("đao LE") == {"Lê Thị Đào"}
        assert found("hị") == set()
        assert found("") == found("   ") == set()
        assert found(villager(1).phone) == {"Võ Thị An"}
        assert found(villager(2).number) == {"Lê Thị Đào"}
        assert found(villager(3).number) == set(), "matched people are on no list"
        there = replace(MISMATCH, unit="05414", product="PF")
        assert len(work_lists.search(tables, there, "thi", limit=100)) == len(expected(tables, there))


def returned(station: Station) -> Visitor:
    """Two doses of five came back, each for a reason of its own."""
    station.record(5)
    verdicts = {
        2: Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE),
        3: Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED),
    }
    station.centre.judge = lambda dose: verdicts.get(dose.sequence, Verdict(VerdictState.ADMITTED, None))
    station.sign()
    visitor = visit(make_node(station.database.path.parent, station.database, station.clock), station.centre)
    visitor.get("/sync")
    visitor.post("/sync/now")
    return visitor


def test_what_the_centre_returned_is_listed_by_its_code_with_the_dose_and_since_when(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    visitor = returned(station)
    with station.database.read() as tables:
        assert work_lists.returned_counts(tables) == {Code.DOSE_DUPLICATE: 1, Code.LOT_EXPIRED: 1}
        for code, sequence in ((Code.DOSE_DUPLICATE, 2), (Code.LOT_EXPIRED, 3)):
            page = work_lists.page(tables, Wanted(returned_list(code)), limit=10)
            assert [dose.sequence for row in page.rows for dose in row.doses] == [sequence]
            assert page.rows[0].since == station.clock.now()
        assert work_lists.search(
            tables, Wanted(returned_list(Code.LOT_EXPIRED)), page.rows[0].person.recipient.name, limit=5
        )
    text = visitor.get(f"/work-lists?list={returned_list(Code.LOT_EXPIRED)}")
    assert "15/04/2022" in text
    assert "/doses/3/correct?list=returned-lot-expired" in text


def test_words_of_lists_are_causes_and_codes_of_the_centre() -> None:
    assert all(map(is_list, Cause))
    assert is_list("returned-lot-expired")
    assert not any(map(is_list, ("", "returned-", "returned-nothing", "matched", "lot-expired")))


def test_the_page_shows_who_where_the_data_differ_and_the_way_back(visitor: Visitor, clinic: Clinic) -> None:
    text = visitor.get("/work-lists?list=identity-mismatch&unit=05413&from=2022-04-13&product=PF")
    with clinic.database.read() as tables:
        those = expected(tables, Wanted(Cause.MISMATCH, "05413", "2022-04-13", "", "PF"))
    assert f": {len(those)} người" in text
    assert text.count("họ tên</span>") == len(those) > 0
    assert f"/people/{those[0]}?list=identity-mismatch&unit=05413&from=2022-04-13&product=PF" in text
    assert '<option value="05413" selected>Xã Hòa Hiệp' in text


def test_pages_follow_each_other_and_lead_back(visitor: Visitor, clinic: Clinic, tmp_path: Path) -> None:
    for number in range(100, 250):
        add(clinic.database, villager(number), IdentityState.MISMATCH)
    first = visitor.get("/work-lists?list=identity-mismatch")
    assert 'rel="prev"' not in first
    after = next(one for one in sorted(visitor.addresses) if "after=" in one and "/work-lists?" in one)
    second = visitor.get(after)
    assert 'rel="prev"' in second
    assert after.partition("?")[2].partition("&")[0] in second, "people lead back to the page from which they came"
    before = next(one for one in sorted(visitor.addresses) if "before=" in one)
    assert visitor.get(before).count("<tr>") == first.count("<tr>") == 101
    assert visitor.get("/work-lists?list=identity-mismatch&rows=print").count("<tr>") == 191


def test_nothing_that_was_searched_for_stands_in_an_address(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/work-lists?list=identity-mismatch&unit=05414")
    text = visitor.post("/work-lists?list=identity-mismatch&unit=05414", {"text": "Bưởi"}, status=200)
    assert "tìm được" in text
    assert 'value="Bưởi"' in text
    assert "Không có ai trên danh sách này" in visitor.post("/work-lists", {"text": "không ai cả"}, status=200)
    one = villager(1)
    assert not words_in(visitor.addresses, ["B%C6", "Bưởi", "kh%C3", one.number, one.phone])


def test_old_addresses_lead_to_where_something_can_be_done(visitor: Visitor) -> None:
    def leads(reason: str) -> str:
        answer = visitor.client.get(f"/waiting/{reason}?day=2022-04-15", base_url=ADDRESS)
        assert answer.status_code in (302, 404), answer.text
        return answer.headers.get("Location", "")

    assert leads(Cause.MISMATCH) == "/work-lists?list=identity-mismatch&from=2022-04-15&to=2022-04-15"
    assert leads(Code.LOT_EXPIRED).startswith("/work-lists?list=returned-lot-expired")
    assert leads(Waiting.UNSENT) == "/sync"
    assert leads(Waiting.LATE_REASON).startswith("/sign")
    assert leads("nothing") == ""


def test_an_address_that_names_no_list_is_refused(visitor: Visitor) -> None:
    visitor.get("/work-lists?list=of-nobody", status=404)


def test_days_are_typed_as_they_are_said_and_a_wrong_one_is_told_beside_its_field(visitor: Visitor) -> None:
    typed = visitor.get("/work-lists?list=identity-mismatch&from=15/04/2022&to=15-4-2022")
    assert 'name="from" type="text" inputmode="numeric" maxlength="10" autocomplete="off" value="15/04/2022"' in typed
    # What leads on from here carries the days as all addresses do.
    assert 'action="/work-lists?list=identity-mismatch&from=2022-04-15&to=2022-04-15"' in typed
    wrong = visitor.get("/work-lists?list=identity-mismatch&unit=05413&from=31/02/2022&to=15/04/2022")
    assert 'value="31/02/2022" aria-invalid="true" aria-describedby="from-told"' in wrong
    assert "Ngày không có thật" in wrong
    assert 'value="15/04/2022">' in wrong
    assert '<option value="05413" selected>' in wrong
    assert 'type="date"' not in wrong


def test_nothing_is_taken_out_for_days_that_are_none(visitor: Visitor) -> None:
    visitor.get("/work-lists")
    visitor.post("/work-lists/export?list=identity-mismatch&from=31/02/2022", {}, status=400)


def test_empty_lists_say_that_they_are_done_or_what_leaves_them_empty(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre)
    assert "Danh sách này đã hết việc" in visitor.get("/work-lists")
    assert "Không có ai hợp với bộ lọc" in visitor.get("/work-lists?product=AZ")


@pytest.mark.parametrize(("role", "may"), [(Role.RECEPTION, True), (Role.SIGNER, True), (Role.INJECTION, False)])
def test_who_may_look_may_not_always_take_the_list_away(tmp_path: Path, clinic: Clinic, role: Role, may: bool) -> None:
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=[role])
    text = visitor.get("/work-lists")
    assert ("Xuất Excel" in text) == ("Nhập lại tệp" in text) == ("Xác thực lại" in text) == may
    assert visitor.client.get("/work-lists/import", base_url=ADDRESS).status_code == (200 if may else 403)


def test_observation_has_no_work_lists(tmp_path: Path, clinic: Clinic) -> None:
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=[Role.OBSERVATION])
    visitor.get("/work-lists", status=403)


def token(visitor: Visitor) -> str:
    return visitor.get("/work-lists/import").partition('name="csrf_token" value="')[2].partition('"')[0]


def exported(visitor: Visitor) -> bytes:
    answer = visitor.client.post(
        "/work-lists/export?list=identity-mismatch",
        base_url=ADDRESS,
        data={"csrf_token": token(visitor)},
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert str(answer.mimetype).endswith("spreadsheetml.sheet")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="danh-sach-can-xu-ly-2022-04-15.xlsx"'
    return bytes(answer.data)


def upload(visitor: Visitor, data: bytes | None, *, status: int) -> str:
    """Send a file as a browser does; gives the page, or where it leads."""
    # Put together by hand: what the test client makes of a large file goes through a temporary one.
    part = "--end\r\nContent-Disposition: form-data; name="
    name = "của Ánh.xlsx" if data else ""
    body = f'{part}"csrf_token"\r\n\r\n{token(visitor)}\r\n{part}"file"; filename="{name}"\r\n\r\n'
    answer = visitor.client.post(
        "/work-lists/import",
        base_url=ADDRESS,
        data=body.encode() + (data or b"") + b"\r\n--end--\r\n",
        content_type="multipart/form-data; boundary=end",
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == status, answer.text
    return answer.headers["Location"] if status == 303 else answer.text


def corrected(data: bytes, born: str) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    page = book.worksheets[2]
    page.cell(5, list(Column).index(Column.NEW_BIRTH_DATE) + 1).value = born
    page.cell(6, list(Column).index(Column.NEW_PHONE) + 1).value = "abc"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_corrected_file_is_shown_before_it_is_written_and_is_written_once(visitor: Visitor, clinic: Clinic) -> None:
    place = upload(visitor, corrected(exported(visitor), "02/03/1985"), status=303)
    text = visitor.get(place)
    assert "Sửa 1 người" in text
    assert "<del>01/03/1985</del> → <ins>02/03/1985</ins>" in text
    assert "Điện thoại đúng: Ô có nội dung không hợp lệ" in text
    with clinic.database.read() as tables:
        assert {one.action for one in audit.entries(tables, limit=9_000)} & {"person-changed"} == set()
    text = visitor.post(place)
    assert "Đã sửa 1 người" in text
    with clinic.database.read() as tables:
        actors = {one.actor for one in audit.entries(tables, limit=9_000) if one.action == "corrections-imported"}
        assert actors == {"Y tá Nguyễn Thị Sáu"}
    assert EdgeCode.CORRECTION_PLAN in visitor.post(place, status=422)
    assert "Đã sửa 1 người" in visitor.get(place)
    assert not words_in(visitor.addresses, ["1985", "%C3%81nh", "Ánh"])


def test_many_changes_are_written_behind_the_page_which_says_how_far_they_are(
    visitor: Visitor, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_import, "AT_ONCE", 0)
    place = upload(visitor, corrected(exported(visitor), "02/03/1985"), status=303)
    visitor.get(place)
    with clinic.database.write_transaction():
        # Nothing can be written now, so the page finds the work going on.
        text = visitor.post(place)
        assert "Đang ghi các thay đổi" in text
        assert '<meta http-equiv="refresh"' in text
        assert place.rpartition("/")[2] not in visitor.get("/exports")
    work = long_work(visitor.client.application)
    work.wait()
    assert "Đã sửa 1 người" in visitor.get(place)
    work.stop()


def test_a_preview_belongs_to_its_user_lives_for_a_while_and_gives_way_to_newer_ones(
    tmp_path: Path, clinic: Clinic
) -> None:
    clock = TickingClock(NOW)
    node = make_node(tmp_path, clinic.database, clock)
    visitor = visit(node, clinic.centre)
    data = corrected(exported(visitor), "1986")
    first = upload(visitor, data, status=303)
    visitor.get(first)
    other = visit(node, clinic.centre, roles=[Role.RECEPTION])
    other.get(first, status=422)
    for _ in range(MOST_KEPT):
        last = upload(visitor, data, status=303)
    assert EdgeCode.CORRECTION_PLAN in visitor.get(first, status=422)
    clock.at += KEPT_SECONDS - 1
    visitor.get(last)
    clock.at += 1
    assert EdgeCode.CORRECTION_PLAN in visitor.get(last, status=422)


def test_a_file_that_cannot_be_taken_is_refused_beside_its_field(visitor: Visitor) -> None:
    assert "Chưa chọn tệp" in upload(visitor, None, status=422)
    text = upload(visitor, b"STT;Ten\n", status=422)
    assert EdgeCode.CORRECTION_KIND in text
    assert 'aria-invalid="true"' in text
    assert EdgeCode.LIST_SIZE in upload(visitor, b"PK\x03\x04" + bytes(FILE_BYTES), status=422)
    upload(visitor, b"PK\x03\x04" + bytes(FILE_BYTES + 600_000), status=413)


def test_an_upload_stays_in_memory(visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever asks for a temporary file gets an error.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert EdgeCode.LIST_UNREADABLE in upload(visitor, b"PK\x03\x04" + bytes(2_000_000), status=422)


def test_asking_again_is_done_for_all_and_leads_back_to_the_list(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre)
    add(clinic.database, villager(1))
    add(clinic.database, villager(2))
    assert "chưa so với gói dân cư" in visitor.get("/work-lists")
    clinic.give_pack([villager(1), villager(2, birth_date="1985-03-02")])
    text = visitor.post("/identity/check", {"list": "identity-mismatch"})
    assert "Đã xác thực lại tất cả" in text
    assert "ngày sinh</span>" in text
    with clinic.database.read() as tables:
        assert audit.entries(tables, limit=9_000)[-1].actor == "Y tá Nguyễn Thị Sáu"
