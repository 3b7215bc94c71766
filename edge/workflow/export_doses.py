"""Doses of some days as an Excel or CSV file, with the columns of a day list and the state of each dose.

`begin_export` writes into the audit trail who takes the data out, before a row is read; `export_doses` reads one
snapshot and writes the file into memory. The file is in Vietnamese, whatever the language of the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from edge.clients.dose_workbook import Heading, write_csv, write_xlsx
from edge.domain.code_words import words
from edge.domain.day_figures import ADMITTED, place
from edge.domain.day_list import Column
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.signing_pass import Rules
from edge.domain.waiting import WORDS, Waiting
from edge.store import audit, exports, node_identity, reports, standings
from edge.store.audit import Action
from edge.store.database import Database
from edge.store.exports import ExportedDose
from edge.workflow.plan_passes import signing_rules
from sync_protocol.catalogue import Catalogue, Unit
from sync_protocol.days import VIETNAM, parse_day
from sync_protocol.errors import Code

EXPORT_DAYS: Final = 92
# After so many rows the progress is told.
_ROWS_TOLD: Final = 100
_TITLE: Final = "Mũi tiêm"
_ORDER: Final = "STT"
_ADMITTED: Final = "Đã vào sổ cái"
_HEADINGS: Final = (
    Heading(Column.ORDER.value, 6),
    Heading(Column.NAME.value, 26),
    Heading(Column.BIRTH_DATE.value),
    Heading(Column.SEX.value, 9),
    Heading(Column.GROUP.value, 9),
    Heading(Column.WORKPLACE.value),
    Heading(Column.PHONE.value, 13),
    Heading(Column.NUMBER.value, 18),
    Heading(Column.INSURANCE.value),
    Heading(Column.NATIONALITY.value, 9),
    Heading(Column.GUARDIAN.value, 20),
    Heading(Column.PROVINCE.value, 18),
    Heading(Column.DISTRICT.value, 18),
    Heading(Column.COMMUNE.value, 20),
    Heading(Column.ADDRESS.value),
    Heading(Column.PRODUCT.value, 16),
    Heading(Column.LOT.value),
    Heading(Column.LOT_EXPIRY.value),
    Heading(Column.DOSE_NUMBER.value, 8),
    Heading(Column.GIVEN_DAY.value),
    Heading(Column.GIVEN_TIME.value, 9),
    Heading(Column.VACCINATOR.value, 20),
    Heading(Column.STATION.value),
    Heading(Column.REACTION.value, 20),
    Heading(Column.NOTE.value, 24),
    Heading("Mã mũi tiêm", 16),
    Heading("Trạng thái", 34),
)


class ExportFormat(StrEnum):
    """The kind of file; the value is the ending of its name."""

    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class ExportRange:
    """Local days "YYYY-MM-DD", both included, and the kind of file."""

    first_day: str
    last_day: str
    format: ExportFormat


def begin_export(database: Database, wanted: ExportRange, *, at: int, by: str) -> int:
    """Note in the audit trail that these doses are taken out; gives how many there are.

    Args:
        at: epoch seconds UTC.
        by: the user's name.

    Raises:
        RefusedError: EXPORT_SPAN for more than 92 days or none.
        ProtocolError: FIELD_INVALID for a day that is none.
    """
    first, last = (parse_day(day, what="day") for day in (wanted.first_day, wanted.last_day))
    if not 0 <= (last - first).days < EXPORT_DAYS:
        raise refuse(EdgeCode.EXPORT_SPAN, "day")
    with database.write_transaction() as tables:
        total = reports.recorded_between(tables, wanted.first_day, wanted.last_day)
        subject = f"doses:{wanted.first_day}/{wanted.last_day}"
        audit.append(tables, Action.EXPORT, subject, actor=by, at=at, details=f"{wanted.format} {total} doses")
    return total


def export_doses(
    database: Database, wanted: ExportRange, catalogue: Catalogue, *, now: int, tell: Callable[[int], None]
) -> bytes:
    """Write the file of one snapshot; gives its bytes.

    Args:
        wanted: what `begin_export` has noted.
        now: epoch seconds UTC; what is late by then is said to be.
        tell: called with the number of rows written so far; what it raises ends the export.

    Raises:
        RefusedError: EXPORT_SIZE.
        StoreError: the store cannot be read.
    """
    with database.read() as tables:
        codes = node_identity.codes(tables)
        rules = signing_rules(tables, catalogue.policy, now=now)
        found = exports.exported_doses(tables, wanted.first_day, wanted.last_day)
        rows = _Rows(catalogue, rules, codes.node, codes.facility)
        match wanted.format:
            case ExportFormat.XLSX:
                return write_xlsx(_TITLE, _HEADINGS, _told(rows.of(found), tell))
            case ExportFormat.CSV:
                return write_csv(_HEADINGS, _told(rows.of(found), tell))


def _told(rows: Iterator[tuple[str, ...]], tell: Callable[[int], None]) -> Iterator[tuple[str, ...]]:
    number = 0
    for number, row in enumerate(rows, start=1):
        yield row
        if number % _ROWS_TOLD == 0:
            tell(number)
    tell(number)


class _Rows:
    """Turns doses into texts; what many doses share is put into words once."""

    def __init__(self, catalogue: Catalogue, rules: Rules, node: str, facility: str) -> None:
        self._rules = rules
        self._node = node
        self._facility = facility
        self._products = {product.code: product.name for product in catalogue.products}
        self._units = {unit.code: unit for unit in catalogue.units}
        self._above: dict[str, tuple[str, str, str]] = {}
        self._states: dict[object, str] = {}

    def of(self, doses: Iterator[ExportedDose]) -> Iterator[tuple[str, ...]]:
        """One row for each dose, in the order of the headings."""
        for order, dose in enumerate(doses, start=1):
            province, district, commune = self._names(dose.address_unit)
            yield (
                str(order),
                dose.name,
                _day(dose.birth_date),
                "Nam" if dose.sex == "M" else "Nữ",
                str(dose.group),
                "",
                dose.phone,
                dose.number,
                "",
                dose.nationality,
                dose.guardian,
                province,
                district,
                commune,
                "",
                self._products.get(dose.product, dose.product),
                dose.lot,
                _day(dose.lot_expiry),
                str(dose.dose_number),
                _day(dose.given_day),
                datetime.fromtimestamp(dose.given_at, VIETNAM).strftime("%H:%M"),
                dose.vaccinator,
                dose.station,
                dose.reaction,
                _note(dose),
                f"{self._node}-{dose.sequence:06d}",
                self._state(dose),
            )

    def _names(self, code: str) -> tuple[str, str, str]:
        """Province, district and commune of a unit; a code that the catalogue does not know stands for itself."""
        if code not in self._above:
            self._above[code] = _names_above(self._units, code)
        return self._above[code]

    def _state(self, dose: ExportedDose) -> str:
        key = (dose.standing, dose.given_day, dose.given_at > self._rules.now)
        if key not in self._states:
            row = (dose.sequence, dose.given_at, *dose.standing)
            self._states[key] = _reason(place(standings.from_row(row, self._facility), self._rules))
        return self._states[key]


def _names_above(units: Mapping[str, Unit], code: str) -> tuple[str, str, str]:
    chain: list[str] = []
    unit = units.get(code)
    # Three levels at most; a list whose parents run in a circle must not hold us.
    while unit is not None and len(chain) < 3:
        chain.append(unit.name)
        unit = units.get(unit.parent)
    match chain:
        case [commune, district, province]:
            return province, district, commune
        case [commune, province]:
            return province, "", commune
        case [province]:
            return province, "", ""
    return "", "", code


def _note(dose: ExportedDose) -> str:
    notes = []
    if dose.late_reason:
        notes.append(f"Nhập chậm: {dose.late_reason}")
    if dose.replace_reason:
        notes.append(f"Đính chính: {dose.replace_reason}")
    return "; ".join(notes)


def _reason(where: str) -> str:
    if where == ADMITTED:
        return _ADMITTED
    if where in set(Waiting):
        return WORDS[Waiting(where)].vi
    return words(Code(where)).vi.rstrip(".") if where in set(Code) else where


def _day(text: str) -> str:
    """A stored day as stations write it; a bare year and nothing stay what they are."""
    return date.fromisoformat(text).strftime("%d/%m/%Y") if len(text) == len("2022-04-15") else text
