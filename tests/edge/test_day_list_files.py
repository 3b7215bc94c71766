"""Day-list files: XLSX and CSV of every kind, and everything that is refused before it means anything."""

from __future__ import annotations

import datetime
import io
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clients.day_list_files import FILE_BYTES, day_list_from_bytes, open_day_list
from edge.domain.day_list import data_rows, find_header
from edge.domain.day_list_row import Vocabulary, read_row
from edge.domain.refusals import EdgeCode, RefusedError
from sync_protocol.catalogue import verify_catalogue
from tests.edge.clinic import HEADINGS, NOW, list_row, villager, workbook
from tests.simulator import SimulatedCentre


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    centre = SimulatedCentre(lambda: NOW)
    return Vocabulary(verify_catalogue(centre.catalogue(), centre.publisher.public_key, at=NOW))


def test_a_workbook_with_titles_merged_cells_dates_and_numbers_is_read(tmp_path: Path, vocabulary: Vocabulary) -> None:
    rows = [
        list_row(1),
        list_row(2, **{"Ngày sinh": datetime.date(1985, 3, 1), "Mũi số": 1, "CMND/CCCD/Hộ chiếu": 54_185_000_002}),
    ]
    sheet = next(workbook(tmp_path / "list.xlsx", rows).sheets())
    header = find_header(sheet.rows)
    read = [read_row(raw, vocabulary) for raw in data_rows(sheet.rows, header)]
    assert [row.row_number for row in read] == [4, 5]
    assert read[1].dose is not None
    assert read[1].dose.mended == villager(2)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_of_every_kind_is_read(delimiter: str, mark: str, vocabulary: Vocabulary) -> None:
    row = list_row(1, **{"Ghi chú": "một, hai; ba"})
    lines = [
        delimiter.join(f'"{value}"' for value in values) for values in (HEADINGS, [row.get(h, "") for h in HEADINGS])
    ]
    file = day_list_from_bytes((mark + "\r\n".join(lines) + "\r\n").encode())
    sheet = next(file.sheets())
    header = find_header(sheet.rows)
    assert [read_row(raw, vocabulary).findings for raw in data_rows(sheet.rows, header)] == [()]


def _zip(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return buffer.getvalue()


def _minimal_workbook() -> bytes:
    buffer = io.BytesIO()
    openpyxl.Workbook().save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", EdgeCode.LIST_EMPTY),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), EdgeCode.LIST_KIND),
        (b"\xff\xfe\x00S\x00T", EdgeCode.LIST_KIND),
        (b"%PDF-1.7\x00", EdgeCode.LIST_KIND),
        (b"PK\x03\x04 cut off", EdgeCode.LIST_UNREADABLE),
        (_zip(readme_txt=b"no workbook"), EdgeCode.LIST_UNREADABLE),
        (_zip(xl__vbaProject_bin=b"macro", xl__workbook_xml=b"<x/>"), EdgeCode.LIST_MACROS),
        (_zip(xl__workbook_xml=b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'), EdgeCode.LIST_UNREADABLE),
        (_zip(xl__workbook_xml=b"<x/>", bomb=bytes(100 * 1024 * 1024)), EdgeCode.LIST_SIZE),
        (_minimal_workbook()[:-40], EdgeCode.LIST_UNREADABLE),
        (b'a,b\n"unclosed', EdgeCode.LIST_UNREADABLE),
        (b"a,b\n" * 23_000, EdgeCode.LIST_ROWS),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_its_code(data: bytes, code: EdgeCode) -> None:
    with pytest.raises(RefusedError) as caught:
        list(day_list_from_bytes(data).sheets())
    assert caught.value.findings[0].code is code


def test_a_file_beyond_its_bound_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"x" * (FILE_BYTES + 1))
    with pytest.raises(RefusedError) as caught:
        open_day_list(path)
    assert caught.value.findings[0].code is EdgeCode.LIST_SIZE


@given(st.binary(max_size=300))
def test_no_bytes_bring_anything_but_a_refusal(data: bytes) -> None:
    for prefix in (b"", b"PK\x03\x04"):
        try:
            list(day_list_from_bytes(prefix + data).sheets())
        except RefusedError:
            continue


def test_a_workbook_with_one_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    data = bytearray(workbook(tmp_path / "list.xlsx", [list_row(1)]).data)
    for place in range(0, len(data), 97):
        changed = bytes(data[:place]) + bytes([data[place] ^ 0x55]) + bytes(data[place + 1 :])
        try:
            list(day_list_from_bytes(changed).sheets())
        except RefusedError:
            continue


def _with_rows(rows: bytes, *, prologue: bytes = b"") -> bytes:
    """A workbook whose one sheet holds these rows."""
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(_minimal_workbook())) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            whole = prologue + sheet + rows + b"</sheetData></worksheet>"
            target.writestr(name, whole if is_sheet else source.read(name))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "rows",
    [
        b"<row>" + b"<c/>" * 1_000_000 + b"</row>",
        b"<row>" + (b"<c/>" * 15_000 + b"<!-- <row > -->") * 20 + b"</row>",
        b"<x:row>" + b"<x:c/>" * 1_000_000 + b"</x:row>",
        b"<row/>" * 4_000_000,
    ],
    ids=["one row", "rows in comments", "prefixed", "empty rows"],
)
def test_a_small_file_that_holds_a_flood_of_cells_is_refused_before_anything_is_built(rows: bytes) -> None:
    data = _with_rows(rows)
    tracemalloc.start()
    with pytest.raises(RefusedError) as caught:
        list(day_list_from_bytes(data).sheets())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.findings[0].code is EdgeCode.LIST_SIZE
    assert peak_bytes < 8 * 1024 * 1024


def test_a_wide_sheet_within_the_bounds_is_read() -> None:
    cells = b"".join(b"<c><v>%d</v></c>" % number for number in range(4_000))
    sheet = next(day_list_from_bytes(_with_rows((b"<row>" + cells + b"</row>") * 3)).sheets())
    assert [row[:2] for row in sheet.rows] == [(0, 1)] * 3


def test_an_encoding_in_which_tags_cannot_be_counted_is_refused() -> None:
    prologue = b'<?xml version="1.0" encoding="cp037"?>'
    with pytest.raises(RefusedError) as caught:
        list(day_list_from_bytes(_with_rows(b"<row/>", prologue=prologue)).sheets())
    assert caught.value.findings[0].code is EdgeCode.LIST_UNREADABLE


def test_a_csv_of_nothing_but_delimiters_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        list(day_list_from_bytes(b"," * FILE_BYTES).sheets())
    assert caught.value.findings[0].code is EdgeCode.LIST_SIZE
