"""One row of a day list against the store: whom it means, whether the dose is there already, whether it may be written.

    submission key of the row is known            → same, or conflict where the content differs
    number or description leads to a person       → that person's doses decide: same, conflict, or a new dose
    number is known for somebody else             → conflict
    description fits somebody with another number → conflict
    nobody                                        → a new person

A row is judged against what is committed or written in this transaction, so rows of the same list see each other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from edge.domain.day_list_row import ListedDose, ReadRow
from edge.domain.dosing import GivenDose, judge
from edge.domain.recordable import check_recordable
from edge.domain.refusals import EdgeCode, Finding
from edge.domain.row_verdict import (
    ProposalChoice,
    RowState,
    RowVerdict,
    differing_fields,
    is_same_person,
    natural_key,
)
from edge.store import doses, people
from edge.store.database import Tables
from edge.store.people import PersonId
from sync_protocol.catalogue import Catalogue
from sync_protocol.identity import Recipient
from sync_protocol.names import fold


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and, for a new row, what is to be written: for whom (None: a new person) and under which key."""

    verdict: RowVerdict
    listed: ListedDose | None = None
    recipient: Recipient | None = None
    person_id: PersonId | None = None
    submission: str = ""


@dataclass(slots=True)
class ListMemory:
    """Rows of the same list that were judged new, so that a dry run sees what an import would have written."""

    submissions: dict[str, tuple[Recipient, ListedDose]] = field(default_factory=dict)
    people: dict[tuple[str, ...], list[tuple[Recipient, GivenDose]]] = field(default_factory=dict)
    described: dict[tuple[str, str], list[Recipient]] = field(default_factory=dict)


def judge_row(
    tables: Tables, row: ReadRow, memory: ListMemory, *, choice: ProposalChoice, catalogue: Catalogue, at: int
) -> Judged:
    """Judge one row.

    Args:
        tables: of a read or write transaction.
        row: as read.
        memory: of this list, updated here.
        choice: what to do with a proposal; LEAVE_OUT gives the state `proposed`.
        catalogue: the one that holds.
        at: epoch seconds UTC.
    """
    listed = row.dose
    if listed is None:
        return Judged(RowVerdict(row.row_number, RowState.BROKEN, row.findings))
    # A row whose proposal was taken before is the same dose again, whatever is chosen now; likewise as written.
    candidates = [listed.written] if listed.mended is None else [listed.mended, listed.written]
    for recipient in candidates:
        imported = doses.submitted(tables, submission_key(recipient, listed))
        # The number may be the same by mistake; a person who was corrected since is still the one of the list.
        if imported is not None and not any(
            is_same_person(recipient, version) for version in people.versions(tables, imported.person_id)
        ):
            finding = Finding(EdgeCode.PERSON_DIFFERS, True, "number")
            return Judged(RowVerdict(row.row_number, RowState.CONFLICT, (finding,), sequence=imported.sequence))
        known = [imported] if imported is not None else _known(tables, recipient, listed)
        if known:
            return Judged(_compared(row, listed, known))
    recipient = listed.written if choice is ProposalChoice.AS_WRITTEN else candidates[0]
    judged = _judge_new(tables, row, recipient, memory=memory, catalogue=catalogue, at=at)
    if judged.verdict.state is RowState.NEW:
        if listed.mended is not None and choice is ProposalChoice.LEAVE_OUT:
            return Judged(replace(judged.verdict, state=RowState.PROPOSED))
        memory.submissions[judged.submission] = (recipient, listed)
        given = GivenDose(listed.facts.product, listed.facts.dose_number, listed.given_day)
        memory.people.setdefault(_who(recipient, listed), []).append((recipient, given))
        memory.described.setdefault(_description(recipient), []).append(recipient)
    return judged


def _known(tables: Tables, recipient: Recipient, listed: ListedDose) -> list[doses.StoredDose]:
    """The versions of the dose that this row is, whoever recorded it; none where the store has no such dose."""
    matching = [person for person in _people(tables, recipient) if is_same_person(person.recipient, recipient)]
    for person in matching:
        versions = [
            dose
            for dose in doses.of_person(tables, person.person_id, with_replaced=True)
            if (dose.facts.product, dose.facts.dose_number, dose.given_day)
            == (listed.facts.product, listed.facts.dose_number, listed.given_day)
        ]
        if versions:
            return versions
    return []


