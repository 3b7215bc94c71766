"""Records one dose: person, dose and audit entry in one transaction; returns after the commit, when it is on disk.

The client makes the submission key, one per form. A double click, a reload or a lost answer brings the same key again
and gets the first dose back: nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from edge.domain.clock_sanity import is_doubtful
from edge.domain.dosing import DoseFacts, GivenDose, judge
from edge.domain.identity import state_of_paper
from edge.domain.identity_papers import PROVINCES, check_number
from edge.domain.person_rules import judge_names
from edge.domain.recordable import check_recordable, is_submission_key, tidy
from edge.domain.refusals import AnyCode, EdgeCode, Finding, RefusedError, refuse
from edge.domain.row_verdict import is_same_person
from edge.store import audit, doses, people, vials
from edge.store.database import Database, Tables
from edge.store.doses import StoredDose
from edge.store.people import Person, PersonId
from edge.store.vials import VialId
from edge.workflow.begin_observation import begin_observation
from edge.workflow.check_identity import ask_pack, keep_answer
from edge.workflow.keep_clock import clock_findings
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.identity import Recipient


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client submits.

    Attributes:
        key: made by the client, 8 to 80 of letters, digits, `_ : . -`; the same for each try of the same dose.
        person: somebody in the store, or the fields of somebody who may be new.
        facts: the dose.
        confirmed: codes of the warnings that a person has read and confirmed.
        vial_id: the opened vial from which the form was filled, or None.
        is_given_now: nobody typed an instant, so that a second try of the same dose may name a later one.
    """

    key: str
    person: PersonId | Recipient
    facts: DoseFacts
    confirmed: frozenset[AnyCode] = frozenset()
    vial_id: VialId | None = None
    is_given_now: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A dose on disk. `is_repeat` says that this submission had been recorded before."""

    sequence: int
    person_id: PersonId
    is_repeat: bool


def record_dose(database: Database, submission: Submission, *, catalogue: Catalogue, at: int, by: str) -> Recorded:
    """Record a dose. When this returns, the dose survives a power cut.

    1. The same key again gives the first dose back.
    2. The person is found, or is new.
    3. Person and dose are judged; blocking findings and warnings that nobody confirmed refuse the dose.
    4. Person, dose, audit and, where a pack is there, the identity check are written; the person is observed from here
       on, the dose is counted on its vial, and all of it is committed at once.

    Args:
        database: the node's store.
        submission: what the client submits.
        catalogue: the one that holds.
        at: epoch seconds UTC.
        by: who records.

    Raises:
        RefusedError: with all findings; nothing was written.
        StoreError: nothing was written, except where the commit itself failed: submit the same key again.
    """
    if not is_submission_key(submission.key):
        raise refuse(Code.FIELD_INVALID, "submission")
    facts = tidy(submission.facts)
    with database.write_transaction() as tables:
        # (1)
        earlier = doses.submitted(tables, submission.key)
        if earlier is not None:
            return _repeat(tables, earlier, submission, facts=facts)
        # (2)
        person, recipient, findings = _find_person(tables, submission.person)
        history = [] if person is None else history_of(tables, person.person_id)
        # (3)
        findings += check_recordable(recipient, facts, by=by, at=at)
        # Somebody who is in the store keeps the name until it is put right; nobody is written with such a one.
        findings += judge_names(recipient) if person is None else ()
        provinces = PROVINCES | frozenset(catalogue.provinces)
        findings += check_number(
            recipient.paper, recipient.number, sex=recipient.sex, birth_date=recipient.birth_date, provinces=provinces
        )
        findings += judge(
            facts,
            history,
            birth_date=recipient.birth_date,
            catalogue=catalogue,
            now=at,
            is_clock_doubtful=is_doubtful(clock_findings(tables)),
        )
        require_confirmed(findings, submission.confirmed)
        # (4)
        acts: list[audit.Act] = []
        person_id = add_person(tables, recipient, acts, at=at, by=by) if person is None else person.person_id
        sequence = doses.add(tables, person_id, facts, at=at, by=by, submission=submission.key)
        acts.append((audit.Action.DOSE_RECORDED, f"dose:{sequence}", f"person:{person_id}"))
        acts += begin_observation(tables, person_id, sequence, given_at=facts.given_at, at=at, by=by)
        if submission.vial_id is not None:
            _draw(tables, submission.vial_id, facts, sequence=sequence)
        audit.append_many(tables, acts, actor=by, at=at)
    # From here on the dose is on disk.
    return Recorded(sequence, person_id, is_repeat=False)


def history_of(tables: Tables, person_id: PersonId, *, without: int | None = None) -> list[GivenDose]:
    """A person's doses as the rules see them, newest versions only, without the one that is being corrected."""
    return [
        GivenDose(dose.facts.product, dose.facts.dose_number, dose.given_day)
        for dose in doses.of_person(tables, person_id)
        if dose.sequence != without
    ]


