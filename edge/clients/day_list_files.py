"""Reads day lists from XLSX and CSV files into plain cells, within bounds, before any of it means anything.

What a file is, its first bytes decide, not its name. Workbooks with macros and the old binary `.xls` are refused; a
workbook is a zip whose parts may inflate, so `workbook_bounds` looks at them before openpyxl does.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from edge.clients.lean_workbooks import open_workbook
from edge.clients.workbook_bounds import NO_WORKBOOK, check_workbook
from edge.domain.day_list import HEADER_SEARCH_ROWS, LIST_COLUMNS, LIST_ROWS, Cell
from edge.domain.refusals import EdgeCode, refuse

# A list of 20,000 rows weighs about 2 MB as XLSX and 5 MB as CSV.
FILE_BYTES: Final = 8 * 1024 * 1024
SHEETS: Final = 10
# Rows that are read at most: the list itself, titles above it, blank rows between.
_READ_ROWS: Final = LIST_ROWS + 2_000 + HEADER_SEARCH_ROWS
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True, repr=False)
class Sheet:
    """One sheet: its name and its rows, each at most 100 cells."""

    name: str
    rows: list[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True, repr=False)
class DayListFile:
    """A file that may be a day list. `digest` is SHA-256 over its bytes, 32 bytes."""

    digest: bytes
    data: bytes

    def sheets(self) -> Iterator[Sheet]:
        """The visible sheets in order, at most 10; a CSV file is one sheet.

        Raises:
            RefusedError: LIST_KIND, LIST_MACROS, LIST_SIZE, LIST_ROWS or LIST_UNREADABLE.
        """
        if self.data.startswith(_ZIP):
            yield from _workbook_sheets(self.data)
        elif self.data.startswith(_OLE):
            raise refuse(EdgeCode.LIST_KIND, "file", detail=".xls")
        else:
            yield Sheet("", _csv_rows(self.data))


def open_day_list(path: Path) -> DayListFile:
    """Read a file whole, within 8 MiB. Raises RefusedError LIST_SIZE, or OSError where it cannot be read."""
    with path.open("rb") as file:
        return day_list_from_bytes(file.read(FILE_BYTES + 1))


def day_list_from_bytes(data: bytes) -> DayListFile:
    """Take an upload, within 8 MiB. Raises RefusedError LIST_SIZE or LIST_EMPTY."""
    if len(data) > FILE_BYTES:
        raise refuse(EdgeCode.LIST_SIZE, "file", detail=f"> {FILE_BYTES // 1024 // 1024} MB")
    if not data.strip():
        raise refuse(EdgeCode.LIST_EMPTY, "file")
    return DayListFile(hashlib.sha256(data).digest(), data)


def _workbook_sheets(data: bytes) -> Iterator[Sheet]:
    check_workbook(data)
    try:
        # Values as last computed, not formulas; no links to other files; rows are streamed.
        book = open_workbook(data, data_only=True)
        try:
            for sheet in book.worksheets[:SHEETS]:
                if sheet.sheet_state == "visible":
                    rows = sheet.iter_rows(max_row=_READ_ROWS, max_col=LIST_COLUMNS, values_only=True)
                    yield Sheet(sheet.title, _bounded([cast("tuple[Cell, ...]", row) for row in rows]))
        finally:
            book.close()
    except NO_WORKBOOK:
        raise refuse(EdgeCode.LIST_UNREADABLE, "file") from None


def _csv_rows(data: bytes) -> list[tuple[Cell, ...]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refuse(EdgeCode.LIST_KIND, "file", detail="UTF-8") from None
    if "\x00" in text:
        raise refuse(EdgeCode.LIST_KIND, "file")
    # Excel in Vietnam writes semicolons; titles above the header hold few of either.
    beginning = text[:20_000]
    delimiter = max(",;\t", key=beginning.count)
    # The reader gives whole rows, and a row of nothing but delimiters would weigh ten times what the file does.
    if text.count(delimiter) > _READ_ROWS * LIST_COLUMNS:
        raise refuse(EdgeCode.LIST_SIZE, "file")
    rows: list[tuple[Cell, ...]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            rows.append(tuple(cell or None for cell in row[:LIST_COLUMNS]))
            if len(rows) > _READ_ROWS:
                break
    except csv.Error:
        raise refuse(EdgeCode.LIST_UNREADABLE, "file") from None
    return _bounded(rows)


def _bounded(rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    if len(rows) >= _READ_ROWS:
        raise refuse(EdgeCode.LIST_ROWS, "rows", detail=f"> {LIST_ROWS}")
    return rows
