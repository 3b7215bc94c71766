"""Exports: whole, typed as text, only for whoever asked, with progress to the end, and nothing left on a disk."""

from __future__ import annotations

import csv
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from openpyxl import load_workbook

from edge.cli import main
from edge.clients import dose_workbook
from edge.clients.dose_workbook import Heading, write_csv, write_xlsx
from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.domain.roles import Role
from edge.store import audit
from edge.store.audit import Action
from edge.web.frame import long_work as long_work_module
from edge.web.frame.long_work import LongWork, long_work
from edge.web.frame.work_progress import Result, StoppedError, Tell, WorkState
from edge.workflow.exchange import exchange
from edge.workflow.export_doses import ExportFormat, ExportRange, begin_export, export_doses
from edge.workflow.record_dose import Submission
from sync_protocol.dose import IdentityState
from sync_protocol.errors import ProtocolError
from tests.browser.visitor import ADDRESS, Visitor, add_user, make_node, visit
from tests.edge.clinic import NOW, PASSPHRASE, Clinic, facts, make_clinic, villager
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, MORNING, Station, make_station

HEADINGS = (Heading("Một"), Heading("Hai", 30))
EVIL = ("=1+1", "+84912345678", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '="<&>"', "Nguyễn; \"Ánh\", 'x'")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def app_and_visitor(tmp_path: Path, station: Station) -> tuple[Flask, Visitor]:
    visitor = visit(make_node(tmp_path, station.database, station.clock), station.centre)
    return visitor.client.application, visitor


def rows_of(data: bytes) -> list[tuple[Any, ...]]:
    return list(load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True))  # type: ignore[union-attr]


def csv_rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def exported(station: Station, first: str = DAY, last: str = DAY, kind: ExportFormat = ExportFormat.XLSX) -> bytes:
    wanted = ExportRange(first, last, kind)
    begin_export(station.database, wanted, at=AFTERNOON, by="Y tá")
    catalogue = make_node(station.database.path.parent, station.database).shelf.catalogue()
    return export_doses(station.database, wanted, catalogue, now=AFTERNOON, tell=lambda _: None)


def test_every_cell_of_a_workbook_is_a_text_in_the_text_format() -> None:
    data = write_xlsx("Mũi tiêm", HEADINGS, [(text, "x") for text in EVIL])
    sheet = load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    assert sheet.title == "Mũi tiêm"
    assert [cell.value for cell in sheet[1]] == ["Một", "Hai"]
    for line, text in enumerate(EVIL, start=2):
        cell = sheet.cell(line, 1)
        # A carriage return in XML is read as a line feed; no other letter is lost.
        assert str(cell.value).replace("\n", "\r") == text.replace("\n", "\r")
        assert (cell.data_type, cell.number_format) == ("s", "@")
    inside = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in inside
    assert set(re.findall(r' t="(\w+)"', inside)) == {"inlineStr"}


def test_letters_that_xml_cannot_carry_and_empty_cells_do_no_harm() -> None:
    data = write_xlsx('Tên "lạ" & <khác>', HEADINGS, [("a\x00b\x0bc￿", ""), ("", " hai đầu "), ("  ", "x" * 30_000)])
    rows = rows_of(data)
    assert rows[1:] == [("a b c ", None), (None, " hai đầu "), ("  ", "x" * 30_000)]


def test_columns_beyond_z_have_names_of_two_letters() -> None:
    headings = [Heading(str(number)) for number in range(60)]
    row = rows_of(write_xlsx("x", headings, [[str(number) for number in range(60)]]))[1]
    assert row == tuple(str(number) for number in range(60))


def test_a_csv_is_rfc_4180_with_a_mark_and_no_cell_acts() -> None:
    data = write_csv(HEADINGS, [(text, "x") for text in EVIL])
    assert data.startswith(b"\xef\xbb\xbf")
    rows = csv_rows(data)
    assert rows[0] == ["Một", "Hai"]
    assert [row[0] for row in rows[1:]] == [f"'{text}" for text in EVIL[:8]] + [EVIL[8]]
    assert b"\r\n" in data
    assert not data.replace(b"\r\n", b"").startswith(b"=")


