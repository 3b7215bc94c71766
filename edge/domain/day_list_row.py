"""What one row of a day list says: a person and a dose, the findings, and what is proposed for lost zeros.

A proposal never changes the row by itself: `written` is the person as the list has them, `mended` as proposed. The user
chooses after the dry run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from edge.domain.day_list import PERSON_REQUIRED, REQUIRED, Cell, Column, RawRow
from edge.domain.day_list_cells import CellError, birth_date_of, day_of, seconds_of, text_of, whole_of
from edge.domain.dosing import DoseFacts, propose_dose_total
from edge.domain.identity_papers import (
    PROVINCES,
    SEX_WORDS,
    check_number,
    propose_number,
    propose_phone,
    recognise_paper,
    tidy_phone,
)
from edge.domain.refusals import EdgeCode, Finding
from sync_protocol.catalogue import Catalogue, Product, Unit
from sync_protocol.days import day_start
from sync_protocol.errors import Code
from sync_protocol.identity import GROUP_MAX, Recipient, Sex
from sync_protocol.limits import LONG_CHARS, NAME_CHARS, SHORT_CHARS
from sync_protocol.names import fold

_T = TypeVar("_T")
_UNIT_WORDS: Final = re.compile(r"^(XA|PHUONG|THI TRAN|TT|P|X|QUAN|HUYEN|THI XA|THANH PHO|TP|TINH|TX|Q|H)[. ]+")
_DOSE_NUMBER: Final = re.compile(r"(?:MUI|LAN|DOSE)?\s*(?:SO|THU)?\s*([0-9]{1,2})")
_GROUP: Final = re.compile(r"(?:NHOM)?\s*([0-9]{1,2})\b.*")
_DOSE_NUMBER_MAX: Final = 9


class Vocabulary:
    """The catalogue's products and communes by the words that lists use for them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.provinces = PROVINCES | frozenset(catalogue.provinces)
        self.has_communes = any(unit.parent for unit in catalogue.units)
        self._products: dict[str, Product | None] = {}
        self._units: dict[str, list[Unit]] = defaultdict(list)
        self._by_code = {unit.code: unit for unit in catalogue.units}
        for unit in catalogue.units:
            self._units[_unit_key(unit.name)].append(unit)

    def product(self, text: str) -> Product | None:
        """The product that is meant, or None."""
        key = fold(text)
        if key not in self._products:
            self._products[key] = self.catalogue.product_named(text)
        return self._products[key]

    def commune(self, text: str, *, district: str, province: str) -> str | None:
        """The code of the commune that is meant; where several bear the name, district and province decide."""
        if text in self._by_code:
            return text
        found = [unit for unit in self._units.get(_unit_key(text), []) if unit.parent]
        for above in (district, province):
            if len(found) > 1 and above:
                found = [unit for unit in found if _unit_key(above) in self._names_above(unit)]
        return found[0].code if len(found) == 1 else None

    def _names_above(self, unit: Unit) -> set[str]:
        names: set[str] = set()
        above = self._by_code.get(unit.parent)
        # Three levels at most; a list whose parents run in a circle must not hold us.
        while above is not None and len(names) < 4:
            names.add(_unit_key(above.name))
            above = self._by_code.get(above.parent)
        return names


@dataclass(frozen=True, slots=True)
class Proposal:
    """A value that the list probably meant: which column, why, and the value."""

    column: Column
    code: EdgeCode
    value: str


