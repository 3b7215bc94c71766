"""What a work list shows of the people on it: who, which doses, what the check found, since when."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edge.domain.work_list import Wanted
from edge.store import people, questions
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.store.questions import StoredQuestion


@dataclass(frozen=True, slots=True)
class ListedDose:
    """The newest version of one dose of somebody on a list; `returned_code` is the centre's, or ""."""

    sequence: int
    product: str
    dose_number: int
    given_at: int
    given_day: str
    returned_code: str


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One person on a list.

    Attributes:
        person: as known now.
        doses: all of the person's doses, or those that were returned with the code of the list; by day.
        field: which field the newest check found to differ, or "".
        asked: whether this revision of the person was compared with a pack.
        since: epoch seconds; since when it stands so: the check, the change, or the centre's answer.
        question: the newest question to the centre about this person as they are now, if there was one.
    """

    person: Person
    doses: tuple[ListedDose, ...]
    field: str
    asked: bool
    since: int
    question: StoredQuestion | None


def details(tables: Tables, wanted: Wanted, ids: Sequence[PersonId]) -> list[WorkRow]:
    """What a list shows of these people, in the order given."""
    wanted_ids = json.dumps(list(ids))
    known = {
        one.person_id: one
        for one in people.select(tables, "WHERE p.person_id IN (SELECT value FROM json_each(?))", (wanted_ids,))
    }
    given = _doses(tables, wanted_ids, wanted.returned_code)
    checks = {
        int(row[0]): (str(row[1]), int(row[2]))
        for row in tables.execute(
            "SELECT p.person_id, c.field, c.checked_at FROM json_each(?) AS w"
            " JOIN people AS p ON p.person_id = w.value"
            " JOIN identity_checks AS c ON c.check_id = (SELECT max(n.check_id) FROM identity_checks AS n"
            " WHERE n.person_id = p.person_id AND n.revision = p.revision)",
            (wanted_ids,),
        )
    }
    to_centre = questions.current(tables, ids)
    answered = _answered(tables, (dose.sequence for one in given.values() for dose in one if dose.returned_code))
    rows = []
    for person_id in ids:
        person, doses = known[person_id], tuple(given[person_id])
        field, checked_at = checks.get(person_id, ("", person.changed_at))
        if wanted.returned_code:
            since = max((answered.get(dose.sequence, 0) for dose in doses), default=0) or checked_at
        else:
            since = checked_at
        question = to_centre.get(person_id)
        rows.append(WorkRow(person, doses, field, asked=person_id in checks, since=since, question=question))
    return rows


def _doses(tables: Tables, wanted_ids: str, returned_code: str) -> dict[int, list[ListedDose]]:
    rows = tables.execute(
        "SELECT s.person_id, s.sequence, s.product, d.dose_number, s.given_at, s.given_day, s.verdict_code"
        " FROM json_each(?1) AS w CROSS JOIN standings AS s ON s.person_id = w.value"
        " JOIN doses AS d ON d.sequence = s.sequence WHERE ?2 IN ('', s.verdict_code) ORDER BY s.given_at, s.sequence",
        (wanted_ids, returned_code),
    )
    given: dict[int, list[ListedDose]] = defaultdict(list)
    for row in rows:
        given[int(row[0])].append(_dose(row))
    return given


def _dose(row: Sequence[Any]) -> ListedDose:
    return ListedDose(row[1], row[2], dose_number=row[3], given_at=row[4], given_day=row[5], returned_code=row[6])


def _answered(tables: Tables, sequences: Iterable[int]) -> dict[int, int]:
    """When the centre answered about each of these doses last, by its own clock."""
    rows = tables.execute(
        "SELECT dose, max(at) FROM ("
        "SELECT v.dose AS dose, r.admitted_at AS at FROM json_each(?1) AS w JOIN verdicts AS v ON v.dose = w.value"
        " JOIN receipts AS r ON r.epoch = v.epoch AND r.sequence = v.bundle UNION ALL"
        " SELECT c.sequence, c.changed_at FROM json_each(?1) AS w JOIN verdict_changes AS c"
        " ON c.is_own = 1 AND c.sequence = w.value) GROUP BY dose",
        (json.dumps(list(sequences)),),
    )
    return {int(row[0]): int(row[1]) for row in rows}