def test_a_file_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dose_workbook, "FILE_BYTES", 20_000)

    def endless() -> Iterator[tuple[str, str]]:
        number = 0
        while True:
            number += 1
            yield str(number * 7_919), str(number * number)

    for kind in ExportFormat:
        with pytest.raises(RefusedError) as refused:
            write_xlsx("x", HEADINGS, endless()) if kind is ExportFormat.XLSX else write_csv(HEADINGS, endless())
        assert refused.value.findings[0].code is EdgeCode.EXPORT_SIZE


def test_an_exported_day_has_the_columns_of_a_day_list_and_where_each_dose_stands(station: Station) -> None:
    station.record(2)
    station.sign()
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    station.record(1, state=IdentityState.MISMATCH)
    station.record(1)
    station.record(1, given_at=MORNING - DAY_SECONDS, late_reason="mất điện")
    heading, *rows = rows_of(exported(station))
    for column in (
        "STT", "Họ và tên", "Ngày sinh", "Giới tính", "Nhóm đối tượng", "Đơn vị công tác", "Số điện thoại",
        "CMND/CCCD/Hộ chiếu", "Số thẻ BHYT", "Tỉnh/Thành phố", "Quận/Huyện", "Phường/Xã", "Địa chỉ chi tiết",
        "Loại vắc xin", "Số lô", "Mũi số", "Ngày tiêm", "Giờ tiêm", "Người tiêm", "Phản ứng sau tiêm", "Ghi chú",
    ):  # fmt: skip
        assert column in heading
    named = [dict(zip(heading, row, strict=True)) for row in rows]
    assert [row["Trạng thái"] for row in named] == [
        *("Đã vào sổ cái", "Đã vào sổ cái", "Không khớp với CSDLQG về dân cư", "Sẵn sàng, chờ ký")
    ]
    first = named[0]
    assert (first["STT"], first["Số điện thoại"], first["CMND/CCCD/Hộ chiếu"]) == ("1", "0900000001", "054185000001")
    assert (first["Ngày tiêm"], first["Giờ tiêm"], first["Ngày sinh"]) == ("15/04/2022", "09:31", "01/03/1985")
    assert (first["Tỉnh/Thành phố"], first["Phường/Xã"], first["Giới tính"]) == ("Tỉnh Phú Yên", "Xã Hòa Hiệp", "Nữ")
    assert (first["Loại vắc xin"], first["Mã mũi tiêm"]) == ("AstraZeneca", "19001A-000001")
    both = rows_of(exported(station, "2022-04-14"))
    assert len(both) == 6
    assert both[1][heading.index("Ghi chú")] == "Nhập chậm: mất điện"


def test_both_formats_say_the_same(station: Station) -> None:
    station.record(5)
    as_csv = csv_rows(exported(station, kind=ExportFormat.CSV))
    as_xlsx = [["" if cell is None else str(cell) for cell in row] for row in rows_of(exported(station))]
    assert as_csv == as_xlsx


def test_more_than_92_days_are_refused_and_92_are_not(station: Station) -> None:
    begin_export(station.database, ExportRange("2022-01-14", DAY, ExportFormat.CSV), at=AFTERNOON, by="Y tá")
    for first, last in (("2022-01-13", DAY), (DAY, "2022-04-14")):
        with pytest.raises(RefusedError) as refused:
            begin_export(station.database, ExportRange(first, last, ExportFormat.CSV), at=AFTERNOON, by="Y tá")
        assert refused.value.findings[0].code is EdgeCode.EXPORT_SPAN
    with pytest.raises(ProtocolError):
        begin_export(station.database, ExportRange("2022-02-30", DAY, ExportFormat.CSV), at=AFTERNOON, by="Y tá")


