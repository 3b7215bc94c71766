"""The list of who is expected: its import with a dry run, who has come, and its page and command."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge.cli import main
from edge.clients.day_list_files import DayListFile, day_list_from_bytes
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.domain.row_verdict import ProposalChoice
from edge.store import audit, people, roster, visits
from edge.store.people import PersonId
from edge.store.roster import Counts, Shown
from edge.web.desks import roster as roster_page
from edge.workflow import import_roster as workflow
from edge.workflow.import_roster import RosterState, apply_roster, plan_roster
from edge.workflow.record_dose import Submission
from sync_protocol.identity import IdentityState
from tests.browser.visitor import ADDRESS, USER, Visitor, make_node, visit, words_in
from tests.edge.clinic import (
    HEADINGS,
    NOW,
    NURSE,
    PASSPHRASE,
    Clinic,
    Cut,
    CutAt,
    facts,
    list_row,
    make_clinic,
    open_database,
    villager,
    workbook,
)
from tests.edge.station import DAY, TickingClock
from tests.edge.test_people_search import slow_steps

_BOUNDARY = "a-boundary-that-no-file-holds"
TOMORROW = "2022-04-16"
PERSON_HEADINGS = ("STT", "Họ và tên", "Ngày sinh", "Giới tính", "Số điện thoại", "CMND/CCCD/Hộ chiếu", "Loại vắc xin")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """One person in the store, and a pack that knows five."""
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in range(1, 6))
    made.record(Submission("dose-0001", villager(1), facts()))
    return made


@pytest.fixture
def desk(tmp_path: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(tmp_path, clinic.database), clinic.centre, roles=(Role.RECEPTION,))


def file_of(tmp_path: Path, rows: Sequence[dict[str, Any]], **options: Any) -> DayListFile:
    return workbook(tmp_path / "list.xlsx", rows, headings=PERSON_HEADINGS, **options)


def plan(clinic: Clinic, file: DayListFile, day: str = DAY) -> workflow.RosterPlan:
    return plan_roster(clinic.database, file, day=day, vocabulary=clinic.shelf.vocabulary(), at=NOW)


def bring_in(
    clinic: Clinic, file: DayListFile, *, day: str = DAY, choice: ProposalChoice = ProposalChoice.LEAVE_OUT
) -> dict[RosterState, int]:
    vocabulary = clinic.shelf.vocabulary()
    planned = plan(clinic, file, day)
    return dict(apply_roster(clinic.database, planned, choice=choice, vocabulary=vocabulary, at=NOW, by=NURSE))


def on_roster(clinic: Clinic, day: str = DAY, shown: Shown = Shown.ALL) -> list[str]:
    with clinic.database.read() as tables:
        return [one.person.recipient.name for one in roster.of_day(tables, day, shown=shown)]


def upload(desk: Visitor, data: bytes, *, status: int = 200, day: str = DAY) -> str:
    """Choose a file on the page and send it, as a browser does."""
    if "csrf_token" not in desk.text:
        desk.get("/reception/roster")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', desk.text)[0]
    # Put together here: the test client would leave a temporary file open where the body is refused unread.
    fields = [f'name="csrf_token"\r\n\r\n{token}', f'name="day"\r\n\r\n{day}']
    parts = [f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {field}\r\n".encode() for field in fields]
    opening = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="list.xlsx"\r\n\r\n'
    answer = desk.client.post(
        "/reception/roster/plan",
        base_url=ADDRESS,
        data=b"".join([*parts, opening.encode(), data, f"\r\n--{_BOUNDARY}--\r\n".encode()]),
        content_type=f"multipart/form-data; boundary={_BOUNDARY}",
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    )
    return desk._seen(answer, status)


def test_people_of_a_list_come_onto_the_roster_and_into_the_store(tmp_path: Path, clinic: Clinic) -> None:
    file = file_of(tmp_path, [list_row(number) for number in (1, 2, 3)])
    planned = plan(clinic, file)
    assert planned.counts == {RosterState.KNOWN: 1, RosterState.NEW: 2}
    assert (clinic.count("people"), clinic.count("roster")) == (1, 0)
    assert bring_in(clinic, file) == {RosterState.KNOWN: 1, RosterState.NEW: 2}
    assert on_roster(clinic) == [villager(number).name for number in (1, 2, 3)]
    with clinic.database.read() as tables:
        person = people.get(tables, PersonId(2))
        assert person is not None
        # Known to the pack, and asked of it at once.
        assert person.identity_state is IdentityState.MATCHED
        assert roster.of_day(tables, DAY)[0].product == "AZ"
        entry = audit.entries(tables)[-1]
        assert (entry.action, entry.subject, entry.details) == ("roster-imported", f"roster:{DAY}", "3 people")
        audit.verify(tables)


def test_the_same_list_again_doubles_nobody_and_another_day_has_its_own(tmp_path: Path, clinic: Clinic) -> None:
    file = file_of(tmp_path, [list_row(number) for number in (1, 2)])
    bring_in(clinic, file)
    assert bring_in(clinic, file) == {RosterState.SAME: 2}
    assert bring_in(clinic, file, day=TOMORROW) == {RosterState.KNOWN: 2}
    assert (clinic.count("people"), clinic.count("roster")) == (2, 4)


def test_each_row_that_stays_out_says_why(tmp_path: Path, clinic: Clinic) -> None:
    no_number = {"CMND/CCCD/Hộ chiếu": ""}
    rows = [
        list_row(2),
        list_row(2),
        list_row(1, **{"Họ và tên": "Trần Văn Khác"}),
        list_row(2, **{"Họ và tên": "Trần Văn Khác"}),
        list_row(3, **{"Ngày sinh": "31/02/1985"}),
        list_row(3, **{"Ngày sinh": "16/04/2022"}),
        list_row(3, **{"Họ và tên": "Lê 🙂"}),
        list_row(3, **{"Giới tính": ""}),
        list_row(9, **{"Họ và tên": villager(1).name, "Số điện thoại": villager(1).phone}),
        list_row(1, **no_number),
        list_row(4, **no_number),
        list_row(4, **no_number),
        list_row(5, **{"Loại vắc xin": "Chưa biết"}),
    ]
    verdicts = plan(clinic, file_of(tmp_path, rows)).verdicts
    told = [(verdict.state, [finding.code for finding in verdict.findings]) for verdict in verdicts]
    assert told == [
        (RosterState.NEW, []),
        (RosterState.SAME, [EdgeCode.ROW_REPEATED]),
        (RosterState.CONFLICT, [EdgeCode.PERSON_DIFFERS]),
        (RosterState.CONFLICT, [EdgeCode.PERSON_DIFFERS]),
        (RosterState.BROKEN, [EdgeCode.DATE_INVALID]),
        (RosterState.BROKEN, [EdgeCode.BORN_FUTURE]),
        (RosterState.BROKEN, [EdgeCode.NAME_LETTERS]),
        (RosterState.BROKEN, [EdgeCode.CELL_MISSING]),
        (RosterState.CONFLICT, [EdgeCode.PERSON_NEAR]),
        (RosterState.KNOWN, []),
        (RosterState.NEW, []),
        (RosterState.SAME, [EdgeCode.ROW_REPEATED]),
        (RosterState.NEW, ["product-unknown"]),
    ]


def test_an_import_does_what_its_dry_run_said(tmp_path: Path, clinic: Clinic) -> None:
    rows = [
        *(list_row(number) for number in (1, 2, 2, 3)),
        list_row(2, **{"Họ và tên": "Trần Văn Khác"}),
        list_row(4, **{"CMND/CCCD/Hộ chiếu": ""}),
        list_row(4, **{"CMND/CCCD/Hộ chiếu": ""}),
    ]
    file = file_of(tmp_path, rows)
    said = dict(plan(clinic, file).counts)
    assert bring_in(clinic, file) == said
    assert said == {RosterState.KNOWN: 1, RosterState.NEW: 3, RosterState.SAME: 2, RosterState.CONFLICT: 1}


def test_rows_of_another_day_stay_out(tmp_path: Path, clinic: Clinic) -> None:
    file = workbook(tmp_path / "list.xlsx", [list_row(2), list_row(3, **{"Ngày tiêm": "16/04/2022"})])
    assert [verdict.state for verdict in plan(clinic, file).verdicts] == [RosterState.NEW, RosterState.CONFLICT]
    assert bring_in(clinic, file, day=TOMORROW) == {RosterState.NEW: 1, RosterState.CONFLICT: 1}


def test_a_lost_zero_is_proposed_and_taken_only_on_demand(tmp_path: Path, clinic: Clinic) -> None:
    file = file_of(tmp_path, [list_row(2, **{"CMND/CCCD/Hộ chiếu": 54185000002})])
    assert bring_in(clinic, file) == {RosterState.PROPOSED: 1}
    assert clinic.count("people") == 1
    assert bring_in(clinic, file, choice=ProposalChoice.ACCEPT) == {RosterState.NEW: 1}
    with clinic.database.read() as tables:
        assert [one.person_id for one in people.with_number(tables, "054185000002")] == [2]
    # Whatever is chosen later, this row is that person.
    assert bring_in(clinic, file, choice=ProposalChoice.AS_WRITTEN) == {RosterState.SAME: 1}


def test_a_list_without_numbers_finds_people_by_what_it_says_of_them(tmp_path: Path, clinic: Clinic) -> None:
    headings = ("Họ tên", "Năm sinh", "Nam/Nữ")
    rows: list[dict[str, Any]] = [
        {"Họ tên": "Lò Thị Một", "Năm sinh": 1985, "Nam/Nữ": "Nữ"},
        {"Họ tên": "Lò Văn Hai", "Năm sinh": "1990", "Nam/Nữ": "nam"},
    ]
    file = workbook(tmp_path / "list.xlsx", rows, headings=headings, titles=0)
    assert bring_in(clinic, file) == {RosterState.NEW: 2}
    assert bring_in(clinic, file, day=TOMORROW) == {RosterState.KNOWN: 2}


@pytest.mark.parametrize("statement", range(4, 40, 5))
def test_an_import_that_was_cut_off_is_finished_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    clinic = make_clinic(tmp_path)
    file = file_of(tmp_path, [list_row(number) for number in range(1, 6)])
    planned = plan(clinic, file)
    monkeypatch.setattr(workflow, "ROWS_PER_TRANSACTION", 2)
    cut = CutAt(statement=0)
    failing = open_database(tmp_path, tracer=cut)
    cut.statement = cut.seen + statement
    vocabulary = clinic.shelf.vocabulary()
    with pytest.raises(Cut):
        apply_roster(failing, planned, choice=ProposalChoice.LEAVE_OUT, vocabulary=vocabulary, at=NOW, by=NURSE)
    failing.close()
    bring_in(clinic, file)
    assert (clinic.count("people"), clinic.count("roster")) == (5, 5)
    with clinic.database.read() as tables:
        audit.verify(tables)


def test_the_command_tells_each_row_and_writes_on_demand(tmp_path: Path, clinic: Clinic) -> None:
    (tmp_path / "node.toml").touch()
    file_of(tmp_path, [list_row(1), list_row(2), list_row(3, **{"Ngày sinh": "31/02/1985"})])

    def run(*options: str) -> tuple[dict[str, Any], str]:
        done = CliRunner().invoke(
            main,
            ["--directory", str(tmp_path), "import-roster", str(tmp_path / "list.xlsx"), *options, "--json"],
            env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
            obj=TickingClock(NOW),
        )
        assert done.exit_code == 0, done.output
        data: dict[str, Any] = json.loads(done.stdout)
        return data, done.stderr

    data, words = run("--day", DAY)
    assert (data["applied"], data["day"]) == (False, DAY)
    assert data["rows"] == {"new": 1, "known": 1, "same": 0, "conflict": 0, "proposed": 0, "broken": 1}
    assert data["findings"] == [{"row": 6, "state": "broken", "codes": ["date-invalid"]}]
    assert "dòng 6 [hỏng] Ngày sinh" in words
    assert clinic.count("roster") == 0
    for expected in ("new", "same"):
        data, words = run("--day", DAY, "--apply", "--by", "Lan")
        assert data["rows"][expected] >= 1
        assert villager(2).name not in words
    assert clinic.count("roster") == 2


def test_who_has_come_is_counted_and_filtered(tmp_path: Path, clinic: Clinic, desk: Visitor) -> None:
    bring_in(clinic, file_of(tmp_path, [list_row(number) for number in (1, 2, 3)]))
    text = desk.get("/reception/roster")
    assert "0 trong 3 người đã đến" in text
    key = re.findall(r'name="submission" value="(\w+:2)"', text)[0]
    form = {"person": "2", "submission": key, "back": "roster", "day": DAY, "shown": "all"}
    for _ in range(2):
        text = desk.post("/reception/arrive", form)
        assert f"Số 1: {villager(2).name} vào hàng đợi" in text
        assert "đã đến, số 1" in text
    assert (on_roster(clinic, shown=Shown.ARRIVED), len(on_roster(clinic, shown=Shown.EXPECTED))) == (
        [villager(2).name],
        2,
    )
    assert villager(2).name not in desk.get("/reception/roster?shown=expected").partition('<table class="stack"')[2]
    assert "Danh sách hôm nay: 1/3 đã đến" in desk.get("/reception")
    desk.post("/reception/visits/1/cancel", {"reason": "Bỏ về không báo"})
    with clinic.database.read() as tables:
        assert roster.counts(tables, DAY) == Counts(3, 0)
    assert "Có trong danh sách hôm nay" in desk.get("/reception?person=1")


def test_a_long_list_is_paged_by_given_name(
    tmp_path: Path, clinic: Clinic, desk: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("Võ Thị Yến", "Trần Văn Ân", "Lê Thị Đào", "Hồ Thị Bưởi", "Võ Ánh")
    rows = [list_row(number, **{"Họ và tên": name}) for number, name in enumerate(names, start=2)]
    bring_in(clinic, file_of(tmp_path, rows))
    assert on_roster(clinic) == ["Trần Văn Ân", "Võ Ánh", "Hồ Thị Bưởi", "Lê Thị Đào", "Võ Thị Yến"]
    monkeypatch.setattr(roster_page, "PAGE_ROWS", 2)
    text = desk.get("/reception/roster?page=2")
    assert "Người 3–4 trong 5" in text
    assert "Hồ Thị Bưởi" in text
    assert "Võ Ánh" not in text
    assert "Không có ai trong phần này" in desk.get("/reception/roster?page=99")


def test_a_file_is_looked_at_before_it_is_written(tmp_path: Path, clinic: Clinic, desk: Visitor) -> None:
    assert "Chưa có danh sách cho ngày này" in desk.get("/reception/roster")
    rows = [list_row(2), list_row(3, **{"Ngày sinh": "31/02/1985"}), list_row(4, **{"CMND/CCCD/Hộ chiếu": 54185000004})]
    text = upload(desk, file_of(tmp_path, rows).data)
    for said in ("<b>1</b> người mới", "<b>1</b> chưa đọc được", "<b>1</b> cần quyết định", "số 054185000004"):
        assert said in text
    assert "Ngày sinh: Ngày không có thật" in text
    assert clinic.count("people") == 1
    form = {**desk.hidden(), "proposals": "accept"}
    del form["csrf_token"]
    text = desk.post("/reception/roster/apply", form)
    assert "Đã thêm 2 người vào danh sách, trong đó 2 hồ sơ mới" in text
    assert "Không thêm ai" in desk.post("/reception/roster/apply", form)
    assert clinic.count("roster") == 2
    with clinic.database.read() as tables:
        assert {entry.actor for entry in audit.entries(tables) if entry.action == "roster-imported"} == {USER}
    assert not words_in(desk.addresses, [*villager(2).name.split(), villager(2).number, "1985", "%"])


def test_a_file_is_held_for_its_user_and_for_half_an_hour(tmp_path: Path, clinic: Clinic) -> None:
    node = make_node(tmp_path, clinic.database)
    desk = visit(node, clinic.centre, roles=(Role.RECEPTION,))
    upload(desk, file_of(tmp_path, [list_row(2)]).data)
    hidden = {name: value for name, value in desk.hidden().items() if name in ("day", "digest")}
    assert "Chọn lại tệp" in desk.post("/reception/roster/apply", {**hidden, "digest": "00" * 32}, status=422)
    # Another program that was started meanwhile holds nothing.
    other = visit(node, clinic.centre, roles=(Role.RECEPTION,))
    other.get("/reception/roster")
    assert "Chọn lại tệp" in other.post("/reception/roster/apply", hidden, status=422)
    assert clinic.count("roster") == 0


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 422, "Chưa chọn tệp"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), 422, "Chỉ nhập được tệp .xlsx hoặc .csv"),
        (b"PK\x03\x04" + bytes(600), 422, "Tệp hỏng"),
        (bytes(range(256)) * 40, 422, "Chỉ nhập được tệp"),
        ("Tên cột lạ,Khác\nA,B\n".encode(), 422, "Họ và tên, Ngày sinh, Giới tính"),
        ("Họ và tên,Ngày sinh,Giới tính\n".encode(), 422, "không có dòng nào"),
        (b"a,b\n" * 1_500_000, 413, "tối đa 5 MB"),
        (b"a" * (5 * 1024 * 1024 + 1), 422, "tối đa 5 MB"),
        (b"a,b\n" * 30_000, 422, "20.000"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_words(
    desk: Visitor, clinic: Clinic, data: bytes, status: int, said: str
) -> None:
    assert said in upload(desk, data, status=status)
    assert clinic.count("people") == 1


def test_a_csv_in_any_order_of_columns_is_read(clinic: Clinic, desk: Visitor) -> None:
    text = "GIOI TINH;HO VA TEN;NGAY SINH;Cột lạ\nNữ;Lò Thị Một;01/03/1985;x\n"
    shown = upload(desk, text.encode("utf-8-sig"))
    assert "<b>1</b> người mới" in shown
    assert "Cột không dùng đến: Cột lạ" in shown


def test_a_list_of_formulas_and_merged_titles_is_read_as_it_stands(tmp_path: Path, clinic: Clinic) -> None:
    rows = [list_row(2, **{"Ngày sinh": datetime.date(1985, 3, 1)}), list_row(3, **{"Họ và tên": "=A1"})]
    states = [verdict.state for verdict in plan(clinic, file_of(tmp_path, rows, titles=3)).verdicts]
    assert states == [RosterState.NEW, RosterState.BROKEN]


def test_a_day_that_is_none_is_today(desk: Visitor) -> None:
    for day in ("x", "2022-02-31", "", "Ánh"):
        assert "hôm nay, 15/04/2022" in desk.get(f"/reception/roster?day={day}")
    assert "ngày 16/04/2022" in desk.get("/reception/roster?day=2022-04-16&shown=x&page=x")


def test_the_day_of_a_list_is_typed_as_it_is_said_and_a_wrong_one_is_told(desk: Visitor) -> None:
    assert "ngày 16/04/2022" in desk.get("/reception/roster?day=16/04/2022")
    assert "Ngày không có thật" not in desk.text
    assert "Ngày không có thật" in desk.get("/reception/roster?day=31/02/2022")
    assert 'value="31/02/2022" aria-invalid="true" aria-describedby="day-told"' in desk.text


def test_whole_day_lists_serve_as_rosters_as_well(tmp_path: Path, clinic: Clinic) -> None:
    file = workbook(tmp_path / "list.xlsx", [list_row(2)], headings=HEADINGS)
    assert bring_in(clinic, file) == {RosterState.NEW: 1}
    with pytest.raises(RefusedError):
        plan(clinic, day_list_from_bytes("Họ và tên,Giới tính\nA,Nữ\n".encode()))


def test_the_list_and_its_counts_are_read_over_indexes(tmp_path: Path, clinic: Clinic) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(sql: str, parameters: Any) -> None:
        if "roster" in sql or "visits" in sql:
            asked.append((sql, parameters))

    listening = open_database(tmp_path, tracer=listen)
    with listening.read() as tables:
        asked.clear()
        roster.counts(tables, DAY)
        roster.has(tables, DAY, PersonId(1))
        for shown in Shown:
            roster.of_day(tables, DAY, shown=shown)
        visits.waiting(tables, DAY)
        visits.newest_of_person(tables, PersonId(1), DAY)
        visits.open_of_person(tables, PersonId(1))
        visits.of_submission(tables, "form-0001")
        questions = list(asked)
        assert len(questions) == 10
        slow = [step for sql, parameters in questions for step in slow_steps(tables, sql, parameters)]
    listening.close()
    # Who came twice is counted once: the people of the day's visits are remembered for that, and for nothing else.
    assert slow == ["USE TEMP B-TREE FOR count(DISTINCT)"]
