"""Lists for the commune police: what goes out as a workbook, what comes back, and that nothing else changes anybody."""

from __future__ import annotations

import datetime
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest
import xlsxwriter
from click.testing import CliRunner
from openpyxl.worksheet.worksheet import Worksheet

from edge.cli import main
from edge.clients.correction_files import FILE_BYTES, read_corrections
from edge.clients.correction_workbook import ListSheet, write_workbook
from edge.domain.correction_list import CORRECTION_ROWS, Column, exported_cells, file_number
from edge.domain.correction_row import RowFate
from edge.domain.identity import state_of_paper
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.work_list import Cause, Wanted
from edge.store import audit, people
from edge.store.people import Person, PersonId
from edge.workflow.change_person import change_person
from edge.workflow.check_identity import check_identity
from edge.workflow.export_work_lists import SHEET_NAMES, export_work_lists
from edge.workflow.import_corrections import Outcome, PlannedRow, apply_corrections, plan_corrections
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState, PaperKind, Recipient
from tests.edge.clinic import NODE, NOW, NURSE, PASSPHRASE, Clinic, Cut, CutAt, make_clinic, villager
from tests.edge.station import TickingClock

FIRST_ROW: Final = 5
_MISMATCH: Final = SHEET_NAMES[Cause.MISMATCH]
_NO_NUMBER: Final = SHEET_NAMES[Cause.NO_NUMBER]


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Six people whose date of birth differs from the pack, one without a number, one with a malformed one."""
    clinic = make_clinic(tmp_path)
    clinic.give_pack([*(villager(n, birth_date="1985-03-02") for n in range(1, 7)), villager(7)])
    add(clinic, *(villager(n) for n in range(1, 7)))
    add(clinic, villager(7, paper=PaperKind.NONE, number=""), villager(8, number="0541"))
    check_identity(clinic.database, at=NOW, by=NURSE)
    return clinic


def add(clinic: Clinic, *recipients: Recipient) -> None:
    with clinic.database.write_transaction() as tables:
        for one in recipients:
            people.add(tables, one, state=state_of_paper(one), at=NOW, by=NURSE)


def person(clinic: Clinic, number: int) -> Person:
    with clinic.database.read() as tables:
        found = people.get(tables, PersonId(number))
    assert found is not None
    return found


def exported(clinic: Clinic, wanted: Wanted | None = None) -> bytes:
    asked = wanted or Wanted(Cause.MISMATCH)
    return export_work_lists(clinic.database, asked, catalogue=clinic.catalogue, at=NOW, by=NURSE).data


def planned(clinic: Clinic, data: bytes) -> Outcome:
    return plan_corrections(clinic.database, read_corrections(data), vocabulary=clinic.shelf.vocabulary(), at=NOW)


def applied(clinic: Clinic, data: bytes) -> Outcome:
    rows, vocabulary = read_corrections(data), clinic.shelf.vocabulary()
    return apply_corrections(clinic.database, rows, vocabulary=vocabulary, at=NOW, by=NURSE)


def place(column: Column) -> int:
    return list(Column).index(column) + 1


def edited(data: bytes, change: Callable[[Worksheet], None], *, sheet: str = _MISMATCH) -> bytes:
    """The workbook as somebody saved it after a change on one sheet."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    change(book[sheet])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def filled(data: bytes, *cells: tuple[int, Column, Any], sheet: str = _MISMATCH) -> bytes:
    """The workbook with these cells typed in: the row from 1, the column, the value."""

    def fill(page: Worksheet) -> None:
        for row, column, value in cells:
            page.cell(FIRST_ROW - 1 + row, place(column)).value = value

    return edited(data, fill, sheet=sheet)


def fates(outcome: Outcome) -> dict[RowFate, int]:
    return {fate: number for fate, number in outcome.counts.items() if number}


def only(outcome: Outcome) -> PlannedRow:
    assert len(outcome.shown) == 1, outcome.counts
    return outcome.shown[0]


