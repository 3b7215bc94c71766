"""Takes in a list that came back corrected: a dry run that tells what each row would change, then the changes.

The dry run is made under a read snapshot. Applying judges each row again under the write lock, so what happened between
the two cannot be overwritten: such a row is a conflict. Rows are written 200 to a transaction; a run that was cut off
anywhere is finished by running it again, and a second run finds nothing to change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from edge.domain.correction_list import RawCorrection
from edge.domain.correction_row import JudgedRow, Known, RowFate, judge_row, person_of
from edge.domain.day_list_row import Vocabulary
from edge.domain.identity import state_of_paper
from edge.domain.refusals import EdgeCode, Finding
from edge.store import audit, node_identity, people
from edge.store.database import Database, Tables
from edge.store.people import PersonId
from edge.workflow.change_person import write_change
from edge.workflow.check_identity import ask_pack
from sync_protocol.identity import IdentityState

ROWS_PER_TRANSACTION: Final = 200
# Rows of each fate that are shown; all are counted.
ROWS_SHOWN: Final = 300


@dataclass(frozen=True, slots=True, repr=False)
class PlannedRow:
    """One row and what becomes of it.

    Attributes:
        sheet, row_number: where it stands in the file.
        person_id: whom it is about, or None where it names nobody of this store.
        name: of that person as the store has it, or "".
        judged: what becomes of it, and why.
        state: the identity state that would follow from the change, by the pack that holds now.
    """

    sheet: str
    row_number: int
    person_id: PersonId | None
    name: str
    judged: JudgedRow
    state: IdentityState | None = None


@dataclass(slots=True)
class Outcome:
    """What a run found or did.

    Attributes:
        counts: how many rows have which fate.
        shown: the first rows of each fate but `SAME`, in the order of the file.
        states: identity states after the change, of the rows that change.
    """

    counts: Counter[RowFate] = field(default_factory=Counter)
    shown: list[PlannedRow] = field(default_factory=list)
    states: Counter[IdentityState] = field(default_factory=Counter)

    def add(self, row: PlannedRow) -> None:
        """Count a row, and keep it if it is among the first of its fate."""
        fate = row.judged.fate
        self.counts[fate] += 1
        if row.state is not None:
            self.states[row.state] += 1
        if fate is not RowFate.SAME and self.counts[fate] <= ROWS_SHOWN:
            self.shown.append(row)


def plan_corrections(database: Database, rows: Iterable[RawCorrection], *, vocabulary: Vocabulary, at: int) -> Outcome:
    """The dry run: nothing is written.

    Args:
        database: the node's store.
        rows: as the file gives them; what reading it raises passes through.
        vocabulary: of the catalogue that holds.
        at: epoch seconds UTC.
    """
    outcome, seen = Outcome(), set[PersonId]()
    with database.read() as tables:
        node = node_identity.codes(tables).node
        for raw in rows:
            outcome.add(_judge(tables, raw, seen, node=node, vocabulary=vocabulary, at=at))
    return outcome


def apply_corrections(
    database: Database,
    rows: Iterable[RawCorrection],
    *,
    vocabulary: Vocabulary,
    at: int,
    by: str,
    tell: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Write the changes of a list that somebody has seen; each changed person is asked about at once.

    Args:
        rows, vocabulary, at: as in `plan_corrections`.
        by: who imports; stands as `changed_by` with each person.
        tell: called after each transaction with the number of rows so far; what it raises ends the run.

    Raises:
        StoreError: the transactions before it are kept; run it again.
    """
    outcome, seen = Outcome(), set[PersonId]()
    waiting = iter(rows)
    while part := list(islice(waiting, ROWS_PER_TRANSACTION)):
        # Commit point of this part: before it none of its people is changed, after it all are, with their checks.
        with database.write_transaction() as tables:
            node = node_identity.codes(tables).node
            acts: list[audit.Act] = []
            for raw in part:
                row = _judge(tables, raw, seen, node=node, vocabulary=vocabulary, at=at)
                outcome.add(row)
                if row.judged.new is not None and row.person_id is not None:
                    known = people.get(tables, row.person_id)
                    assert known is not None
                    acts += write_change(tables, row.person_id, row.judged.new, revision=known.revision, at=at, by=by)[
                        1
                    ]
            changed = sum(act[0] is audit.Action.PERSON_CHANGED for act in acts)
            if changed:
                acts.append((audit.Action.CORRECTIONS_IMPORTED, "work-lists", f"{changed} people"))
                audit.append_many(tables, acts, actor=by, at=at)
        tell(outcome.counts.total())
    return outcome


def judged_rows(outcome: Outcome, fate: RowFate) -> Iterator[PlannedRow]:
    """The shown rows of one fate."""
    return (row for row in outcome.shown if row.judged.fate is fate)


def _judge(
    tables: Tables, raw: RawCorrection, seen: set[PersonId], *, node: str, vocabulary: Vocabulary, at: int
) -> PlannedRow:
    named = person_of(raw, node)
    if isinstance(named, Finding):
        fate = RowFate.UNKNOWN if named.code is EdgeCode.CORRECTION_SITE else RowFate.INVALID
        return PlannedRow(raw.sheet, raw.row_number, None, "", JudgedRow(fate, findings=(named,)))
    person_id, revision = PersonId(named[0]), named[1]
    person = people.get(tables, person_id)
    if person is None:
        unknown = Finding(EdgeCode.PERSON_UNKNOWN, True, "person")
        return PlannedRow(raw.sheet, raw.row_number, None, "", JudgedRow(RowFate.UNKNOWN, findings=(unknown,)))
    judged = judge_row(raw, Known(person.recipient, person.revision), revision=revision, vocabulary=vocabulary)
    # After the first row of a person was written, the second one would look like somebody else's change.
    if person_id in seen and judged.fate in (RowFate.CHANGE, RowFate.CONFLICT):
        repeated = JudgedRow(RowFate.INVALID, findings=(Finding(EdgeCode.ROW_REPEATED, True, "person"),))
        return PlannedRow(raw.sheet, raw.row_number, person_id, person.recipient.name, repeated)
    if judged.new is None:
        return PlannedRow(raw.sheet, raw.row_number, person_id, person.recipient.name, judged)
    seen.add(person_id)
    asked = ask_pack(tables, judged.new, at=at)
    state = state_of_paper(judged.new) if asked is None else asked.answer.state
    return PlannedRow(raw.sheet, raw.row_number, person_id, person.recipient.name, judged, state)
