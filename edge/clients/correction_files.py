"""Reads the list that came back corrected, within bounds, before any of it means anything.

`workbook_bounds` looks at the parts before openpyxl does. Formulas are seen as such and never worked out; merged cells
are refused, since they hide from which row a word comes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

from edge.clients.lean_workbooks import open_workbook
from edge.clients.workbook_bounds import NO_ARCHIVE, NO_WORKBOOK, check_workbook
from edge.domain.correction_list import CORRECTION_ROWS, NEW_COLUMNS, REQUIRED, Column, RawCorrection, plain_text
from edge.domain.day_list import Cell
from edge.domain.refusals import EdgeCode, refuse
from sync_protocol.names import fold

# A list of 40,000 rows weighs 3 MB as it was exported, and as much after Excel has saved it.
FILE_BYTES: Final = 5 * 1024 * 1024
# 40,000 rows of 20 cells, and the same again in shared strings.
_TAGS: Final = 8_000_000
_SHEETS: Final = 10
# Titles, notes and blank rows that somebody put above the headings.
_HEADER_SEARCH_ROWS: Final = 20
_READ_ROWS: Final = CORRECTION_ROWS + 2_000
_READ_COLUMNS: Final = 60
_ZIP: Final = b"PK\x03\x04"
_PIECE_BYTES: Final = 64 * 1024
_MERGED: Final = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?mergeCell[\s/>]")
_MERGED_BYTES: Final = 64
_COLUMN_OF: Final = {fold(column.value): column for column in Column}
# Without one of these a row says nothing.
_MEANT: Final = (Column.FILE, *NEW_COLUMNS)


def open_corrections(path: Path) -> bytes:
    """Read a file whole, within 5 MiB. Raises RefusedError LIST_SIZE, or OSError where it cannot be read."""
    with path.open("rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise refuse(EdgeCode.LIST_SIZE, "file", detail=f"> {FILE_BYTES // 1024 // 1024} MB")
    return data


def read_corrections(data: bytes) -> Iterator[RawCorrection]:
    """The rows of all sheets that have the headings of the list, in order.

    Raises:
        RefusedError: LIST_EMPTY, LIST_SIZE, CORRECTION_KIND, LIST_MACROS, CORRECTION_MERGED, LIST_UNREADABLE;
            CORRECTION_SHEET where no sheet has the headings; LIST_ROWS beyond 40,000 rows.
    """
    if not data.strip():
        raise refuse(EdgeCode.LIST_EMPTY, "file")
    if len(data) > FILE_BYTES:
        raise refuse(EdgeCode.LIST_SIZE, "file", detail=f"> {FILE_BYTES // 1024 // 1024} MB")
    if not data.startswith(_ZIP):
        raise refuse(EdgeCode.CORRECTION_KIND, "file")
    check_workbook(data, tags_at_most=_TAGS)
    _refuse_merged(data)
    try:
        # Formulas as written, not what some program once made of them; no links to other files; rows are streamed.
        book = open_workbook(data, data_only=False)
        try:
            yield from _rows(book)
        finally:
            book.close()
    except NO_WORKBOOK:
        raise refuse(EdgeCode.LIST_UNREADABLE, "file") from None


def _rows(book: Any) -> Iterator[RawCorrection]:
    found_sheet, count = False, 0
    for sheet in book.worksheets[:_SHEETS]:
        places: dict[int, Column] = {}
        # What a sheet says of its own size may be wrong; the rows are counted here.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(max_row=_READ_ROWS, max_col=_READ_COLUMNS), start=1):
            if not places:
                places = _header(row)
                if number == _HEADER_SEARCH_ROWS and not places:
                    break
                found_sheet = found_sheet or bool(places)
                continue
            if number >= _READ_ROWS:
                raise refuse(EdgeCode.LIST_ROWS, "rows", detail=f"> {CORRECTION_ROWS}")
            raw = _raw(sheet.title, number, row, places)
            if any(column in raw.cells or column in raw.formulas for column in _MEANT):
                count += 1
                if count > CORRECTION_ROWS:
                    raise refuse(EdgeCode.LIST_ROWS, "rows", detail=f"> {CORRECTION_ROWS}")
                yield raw
    if not found_sheet:
        raise refuse(EdgeCode.CORRECTION_SHEET, "file")
    if not count:
        raise refuse(EdgeCode.LIST_EMPTY, "rows")


def _header(row: Sequence[Any]) -> dict[int, Column]:
    """Where the columns stand, if this row names all that are needed."""
    places: dict[int, Column] = {}
    for place, cell in enumerate(row):
        column = _COLUMN_OF.get(fold(plain_text(cell.value))) if isinstance(cell.value, str) else None
        if column is not None and column not in places.values():
            places[place] = column
    return places if set(REQUIRED) <= set(places.values()) else {}


def _raw(sheet: str, number: int, row: Sequence[Any], places: dict[int, Column]) -> RawCorrection:
    cells: dict[Column, Cell] = {}
    formulas: set[Column] = set()
    for place, column in places.items():
        if place >= len(row):
            continue
        value = row[place].value
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        # A text that begins with "=" is a text; what the workbook itself calls a formula is one.
        if row[place].data_type == "f":
            formulas.add(column)
        else:
            cells[column] = cast("Cell", value)
    return RawCorrection(sheet[:31], number, cells, frozenset(formulas))


def _refuse_merged(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for part in archive.infolist():
                with archive.open(part) as file:
                    before = b""
                    while piece := file.read(_PIECE_BYTES):
                        if _MERGED.search(before + piece):
                            raise refuse(EdgeCode.CORRECTION_MERGED, "file")
                        before = piece[-_MERGED_BYTES:]
    except NO_ARCHIVE:
        raise refuse(EdgeCode.LIST_UNREADABLE, "file") from None