def refused(data: bytes) -> str:
    with pytest.raises(RefusedError) as caught:
        list(read_corrections(data))
    return caught.value.findings[0].code.value


def test_a_list_goes_out_is_corrected_and_comes_back_once(clinic: Clinic) -> None:
    born = [(row, Column.NEW_BIRTH_DATE, "02/03/1985") for row in range(1, 5)]
    data = filled(exported(clinic), *born)
    data = filled(data, (1, Column.NEW_NUMBER, villager(7).number), sheet=_NO_NUMBER)
    plan = planned(clinic, data)
    assert fates(plan) == {RowFate.CHANGE: 5, RowFate.SAME: 3}
    assert plan.states == {IdentityState.MATCHED: 5}
    assert {change.old: change.new for row in plan.shown for change in row.judged.changes} == {
        "01/03/1985": "02/03/1985",
        "": villager(7).number,
    }
    assert {person(clinic, number).revision for number in range(1, 9)} == {1}
    done = applied(clinic, data)
    assert done.counts == plan.counts
    states = [person(clinic, number).identity_state for number in range(1, 9)]
    assert states.count(IdentityState.MATCHED) == 5
    assert person(clinic, 7).identity_state is IdentityState.MATCHED
    again = applied(clinic, data)
    assert fates(again) == {RowFate.SAME: 8}
    assert {person(clinic, number).revision for number in range(1, 9)} == {1, 2}
    with clinic.database.read() as tables:
        acts = [one.action for one in audit.entries(tables)]
    assert acts.count("list-exported") == 1
    assert acts.count("corrections-imported") == 1
    assert acts.count("person-changed") == 5


def test_an_import_that_was_cut_off_changes_nobody_by_half_and_is_finished_by_the_next_one(tmp_path: Path) -> None:
    cut = CutAt(-1)
    clinic = make_clinic(tmp_path, tracer=cut)
    clinic.give_pack(villager(n, birth_date="1985-03-02") for n in range(1, 5))
    add(clinic, *(villager(n) for n in range(1, 5)))
    check_identity(clinic.database, at=NOW, by=NURSE)
    data = filled(exported(clinic), *((row, Column.NEW_BIRTH_DATE, "02/03/1985") for row in range(1, 5)))
    cut.statement = cut.seen + 30
    with pytest.raises(Cut):
        applied(clinic, data)
    assert [person(clinic, number).revision for number in range(1, 5)] == [1, 1, 1, 1]
    assert fates(applied(clinic, data)) == {RowFate.CHANGE: 4}
    assert {person(clinic, number).identity_state for number in range(1, 5)} == {IdentityState.MATCHED}


def test_the_sheets_are_ready_to_filter_to_read_and_to_print(clinic: Clinic) -> None:
    book = openpyxl.load_workbook(io.BytesIO(exported(clinic)))
    assert book.sheetnames == [SHEET_NAMES[cause] for cause in (Cause.NO_NUMBER, Cause.MALFORMED, Cause.MISMATCH)]
    page = book[_MISMATCH]
    assert [cell.value for cell in page[FIRST_ROW - 1]] == [column.value for column in Column]
    assert page.freeze_panes == "E5"
    assert page.auto_filter.ref == "A4:T10"
    assert page.page_setup.orientation == "landscape"
    assert page.print_title_rows == "$4:$4"
    assert page.oddFooter is not None
    assert "&P" in str(page.oddFooter.right.text)
    assert page.column_dimensions["D"].width > page.column_dimensions["A"].width
    assert not page.merged_cells.ranges
    shown = {column: page.cell(FIRST_ROW, place(column)).value for column in Column}
    assert shown[Column.FILE] == file_number(NODE, 1)
    assert shown[Column.REVISION] == "1"
    assert shown[Column.BIRTH_DATE] == "01/03/1985"
    assert shown[Column.UNIT] == "05413 Xã Hòa Hiệp"
    assert shown[Column.FIELD] == "Ngày sinh"
    assert {shown[column] for column in Column if column.value.endswith("đúng")} == {None}


