"""The list that goes to the commune police and comes back corrected: its columns and what stands in them.

Each row names its person (`19001A-7`) and the revision that was exported. What was exported stands in columns that must
come back as they were; what is right stands in columns of its own, empty where nothing is to change. So a list whose
columns were sorted apart, or in which somebody typed over a name, changes nobody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.domain.day_list import Cell
from sync_protocol.identity import Recipient, Sex

# One file; a station's whole list of 30,000 people fits.
CORRECTION_ROWS: Final = 40_000


class Column(StrEnum):
    """The columns in their order; the value is the heading."""

    ORDER = "STT"
    FILE = "Mã hồ sơ"
    REVISION = "Phiên bản"
    NAME = "Họ và tên"
    BIRTH_DATE = "Ngày sinh"
    SEX = "Giới tính"
    NUMBER = "Số giấy tờ"
    PHONE = "Điện thoại"
    UNIT = "Xã, phường"
    SITE = "Cơ sở duyệt"
    FIELD = "Trường sai"
    DOSES = "Mũi tiêm"
    DAYS = "Ngày tiêm"
    NOTE = "Ghi chú"
    NEW_NAME = "Họ và tên đúng"
    NEW_BIRTH_DATE = "Ngày sinh đúng"
    NEW_SEX = "Giới tính đúng"
    NEW_NUMBER = "Số giấy tờ đúng"
    NEW_PHONE = "Điện thoại đúng"
    NEW_UNIT = "Xã, phường đúng"


# Field of the person, the column as exported, the column for what is right.
FIELD_COLUMNS: Final = (
    ("name", Column.NAME, Column.NEW_NAME),
    ("birth_date", Column.BIRTH_DATE, Column.NEW_BIRTH_DATE),
    ("sex", Column.SEX, Column.NEW_SEX),
    ("number", Column.NUMBER, Column.NEW_NUMBER),
    ("phone", Column.PHONE, Column.NEW_PHONE),
    ("address_unit", Column.UNIT, Column.NEW_UNIT),
)
NEW_COLUMNS: Final = tuple(new for _, _, new in FIELD_COLUMNS)
REQUIRED: Final = (
    *(Column.FILE, Column.REVISION),
    *(column for _, old, new in FIELD_COLUMNS for column in (old, new)),
)
_SEX_SHOWN: Final = {Sex.F: "Nữ", Sex.M: "Nam"}


@dataclass(frozen=True, slots=True, repr=False)
class RawCorrection:
    """One row as it came back: where it stands, its cells that are not empty, and those that hold a formula."""

    sheet: str
    row_number: int
    cells: Mapping[Column, Cell]
    formulas: frozenset[Column]


def file_number(node: str, person_id: int) -> str:
    """Return how a list names a person of this node."""
    return f"{node}-{person_id}"


def exported_cells(
    recipient: Recipient, *, order: int, file: str, revision: int, words: Mapping[Column, str], unit_name: str
) -> dict[Column, str]:
    """Return the texts of one row of the exported list.

    Args:
        order: 1, 2, 3 … within the sheet.
        file: from `file_number`.
        words: the columns that only people read: site, field, doses, days, note.
        unit_name: name of the commune in the catalogue, or "".
    """
    texts = shown(recipient, unit_name)
    return {
        Column.ORDER: str(order),
        Column.FILE: file,
        Column.REVISION: str(revision),
        **{old: texts[field] for field, old, _ in FIELD_COLUMNS},
        **words,
    }


def shown(one: Recipient, unit_name: str) -> dict[str, str]:
    """The fields of a person as the list shows them."""
    return {
        "name": plain_text(one.name),
        "birth_date": date_words(one.birth_date),
        "sex": _SEX_SHOWN[one.sex],
        "number": one.number,
        "phone": one.phone,
        "address_unit": f"{one.address_unit} {unit_name}".strip(),
    }


def date_words(text: str) -> str:
    """A stored date of birth as dd/mm/yyyy, or the year alone."""
    return "/".join(reversed(text.split("-")))


def plain_text(cell: Cell) -> str:
    """What a cell says, without judging it: NFC, single spaces; a whole number is its digits."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else " ".join(unicodedata.normalize("NFC", str(cell)).split())