def test_the_trail_says_who_took_out_which_days(station: Station) -> None:
    station.record(3)
    exported(station)
    with station.database.read() as tables:
        entry = audit.entries(tables)[-1]
    assert (entry.action, entry.subject, entry.actor) == (Action.EXPORT, f"doses:{DAY}/{DAY}", "Y tá")
    assert entry.details == "xlsx 3 doses"


def test_a_file_is_made_followed_and_downloaded_once(
    station: Station, app_and_visitor: tuple[Flask, Visitor], tmp_path: Path
) -> None:
    app, visitor = app_and_visitor
    station.record(250)
    before = {path.name for path in tmp_path.iterdir()}
    visitor.get("/exports")
    visitor.post("/exports", {"from": DAY, "to": DAY, "format": "xlsx"})
    page = next(address for address in visitor.addresses if re.fullmatch(r"/exports/[0-9a-f]{24}", address))
    long_work(app).wait()
    asked = visitor.client.get(page, base_url=ADDRESS, headers={"Accept": "application/json"})
    assert asked.json == {"going_on": False, "done": 250, "words": "250 mũi tiêm đã ở trong tệp."}
    assert "Tải tệp về" in visitor.get(page)
    assert "Tệp Excel, từ 15/04/2022 đến 15/04/2022" in visitor.get("/exports")
    answer = visitor.client.get(f"{page}/file", base_url=ADDRESS)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="mui-tiem-19001-{DAY}-{DAY}.xlsx"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(rows_of(answer.data)) == 251
    answer.close()
    assert EdgeCode.WORK_GONE in visitor.get(f"{page}/file", status=422)
    assert {path.name for path in tmp_path.iterdir()} - before <= {"node.db-wal", "node.db-shm"}


def test_a_wrong_span_is_said_beside_the_days_and_nothing_is_noted(
    station: Station, app_and_visitor: tuple[Flask, Visitor]
) -> None:
    _, visitor = app_and_visitor
    visitor.get("/exports")
    text = visitor.post("/exports", {"from": "2022-01-13", "to": DAY, "format": "csv"}, status=422)
    assert "Nhiều nhất 92 ngày" in text
    text = visitor.post("/exports", {"from": "31/02/2022", "to": "01/04/2022", "format": "csv"}, status=422)
    assert "Ngày không có thật" in text
    assert 'value="31/02/2022"' in text
    assert 'value="01/04/2022"' in text
    with station.database.read() as tables:
        assert [entry for entry in audit.entries(tables) if entry.action == Action.EXPORT] == []


def test_another_user_neither_sees_nor_downloads_nor_cancels_it(
    tmp_path: Path, station: Station, app_and_visitor: tuple[Flask, Visitor]
) -> None:
    app, visitor = app_and_visitor
    work = long_work(app)
    work.submit(lambda tell: Result(b"secret", "x.csv", "text/csv"), work_id="ab", owner=999, label="x", total=1)
    work.wait()
    assert work.progress("ab", 999).state is WorkState.DONE
    visitor.get("/exports")
    for page in ("/exports/ab", "/exports/ab/file", "/exports/none"):
        text = visitor.get(page, status=422)
        assert EdgeCode.WORK_GONE in text
        assert "secret" not in text
    visitor.get("/exports")
    visitor.post("/exports/ab/cancel", status=422)
    assert work.result("ab", 999).data == b"secret"


@pytest.mark.parametrize("role", [Role.RECEPTION, Role.INJECTION, Role.OBSERVATION])
def test_the_desks_take_nothing_out(tmp_path: Path, station: Station, role: Role) -> None:
    visitor = visit(make_node(tmp_path, station.database, station.clock), station.centre, roles=[role])
    for page in ("/exports", "/exports/ab", "/exports/ab/file"):
        visitor.get(page, status=403)