def test_names_that_look_like_formulas_go_out_and_come_back_as_text(clinic: Clinic) -> None:
    names = ["=1+1", "+84 9", "-2+3 An", "@SUM(A1)", '=HYPERLINK("http://x","y")', "Lê <b>&amp; Bình"]
    add(clinic, *(villager(20 + n, name=name, number="", paper=PaperKind.NONE) for n, name in enumerate(names)))
    data = exported(clinic)
    page = openpyxl.load_workbook(io.BytesIO(data))[_NO_NUMBER]
    cells = [page.cell(row, place(Column.NAME)) for row in range(FIRST_ROW, page.max_row + 1)]
    assert set(names) <= {cell.value for cell in cells}
    assert {cell.data_type for row in page.iter_rows() for cell in row if cell.value is not None} == {"s"}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not any(b"<f>" in archive.read(name) or b"<f " in archive.read(name) for name in archive.namelist())
    assert fates(planned(clinic, data)) == {RowFate.SAME: 8 + len(names)}


def test_nothing_of_the_list_touches_the_disk(clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever asks for a temporary file gets an error.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert fates(planned(clinic, exported(clinic))) == {RowFate.SAME: 8}


def test_what_does_not_fit_is_left_out_and_said_in_the_file(clinic: Clinic) -> None:
    made = export_work_lists(
        clinic.database, Wanted(Cause.MISMATCH), catalogue=clinic.catalogue, at=NOW, by=NURSE, rows_at_most=4
    )
    assert made.rows == {Cause.NO_NUMBER: 1, Cause.MALFORMED: 1, Cause.MISMATCH: 2}
    assert made.left_out == 4
    page = openpyxl.load_workbook(io.BytesIO(made.data))[_MISMATCH]
    assert "CÒN 4 NGƯỜI" in page["A2"].value
    assert sum(1 for _ in read_corrections(made.data)) == 4


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        (Column.NEW_BIRTH_DATE, "31/02/1985", EdgeCode.DATE_INVALID),
        (Column.NEW_SEX, "khác", EdgeCode.CELL_INVALID),
        (Column.NEW_NUMBER, "54185000001", EdgeCode.NUMBER_LOST_ZERO),
        (Column.NEW_NUMBER, 54185000001, EdgeCode.NUMBER_LOST_ZERO),
        (Column.NEW_NUMBER, "0541", Code.IDENTITY_MALFORMED),
        (Column.NEW_PHONE, "912345678", EdgeCode.PHONE_LOST_ZERO),
        (Column.NEW_PHONE, "gọi sau", EdgeCode.CELL_INVALID),
        (Column.NEW_UNIT, "Xã Không Có", EdgeCode.UNIT_UNKNOWN),
        (Column.NEW_NAME, "=A1", EdgeCode.CELL_FORMULA),
        (Column.NEW_NAME, "x" * 101, EdgeCode.CELL_INVALID),
        (Column.REVISION, "một", EdgeCode.CELL_INVALID),
        (Column.FILE, "19001A", EdgeCode.CELL_INVALID),
        (Column.REVISION, None, EdgeCode.CELL_MISSING),
    ],
)
def test_a_cell_that_cannot_be_right_is_named_with_its_code(
    clinic: Clinic, column: Column, value: Any, code: EdgeCode | Code
) -> None:
    data = filled(exported(clinic), (1, column, value))
    row = only(planned(clinic, data))
    assert row.judged.fate is RowFate.INVALID
    assert [(finding.code, finding.field) for finding in row.judged.findings] == [(code, column)]


