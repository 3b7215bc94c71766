"""Imports a day list: a dry run that tells each row's fate and why, then the good rows, each exactly once.

The plan is made under a read snapshot and shown. `apply_plan` judges each row again under the write lock, so what
happened between plan and import cannot double a dose. Rows are written 200 to a transaction; a run that was killed
anywhere is finished by running it again, and a second import of the same list finds everything `same`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from edge.clients.day_list_files import DayListFile, Sheet
from edge.domain.day_list import Header, data_rows, find_header
from edge.domain.day_list_row import ReadRow, Vocabulary, read_row
from edge.domain.identity import state_of_paper
from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.domain.row_verdict import ProposalChoice, RowState, RowVerdict
from edge.store import audit, doses, imports, people
from edge.store.database import Database, Tables
from edge.workflow.match_row import Judged, ListMemory, judge_row

ROWS_PER_TRANSACTION: Final = 200


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The dry run of one file.

    Attributes:
        file_digest: SHA-256 of the file, 32 bytes.
        sheet: name of the sheet that holds the list.
        header: where the columns are, and which headings were not understood.
        rows: as read, in the order of the file.
        verdicts: what becomes of each row.
    """

    file_digest: bytes
    sheet: str
    header: Header
    rows: tuple[ReadRow, ...]
    verdicts: tuple[RowVerdict, ...]

    @property
    def counts(self) -> Counter[RowState]:
        """How many rows are in each state."""
        return Counter(verdict.state for verdict in self.verdicts)


@dataclass(slots=True)
class ImportResult:
    """What an import did: how many rows ended in which state, and the doses it wrote."""

    counts: Counter[RowState] = field(default_factory=Counter)
    sequences: list[int] = field(default_factory=list)


def plan_import(
    database: Database, file: DayListFile, *, vocabulary: Vocabulary, at: int, late_reason: str = ""
) -> ImportPlan:
    """The dry run: nothing is written.

    Args:
        database: the node's store.
        file: opened within its bounds.
        vocabulary: of the catalogue that holds.
        at: epoch seconds UTC.
        late_reason: why doses of earlier days come only now; goes into each of them.

    Raises:
        RefusedError: the file as a whole cannot be a day list (codes `list-…`).
    """
    sheet, header = _sheet_with_header(file)
    rows = tuple(read_row(raw, vocabulary, late_reason=late_reason) for raw in data_rows(sheet.rows, header))
    if not rows:
        raise refuse(EdgeCode.LIST_EMPTY, "rows")
    memory = ListMemory()
    with database.read() as tables:
        verdicts = tuple(
            judge_row(
                tables, row, memory, choice=ProposalChoice.LEAVE_OUT, catalogue=vocabulary.catalogue, at=at
            ).verdict
            for row in rows
        )
    return ImportPlan(file.digest, sheet.name, header, rows=rows, verdicts=verdicts)


def apply_plan(
    database: Database, plan: ImportPlan, *, choice: ProposalChoice, vocabulary: Vocabulary, at: int, by: str
) -> ImportResult:
    """Write the good rows of a plan that somebody has seen; running it again completes it and doubles nothing.

    Args:
        database: the node's store.
        plan: from `plan_import`.
        choice: what the user decided for rows with a proposal.
        vocabulary: of the catalogue that holds.
        at: epoch seconds UTC.
        by: who imports; stands as `recorded_by` in each dose.

    Raises:
        StoreError: the transactions before it are kept; run it again.
    """
    result = ImportResult()
    memory = ListMemory()
    for start in range(0, len(plan.rows), ROWS_PER_TRANSACTION):
        part = plan.rows[start : start + ROWS_PER_TRANSACTION]
        # Commit point of this part: before it none of its rows is stored, after it all of its good ones are, with
        # their audit entries and their place in the list.
        with database.write_transaction() as tables:
            import_id = imports.start(tables, plan.file_digest, at=at, by=by)
            acts: list[audit.Act] = []
            written: list[tuple[int, int]] = []
            for row in part:
                judged = judge_row(tables, row, memory, choice=choice, catalogue=vocabulary.catalogue, at=at)
                result.counts[judged.verdict.state] += 1
                if judged.verdict.state is RowState.NEW:
                    sequence = _write(tables, judged, acts, at=at, by=by)
                    written.append((row.row_number, sequence))
            if written:
                imports.link(tables, import_id, written)
                acts.append((audit.Action.LIST_IMPORTED, f"import:{import_id}", f"{len(written)} doses"))
                audit.append_many(tables, acts, actor=by, at=at)
        result.sequences += [sequence for _, sequence in written]
    return result


def _write(tables: Tables, judged: Judged, acts: list[audit.Act], *, at: int, by: str) -> int:
    assert judged.listed is not None
    assert judged.recipient is not None
    person_id = judged.person_id
    if person_id is None:
        person_id = people.add(tables, judged.recipient, state=state_of_paper(judged.recipient), at=at, by=by)
        acts.append((audit.Action.PERSON_ADDED, f"person:{person_id}", ""))
    sequence = doses.add(tables, person_id, judged.listed.facts, at=at, by=by, submission=judged.submission)
    acts.append((audit.Action.DOSE_RECORDED, f"dose:{sequence}", f"person:{person_id}"))
    return sequence


def _sheet_with_header(file: DayListFile) -> tuple[Sheet, Header]:
    """The first sheet whose header names the needed columns; if there is none, what is wrong with the first sheet."""
    first_problem: RefusedError | None = None
    for sheet in _sheets_with_rows(file):
        try:
            return sheet, find_header(sheet.rows)
        except RefusedError as error:
            first_problem = first_problem or error
    raise first_problem or refuse(EdgeCode.LIST_EMPTY, "file")


def _sheets_with_rows(file: DayListFile) -> Iterator[Sheet]:
    return (sheet for sheet in file.sheets() if sheet.rows)