def _compared(row: ReadRow, listed: ListedDose, versions: list[doses.StoredDose]) -> RowVerdict:
    newest = versions[-1].sequence
    # A dose that was corrected after the list was written is still this row's dose.
    differences = [differing_fields(listed, version.facts) for version in versions]
    if not all(differences):
        return RowVerdict(row.row_number, RowState.SAME, sequence=newest)
    findings = tuple(Finding(EdgeCode.ROW_DIFFERS, True, name) for name in differences[-1])
    return RowVerdict(row.row_number, RowState.CONFLICT, findings, sequence=newest)


def _judge_new(
    tables: Tables, row: ReadRow, recipient: Recipient, *, memory: ListMemory, catalogue: Catalogue, at: int
) -> Judged:
    listed = row.dose
    assert listed is not None
    submission = submission_key(recipient, listed)
    above = memory.submissions.get(submission)
    if above is not None and is_same_person(recipient, above[0]):
        state = RowState.CONFLICT if differing_fields(listed, above[1].facts) else RowState.SAME
        finding = Finding(EdgeCode.ROW_REPEATED, state is RowState.CONFLICT, "row")
        return Judged(RowVerdict(row.row_number, state, (finding,)))
    found = _people(tables, recipient)
    same = [person for person in found if is_same_person(person.recipient, recipient)]
    listed_above = memory.people.get(_who(recipient, listed), [])
    strangers = len(found) > len(same) or any(not is_same_person(other, recipient) for other, _ in listed_above)
    if strangers and not same:
        finding = Finding(EdgeCode.PERSON_DIFFERS, True, "number")
        return Judged(RowVerdict(row.row_number, RowState.CONFLICT, (*row.findings, finding)))
    if not found and _near(tables, recipient, memory):
        finding = Finding(EdgeCode.PERSON_NEAR, True, "number")
        return Judged(RowVerdict(row.row_number, RowState.CONFLICT, (*row.findings, finding)))
    person_id = same[0].person_id if same else None
    history = [given for _, given in listed_above]
    if person_id is not None:
        stored = doses.of_person(tables, person_id)
        # Inside an import the rows above are in the store already; a dry run knows them from memory only.
        history = list(
            dict.fromkeys([*(GivenDose(d.facts.product, d.facts.dose_number, d.given_day) for d in stored), *history])
        )
    findings = (
        *row.findings,
        *check_recordable(recipient, listed.facts, by="", at=at),
        *judge(listed.facts, history, birth_date=recipient.birth_date, catalogue=catalogue, now=at),
    )
    state = RowState.BROKEN if any(finding.blocking for finding in findings) else RowState.NEW
    verdict = RowVerdict(row.row_number, state, findings, proposals=row.proposals)
    return Judged(verdict, listed, recipient, person_id=person_id, submission=submission)


def _people(tables: Tables, recipient: Recipient) -> list[people.Person]:
    """Everybody whom the row may mean: who has this number, or failing a number whoever fits the description."""
    if recipient.number:
        return people.with_number(tables, recipient.number)
    described = people.described(tables, recipient.name, recipient.birth_date)
    return [
        person
        for person in described
        if (person.recipient.sex, person.recipient.phone) == (recipient.sex, recipient.phone)
    ]


def _near(tables: Tables, recipient: Recipient, memory: ListMemory) -> bool:
    """Whether somebody with another number or none has the same name, sex, date of birth and phone.

    Then a new person would most likely be the same one twice, and the second dose would become a first.
    """
    if not recipient.phone:
        return False
    described = [person.recipient for person in people.described(tables, recipient.name, recipient.birth_date)]
    # A dry run knows the people of the rows above from memory only. Who has no number is found by the description.
    listed = memory.described.get(_description(recipient), []) if recipient.number else []
    return any(
        (other.sex, other.phone) == (recipient.sex, recipient.phone) and other.number != recipient.number
        for other in (*described, *listed)
    )


def _description(recipient: Recipient) -> tuple[str, str]:
    return fold(recipient.name), recipient.birth_date


def _who(recipient: Recipient, listed: ListedDose) -> tuple[str, ...]:
    # The natural key without product, number and day.
    return natural_key(recipient, listed)[:-3]


def submission_key(recipient: Recipient, listed: ListedDose) -> str:
    """The idempotency key of a row: "list:" and SHA-256 of its natural key, so that it names nobody."""
    text = "\x1f".join(natural_key(recipient, listed))
    return "list:" + hashlib.sha256(text.encode()).hexdigest()
