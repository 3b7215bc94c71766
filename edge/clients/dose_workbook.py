"""Lists of doses as files for a spreadsheet: XLSX and CSV, written row by row into memory, every cell a text.

No cell can act: in XLSX all cells are inline strings in the text format, so that a "=" stays a letter also when
somebody edits the cell; in CSV, which has no types, a cell that a spreadsheet would read as a formula gets an
apostrophe in front. Nothing touches the disk (invariant I19): rows go through the compressor as they come, so that the
memory taken is that of the finished file (ADR 0009).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from edge.domain.refusals import EdgeCode, refuse

# The largest file that is held in memory; 100,000 doses make 8 MB.
FILE_BYTES: Final = 40_000_000
# Rows that go to the compressor together.
_ROWS_AT_ONCE: Final = 100
# What a spreadsheet may take for a formula (OWASP, CSV injection). In Vietnam Excel parts cells at semicolons, quoted
# or not, so that a formula may begin behind one as well.
_ACTIVE: Final = re.compile(r"(\A|;)(?=[ \"\u00a0]*[=+\-@\t\r\n])")
# Outside of what XML 1.0 can carry.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# An instant that is the same in every file: the archive says nothing about when it was made.
_FIXED: Final = (1980, 1, 1, 0, 0, 0)

_NAMESPACE: Final = "http://schemas.openxmlformats.org"
_MAIN: Final = f"{_NAMESPACE}/spreadsheetml/2006/main"
_OFFICE: Final = f"{_NAMESPACE}/officeDocument/2006/relationships"
_PACKAGE: Final = f"{_NAMESPACE}/package/2006"
_KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS: Final = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    # Number format 49 is "@", text; style 1 is for cells, style 2 for headings.
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>'
        '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: its heading, and its width in letters."""

    words: str
    width: int = 12


def write_xlsx(title: str, headings: Sequence[Heading], rows: Iterable[Sequence[str]]) -> bytes:
    """An Excel file with one sheet: the headings, which stay in sight, and a row for each of `rows`.

    Args:
        title: of the sheet; at most 31 letters, none of them []:*?/ or a backslash.
        headings: one for each text of a row.
        rows: texts; an empty one leaves its cell empty.

    Raises:
        RefusedError: EXPORT_SIZE where the file would be larger than 40 MB.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**_PARTS, "xl/workbook.xml": _workbook(title)}.items():
            archive.writestr(_part(name), _XML + text)
        with archive.open(_part("xl/worksheets/sheet1.xml"), "w") as sheet:
            for chunk in _sheet(headings, rows):
                sheet.write(chunk.encode())
                _check_size(out)
    return out.getvalue()


def write_csv(headings: Sequence[Heading], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file (RFC 4180) in UTF-8 with the mark by which Excel knows it. Arguments and errors as `write_xlsx`."""
    out = io.BytesIO()
    with io.TextIOWrapper(out, "utf-8-sig", newline="") as text:
        writer = csv.writer(text)
        writer.writerow([heading.words for heading in headings])
        for number, row in enumerate(rows):
            writer.writerow([_quiet(cell) for cell in row])
            if number % _ROWS_AT_ONCE == 0:
                _check_size(out)
        text.flush()
        _check_size(out)
        return out.getvalue()


def _quiet(text: str) -> str:
    return _ACTIVE.sub(r"\1'", text)


def _sheet(headings: Sequence[Heading], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    columns = [_letters(place) for place in range(len(headings))]
    widths = "".join(
        f'<col min="{place}" max="{place}" width="{heading.width}" style="1" customWidth="1"/>'
        for place, heading in enumerate(headings, start=1)
    )
    yield (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData>{_row(1, columns, [heading.words for heading in headings], style=2)}"
    )
    waiting: list[str] = []
    for number, row in enumerate(rows, start=2):
        waiting.append(_row(number, columns, row, style=1))
        if len(waiting) == _ROWS_AT_ONCE:
            yield "".join(waiting)
            waiting.clear()
    yield f"{''.join(waiting)}</sheetData></worksheet>"


def _row(number: int, columns: Sequence[str], cells: Sequence[str], *, style: int) -> str:
    inside = "".join(
        [
            f'<c r="{column}{number}" s="{style}" t="inlineStr"><is>'
            f'<t xml:space="preserve">{escape(_UNPRINTABLE.sub(" ", cell))}</t></is></c>'
            for column, cell in zip(columns, cells, strict=True)
            if cell
        ]
    )
    return f'<row r="{number}">{inside}</row>'


def _workbook(title: str) -> str:
    return (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name={quoteattr(title)} sheetId="1" r:id="rId1"/></sheets></workbook>'
    )


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, _FIXED)
    part.compress_type = zipfile.ZIP_DEFLATED
    return part


def _letters(place: int) -> str:
    """The name of a column: A, B, … Z, AA."""
    before, last = divmod(place, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def _check_size(out: io.BytesIO) -> None:
    if out.tell() > FILE_BYTES:
        raise refuse(EdgeCode.EXPORT_SIZE, "file")