@pytest.mark.parametrize(
    ("column", "value", "field", "after"),
    [
        (Column.NEW_NAME, "  Trần   Thị Bê ", "name", "Trần Thị Bê"),
        (Column.NEW_BIRTH_DATE, "1985", "birth_date", "1985"),
        (Column.NEW_SEX, "nam", "sex", "M"),
        (Column.NEW_NUMBER, "054 185 000 099", "number", "054185000099"),
        (Column.NEW_NUMBER, "123456789", "paper", PaperKind.CMND),
        (Column.NEW_PHONE, "+84 912 345 678", "phone", "0912345678"),
        (Column.NEW_UNIT, "Hòa Hiệp", "address_unit", "05413"),
        (Column.NEW_UNIT, "05413", "address_unit", "05413"),
    ],
)
def test_what_is_right_is_read_as_people_write_it(
    clinic: Clinic, column: Column, value: str, field: str, after: str
) -> None:
    add(clinic, villager(30, address_unit="", number="0541"))
    data = filled(exported(clinic), (2, column, value), sheet=SHEET_NAMES[Cause.MALFORMED])
    applied(clinic, data)
    assert getattr(person(clinic, 9).recipient, field) == after


def test_a_list_that_was_sorted_apart_or_typed_over_changes_nobody(clinic: Clinic) -> None:
    data = filled(exported(clinic), (1, Column.NAME, villager(5).name), (1, Column.NEW_BIRTH_DATE, "02/03/1985"))
    row = only(planned(clinic, data))
    assert [(one.code, one.field) for one in row.judged.findings] == [(EdgeCode.CORRECTION_ORIGINAL, Column.NAME)]
    assert fates(applied(clinic, filled(exported(clinic), (2, Column.NUMBER, None)))) == {
        RowFate.SAME: 7,
        RowFate.INVALID: 1,
    }


def test_a_date_that_the_spreadsheet_made_of_a_text_is_still_the_same_date(clinic: Clinic) -> None:
    data = filled(exported(clinic), (1, Column.BIRTH_DATE, datetime.datetime(1985, 3, 1)))
    assert fates(planned(clinic, data)) == {RowFate.SAME: 8}


def test_a_person_who_was_changed_since_the_export_is_not_written_over(clinic: Clinic) -> None:
    data = filled(exported(clinic), (1, Column.NEW_BIRTH_DATE, "02/03/1985"), (2, Column.NEW_NAME, "Trần Thị Bê"))
    changed = person(clinic, 1).recipient
    new = villager(1, phone="0999999999")
    change_person(clinic.database, PersonId(1), new, revision=1, at=NOW, by=NURSE)
    assert changed != new
    for outcome in (planned(clinic, data), applied(clinic, data)):
        assert fates(outcome) == {RowFate.CHANGE: 1, RowFate.CONFLICT: 1, RowFate.SAME: 6}
        conflict = next(row for row in outcome.shown if row.judged.fate is RowFate.CONFLICT)
        assert conflict.judged.findings[0].code is EdgeCode.PERSON_CHANGED
    assert person(clinic, 1).recipient == new


def test_rows_of_another_site_and_of_nobody_are_unknown(clinic: Clinic) -> None:
    data = filled(exported(clinic), (1, Column.FILE, "19002B-1"), (2, Column.FILE, file_number(NODE, 999)))
    outcome = applied(clinic, data)
    assert fates(outcome) == {RowFate.UNKNOWN: 2, RowFate.SAME: 6}
    codes = [row.judged.findings[0].code for row in outcome.shown]
    assert codes == [EdgeCode.CORRECTION_SITE, EdgeCode.PERSON_UNKNOWN]


def test_a_second_row_of_the_same_person_is_left_out_in_preview_and_in_earnest(clinic: Clinic) -> None:
    def copied(page: Worksheet) -> None:
        for column in Column:
            page.cell(FIRST_ROW + 1, place(column)).value = page.cell(FIRST_ROW, place(column)).value
        page.cell(FIRST_ROW, place(Column.NEW_NAME)).value = "Trần Thị Bê"
        page.cell(FIRST_ROW + 1, place(Column.NEW_NAME)).value = "Trần Thị Xê"

    data = edited(exported(clinic), copied)
    for outcome in (planned(clinic, data), applied(clinic, data)):
        assert fates(outcome) == {RowFate.CHANGE: 1, RowFate.INVALID: 1, RowFate.SAME: 6}
        assert outcome.shown[1].judged.findings[0].code is EdgeCode.ROW_REPEATED
    assert person(clinic, 1).recipient.name == "Trần Thị Bê"


