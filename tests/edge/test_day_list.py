"""Day lists: files within bounds, headers in every spelling, cells of every kind."""

from __future__ import annotations

import datetime
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.day_list import LIST_ROWS, Cell, Column, RawRow, data_rows, find_header
from edge.domain.day_list_cells import CellError, birth_date_of, day_of, seconds_of, text_of
from edge.domain.day_list_row import ReadRow, Vocabulary, read_row
from edge.domain.refusals import AnyCode, EdgeCode, RefusedError
from sync_protocol.catalogue import Unit, verify_catalogue
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind, Sex
from tests.edge.clinic import HEADINGS, NOW, list_row, villager
from tests.simulator import SimulatedCentre

HEADER_ROW = tuple(HEADINGS)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    centre = SimulatedCentre(lambda: NOW)
    return Vocabulary(verify_catalogue(centre.catalogue(), centre.publisher.public_key, at=NOW))


def _read(vocabulary: Vocabulary, **changes: Any) -> ReadRow:
    row = list_row(1, **changes)
    cells = {Column(heading): value for heading, value in row.items() if value not in (None, "")}
    return read_row(RawRow(7, cells), vocabulary)


def _codes(row: ReadRow, *, blocking: bool) -> list[tuple[AnyCode, str]]:
    return [(finding.code, finding.field) for finding in row.findings if finding.blocking is blocking]


@pytest.mark.parametrize("titles", [0, 1, 2, 30])
def test_the_header_is_found_beneath_title_rows(titles: int) -> None:
    rows: list[tuple[Cell, ...]] = [("DANH SÁCH TIÊM CHỦNG",)] * titles + [HEADER_ROW]
    header = find_header(rows)
    assert header.row_number == titles + 1
    assert header.unknown == ()
    assert header.places[Column.NAME] == 1


@pytest.mark.parametrize(
    "spell",
    [
        str.upper,
        str.lower,
        lambda text: f"  {text} * ",
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace(" ", "\n"),
        lambda text: text.replace("/", " / "),
        lambda text: f"{text} (dd/mm/yyyy)",
        lambda text: "".join(
            letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
        ).replace("đ", "d"),
    ],
)
def test_headings_are_known_in_every_spelling(spell: Any) -> None:
    header = find_header([tuple(spell(heading) for heading in HEADINGS)])
    assert set(header.places) == {Column(heading) for heading in HEADINGS}


@given(st.permutations(HEADINGS))
def test_columns_are_found_in_any_order(headings: list[str]) -> None:
    header = find_header([tuple(headings)])
    assert all(headings[place] == column for column, place in header.places.items())


def test_unknown_and_repeated_headings_are_reported_and_not_refused() -> None:
    header = find_header([(*HEADINGS, "Nhóm máu", "Ngày tiêm", 7, None)])
    assert header.unknown == ("Nhóm máu", "Ngày tiêm")
    assert header.places[Column.GIVEN_DAY] == HEADINGS.index("Ngày tiêm")


def test_a_heading_merged_over_two_rows_counts() -> None:
    upper = tuple(heading if place % 2 else None for place, heading in enumerate(HEADINGS))
    lower = tuple(None if place % 2 else heading for place, heading in enumerate(HEADINGS))
    header = find_header([("DANH SÁCH",), upper, lower])
    assert header.row_number == 3
    assert len(header.places) == len(HEADINGS)


def test_a_list_without_a_needed_column_says_which_one() -> None:
    with pytest.raises(RefusedError) as caught:
        find_header([tuple(heading for heading in HEADINGS if heading != "Số lô")])
    assert caught.value.findings[0].code is EdgeCode.LIST_HEADER
    assert caught.value.findings[0].detail == "Số lô"


def test_blank_rows_sums_and_signatures_are_no_data() -> None:
    good = tuple(list_row(1).get(heading) for heading in HEADINGS)
    total: tuple[Cell, ...] = ("Tổng cộng", 1)
    rows = [HEADER_ROW, good, (), (None,) * 5, total, (None, "NGƯỜI LẬP BIỂU"), good]
    header = find_header(rows)
    assert [row.row_number for row in data_rows(rows, header)] == [2, 7]


def test_a_row_that_is_right_is_read_whole(vocabulary: Vocabulary) -> None:
    row = _read(vocabulary)
    assert row.findings == ()
    assert row.dose is not None
    assert row.dose.written == villager(1)
    assert (row.dose.facts.product, row.dose.facts.lot_expiry, row.dose.given_day) == ("AZ", "2022-12-31", "2022-04-15")
    assert row.dose.facts.given_at == NOW - 7 * 3_600


