"""Imports the list of people who are expected on a day: a dry run that tells each row's fate, then the good rows.

    number known, and the same person                     → known: onto the roster
    description known, where the row has no number        → known, if it fits one person alone
    number known for somebody else, or description near   → conflict: somebody looks at both
    nobody                                                → new: the person is written, and stands on the roster

The dry run writes nothing. `apply_roster` judges each row again under the write lock, 200 rows to a transaction: what
happened in between doubles nobody, and a second import of the same list finds everybody there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from edge.clients.day_list_files import DayListFile, Sheet
from edge.domain.day_list import PERSON_REQUIRED, Column, Header, data_rows, find_header
from edge.domain.day_list_row import ListedPerson, Vocabulary, read_person_row
from edge.domain.person_rules import judge_person
from edge.domain.recordable import tidy
from edge.domain.refusals import EdgeCode, Finding, RefusedError, refuse
from edge.domain.row_verdict import ProposalChoice, is_same_person
from edge.store import audit, people, roster
from edge.store.database import Database, Tables
from edge.store.people import Person, PersonId
from edge.workflow.record_dose import add_person
from sync_protocol.days import local_day
from sync_protocol.identity import Recipient
from sync_protocol.names import fold

ROWS_PER_TRANSACTION: Final = 200


class RosterState(StrEnum):
    """What becomes of a row: `new` and `known` come onto the roster, `same` is there already, the rest stays out."""

    NEW = "new"
    KNOWN = "known"
    SAME = "same"
    CONFLICT = "conflict"
    PROPOSED = "proposed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, repr=False)
class RosterVerdict:
    """What becomes of one row, and why.

    Attributes:
        row_number: as the spreadsheet shows it.
        findings: fields are column headings, or names of a person's fields.
        recipient: as it would be written, or None where the row is broken.
        person_id: whom the row means or is in conflict with, where the store has somebody.
        product: code of the vaccine that is planned, or "".
    """

    row_number: int
    state: RosterState
    findings: tuple[Finding, ...] = ()
    recipient: Recipient | None = None
    person_id: PersonId | None = None
    product: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class RosterPlan:
    """The dry run of one file for one day.

    Attributes:
        file_digest: SHA-256 of the file, 32 bytes.
        day: local day, "YYYY-MM-DD".
        sheet: name of the sheet that holds the list.
        header: where the columns are, and which headings were not understood.
        rows: as read; `verdicts` says what becomes of each.
    """

    file_digest: bytes
    day: str
    sheet: str
    header: Header
    rows: tuple[ListedPerson, ...]
    verdicts: tuple[RosterVerdict, ...]

    @property
    def counts(self) -> Counter[RosterState]:
        """How many rows are in each state."""
        return Counter(verdict.state for verdict in self.verdicts)


@dataclass(slots=True)
class _Above:
    """People of the rows above, so that a list that names somebody twice says so in the dry run as in the import."""

    numbers: dict[str, Recipient] = field(default_factory=dict)
    described: set[tuple[str, ...]] = field(default_factory=set)


def plan_roster(database: Database, file: DayListFile, *, day: str, vocabulary: Vocabulary, at: int) -> RosterPlan:
    """The dry run: nothing is written.

    Args:
        database: the node's store.
        file: opened within its bounds.
        day: the local day on which the people are expected.
        vocabulary: of the catalogue that holds.
        at: epoch seconds UTC.

    Raises:
        RefusedError: the file as a whole cannot be a list of people (codes `list-…`).
    """
    sheet, header = _sheet_with_people(file)
    raw = data_rows(sheet.rows, header, required=PERSON_REQUIRED)
    rows = tuple(read_person_row(row, vocabulary) for row in raw)
    if not rows:
        raise refuse(EdgeCode.LIST_EMPTY, "rows")
    judge = _Judge(day, ProposalChoice.LEAVE_OUT, vocabulary, today=local_day(at))
    with database.read() as tables:
        verdicts = tuple(judge.verdict(tables, row) for row in rows)
    return RosterPlan(file.digest, day, sheet.name, header, rows=rows, verdicts=verdicts)


def apply_roster(
    database: Database, plan: RosterPlan, *, choice: ProposalChoice, vocabulary: Vocabulary, at: int, by: str
) -> Counter[RosterState]:
    """Write the good rows of a plan that somebody has seen; gives how many rows ended in which state.

    Raises:
        StoreError: the transactions before it are kept; run it again.
    """
    counts: Counter[RosterState] = Counter()
    judge = _Judge(plan.day, choice, vocabulary, today=local_day(at))
    for start in range(0, len(plan.rows), ROWS_PER_TRANSACTION):
        # Commit point of this part: before it nobody of its rows is on the roster, after it everybody who can be.
        with database.write_transaction() as tables:
            acts: list[audit.Act] = []
            added = 0
            for row in plan.rows[start : start + ROWS_PER_TRANSACTION]:
                verdict = judge.verdict(tables, row)
                counts[verdict.state] += 1
                added += _write(tables, plan.day, verdict, acts, at=at, by=by)
            if added:
                acts.append((audit.Action.ROSTER_IMPORTED, f"roster:{plan.day}", f"{added} people"))
                audit.append_many(tables, acts, actor=by, at=at)
    return counts


def _write(tables: Tables, day: str, verdict: RosterVerdict, acts: list[audit.Act], *, at: int, by: str) -> bool:
    if verdict.state not in (RosterState.NEW, RosterState.KNOWN) or verdict.recipient is None:
        return False
    person_id = verdict.person_id
    if person_id is None:
        person_id = add_person(tables, verdict.recipient, acts, at=at, by=by)
    person = people.get(tables, person_id)
    assert person is not None
    return roster.add(tables, day, person, product=verdict.product, at=at, by=by)


class _Judge:
    """Judges the rows of one list in order."""

    def __init__(self, day: str, choice: ProposalChoice, vocabulary: Vocabulary, *, today: str) -> None:
        self._day = day
        self._choice = choice
        self._provinces = vocabulary.provinces
        self._today = today
        self._above = _Above()

    def verdict(self, tables: Tables, row: ListedPerson) -> RosterVerdict:
        """What becomes of this row after those that were judged before."""
        if row.written is None:
            return RosterVerdict(row.row_number, RosterState.BROKEN, row.findings)
        if row.day not in ("", self._day):
            finding = Finding(EdgeCode.ROSTER_DAY, True, Column.GIVEN_DAY)
            return RosterVerdict(row.row_number, RosterState.CONFLICT, (finding,), recipient=row.written)
        # Whose lost zero was put back in an earlier import is known, whatever is chosen now; likewise as written.
        candidates = [tidy(row.written)] if row.mended is None else [tidy(row.mended), tidy(row.written)]
        for recipient in candidates:
            known = self._known(tables, row, recipient)
            if known is not None:
                return known
        return self._new(tables, row, candidates)

    def _known(self, tables: Tables, row: ListedPerson, recipient: Recipient) -> RosterVerdict | None:
        found = [one for one in _meant(tables, recipient) if is_same_person(one.recipient, recipient)]
        if recipient.number == "" and len(found) > 1:
            return self._conflict(row, recipient, EdgeCode.PERSON_NEAR, found[0])
        if not found:
            return None
        person = found[0]
        on_roster = roster.has(tables, self._day, person.person_id)
        is_repeat = not self._remember(recipient)
        findings = (Finding(EdgeCode.ROW_REPEATED, False, "row"),) if is_repeat else ()
        state = RosterState.SAME if on_roster or is_repeat else RosterState.KNOWN
        return RosterVerdict(
            row.row_number, state, findings, recipient, person_id=person.person_id, product=row.product
        )

    def _new(self, tables: Tables, row: ListedPerson, candidates: Sequence[Recipient]) -> RosterVerdict:
        recipient = candidates[-1] if self._choice is ProposalChoice.AS_WRITTEN else candidates[0]
        others = people.with_number(tables, recipient.number)
        above = self._above.numbers.get(recipient.number)
        if others or (above is not None and not is_same_person(above, recipient)):
            return self._conflict(row, recipient, EdgeCode.PERSON_DIFFERS, others[0] if others else None)
        near = _near(tables, recipient)
        if near is not None:
            return self._conflict(row, recipient, EdgeCode.PERSON_NEAR, near)
        findings = (
            *row.findings,
            *judge_person(recipient, today=self._today, provinces=self._provinces),
        )
        if any(finding.blocking for finding in findings):
            return RosterVerdict(row.row_number, RosterState.BROKEN, findings, recipient)
        if row.mended is not None and self._choice is ProposalChoice.LEAVE_OUT:
            return RosterVerdict(row.row_number, RosterState.PROPOSED, findings, recipient)
        if not self._remember(recipient):
            repeated = Finding(EdgeCode.ROW_REPEATED, False, "row")
            return RosterVerdict(row.row_number, RosterState.SAME, (repeated,), recipient)
        return RosterVerdict(row.row_number, RosterState.NEW, findings, recipient, product=row.product)

    def _conflict(
        self, row: ListedPerson, recipient: Recipient, code: EdgeCode, person: Person | None
    ) -> RosterVerdict:
        findings = (*row.findings, Finding(code, True, "number"))
        person_id = None if person is None else person.person_id
        return RosterVerdict(row.row_number, RosterState.CONFLICT, findings, recipient, person_id=person_id)

    def _remember(self, recipient: Recipient) -> bool:
        """Keep somebody for the rows beneath; gives False for who was there already."""
        if recipient.number:
            is_first = recipient.number not in self._above.numbers
            self._above.numbers.setdefault(recipient.number, recipient)
            return is_first
        key = (fold(recipient.name), recipient.sex.value, recipient.birth_date, recipient.phone)
        is_first = key not in self._above.described
        self._above.described.add(key)
        return is_first


def _meant(tables: Tables, recipient: Recipient) -> list[Person]:
    """Everybody whom the row may mean: by the number, or without one by the description."""
    if recipient.number:
        return people.with_number(tables, recipient.number)
    described = people.described(tables, recipient.name, recipient.birth_date)
    return [one for one in described if recipient.phone in ("", one.recipient.phone)]


def _near(tables: Tables, recipient: Recipient) -> Person | None:
    """Somebody with the same description who may be this one under another number, or under none yet."""
    for one in people.described(tables, recipient.name, recipient.birth_date):
        stored = one.recipient
        has_same_phone = recipient.phone != "" and stored.phone == recipient.phone
        if stored.sex is recipient.sex and (has_same_phone or stored.number == ""):
            return one
    return None


def _sheet_with_people(file: DayListFile) -> tuple[Sheet, Header]:
    """The first sheet whose header names the needed columns; if there is none, what is wrong with the first sheet."""
    first_problem: RefusedError | None = None
    for sheet in _sheets_with_rows(file):
        try:
            return sheet, find_header(sheet.rows, required=PERSON_REQUIRED)
        except RefusedError as error:
            first_problem = first_problem or error
    raise first_problem or refuse(EdgeCode.LIST_EMPTY, "file")


def _sheets_with_rows(file: DayListFile) -> Iterator[Sheet]:
    return (sheet for sheet in file.sheets() if sheet.rows)
