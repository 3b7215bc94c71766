"""Day lists as stations keep them: find the header, name the columns, hand out the rows.

Columns are found by their headings, with and without diacritics, in any order, beneath any number of title rows. A
heading that stands one row higher (merged over two rows) counts too. Unknown columns are reported, not refused. What
the cells of a row mean, `day_list_row` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from edge.domain.refusals import EdgeCode, refuse
from sync_protocol.names import fold

# What a spreadsheet can hold; a date with a time of day is a datetime without a zone, meant locally.
Cell: TypeAlias = str | int | float | bool | datetime | date | time | None

LIST_ROWS: Final = 20_000
LIST_COLUMNS: Final = 100
# Title rows and notes above the header.
HEADER_SEARCH_ROWS: Final = 40


class Column(StrEnum):
    """The columns that mean something; the value is the heading as stations write it, for screens."""

    ORDER = "STT"
    NAME = "Họ và tên"
    FAMILY_NAME = "Họ"
    BIRTH_DATE = "Ngày sinh"
    SEX = "Giới tính"
    GROUP = "Nhóm đối tượng"
    WORKPLACE = "Đơn vị công tác"
    PHONE = "Số điện thoại"
    NUMBER = "CMND/CCCD/Hộ chiếu"
    INSURANCE = "Số thẻ BHYT"
    NATIONALITY = "Quốc tịch"
    GUARDIAN = "Người giám hộ"
    PROVINCE = "Tỉnh/Thành phố"
    DISTRICT = "Quận/Huyện"
    COMMUNE = "Phường/Xã"
    ADDRESS = "Địa chỉ chi tiết"
    PRODUCT = "Loại vắc xin"
    LOT = "Số lô"
    LOT_EXPIRY = "Hạn dùng"
    DOSE_NUMBER = "Mũi số"
    GIVEN_DAY = "Ngày tiêm"
    GIVEN_TIME = "Giờ tiêm"
    VACCINATOR = "Người tiêm"
    STATION = "Bàn tiêm"
    REACTION = "Phản ứng sau tiêm"
    NOTE = "Ghi chú"


REQUIRED: Final = (
    Column.NAME,
    Column.BIRTH_DATE,
    Column.SEX,
    Column.PRODUCT,
    Column.LOT,
    Column.DOSE_NUMBER,
    Column.GIVEN_DAY,
)

# What a list of people who are expected must have; everything else it may have.
PERSON_REQUIRED: Final = (Column.NAME, Column.BIRTH_DATE, Column.SEX)

_OTHER_HEADINGS: Final[Mapping[Column, tuple[str, ...]]] = MappingProxyType(
    {
        Column.ORDER: ("TT", "Số TT", "Số thứ tự"),
        Column.NAME: ("Họ tên", "Họ và tên người được tiêm", "Họ tên người tiêm", "Tên", "Full name"),
        Column.FAMILY_NAME: ("Họ đệm", "Họ tên riêng"),
        Column.BIRTH_DATE: ("Ngày tháng năm sinh", "Ngày/tháng/năm sinh", "Năm sinh", "NTNS", "Date of birth"),
        Column.SEX: ("Giới", "Nam/Nữ", "Sex"),
        Column.GROUP: ("Nhóm ưu tiên", "Mã nhóm", "Đối tượng", "Nhóm"),
        Column.WORKPLACE: ("Nơi công tác", "Cơ quan"),
        Column.PHONE: ("SĐT", "Điện thoại", "Số ĐT", "ĐT", "Phone"),
        Column.NUMBER: (
            "CCCD", "CMND", "Số CCCD", "Số CMND", "CMND/CCCD", "CCCD/CMND", "Số CMND/CCCD", "Số CCCD/CMND",
            "CMND/CCCD/HC", "Số CMND/CCCD/Hộ chiếu", "Số định danh", "Số định danh cá nhân", "Mã định danh",
            "Căn cước công dân", "Hộ chiếu",
        ),
        Column.INSURANCE: ("BHYT", "Mã BHYT", "Thẻ BHYT", "Mã số BHXH"),
        Column.NATIONALITY: ("Quốc gia", "Nationality"),
        Column.GUARDIAN: ("Họ tên người giám hộ", "Cha/mẹ", "Bố/mẹ", "Cha, mẹ hoặc người giám hộ"),
        Column.PROVINCE: ("Tỉnh", "Thành phố", "Tỉnh thành"),
        Column.DISTRICT: ("Huyện", "Quận", "Quận/Huyện/TX", "Quận/Huyện/Thị xã"),
        Column.COMMUNE: ("Xã", "Phường", "Xã/Phường", "Phường/Xã/Thị trấn", "Xã/Phường/Thị trấn"),
        Column.ADDRESS: ("Địa chỉ", "Thôn", "Thôn/xóm", "Số nhà", "Tổ/thôn"),
        Column.PRODUCT: ("Vắc xin", "Vaccine", "Vacxin", "Tên vắc xin", "Loại vaccine", "Loại vacxin"),
        Column.LOT: ("Lô", "Lô vắc xin", "Số lô vắc xin", "Lot"),
        Column.LOT_EXPIRY: ("Hạn sử dụng", "HSD", "Hạn SD"),
        Column.DOSE_NUMBER: ("Mũi", "Mũi tiêm", "Mũi tiêm số", "Mũi thứ"),
        Column.GIVEN_DAY: ("Ngày tiêm chủng", "Ngày"),
        Column.GIVEN_TIME: ("Giờ", "Thời gian tiêm", "Thời gian"),
        Column.VACCINATOR: ("Cán bộ tiêm", "Người tiêm chủng", "Nhân viên tiêm"),
        Column.STATION: ("Bàn", "Điểm tiêm"),
        Column.REACTION: ("Phản ứng", "PƯ sau tiêm", "Phản ứng sau tiêm chủng"),
        Column.NOTE: ("Ghi chú khác", "Note"),
    }
)  # fmt: skip


def _heading_key(text: str) -> str:
    """A heading without marks, case, punctuation and what stands in brackets."""
    without_brackets = re.sub(r"\([^)]*\)", " ", text)
    return " ".join(re.sub(r"[^A-Z0-9]+", " ", fold(without_brackets)).split())


_COLUMN_OF: Final[Mapping[str, Column]] = MappingProxyType(
    {_heading_key(heading): column for column in Column for heading in (column.value, *_OTHER_HEADINGS.get(column, ()))}
)


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns stand.

    Attributes:
        row_number: of the header, counted from 1 as the spreadsheet shows it.
        places: column to index in the row, from 0.
        unknown: headings that mean nothing here, and second ones for a column that was found already.
    """

    row_number: int
    places: Mapping[Column, int]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RawRow:
    """One row beneath the header: its number as the spreadsheet shows it, and the cells that are not empty."""

    row_number: int
    cells: Mapping[Column, Cell]


