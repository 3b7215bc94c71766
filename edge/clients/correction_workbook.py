"""Writes the list for the commune police as a workbook: one sheet per group, text cells, ready to print and to correct.

xlsxwriter draws the sheets (headings, filter, widths, print) around one pattern row. It would keep 200 MB of cell
objects for 40,000 rows, or spill them into a file in the clear; so the rows themselves are written between by us, each
straight into the compressed part, in memory alone. Every cell is an inline string: a name that begins with "=" is text.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from edge.domain.correction_list import NEW_COLUMNS, Column

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.worksheet import Worksheet

_COLUMNS: Final = tuple(Column)
_WIDTHS: Final[Mapping[Column, int]] = {
    Column.ORDER: 6,
    Column.FILE: 13,
    Column.REVISION: 7,
    Column.NAME: 26,
    Column.BIRTH_DATE: 12,
    Column.SEX: 8,
    Column.NUMBER: 16,
    Column.PHONE: 13,
    Column.UNIT: 22,
    Column.SITE: 22,
    Column.FIELD: 16,
    Column.DOSES: 20,
    Column.DAYS: 14,
    Column.NOTE: 20,
    Column.NEW_NAME: 26,
    Column.NEW_UNIT: 22,
}
_WIDTH: Final = 16
# Three lines of titles, then the headings; the first row of people is the one behind.
_TITLES: Final = 3
_FIRST: Final = _TITLES + 1
_PATTERN_ROW: Final = re.compile(rf'<row r="{_FIRST + 1}".*?</row>', re.DOTALL)
_PATTERN_STYLE: Final = re.compile(rf'<c r="A{_FIRST + 1}" s="([0-9]+)"')
_DIMENSION: Final = re.compile(r'<dimension ref="[^"]*"/>')
# Outside of what XML 1.0 can carry.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ROWS_AT_ONCE: Final = 100
# The archive says nothing about when it was made.
_FIXED: Final = (1980, 1, 1, 0, 0, 0)
_SHEET_PART: Final = re.compile(r"xl/worksheets/sheet([0-9]+)\.xml")


@dataclass(frozen=True, slots=True)
class ListSheet:
    """One group of the list.

    Attributes:
        name: of the sheet, at most 31 letters.
        titles: up to three lines above the headings.
        rows: texts by column; an empty or missing one leaves its cell empty. Read once.
        size: how many rows there are.
    """

    name: str
    titles: tuple[str, ...]
    rows: Iterable[Mapping[Column, str]]
    size: int


def write_workbook(sheets: Iterable[ListSheet]) -> bytes:
    """The whole file. What `rows` of a sheet raises passes through."""
    listed = list(sheets)
    out = io.BytesIO()
    with (
        zipfile.ZipFile(_pattern(listed)) as pattern,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in pattern.namelist():
            found = _SHEET_PART.fullmatch(name)
            if found is None:
                archive.writestr(_part(name), pattern.read(name))
                continue
            with archive.open(_part(name), "w") as part:
                for piece in _filled(pattern.read(name).decode(), listed[int(found[1]) - 1]):
                    part.write(piece.encode())
    return out.getvalue()


def _pattern(sheets: list[ListSheet]) -> io.BytesIO:
    """The workbook with one row of people in each sheet, whose place and style the rows take."""
    # A few megabytes that a node carries only once somebody has exported a list.
    import xlsxwriter  # noqa: PLC0415

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    for sheet in sheets:
        _draw(book, book.add_worksheet(sheet.name), sheet)
    book.close()
    out.seek(0)
    return out


def _draw(book: xlsxwriter.Workbook, page: Worksheet, sheet: ListSheet) -> None:
    title = book.add_format({"bold": True, "font_size": 13})
    heading = {"bold": True, "text_wrap": True, "valign": "vcenter", "border": 1}
    old_heading = book.add_format({**heading, "bg_color": "#E4F1F1"})
    new_heading = book.add_format({**heading, "bg_color": "#FDF3DD"})
    text = book.add_format({"num_format": "@", "valign": "top"})
    to_fill = book.add_format({"num_format": "@", "valign": "top", "bg_color": "#FFFDF7"})
    for place, line in enumerate(sheet.titles):
        page.write_string(place, 0, line, title if place == 0 else None)
    for place, column in enumerate(_COLUMNS):
        is_new = column in NEW_COLUMNS
        page.set_column(place, place, _WIDTHS.get(column, _WIDTH), to_fill if is_new else text)
        page.write_string(_TITLES, place, column.value, new_heading if is_new else old_heading)
    page.write_blank(_FIRST, 0, "", text)
    last, width = _TITLES + max(sheet.size, 1), len(_COLUMNS)
    sex = _COLUMNS.index(Column.NEW_SEX)
    page.data_validation(_FIRST, sex, last, sex, {"validate": "list", "source": ["Nữ", "Nam"]})
    page.autofilter(_TITLES, 0, last, width - 1)
    # Headings and the person stay in sight.
    page.freeze_panes(_FIRST, _COLUMNS.index(Column.NAME) + 1)
    page.ignore_errors({"number_stored_as_text": f"A{_FIRST + 1}:{_letters(width - 1)}{last + 1}"})
    page.set_landscape()
    page.set_paper(9)
    page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    page.fit_to_pages(1, 0)
    page.repeat_rows(_TITLES)
    page.set_footer("&L&A&RTrang &P/&N")


def _filled(text: str, sheet: ListSheet) -> Iterator[str]:
    style, row = _PATTERN_STYLE.search(text), _PATTERN_ROW.search(text)
    assert style is not None
    assert row is not None
    last = _TITLES + 1 + max(sheet.size, 1)
    yield _DIMENSION.sub(f'<dimension ref="A1:{_letters(len(_COLUMNS) - 1)}{last}"/>', text[: row.start()])
    letters = [(column, _letters(place)) for place, column in enumerate(_COLUMNS)]
    waiting: list[str] = []
    for number, cells in enumerate(sheet.rows, start=_FIRST + 1):
        inside = "".join(
            f'<c r="{letter}{number}" s="{style[1]}" t="inlineStr"><is>'
            f'<t xml:space="preserve">{_escaped(words)}</t></is></c>'
            for column, letter in letters
            if (words := cells.get(column))
        )
        waiting.append(f'<row r="{number}">{inside}</row>')
        if len(waiting) == _ROWS_AT_ONCE:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting) + text[row.end() :]


def _escaped(text: str) -> str:
    return escape(_UNPRINTABLE.sub(" ", text))


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, _FIXED)
    part.compress_type = zipfile.ZIP_DEFLATED
    return part


def _letters(place: int) -> str:
    """The name of a column of the first 26: A, B, … Z."""
    return chr(ord("A") + place)
