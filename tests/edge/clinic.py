"""A commune clinic: a node that was really initialised and enrolled, with a simulated centre and a population pack."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from edge.clients.day_list_files import DayListFile, day_list_from_bytes
from edge.domain.dosing import DoseFacts
from edge.store import node_identity
from edge.store.database import Database, Tracer
from edge.store.key_file import Stretching, open_key_file
from edge.store.schema import migrate
from edge.workflow.enrol import enrol
from edge.workflow.import_pack import import_pack
from edge.workflow.init_node import init_node
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.record_dose import Recorded, Submission, record_dose
from sync_protocol.catalogue import Catalogue
from sync_protocol.enrolment_file import parse_enrolment_file
from sync_protocol.identity import PaperKind, Recipient, Sex
from sync_protocol.population import PersonKey, build_pack, sign_pack
from sync_protocol.sealing import seal
from tests.builders import SeededEntropy
from tests.simulator import SimulatedCentre

NODE: Final = "19001A"
FACILITY: Final = "19001"
NURSE: Final = "Y tá Nguyễn Thị Sáu"
PASSPHRASE: Final = "mật khẩu của trạm"
# 15 April 2022, 16:30 in Vietnam.
NOW: Final = int(datetime.datetime(2022, 4, 15, 9, 30, tzinfo=datetime.UTC).timestamp())
DAY_SECONDS: Final = 86_400
CHEAP: Final = Stretching(passes=1, memory_kibibytes=64, lanes=1)
HEADINGS: Final = (
    "STT", "Họ và tên", "Ngày sinh", "Giới tính", "Nhóm đối tượng", "Số điện thoại", "CMND/CCCD/Hộ chiếu", "Phường/Xã",
    "Loại vắc xin", "Số lô", "Hạn dùng", "Mũi số", "Ngày tiêm", "Giờ tiêm", "Người tiêm", "Ghi chú",
)  # fmt: skip


@dataclass(slots=True)
class Clinic:
    """The node's store, its catalogue and its centre; the time stands still at `NOW`."""

    database: Database
    centre: SimulatedCentre
    shelf: CatalogueShelf

    @property
    def catalogue(self) -> Catalogue:
        return self.shelf.catalogue()

    def record(self, submission: Submission, *, at: int = NOW) -> Recorded:
        return record_dose(self.database, submission, catalogue=self.catalogue, at=at, by=NURSE)

    def give_pack(self, people: Iterable[Recipient], *, version: int = 1, days: int = 7) -> None:
        """Import a pack in which these people are registered as they are given here."""
        import_pack(self.database, self.sealed_pack(people, version=version, days=days), at=NOW, by=NURSE)

    def sealed_pack(
        self, people: Iterable[Recipient], *, version: int = 1, days: int = 7, facility: str = FACILITY
    ) -> bytes:
        keys = [PersonKey(one.number, one.name, sex=one.sex, birth_date=one.birth_date) for one in people]
        entropy = SeededEntropy(version)
        pack = build_pack(
            keys,
            pack_key=entropy.token(32),
            version=version,
            facility=facility,
            issued_at=NOW - DAY_SECONDS,
            expires_at=NOW + days * DAY_SECONDS,
        )
        with self.database.read() as tables:
            identity = node_identity.get(tables)
        return seal(
            sign_pack(pack, self.centre.publisher), recipient=identity.opening_key.public_key(), entropy=entropy
        )

    def count(self, table: str) -> int:
        with self.database.read() as tables:
            return int(tables.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def make_clinic(directory: Path, *, tracer: Tracer | None = None) -> Clinic:
    """An enrolled node under this directory."""
    centre = SimulatedCentre(lambda: NOW)
    init_node(directory, PASSPHRASE, entropy=SeededEntropy(), at=NOW, by=NURSE, stretching=CHEAP)
    database = open_database(directory, tracer=tracer)
    file = centre.enrolment_file(
        NODE, facility=FACILITY, facility_name="Trạm Y tế xã Hòa Hiệp", centre_url="http://127.0.0.1:9"
    )
    spoken = parse_enrolment_file(file).fingerprint
    enrol(database, centre, file, spoken=spoken, entropy=SeededEntropy(1), at=NOW, by=NURSE)
    return Clinic(database, centre, CatalogueShelf(database))


def open_database(directory: Path, *, tracer: Tracer | None = None) -> Database:
    """The node's store as a later run of the program opens it."""
    database = Database(directory / "node.db", open_key_file(directory / "node.key.json", PASSPHRASE), tracer=tracer)
    migrate(database, at=NOW)
    return database


def villager(index: int = 1, /, **changes: Any) -> Recipient:
    """An invented person whose number, sex and date of birth agree."""
    one = Recipient(
        name=f"Nguyễn Thị {('Ánh', 'Bưởi', 'Cúc', 'Đào', 'Êm')[index % 5]} {_letters(index)}",
        family_name=None,
        sex=Sex.F,
        birth_date="1985-03-01",
        paper=PaperKind.CCCD,
        number=f"054185{index:06d}",
        nationality="VN",
        phone=f"09{index:08d}",
        address_unit="05413",
        guardian="",
        group=9,
    )
    return replace(one, **changes)


def facts(**changes: Any) -> DoseFacts:
    """A first AstraZeneca dose of this morning."""
    one = DoseFacts(
        product="AZ",
        lot="ABX1234",
        lot_expiry="2022-12-31",
        dose_number=1,
        dose_total=2,
        given_at=NOW - 7 * 3_600,
        vaccinator="Lê Văn Kim",
        station="Bàn 1",
    )
    return replace(one, **changes)


def list_row(number: int, **changes: Any) -> dict[str, Any]:
    """A row of a day list by heading."""
    one = villager(number)
    row: dict[str, Any] = {
        "STT": number,
        "Họ và tên": one.name,
        "Ngày sinh": "01/03/1985",
        "Giới tính": "Nữ",
        "Nhóm đối tượng": "9",
        "Số điện thoại": one.phone,
        "CMND/CCCD/Hộ chiếu": one.number,
        "Phường/Xã": "Hòa Hiệp",
        "Loại vắc xin": "AstraZeneca",
        "Số lô": "ABX1234",
        "Hạn dùng": "31/12/2022",
        "Mũi số": "1",
        "Ngày tiêm": "15/04/2022",
        "Giờ tiêm": "09:30",
        "Người tiêm": "Lê Văn Kim",
    }
    return row | changes


def workbook(
    path: Path, rows: Sequence[dict[str, Any]], *, headings: Sequence[str] = HEADINGS, titles: int = 2
) -> DayListFile:
    """Write an XLSX list of the kind that stations keep and open it."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Danh sách")
    for title in range(titles):
        sheet.merge_range(title, 0, title, len(headings) - 1, "DANH SÁCH TIÊM CHỦNG", None)
    for place, heading in enumerate(headings):
        sheet.write_string(titles, place, heading)
    date_format = book.add_format({"num_format": "dd/mm/yyyy"})
    for line, row in enumerate(rows, start=titles + 1):
        for place, heading in enumerate(headings):
            value = row.get(heading, "")
            if isinstance(value, datetime.date):
                sheet.write_datetime(line, place, value, date_format)
            elif isinstance(value, int | float):
                sheet.write_number(line, place, value)
            elif value:
                sheet.write_string(line, place, value)
    book.close()
    return day_list_from_bytes(path.read_bytes())


class Cut(BaseException):
    """The program ends here, as if the plug were pulled."""


@dataclass(slots=True)
class CutAt:
    """A tracer that raises before the statement with this number, counted from 1; `seen` says how many there were."""

    statement: int
    error: type[BaseException] = Cut
    text: str = ""
    seen: int = 0

    def __call__(self, sql: str, parameters: object) -> None:
        self.seen += 1
        if self.seen == self.statement:
            raise self.error(self.text)


def _letters(number: int) -> str:
    # Names hold no digits; each number still gives another name.
    return "".join(chr(ord("a") + int(digit)) for digit in str(number)).capitalize()
