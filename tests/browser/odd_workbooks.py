"""Workbooks that come in although no list should look like that: merged, computed, with programs in them, endless."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import openpyxl

from tests.edge.clinic import list_row, workbook

ENDLESS_ROWS: Final = 200_000
_SHEET: Final = "xl/worksheets/sheet1.xml"
_END: Final = b"</sheetData>"
# The first row below two titles, the headings and the rows of `plain`.
_TITLES: Final = 3


def plain(path: Path, *numbers: int) -> Path:
    """A list as it should be, of villagers by number."""
    workbook(path, [list_row(number) for number in numbers])
    return path


def merged(path: Path) -> Path:
    """The day of birth of the second person hidden in a cell that was merged with the one above."""
    plain(path, 5, 6)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].merge_cells(start_row=_TITLES + 1, end_row=_TITLES + 2, start_column=3, end_column=3)
    book.save(path)
    return path


def computed(path: Path) -> Path:
    """A formula in the place of the second person's name."""
    plain(path, 5, 6)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].cell(_TITLES + 2, 2).value = '=HYPERLINK("http://192.0.2.1/","Nguyễn Thị Bấm")'
    book.save(path)
    return path


def other_sheet(path: Path) -> Path:
    """A workbook about something else."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Tên hàng", "Đơn vị", "Số lượng"])
    book.worksheets[0].append(["Bơm kim tiêm 1 ml", "Cái", 400])
    book.save(path)
    return path


def with_programs(path: Path) -> Path:
    """A list that carries macros, whatever it is called."""
    plain(path, 5)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 macros")
    return path


def endless(path: Path) -> Path:
    """Two hundred thousand rows."""
    plain(path, 5)
    rows = b"".join(
        b'<row r="%d"><c r="A%d"><v>%d</v></c></row>' % (row, row, row)
        for row in range(_TITLES + 2, _TITLES + 2 + ENDLESS_ROWS)
    )
    changed = io.BytesIO()
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, data.replace(_END, rows + _END) if name == _SHEET else data)
    path.write_bytes(changed.getvalue())
    return path


Maker: TypeAlias = Callable[[Path], Path]
# What a page must say of each of those in which nothing can be read.
UNREADABLE: Final[Mapping[str, tuple[Maker, str]]] = {
    "hang.xlsx": (other_sheet, "Không thấy dòng tiêu đề"),
    "list.xlsm": (with_programs, "macro"),
    "endless.xlsx": (endless, "Tệp quá lớn; tối đa 5 MB và 20.000 dòng"),
}
