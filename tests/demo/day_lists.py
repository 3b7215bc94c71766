"""Day lists of the kind that stations keep: two title rows, merged cells, text dates, lost zeros."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

from tests.demo.people import Fault, Population, Villager

_HEADERS = (
    "STT|Họ và tên|Ngày sinh|Giới tính|Nhóm đối tượng|Số điện thoại|CMND/CCCD/Hộ chiếu|Số thẻ BHYT|Phường/Xã|"
    "Địa chỉ chi tiết|Loại vắc xin|Số lô|Hạn dùng|Mũi số|Ngày tiêm|Giờ tiêm|Người tiêm|Phản ứng sau tiêm|Ghi chú"
).split("|")


@dataclass(frozen=True, slots=True)
class Vial:
    """The product that is given in one session, as written on the list."""

    product: str
    lot: str
    expiry: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: a villager and the dose that they got."""

    villager: Villager
    vial: Vial
    dose_number: int
    given_on: dt.date
    given_at: dt.time
    vaccinator: str


def rows_for(
    population: Population,
    villagers: list[Villager],
    *,
    vials: list[Vial],
    day: dt.date,
    first_hour: int,
    hours: int,
    staff: list[str],
) -> list[Row]:
    """One dose for each villager, spread evenly over `hours` from `first_hour`, local time."""
    step = hours * 3600 // max(1, len(villagers))
    rows = []
    for index, villager in enumerate(villagers):
        second = first_hour * 3600 + index * step
        rows.append(
            Row(
                villager=villager,
                vial=vials[population.below(len(vials))],
                dose_number=1,
                given_on=day,
                given_at=dt.time(second // 3600, second // 60 % 60),
                vaccinator=staff[index % len(staff)],
            )
        )
    return rows


def write_day_list(path: Path, rows: list[Row], *, station: str, broken_rows: bool = True) -> int:
    """Writes one workbook; returns how many of its rows no careful reader would import."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Danh sách tiêm")
    bold = book.add_format({"bold": True, "align": "center"})
    sheet.merge_range(0, 0, 0, len(_HEADERS) - 1, f"DANH SÁCH TIÊM CHỦNG VẮC XIN COVID-19 – {station.upper()}", bold)
    sheet.merge_range(1, 0, 1, len(_HEADERS) - 1, f"Ngày {rows[0].given_on:%d/%m/%Y} (dữ liệu giả lập)", bold)
    for column, title in enumerate(_HEADERS):
        sheet.write_string(2, column, title, bold)
    line = 3
    for row in rows:
        _write_row(sheet, line, line - 2, row)
        line += 1
    broken = 0
    if broken_rows:
        for column, value in ((1, ""), (2, "31/02/1980"), (10, "Vắc xin lạ"), (13, "99")):
            _write_row(sheet, line, line - 2, rows[broken], fresh_number=f"0193{broken}0900{broken:03d}"[:12])
            sheet.write_string(line, column, value)
            line, broken = line + 1, broken + 1
    book.close()
    return broken


def _write_row(
    sheet: xlsxwriter.worksheet.Worksheet, line: int, count: int, row: Row, *, fresh_number: str = ""
) -> None:
    person = row.villager.listed
    born = dt.date.fromisoformat(person.birth_date)
    sheet.write_number(line, 0, count)
    texts = {
        1: person.name,
        2: f"{born:%d/%m/%Y}",
        3: "Nam" if person.sex == "M" else "Nữ",
        4: "9",
        5: person.phone,
        6: fresh_number or person.number,
        8: person.hamlet,
        10: row.vial.product,
        11: row.vial.lot,
        12: row.vial.expiry,
        13: str(row.dose_number),
        14: f"{row.given_on:%d/%m/%Y}",
        15: f"{row.given_at:%H:%M}",
        16: row.vaccinator,
        17: "Bình thường",
    }
    for column, text in texts.items():
        sheet.write_string(line, column, text)
    if row.villager.fault is Fault.LOST_ZERO and not fresh_number:
        # This is how the zero gets lost: somebody's Excel took the number for a number.
        sheet.write_number(line, 6, int(person.number))
