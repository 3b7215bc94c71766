"""What a row of a corrected list would change: read and judged against the person as the store has them now.

A row changes somebody only if it names a person of this node in the revision that was exported, if its columns came
back as they were, and if what is right can stand in a record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain.correction_list import FIELD_COLUMNS, Column, RawCorrection, date_words, plain_text, shown
from edge.domain.day_list import Cell
from edge.domain.day_list_cells import CellError, birth_date_of, day_of, text_of
from edge.domain.day_list_row import Vocabulary
from edge.domain.identity_papers import (
    SEX_WORDS,
    is_phone,
    propose_number,
    propose_phone,
    recognise_paper,
    tidy_phone,
)
from edge.domain.recordable import tidy
from edge.domain.refusals import AnyCode, EdgeCode, Finding
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import Recipient, check_recipient
from sync_protocol.limits import NAME_CHARS, SHORT_CHARS

_FILE: Final = re.compile(r"([0-9A-Z]{1,12})-([0-9]{1,9})")
_REVISION_DIGITS: Final = 9


class RowFate(StrEnum):
    """What becomes of a row."""

    CHANGE = "change"
    SAME = "same"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """One field that would change, as the page shows it."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """The person whom a row is about, as the store has them."""

    recipient: Recipient
    revision: int


@dataclass(frozen=True, slots=True, repr=False)
class JudgedRow:
    """What becomes of a row, and why.

    Attributes:
        fate: what becomes of it.
        new: the person after the change; None unless the fate is `CHANGE`.
        changes: the fields that change.
        findings: why nothing can be done; empty for `CHANGE` and `SAME`.
    """

    fate: RowFate
    new: Recipient | None = None
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()


def person_of(raw: RawCorrection, node: str) -> tuple[int, int] | Finding:
    """Return (person, revision) that a row names, or why it names nobody of this node."""
    for column in (Column.FILE, Column.REVISION):
        if column in raw.formulas:
            return Finding(EdgeCode.CELL_FORMULA, True, column)
        if column not in raw.cells:
            return Finding(EdgeCode.CELL_MISSING, True, column)
    found = _FILE.fullmatch(plain_text(raw.cells[Column.FILE]))
    revision = plain_text(raw.cells[Column.REVISION])
    if found is None:
        return Finding(EdgeCode.CELL_INVALID, True, Column.FILE)
    if not (revision.isascii() and revision.isdigit() and len(revision) <= _REVISION_DIGITS):
        return Finding(EdgeCode.CELL_INVALID, True, Column.REVISION)
    if found[1] != node:
        return Finding(EdgeCode.CORRECTION_SITE, True, Column.FILE)
    return int(found[2]), int(revision)


def judge_row(raw: RawCorrection, known: Known, *, revision: int, vocabulary: Vocabulary) -> JudgedRow:
    """Return what a row would change of the person as the store has them now.

    Args:
        revision: the one that was exported.
        vocabulary: of the catalogue that holds; names the communes.
    """
    reader = _Reader(raw, known.recipient, vocabulary)
    new = reader.corrected()
    if reader.findings:
        return JudgedRow(RowFate.INVALID, findings=tuple(reader.findings))
    if new == known.recipient:
        # Nothing is asked for, or a row that was imported before: then the person has it all already.
        return _typed_over(raw, known, revision) or JudgedRow(RowFate.SAME)
    if revision != known.revision:
        return JudgedRow(RowFate.CONFLICT, findings=(Finding(EdgeCode.PERSON_CHANGED, True, Column.REVISION),))
    typed_over = _typed_over(raw, known, revision)
    if typed_over is not None:
        return typed_over
    try:
        check_recipient(new)
    except ProtocolError as error:
        field = error.rule.partition(":")[0].removeprefix("dose.")
        return JudgedRow(RowFate.INVALID, findings=(Finding(Code.FIELD_INVALID, True, _NEW_COLUMN.get(field, field)),))
    before, after = shown(known.recipient, ""), shown(new, "")
    changes = tuple(
        Change(field, before[field], after[field]) for field, _, _ in FIELD_COLUMNS if before[field] != after[field]
    )
    return JudgedRow(RowFate.CHANGE, new, changes)


_NEW_COLUMN: Final[Mapping[str, Column]] = MappingProxyType({field: new for field, _, new in FIELD_COLUMNS})


class _Reader:
    """Reads the columns for what is right and remembers every fault."""

    def __init__(self, raw: RawCorrection, known: Recipient, vocabulary: Vocabulary) -> None:
        self._raw = raw
        self._known = known
        self._vocabulary = vocabulary
        self.findings: list[Finding] = []

    def corrected(self) -> Recipient:
        """The person with what is right; fields whose column is empty or faulty stay."""
        new = self._known
        for field, _, column in FIELD_COLUMNS:
            if column in self._raw.formulas:
                self._find(EdgeCode.CELL_FORMULA, column)
            elif column in self._raw.cells:
                try:
                    new = self._with(new, field, self._raw.cells[column])
                except CellError as error:
                    self._find(error.code, column)
        if Column.NEW_NUMBER in self._raw.cells and new.number:
            self._check_number(new)
        return tidy(new) if new != self._known else new

    def _with(self, new: Recipient, field: str, cell: Cell) -> Recipient:
        match field:
            case "name":
                return replace(new, name=text_of(cell, max_chars=NAME_CHARS))
            case "birth_date":
                return replace(new, birth_date=birth_date_of(cell))
            case "sex":
                sex = SEX_WORDS.get(text_of(cell, max_chars=SHORT_CHARS).casefold())
                if sex is None:
                    raise CellError(EdgeCode.CELL_INVALID)
                return replace(new, sex=sex)
            case "number":
                paper = recognise_paper(text_of(cell, max_chars=SHORT_CHARS), nationality=new.nationality)
                return replace(new, paper=paper.kind, number=paper.number)
            case "phone":
                phone = tidy_phone(text_of(cell, max_chars=SHORT_CHARS))
                if not is_phone(phone):
                    raise CellError(EdgeCode.PHONE_LOST_ZERO if propose_phone(phone) else EdgeCode.CELL_INVALID)
                return replace(new, phone=phone)
            case _:
                return replace(new, address_unit=self._unit(text_of(cell, max_chars=NAME_CHARS)))

    def _unit(self, text: str) -> str:
        # "05413 Xã Hòa Hiệp", as exported; the code alone; or the name alone, where only one commune bears it.
        for candidate in (text.partition(" ")[0], text):
            found = self._vocabulary.commune(candidate, district="", province="")
            if found is not None:
                return found
        raise CellError(EdgeCode.UNIT_UNKNOWN)

    def _check_number(self, new: Recipient) -> None:
        if recognise_paper(new.number, nationality=new.nationality).is_well_formed:
            return
        lost = propose_number(new.number, sex=new.sex, birth_date=new.birth_date)
        self._find(EdgeCode.NUMBER_LOST_ZERO if lost else Code.IDENTITY_MALFORMED, Column.NEW_NUMBER)

    def _find(self, code: AnyCode, column: Column) -> None:
        self.findings.append(Finding(code, True, column))


def _typed_over(raw: RawCorrection, known: Known, revision: int) -> JudgedRow | None:
    """What becomes of a row whose columns did not come back as they were; of an older revision that cannot be said."""
    if revision != known.revision:
        return None
    as_exported = shown(known.recipient, "")
    for field, old, _ in FIELD_COLUMNS:
        came = "" if old in raw.formulas else plain_text(raw.cells.get(old))
        if field == "address_unit":
            # The name beside the code may be another one in a newer catalogue.
            came = came.partition(" ")[0]
        if field == "birth_date":
            came = _day_shown(raw.cells.get(old), came)
        if came != as_exported[field]:
            return JudgedRow(RowFate.INVALID, findings=(Finding(EdgeCode.CORRECTION_ORIGINAL, True, old),))
    return None


def _day_shown(cell: Cell, text: str) -> str:
    """A date of birth that a spreadsheet turned into a date, as it was exported."""
    if isinstance(cell, str) or cell is None:
        return text
    try:
        return date_words(day_of(cell))
    except CellError:
        return text