def require_confirmed(findings: Collection[Finding], confirmed: Collection[AnyCode]) -> None:
    """Raise RefusedError with all findings if one of them blocks, or is a warning that nobody has confirmed."""
    if any(finding.blocking or finding.code not in confirmed for finding in findings):
        raise RefusedError(tuple(findings))


def add_person(tables: Tables, recipient: Recipient, acts: list[audit.Act], *, at: int, by: str) -> PersonId:
    """Write a new person with what a pack says of them, in the caller's write transaction; their acts join `acts`."""
    asked = ask_pack(tables, recipient, at=at)
    state = state_of_paper(recipient) if asked is None else asked.answer.state
    person_id = people.add(tables, recipient, state=state, at=at, by=by)
    acts.append((audit.Action.PERSON_ADDED, f"person:{person_id}", ""))
    if asked is not None:
        person = Person(person_id, 1, recipient, identity_state=state, changed_at=at)
        acts.append(keep_answer(tables, person, asked, at=at, by=by))
    return person_id


def _draw(tables: Tables, vial_id: VialId, facts: DoseFacts, *, sequence: int) -> None:
    vial = vials.get(tables, vial_id)
    # Another lot was typed over that of the vial, or the dose is of another day: then it came from elsewhere.
    if vial is not None and vial.day == local_day(facts.given_at):
        printed = (vial.contents.product, vial.contents.lot, vial.contents.lot_expiry)
        if printed == (facts.product, facts.lot, facts.lot_expiry):
            vials.draw(tables, vial_id, sequence)


def _repeat(tables: Tables, earlier: StoredDose, submission: Submission, *, facts: DoseFacts) -> Recorded:
    known = people.get(tables, earlier.person_id)
    assert known is not None
    is_same = (
        submission.person == earlier.person_id
        if isinstance(submission.person, int)
        else is_same_person(tidy(submission.person), known.recipient)
    )
    if submission.is_given_now:
        facts = replace(facts, given_at=earlier.facts.given_at)
    if not is_same or facts != earlier.facts:
        raise refuse(EdgeCode.SUBMISSION_OTHER, "submission")
    return Recorded(earlier.sequence, earlier.person_id, is_repeat=True)


def _find_person(tables: Tables, wanted: PersonId | Recipient) -> tuple[Person | None, Recipient, list[Finding]]:
    if isinstance(wanted, int):
        person = people.get(tables, wanted)
        if person is None:
            raise refuse(EdgeCode.PERSON_UNKNOWN, "person")
        return person, person.recipient, []
    recipient = tidy(wanted)
    same_number = people.with_number(tables, recipient.number)
    for person in same_number:
        if person.recipient.paper is recipient.paper and is_same_person(person.recipient, recipient):
            return person, person.recipient, []
    near = same_number or people.described(tables, recipient.name, recipient.birth_date)
    findings = [Finding(EdgeCode.PERSON_NEAR, False, "person", str(len(near)))] if near else []
    return None, recipient, findings
