"""Exports the work lists of the official letter as one workbook: no number, malformed number, mismatch (1908/BYT-CNTT).

Who takes the list out stands in the audit trail before a row of it is read. The file is in Vietnamese, whatever the
language of the pages: it goes to the commune police.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from edge.clients.correction_workbook import ListSheet, write_workbook
from edge.domain.correction_list import CORRECTION_ROWS, Column, date_words, exported_cells, file_number
from edge.domain.work_list import LETTER, Cause, Wanted
from edge.store import audit, node_identity, work_lists
from edge.store.database import Database
from edge.store.node_identity import NodeIdentity
from edge.store.work_rows import WorkRow
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day

SHEET_NAMES: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.NO_NUMBER: "Không có số định danh",
        Cause.MALFORMED: "Số sai định dạng",
        Cause.MISMATCH: "Không khớp CSDLQG",
    }
)
_TITLES: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.NO_NUMBER: "DANH SÁCH NGƯỜI ĐƯỢC TIÊM KHÔNG CÓ SỐ ĐỊNH DANH",
        Cause.MALFORMED: "DANH SÁCH NGƯỜI ĐƯỢC TIÊM CÓ SỐ ĐỊNH DANH SAI ĐỊNH DẠNG",
        Cause.MISMATCH: "DANH SÁCH NGƯỜI ĐƯỢC TIÊM KHÔNG KHỚP CSDLQG VỀ DÂN CƯ",
    }
)
_FIELD_WORDS: Final = {
    "name": "Họ và tên",
    "birth_date": "Ngày sinh",
    "sex": "Giới tính",
    "number": "Số giấy tờ",
    "several": "Nhiều trường",
}
_HOW: Final = (
    "Ghi chữ đúng vào các cột “… đúng”, để trống nếu không sửa. Không sửa các cột khác, không gộp ô, không sắp xếp "
    "riêng từng cột."
)


@dataclass(frozen=True, slots=True)
class Export:
    """The file, how many people are in each group of it, and how many of the list are not."""

    data: bytes
    rows: Mapping[Cause, int]
    left_out: int


def export_work_lists(
    database: Database, wanted: Wanted, *, catalogue: Catalogue, at: int, by: str, rows_at_most: int = CORRECTION_ROWS
) -> Export:
    """Write the three groups, narrowed as a page is, into one workbook in memory.

    Args:
        wanted: unit, days and product; its list does not matter.
        catalogue: names communes and products.
        at: epoch seconds UTC.
        by: who takes it out.
        rows_at_most: of all groups together; what is beyond is left out and said in the file.

    Raises:
        StoreError: NOT_ENROLLED while the node has no code.
    """
    with database.read() as tables:
        totals = {cause: work_lists.count_all(tables, replace(wanted, list=cause)) for cause in LETTER}
    left, rows = rows_at_most, {}
    for cause, total in totals.items():
        rows[cause] = min(total, left)
        left -= rows[cause]
    left_out = sum(totals.values()) - sum(rows.values())
    with database.write_transaction() as tables:
        figures = ", ".join(f"{cause.value} {number}" for cause, number in rows.items())
        details = figures + (f", left out {left_out}" if left_out else "")
        audit.append(tables, audit.Action.LIST_EXPORTED, "work-lists", actor=by, at=at, details=details)
    with database.read() as tables:
        identity = node_identity.get(tables)
        names = {unit.code: unit.name for unit in catalogue.units}
        products = {product.code: product.name for product in catalogue.products}
        sheets = []
        for cause, size in rows.items():
            there = replace(wanted, list=cause)
            found = work_lists.walk(tables, there, limit=size)
            titles = (_TITLES[cause], _origin(identity, names, there, at=at, left_out=left_out), _HOW)
            cells = _cells(found, cause, identity=identity, names=names, products=products)
            sheets.append(ListSheet(SHEET_NAMES[cause], titles, cells, size))
        return Export(write_workbook(sheets), rows, left_out)


def _origin(identity: NodeIdentity, names: Mapping[str, str], wanted: Wanted, *, at: int, left_out: int) -> str:
    parts = [f"{identity.facility_name} (cơ sở {identity.facility}, nút {identity.node})"]
    parts.append(f"xuất ngày {date_words(local_day(at))}")
    if wanted.unit:
        parts.append(names.get(wanted.unit, "chưa rõ xã"))
    if wanted.first_day or wanted.last_day:
        first, last = date_words(wanted.first_day) or "đầu", date_words(wanted.last_day) or "nay"
        parts.append(f"ngày tiêm từ {first} đến {last}")
    if left_out:
        parts.append(f"CÒN {left_out} NGƯỜI CHƯA CÓ TRONG TỆP: lọc theo xã để xuất tiếp")
    return "; ".join(parts)


def _cells(
    found: Iterator[WorkRow],
    cause: Cause,
    *,
    identity: NodeIdentity,
    names: Mapping[str, str],
    products: Mapping[str, str],
) -> Iterator[dict[Column, str]]:
    for order, row in enumerate(found, start=1):
        person = row.person
        one = person.recipient
        yield exported_cells(
            one,
            order=order,
            file=file_number(identity.node, person.person_id),
            revision=person.revision,
            words={
                Column.SITE: f"{identity.facility} {identity.facility_name}",
                Column.FIELD: _wrong(cause, row.field),
                Column.DOSES: "; ".join(f"{products.get(d.product, d.product)} mũi {d.dose_number}" for d in row.doses),
                Column.DAYS: "; ".join(date_words(dose.given_day) for dose in row.doses),
                Column.NOTE: f"Người giám hộ: {one.guardian}" if one.guardian else "",
            },
            unit_name=names.get(one.address_unit, ""),
        )


def _wrong(cause: Cause, field: str) -> str:
    if cause is Cause.NO_NUMBER:
        return "Số giấy tờ (không có)"
    if cause is Cause.MALFORMED:
        return "Số giấy tờ (sai định dạng)"
    return _FIELD_WORDS.get(field, "Chưa rõ")