@pytest.mark.parametrize("column", [Column.NEW_NAME, Column.FILE])
def test_formulas_are_seen_and_never_worked_out(clinic: Clinic, column: Column) -> None:
    row = only(planned(clinic, filled(exported(clinic), (1, column, '=CONCAT("a","b")'))))
    assert [(one.code, one.field) for one in row.judged.findings] == [(EdgeCode.CELL_FORMULA, column)]


def with_macros(data: bytes) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\x00")
    return out.getvalue()


def other_book() -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.add_worksheet("Danh sách").write_string(0, 0, "Họ và tên")
    book.close()
    return out.getvalue()


def rows_for_nobody(number: int) -> Iterable[dict[Column, str]]:
    for order in range(1, number + 1):
        one = villager(1)
        yield exported_cells(one, order=order, file=file_number(NODE, order), revision=1, words={}, unit_name="")


def test_files_that_are_none_of_ours_are_refused_each_with_its_code(clinic: Clinic) -> None:
    data = exported(clinic)
    assert refused(b"") == EdgeCode.LIST_EMPTY
    assert refused(b"ho va ten;ngay sinh\n") == EdgeCode.CORRECTION_KIND
    assert refused(b"\xd0\xcf\x11\xe0" + bytes(600)) == EdgeCode.CORRECTION_KIND
    assert refused(b"PK\x03\x04" + bytes(600)) == EdgeCode.LIST_UNREADABLE
    assert refused(data + bytes(FILE_BYTES)) == EdgeCode.LIST_SIZE
    assert refused(with_macros(data)) == EdgeCode.LIST_MACROS
    assert refused(other_book()) == EdgeCode.CORRECTION_SHEET
    assert refused(edited(data, lambda page: page.merge_cells("D6:D7"))) == EdgeCode.CORRECTION_MERGED
    renamed = data
    for sheet in SHEET_NAMES.values():
        renamed = edited(renamed, lambda page: page.delete_cols(place(Column.REVISION)), sheet=sheet)
    assert refused(renamed) == EdgeCode.CORRECTION_SHEET
    assert refused(write_workbook([ListSheet("Trống", (), [], 0)])) == EdgeCode.LIST_EMPTY


def test_a_list_with_one_row_too_many_is_refused() -> None:
    full = write_workbook([ListSheet("Đủ", (), rows_for_nobody(CORRECTION_ROWS), CORRECTION_ROWS)])
    assert sum(1 for _ in read_corrections(full)) == CORRECTION_ROWS
    size = CORRECTION_ROWS + 1
    assert refused(write_workbook([ListSheet("Thừa", (), rows_for_nobody(size), size)])) == EdgeCode.LIST_ROWS


def test_the_commands_export_and_import_and_write_over_nothing(tmp_path: Path, clinic: Clinic) -> None:
    clinic.database.close()
    file = tmp_path / "ra.xlsx"

    def run(*words: str) -> tuple[int, str]:
        environment = {"HCVX_EDGE_PASSPHRASE": PASSPHRASE}
        clock = TickingClock(NOW)
        result = CliRunner().invoke(main, ["--directory", str(tmp_path), *words], obj=clock, env=environment)
        return result.exit_code, result.stdout

    status, told = run("export-work-list", str(file), "--json")
    assert status == 0, told
    assert '"identity-mismatch": 6' in told
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("export-work-list", str(file))[0] == 2
    file.write_bytes(filled(file.read_bytes(), (1, Column.NEW_BIRTH_DATE, "02/03/1985"), (2, Column.NEW_SEX, "?")))
    status, told = run("import-work-list", str(file), "--json")
    assert status == 0
    assert '"change": 1' in told
    assert '"cell-invalid"' in told
    assert '"applied": false' in told
    status, told = run("import-work-list", str(file), "--apply", "--json")
    assert (status, '"matched": 1' in told) == (0, True)
    status, told = run("import-work-list", str(file), "--json")
    assert '"change": 0' in told