@pytest.mark.parametrize(
    ("changes", "code", "column"),
    [
        ({"Họ và tên": ""}, EdgeCode.CELL_MISSING, "Họ và tên"),
        ({"Họ và tên": "Nguyễn\x00"}, EdgeCode.CELL_INVALID, "Họ và tên"),
        ({"Họ và tên": "Nguyễn \u202eThị"}, EdgeCode.CELL_INVALID, "Họ và tên"),
        ({"Họ và tên": "A" * 101}, EdgeCode.CELL_INVALID, "Họ và tên"),
        ({"Họ và tên": '=HYPERLINK("http://x")'}, EdgeCode.CELL_FORMULA, "Họ và tên"),
        ({"Họ và tên": "#N/A"}, EdgeCode.CELL_FORMULA, "Họ và tên"),
        ({"Ngày sinh": "31/02/1980"}, EdgeCode.DATE_INVALID, "Ngày sinh"),
        ({"Ngày sinh": "1/3/85"}, EdgeCode.DATE_INVALID, "Ngày sinh"),
        ({"Ngày sinh": "０１/０３/１９８５"}, EdgeCode.DATE_INVALID, "Ngày sinh"),
        ({"Ngày sinh": 44_666}, EdgeCode.DATE_INVALID, "Ngày sinh"),
        ({"Giới tính": "?"}, EdgeCode.CELL_INVALID, "Giới tính"),
        ({"Loại vắc xin": "Vắc xin lạ"}, Code.PRODUCT_UNKNOWN, "Loại vắc xin"),
        ({"Số lô": None}, EdgeCode.CELL_MISSING, "Số lô"),
        ({"Mũi số": "99"}, EdgeCode.CELL_INVALID, "Mũi số"),
        ({"Mũi số": 0}, EdgeCode.CELL_INVALID, "Mũi số"),
        ({"Mũi số": "hai"}, EdgeCode.CELL_INVALID, "Mũi số"),
        ({"Mũi số": 1.5}, EdgeCode.CELL_INVALID, "Mũi số"),
        ({"Ngày tiêm": "15-13-2022"}, EdgeCode.DATE_INVALID, "Ngày tiêm"),
        ({"Giờ tiêm": "25:00"}, EdgeCode.CELL_INVALID, "Giờ tiêm"),
        ({"Hạn dùng": "cuối năm"}, EdgeCode.DATE_INVALID, "Hạn dùng"),
        ({"Số điện thoại": "0" * 41}, EdgeCode.CELL_INVALID, "Số điện thoại"),
    ],
)
def test_a_broken_cell_is_named_by_its_column_and_never_by_its_content(
    vocabulary: Vocabulary, changes: dict[str, Any], code: AnyCode, column: str
) -> None:
    row = _read(vocabulary, **changes)
    assert row.dose is None
    assert (code, column) in _codes(row, blocking=True)
    content = next(iter(changes.values()))
    assert not content or str(content) not in repr(row.findings)


def test_all_that_is_wrong_with_a_row_is_said_at_once(vocabulary: Vocabulary) -> None:
    row = _read(vocabulary, **{"Họ và tên": "", "Ngày sinh": "31/02/1980", "Mũi số": "99", "Loại vắc xin": "X"})
    assert len(_codes(row, blocking=True)) == 4


def test_a_lost_zero_is_proposed_and_not_silently_mended(vocabulary: Vocabulary) -> None:
    row = _read(vocabulary, **{"CMND/CCCD/Hộ chiếu": 54_185_000_001, "Số điện thoại": 900_000_001})
    assert row.dose is not None
    assert row.dose.written.number == "54185000001"
    assert row.dose.written.phone == "900000001"
    assert row.dose.mended == villager(1)
    assert [(proposal.column, proposal.value) for proposal in row.proposals] == [
        (Column.NUMBER, "054185000001"),
        (Column.PHONE, "0900000001"),
    ]
    assert row.dose.mended.paper is PaperKind.CCCD


def test_a_malformed_number_is_a_warning_since_the_dose_was_given(vocabulary: Vocabulary) -> None:
    row = _read(vocabulary, **{"CMND/CCCD/Hộ chiếu": "0541850O0001"})
    assert row.dose is not None
    assert row.proposals == ()
    assert _codes(row, blocking=False) == [(Code.IDENTITY_MALFORMED, "number")]