class Steps:
    """A job that a test leads step by step."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.at = threading.Semaphore(0)
        self.ended = threading.Event()

    def __call__(self, tell: Tell) -> Result:
        try:
            for done in range(1, 11):
                self.at.release()
                self.go.acquire()
                tell(done)
        finally:
            self.ended.set()
        return Result(b"made", "x.csv", "text/csv")


def test_a_page_of_running_work_asks_again_by_itself_and_can_cancel(tmp_path: Path, station: Station) -> None:
    node = make_node(tmp_path, station.database, station.clock)
    visitor = visit(node, station.centre)
    work, job = long_work(visitor.client.application), Steps()
    work.submit(job, work_id="ab", owner=add_user(node), label="Tệp thử", total=10)
    job.at.acquire()
    text = visitor.get("/exports/ab")
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text
    assert '<progress id="bar" max="10" value="0">' in text
    visitor.client.head("/exports/ab/file", base_url=ADDRESS)
    visitor.post("/exports/ab/cancel")
    job.go.release(10)
    work.wait()
    text = visitor.get("/exports/ab")
    assert "Đã hủy; không giữ lại gì." in text
    assert "http-equiv" not in text


@pytest.fixture
def clock() -> list[int]:
    return [1_000]


@pytest.fixture
def work(clock: list[int]) -> Iterator[LongWork]:
    made = LongWork(lambda: clock[0])
    yield made
    made.stop()


def test_progress_says_how_far_how_fast_and_how_long(work: LongWork, clock: list[int]) -> None:
    job = Steps()
    work.submit(job, work_id="one", owner=1, label="x", total=10)
    job.at.acquire()
    assert work.progress("one", 1).state is WorkState.RUNNING
    assert work.progress("one", 1).left_seconds is None
    for _ in range(4):
        job.go.release()
        job.at.acquire()
    clock[0] += 2
    progress = work.progress("one", 1)
    assert (progress.done, progress.percent, progress.rate, progress.left_seconds) == (4, 40, 2, 3)
    for _ in range(6):
        job.go.release()
    work.wait()
    progress = work.progress("one", 1)
    assert (progress.state, progress.done, progress.percent) == (WorkState.DONE, 10, 100)
    assert work.result("one", 1).data == b"made"


def test_cancelled_work_ends_at_its_next_step_and_keeps_nothing(work: LongWork) -> None:
    job = Steps()
    work.submit(job, work_id="one", owner=1, label="x", total=10)
    job.at.acquire()
    work.cancel("one", 1)
    job.go.release()
    work.wait()
    assert job.ended.is_set()
    assert work.progress("one", 1).state is WorkState.CANCELLED
    with pytest.raises(RefusedError):
        work.result("one", 1)


def test_two_run_the_others_wait_and_too_many_are_refused(work: LongWork) -> None:
    jobs = [Steps() for _ in range(8)]
    for number, job in enumerate(jobs):
        work.submit(job, work_id=str(number), owner=1, label=str(number), total=10)
    jobs[0].at.acquire()
    jobs[1].at.acquire()
    states = [work.progress(str(number), 1).state for number in range(8)]
    assert states == [WorkState.RUNNING] * 2 + [WorkState.QUEUED] * 6
    with pytest.raises(RefusedError) as refused:
        work.submit(Steps(), work_id="9", owner=1, label="9", total=1)
    assert refused.value.findings[0].code is EdgeCode.WORK_FULL
    for job in jobs[2:]:
        job.go.release(10)
    work.cancel("7", 1)
    for job in jobs[:2]:
        job.go.release(10)
    work.wait()
    assert [work.progress(str(number), 1).state for number in range(7)] == [WorkState.DONE] * 7
    assert work.progress("7", 1).state is WorkState.CANCELLED
    assert not jobs[7].ended.is_set()


def test_the_same_work_of_the_same_user_is_begun_once(work: LongWork) -> None:
    jobs = [Steps() for _ in range(3)]
    assert work.submit(jobs[0], work_id="one", owner=1, label="x", total=10) == "one"
    assert work.submit(jobs[1], work_id="two", owner=1, label="x", total=10) == "one"
    assert work.submit(jobs[2], work_id="three", owner=2, label="x", total=10) == "three"
    for job in jobs:
        job.go.release(10)
    work.wait()
    assert [job.ended.is_set() for job in jobs] == [True, False, True]


def test_a_result_is_kept_for_ten_minutes_and_within_its_bytes(
    work: LongWork, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_work_module, "KEPT_BYTES", 10)
    for number in range(3):
        work.submit(
            lambda tell: Result(b"12345", "x", "text/csv"), work_id=str(number), owner=1, label=str(number), total=1
        )
        work.wait()
    work.submit(lambda tell: Result(b"12345678901", "x", "text/csv"), work_id="large", owner=1, label="l", total=1)
    work.wait()
    assert work.progress("large", 1).state is WorkState.FAILED
    assert [one.work_id for one in work.all_of(1)] == ["large", "2", "1"]
    clock[0] += 10 * 60
    assert work.all_of(1) == []


def test_a_failure_is_said_with_its_cure_and_a_bug_without_its_text(
    work: LongWork, caplog: pytest.LogCaptureFixture
) -> None:
    typed = "Nguyễn Thị Ánh 054185000001"

    def refused(tell: Tell) -> Result:
        raise RefusedError((refuse(EdgeCode.EXPORT_SIZE, "file").findings[0],))

    def broken(tell: Tell) -> Result:
        raise ValueError(typed)

    work.submit(refused, work_id="one", owner=1, label="1", total=1)
    work.submit(broken, work_id="two", owner=1, label="2", total=1)
    work.wait()
    problem = work.progress("one", 1).problem
    assert problem is not None
    assert "40 MB" in problem.vi
    assert work.progress("two", 1).problem is long_work_module.BUG_WORDS
    assert "ValueError" in caplog.text
    assert "Ánh" not in caplog.text


def test_stopping_ends_what_runs(work: LongWork) -> None:
    job = Steps()
    work.submit(job, work_id="one", owner=1, label="x", total=10)
    job.at.acquire()
    job.go.release(10)
    work.stop()
    assert job.ended.is_set()
    assert work.all_of(1) == []


def test_work_stands_back_while_pages_are_answered(work: LongWork) -> None:
    told: list[bool] = []

    def job(tell: Tell) -> Result:
        told.append(work._no_pages.is_set())
        tell(1)
        return Result(b"", "x", "text/csv")

    work.page_begins()
    work.page_begins()
    work.page_ends()
    work.submit(job, work_id="one", owner=1, label="x", total=1)
    work.wait()
    assert told == [False]
    work.page_ends()
    assert work._no_pages.is_set()


def test_the_command_writes_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    clinic: Clinic = make_clinic(tmp_path)
    for number in range(1, 4):
        clinic.record(Submission(f"dose-{number:04d}", villager(number), facts(given_at=NOW - 600 * number)))

    class Clock:
        def now(self) -> int:
            return NOW

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(
            main,
            ["--directory", str(tmp_path), "export", *arguments, "--json"],
            env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
            obj=Clock(),
        )
        return done.exit_code, done.output

    for ending, read in ((".xlsx", rows_of), (".CSV", csv_rows)):
        file = tmp_path / f"out{ending}"
        status, output = run(str(file), "--from", "2022-04-01", "--to", DAY)
        assert status == 0, output
        assert '"doses": 3' in output
        assert file.stat().st_mode & 0o777 == 0o600
        assert len(read(file.read_bytes())) == 4
        assert run(str(file))[0] == 2
    assert run(str(tmp_path / "out.pdf"))[0] == 2
    status, output = run(str(tmp_path / "many.csv"), "--from", "2022-01-01", "--to", DAY)
    assert (status, EdgeCode.EXPORT_SPAN in output) == (1, True)
    assert not (tmp_path / "many.csv").exists()


def test_what_a_stopped_job_raises_is_no_failure(work: LongWork) -> None:
    def job(tell: Tell) -> Result:
        raise StoppedError

    work.submit(job, work_id="one", owner=1, label="x", total=1)
    work.wait()
    assert work.progress("one", 1).state is WorkState.CANCELLED