def find_header(rows: Sequence[Sequence[Cell]], *, required: Sequence[Column] = REQUIRED) -> Header:
    """Find the row whose cells are headings: that one among the first 40 which names most columns.

    Args:
        required: columns that it has to name.

    Raises:
        RefusedError: LIST_HEADER where no row names all needed columns; the detail lists those that the best row lacks.
    """
    best: Header | None = None
    for index in range(min(len(rows), HEADER_SEARCH_ROWS)):
        found = _header_at(rows, index)
        if best is None or len(found.places) > len(best.places):
            best = found
    missing = [column for column in required if best is None or column not in best.places]
    if best is None or missing:
        raise refuse(EdgeCode.LIST_HEADER, "header", detail=", ".join(missing))
    return best


def data_rows(
    rows: Sequence[Sequence[Cell]], header: Header, *, required: Sequence[Column] = REQUIRED
) -> Iterator[RawRow]:
    """The rows beneath the header that hold a person or a dose; blank rows, sums and signatures are left out.

    Raises:
        RefusedError: LIST_ROWS beyond 20,000 such rows.
    """
    count = 0
    for index in range(header.row_number, len(rows)):
        row = rows[index]
        cells = {
            column: row[place]
            for column, place in header.places.items()
            if place < len(row) and not _is_blank(row[place])
        }
        # A sum or a signature has something in one of the columns, but never in two that a dose needs.
        if sum(column in cells for column in required) < 2:
            continue
        count += 1
        if count > LIST_ROWS:
            raise refuse(EdgeCode.LIST_ROWS, "rows", detail=f"> {LIST_ROWS}")
        yield RawRow(index + 1, cells)


def _header_at(rows: Sequence[Sequence[Cell]], index: int) -> Header:
    row, above = rows[index], rows[index - 1] if index else ()
    places: dict[Column, int] = {}
    unknown: list[str] = []
    for place in range(min(max(len(row), len(above)), LIST_COLUMNS)):
        own = row[place] if place < len(row) else None
        heading = above[place] if _is_blank(own) and place < len(above) else own
        if not isinstance(heading, str) or _is_blank(heading):
            continue
        column = _COLUMN_OF.get(_heading_key(heading))
        if column is not None and column not in places:
            places[column] = place
        elif heading is own:
            unknown.append(" ".join(heading.split())[:40])
    return Header(index + 1, MappingProxyType(places), tuple(unknown))


def _is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