def test_an_unknown_commune_is_a_warning(vocabulary: Vocabulary) -> None:
    assert _codes(_read(vocabulary, **{"Phường/Xã": "Xã Lạ"}), blocking=False) == [(EdgeCode.UNIT_UNKNOWN, "Phường/Xã")]


@pytest.mark.parametrize("text", ["05413", "Hòa Hiệp", "Xã Hòa Hiệp", "HOA HIEP", "xã hoà hiệp", "x. Hòa Hiệp"])
def test_a_commune_is_known_by_code_or_name(vocabulary: Vocabulary, text: str) -> None:
    row = _read(vocabulary, **{"Phường/Xã": text})
    assert row.dose is not None
    assert row.dose.written.address_unit == "05413"


def test_of_two_communes_with_one_name_the_province_decides(vocabulary: Vocabulary) -> None:
    from dataclasses import replace

    units = (*vocabulary.catalogue.units, Unit("056", "Tỉnh Khánh Hòa"), Unit("05600", "Xã Hòa Hiệp", "056"))
    two = Vocabulary(replace(vocabulary.catalogue, units=units))
    assert two.commune("Hòa Hiệp", district="", province="Khánh Hòa") == "05600"
    assert two.commune("Hòa Hiệp", district="", province="tỉnh Phú Yên") == "05413"
    assert two.commune("Hòa Hiệp", district="", province="") is None


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("15/04/2022", "2022-04-15"),
        ("15-4-2022", "2022-04-15"),
        ("5.4.2022", "2022-04-05"),
        ("2022-04-15", "2022-04-15"),
        (datetime.datetime(2022, 4, 15), "2022-04-15"),
        (datetime.date(2022, 4, 15), "2022-04-15"),
        ("29/02/2020", "2020-02-29"),
    ],
)
def test_days_as_text_and_as_spreadsheet_dates(cell: Cell, day: str) -> None:
    assert day_of(cell) == day


@pytest.mark.parametrize(
    "cell", ["29/02/2021", "31/4/2022", "04/15/2022", "15/04/22", "", "hôm qua", 44_666, True, None]
)
def test_what_is_no_day_is_refused(cell: Cell) -> None:
    with pytest.raises(CellError):
        day_of(cell)


@pytest.mark.parametrize(
    ("cell", "date"), [(1985, "1985"), ("1985", "1985"), (1985.0, "1985"), ("1/3/1985", "1985-03-01")]
)
def test_a_date_of_birth_may_be_a_year(cell: Cell, date: str) -> None:
    assert birth_date_of(cell) == date


@pytest.mark.parametrize(
    "cell",
    ["7:30", "07:30", "07:30:00", "7h30", "07H30", "7h30'", "7 giờ 30", datetime.time(7, 30), 0.3125,
     datetime.datetime(2022, 4, 15, 7, 30)],
)  # fmt: skip
def test_times_of_day_as_people_write_them(cell: Cell) -> None:
    assert seconds_of(cell) == 7 * 3_600 + 30 * 60


def test_text_is_nfc_with_single_spaces() -> None:
    assert text_of(unicodedata.normalize("NFD", "  Nguyễn   Thị\nÁnh "), max_chars=40) == "Nguyễn Thị Ánh"


@given(
    st.one_of(st.none(), st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.times())
)
def test_no_cell_brings_anything_but_a_cell_error(vocabulary: Vocabulary, cell: Cell) -> None:
    row = RawRow(7, {column: cell for column in Column if cell is not None})
    assert read_row(row, vocabulary).row_number == 7


def test_sexes_in_every_spelling(vocabulary: Vocabulary) -> None:
    for text, sex in (("Nam", Sex.M), ("nữ", Sex.F), ("NU", Sex.F), (unicodedata.normalize("NFD", "Nữ"), Sex.F)):
        row = _read(vocabulary, **{"Giới tính": text})
        assert row.dose is not None
        assert row.dose.written.sex is sex


def test_a_list_of_one_row_too_many_is_refused() -> None:
    good = tuple(list_row(1).get(heading) for heading in HEADINGS)
    rows = [HEADER_ROW, *[good] * (LIST_ROWS + 1)]
    header = find_header(rows)
    assert len(list(data_rows(rows[:-1], header))) == LIST_ROWS
    with pytest.raises(RefusedError) as caught:
        list(data_rows(rows, header))
    assert caught.value.findings[0].code is EdgeCode.LIST_ROWS