@dataclass(frozen=True, slots=True)
class ListedDose:
    """A row that can be understood.

    Attributes:
        written: the person as listed.
        mended: the person with all proposals taken, or None where nothing is proposed.
        facts: the dose; without a time of day in the list `given_at` is the beginning of the day.
        given_day: local day.
        has_time: whether the list gives the time of day.
    """

    written: Recipient
    mended: Recipient | None
    facts: DoseFacts
    given_day: str
    has_time: bool


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row as read; `dose` is None where a blocking finding stands."""

    row_number: int
    dose: ListedDose | None
    findings: tuple[Finding, ...]
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """Somebody who is expected: as written, as mended (else None); `written` is None where the row is broken."""

    row_number: int
    written: Recipient | None
    mended: Recipient | None
    findings: tuple[Finding, ...]
    product: str
    day: str


def read_person_row(raw: RawRow, vocabulary: Vocabulary) -> ListedPerson:
    """Read the person of a row; the vaccine ("" if unknown) and the local day ("" if none) are read where they are."""
    return _RowReader(raw, vocabulary, PERSON_REQUIRED).read_person()


def read_row(raw: RawRow, vocabulary: Vocabulary, *, late_reason: str = "") -> ReadRow:
    """Read one row; all findings of the row are reported together."""
    return _RowReader(raw, vocabulary, REQUIRED).read(late_reason)


class _RowReader:
    def __init__(self, raw: RawRow, vocabulary: Vocabulary, required: Sequence[Column]) -> None:
        self._raw = raw
        self._words = vocabulary
        self._findings: list[Finding] = []
        self._proposals: list[Proposal] = []
        for column in required:
            if column not in raw.cells:
                self._find(EdgeCode.CELL_MISSING, column)

    def read(self, late_reason: str) -> ReadRow:
        person = self._person()
        facts, given_day, has_time = self._facts(late_reason)
        if any(finding.blocking for finding in self._findings):
            return ReadRow(self._raw.row_number, None, tuple(self._findings), ())
        mended = self._mended(person)
        written_warnings = check_number(
            person.paper,
            person.number,
            sex=person.sex,
            birth_date=person.birth_date,
            provinces=self._words.provinces,
        )
        self._findings += [] if mended is not None and mended.number != person.number else written_warnings
        dose = ListedDose(person, mended, facts=facts, given_day=given_day, has_time=has_time)
        return ReadRow(self._raw.row_number, dose, tuple(self._findings), tuple(self._proposals))

    def read_person(self) -> ListedPerson:
        person = self._person()
        product = self._words.product(self._text(Column.PRODUCT, NAME_CHARS))
        if product is None and Column.PRODUCT in self._raw.cells:
            self._find(Code.PRODUCT_UNKNOWN, Column.PRODUCT, blocking=False)
        day, mended = self._cell(Column.GIVEN_DAY, day_of, ""), self._mended(person)
        row_number, code = self._raw.row_number, product.code if product else ""
        if any(finding.blocking for finding in self._findings):
            return ListedPerson(row_number, None, None, tuple(self._findings), code, day)
        return ListedPerson(row_number, person, mended, tuple(self._findings), code, day)

    def _person(self) -> Recipient:
        nationality = self._nationality()
        paper = recognise_paper(self._text(Column.NUMBER, SHORT_CHARS), nationality=nationality)
        name = self._text(Column.NAME, NAME_CHARS)
        commune = self._text(Column.COMMUNE, NAME_CHARS)
        unit = self._words.commune(
            commune, district=self._text(Column.DISTRICT, NAME_CHARS), province=self._text(Column.PROVINCE, NAME_CHARS)
        )
        # A catalogue that lists no communes cannot know any; then the column says nothing wrong.
        if commune and unit is None and self._words.has_communes:
            self._find(EdgeCode.UNIT_UNKNOWN, Column.COMMUNE, blocking=False)
        return Recipient(
            name=name,
            family_name=self._text(Column.FAMILY_NAME, NAME_CHARS) or None,
            sex=self._cell(Column.SEX, _sex_of, Sex.M),
            birth_date=self._cell(Column.BIRTH_DATE, birth_date_of, "1900"),
            paper=paper.kind,
            number=paper.number,
            nationality=nationality,
            phone=tidy_phone(self._text(Column.PHONE, SHORT_CHARS)),
            address_unit=unit or "",
            guardian=self._text(Column.GUARDIAN, NAME_CHARS),
            group=self._cell(Column.GROUP, _group_of, 0, blocking=False),
        )

    def _facts(self, late_reason: str) -> tuple[DoseFacts, str, bool]:
        product = self._words.product(self._text(Column.PRODUCT, NAME_CHARS))
        if product is None and Column.PRODUCT in self._raw.cells:
            self._find(Code.PRODUCT_UNKNOWN, Column.PRODUCT)
        dose_number = self._cell(Column.DOSE_NUMBER, _dose_number_of, 1)
        given_day = self._cell(Column.GIVEN_DAY, day_of, "2000-01-01")
        has_time = Column.GIVEN_TIME in self._raw.cells
        seconds = self._cell(Column.GIVEN_TIME, seconds_of, 0)
        facts = DoseFacts(
            product=product.code if product else "",
            lot=self._text(Column.LOT, SHORT_CHARS),
            lot_expiry=self._cell(Column.LOT_EXPIRY, day_of, ""),
            dose_number=dose_number,
            dose_total=propose_dose_total(product, dose_number) if product else dose_number,
            given_at=day_start(given_day) + seconds,
            vaccinator=self._text(Column.VACCINATOR, NAME_CHARS),
            station=self._text(Column.STATION, SHORT_CHARS),
            reaction=self._text(Column.REACTION, LONG_CHARS),
            late_reason=late_reason,
        )
        return facts, given_day, has_time

    def _mended(self, person: Recipient) -> Recipient | None:
        mended = person
        number = propose_number(person.number, sex=person.sex, birth_date=person.birth_date)
        if person.nationality == "VN" and number is not None:
            self._propose(Column.NUMBER, EdgeCode.NUMBER_LOST_ZERO, number)
            mended = replace(mended, number=number, paper=recognise_paper(number).kind)
        phone = propose_phone(person.phone)
        if phone is not None:
            self._propose(Column.PHONE, EdgeCode.PHONE_LOST_ZERO, phone)
            mended = replace(mended, phone=phone)
        return None if mended is person else mended

    def _nationality(self) -> str:
        text = fold(self._text(Column.NATIONALITY, NAME_CHARS))
        if text in ("", "VN", "VIET NAM", "VIETNAM", "VNM", "KINH"):
            return "VN"
        if re.fullmatch(r"[A-Z]{2}", text):
            return text
        self._find(EdgeCode.CELL_INVALID, Column.NATIONALITY)
        return "VN"

    def _text(self, column: Column, max_chars: int) -> str:
        return self._cell(column, lambda cell: text_of(cell, max_chars=max_chars), "")

    def _cell(self, column: Column, read: Callable[[Cell], _T], default: _T, *, blocking: bool = True) -> _T:
        cell = self._raw.cells.get(column)
        if cell is None:
            return default
        try:
            return read(cell)
        except CellError as error:
            self._find(error.code, column, blocking=blocking)
            return default

    def _find(self, code: EdgeCode | Code, column: Column, *, blocking: bool = True) -> None:
        self._findings.append(Finding(code, blocking, column))

    def _propose(self, column: Column, code: EdgeCode, value: str) -> None:
        self._proposals.append(Proposal(column, code, value))
        self._findings.append(Finding(code, False, column))


def _sex_of(cell: Cell) -> Sex:
    sex = SEX_WORDS.get(text_of(cell, max_chars=SHORT_CHARS).casefold())
    if sex is None:
        raise CellError(EdgeCode.CELL_INVALID)
    return sex


def _group_of(cell: Cell) -> int:
    found = _GROUP.fullmatch(fold(text_of(cell, max_chars=LONG_CHARS)))
    if found is None or int(found[1]) > GROUP_MAX:
        raise CellError(EdgeCode.CELL_INVALID)
    return int(found[1])


def _dose_number_of(cell: Cell) -> int:
    if isinstance(cell, str):
        found = _DOSE_NUMBER.fullmatch(fold(text_of(cell, max_chars=SHORT_CHARS)))
        if found is None:
            raise CellError(EdgeCode.CELL_INVALID)
        cell = int(found[1])
    number = whole_of(cell)
    if not 1 <= number <= _DOSE_NUMBER_MAX:
        raise CellError(EdgeCode.CELL_INVALID)
    return number


def _unit_key(name: str) -> str:
    return _UNIT_WORDS.sub("", fold(name))
