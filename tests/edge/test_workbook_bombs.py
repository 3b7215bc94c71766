"""Workbooks of some kilobytes that would take gigabytes or minutes: refused before the library builds anything."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Final

import pytest

from edge.clients.correction_files import read_corrections
from edge.clients.day_list_files import day_list_from_bytes
from edge.clients.workbook_bounds import TEXT_BYTES, check_workbook
from edge.domain.refusals import EdgeCode, RefusedError

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# What a reader may take beyond the file: half of the invariant's 64 MiB.
_PEAK_BYTES: Final = 32 * 1024 * 1024
# Python's strings of a cell's greatest length, one character of each beyond 16 bits.
_WIDE: Final = "a" * 32_000 + "😀"


def workbook(*, styles: str = "", strings: str = "", rows: str = "", names: str = "", types: str = "") -> bytes:
    """A workbook of one sheet with something in one of its parts."""
    parts = {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
            f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/>{types}</Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets>'
            f"{names}</workbook>"
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def flood(element: str) -> str:
    """Many elements, parted by what looks like the rows of a sheet."""
    return (element * 9_000 + "<row/>") * 20


BOMBS: Final[dict[str, Callable[[], bytes]]] = {
    "formats of cells": lambda: workbook(styles=f"<cellXfs>{flood('<xf/>')}</cellXfs>"),
    "fonts": lambda: workbook(styles=f"<fonts>{flood('<font/>')}</fonts>"),
    "names": lambda: workbook(names=f"<definedNames>{flood('<definedName/>')}</definedNames>"),
    "sheets": lambda: workbook(names=f"<sheets>{flood('<sheet/>')}</sheets>"),
    "types": lambda: workbook(types=flood('<Override PartName="/a" ContentType="b"/>')),
    "one text": lambda: workbook(rows=f"<row>{cell('a' * 60_000_000)}</row>"),
    "one attribute": lambda: workbook(rows=f'<row spans="{"1" * 60_000_000}"/>'),
    "one comment": lambda: workbook(rows=f"<!--{'a' * 60_000_000}-->"),
    "wide texts": lambda: workbook(strings=f"<si><t>{_WIDE}</t></si>" * 1_000),
    "numbered characters": lambda: workbook(strings=f"<si><t>{'a' * 32_000}&#128512;</t></si>" * 1_000),
    "long texts": lambda: workbook(strings=f"<si><t>{'ạ' * 10_000}</t></si>" * 2_000),
    "strings": lambda: workbook(strings="<si><t>a</t></si>" * 410_000),
    "rich texts": lambda: workbook(strings=f"<si>{'<r><rPr><b/></rPr><t>a</t></r>' * 1_500}</si>" * 200),
    "columns": lambda: workbook(rows=f"<row>{'<c></c>' * 10_001}</row>"),
}


def read_day_list(data: bytes) -> None:
    for sheet in day_list_from_bytes(data).sheets():
        assert sheet.rows


def read_corrected(data: bytes) -> None:
    list(read_corrections(data))


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("reader", [read_day_list, read_corrected])
def test_a_bomb_is_refused_before_anything_is_built(kind: str, reader: Callable[[bytes], None]) -> None:
    data = BOMBS[kind]()
    assert len(data) < 1_500_000
    tracemalloc.start()
    with pytest.raises(RefusedError) as caught:
        reader(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.findings[0].code is EdgeCode.LIST_SIZE
    assert peak_bytes < _PEAK_BYTES


def test_what_a_list_may_hold_is_not_a_bomb() -> None:
    # 20,000 rows of a list with formats, links and texts of the greatest length here and there.
    rows = f"<row>{cell('Nguyễn Thị Ánh') * 20}</row>" * 20_000
    long = f"<row>{cell('&#7841;' * 32_767)}</row>"
    styles = f"<cellXfs>{'<xf/>' * 5_000}</cellXfs>"
    check_workbook(workbook(rows=rows + long, styles=styles, strings="<si><t>Hòa Hiệp</t></si>" * 100_000))
    assert TEXT_BYTES > 10 * 32_767


def test_a_reader_that_takes_a_bomb_is_noticed() -> None:
    """Without this the tests above could be green because memory is not measured."""
    tracemalloc.start()
    kept = [b"x" * 1_000_000 for _ in range(40)]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 40
    assert peak_bytes > _PEAK_BYTES
