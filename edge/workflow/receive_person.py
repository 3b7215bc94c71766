"""Receives somebody at the door: who they are, and their place in the line, in one transaction.

The form makes the submission key. A double click, a reload and the back button bring the same key again and get the
first visit back: nobody is written twice and nobody stands in the line twice. Who stands there already keeps the place.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from edge.domain.identity import ASKABLE, FIELD_OF_ANSWER
from edge.domain.person_rules import judge_person
from edge.domain.recordable import is_submission_key, tidy
from edge.domain.refusals import AnyCode, EdgeCode, Finding, refuse
from edge.domain.row_verdict import is_same_person
from edge.domain.waiting import identity_obstacle
from edge.store import audit, doses, identity_checks, people, people_search, roster, visits
from edge.store.database import Database, Tables
from edge.store.people import Person, PersonId
from edge.store.visits import Visit, VisitId, VisitState
from edge.workflow.check_identity import ask_pack, keep_answer
from edge.workflow.record_dose import add_person, require_confirmed
from sync_protocol.days import local_day
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import IdentityState, Recipient
from sync_protocol.limits import LONG_CHARS
from sync_protocol.value_checks import require_text


@dataclass(frozen=True, slots=True, repr=False)
class Newcomer:
    """Somebody who is not known yet.

    Attributes:
        key: made with the form, 8 to 80 of letters, digits, `_ : . -`; the same for each try of the same form.
        recipient: as typed.
        confirmed: codes of the warnings that a person has read and confirmed.
    """

    key: str
    recipient: Recipient
    confirmed: frozenset[AnyCode] = frozenset()


@dataclass(frozen=True, slots=True)
class Received:
    """A visit on disk. `is_repeat` says that the person stood in the line already, or that the form was sent before."""

    visit: Visit
    is_repeat: bool


def receive_newcomer(
    database: Database, newcomer: Newcomer, *, provinces: Collection[str], at: int, by: str
) -> Received:
    """Write a new person and their visit. When this returns, both survive a power cut.

    1. The same key again gives the first visit back.
    2. The person is judged: by the papers, by the population pack, and by who is in the store already.
    3. Person, identity check, visit and audit are written, and committed. Who is in the store with the same number and
       nothing else to say of them is received without being written again.

    Args:
        database: the node's store.
        newcomer: what the form says.
        provinces: known codes of birth registration.
        at: epoch seconds UTC.
        by: who receives the person.

    Raises:
        RefusedError: with all findings; SUBMISSION_OTHER where the key belongs to somebody else. Nothing was written.
    """
    recipient = tidy(newcomer.recipient)
    with database.write_transaction() as tables:
        # (1)
        earlier = _submitted(tables, newcomer.key)
        if earlier is not None:
            if not _is_or_was(tables, earlier.person_id, recipient):
                raise refuse(EdgeCode.SUBMISSION_OTHER, "submission")
            return Received(earlier, is_repeat=True)
        # (2)
        near = people_search.near(tables, number=recipient.number, name=recipient.name, birth_date=recipient.birth_date)
        known = [one for one in near if _is_known_as(recipient, one.recipient)]
        if len(known) == 1:
            return _open(tables, known[0], [], key=newcomer.key, at=at, by=by)
        findings = [*judge_person(recipient, today=local_day(at), provinces=provinces)]
        if not any(finding.blocking for finding in findings):
            findings += _registry_says(tables, recipient, at=at)
            findings += [Finding(EdgeCode.PERSON_NEAR, False, "person", str(len(near)))] if near else []
        require_confirmed(findings, newcomer.confirmed)
        # (3)
        acts: list[audit.Act] = []
        person = people.get(tables, add_person(tables, recipient, acts, at=at, by=by))
        assert person is not None
        return _open(tables, person, acts, key=newcomer.key, at=at, by=by)


def receive_known(database: Database, person_id: PersonId, *, key: str, at: int, by: str) -> Received:
    """Open the visit of somebody in the store, and ask the pack about them where it was not asked yet.

    Raises:
        RefusedError: PERSON_UNKNOWN, or SUBMISSION_OTHER where the key belongs to somebody else. Nothing was written.
    """
    with database.write_transaction() as tables:
        earlier = _submitted(tables, key)
        if earlier is not None:
            if earlier.person_id != person_id:
                raise refuse(EdgeCode.SUBMISSION_OTHER, "submission")
            return Received(earlier, is_repeat=True)
        person = people.get(tables, person_id)
        if person is None:
            raise refuse(EdgeCode.PERSON_UNKNOWN, "person")
        return _open(tables, person, [], key=key, at=at, by=by)


def is_expected(tables: Tables, person_id: PersonId, *, at: int) -> bool:
    """Whether somebody on today's list has not come yet and can be signed for: nothing is left to ask at the door."""
    person = people.get(tables, person_id)
    day = local_day(at)
    if person is None or not roster.has(tables, day, person_id):
        return False
    if visits.newest_of_person(tables, person_id, day) is not None:
        return False
    if any(dose.given_day == day for dose in doses.of_person(tables, person_id)):
        return False
    if identity_obstacle(person.identity_state) is None:
        return True
    asked = ask_pack(tables, person.recipient, at=at)
    return asked is not None and identity_obstacle(asked.answer.state) is None


def cancel_visit(database: Database, visit_id: VisitId, *, reason: str, at: int, by: str) -> Visit:
    """Take somebody out of the line; cancelled before, it stays as it is.

    Raises:
        RefusedError: VISIT_UNKNOWN; VISIT_MOVED for somebody who does not wait any more; REASON_MISSING or
            FIELD_INVALID at "reason".
    """
    remark = " ".join(reason.split())
    if not remark:
        raise refuse(EdgeCode.REASON_MISSING, "reason")
    try:
        require_text(remark, LONG_CHARS, what="reason")
    except ProtocolError:
        raise refuse(Code.FIELD_INVALID, "reason") from None
    with database.write_transaction() as tables:
        visit = visits.get(tables, visit_id)
        if visit is None:
            raise refuse(EdgeCode.VISIT_UNKNOWN, "visit")
        if visit.state is VisitState.CANCELLED:
            return visit
        if not visits.cancel(tables, visit_id, at=at, by=by, remark=remark):
            raise refuse(EdgeCode.VISIT_MOVED, "visit")
        audit.append(tables, audit.Action.VISIT_CANCELLED, f"visit:{visit_id}", actor=by, at=at)
    return replace(visit, state=VisitState.CANCELLED, ended_at=at, ended_by=by, remark=remark)


def differing_fields(new: Recipient, stored: Recipient) -> tuple[str, ...]:
    """Return in which fields somebody is written otherwise than stored; what is left empty differs from nothing.

    Cards and lists write names in capitals: case is no difference, marks are.
    """
    return tuple(
        field.name
        for field in fields(Recipient)
        if (text := getattr(new, field.name)) not in ("", None, 0)
        and str(text).casefold() != str(getattr(stored, field.name)).casefold()
    )


def _open(tables: Tables, person: Person, acts: list[audit.Act], *, key: str, at: int, by: str) -> Received:
    today = local_day(at)
    waiting = visits.open_of_person(tables, person.person_id)
    is_repeat = waiting is not None and waiting.day == today
    acts += _checked(tables, person, at=at, by=by)
    visit = visits.arrive(tables, person.person_id, day=today, at=at, by=by, submission=key)
    if not is_repeat:
        acts.append((audit.Action.VISIT_OPENED, f"visit:{visit.visit_id}", f"person:{person.person_id}"))
    if acts:
        audit.append_many(tables, acts, actor=by, at=at)
    return Received(visit, is_repeat=is_repeat)


def _submitted(tables: Tables, key: str) -> Visit | None:
    if not is_submission_key(key):
        raise refuse(Code.FIELD_INVALID, "submission")
    return visits.of_submission(tables, key)


def _is_or_was(tables: Tables, person_id: PersonId, recipient: Recipient) -> bool:
    return any(is_same_person(recipient, version) for version in people.versions(tables, person_id))


def _is_known_as(new: Recipient, stored: Recipient) -> bool:
    """Whether there is nothing to ask about: the same number, and nothing typed that the store has otherwise."""
    return new.number != "" and new.number == stored.number and not differing_fields(new, stored)


def _registry_says(tables: Tables, recipient: Recipient, *, at: int) -> list[Finding]:
    asked = ask_pack(tables, recipient, at=at)
    if asked is None or asked.answer.state is not IdentityState.MISMATCH:
        return []
    return [Finding(Code.IDENTITY_MISMATCH, False, FIELD_OF_ANSWER[asked.answer])]


def _checked(tables: Tables, person: Person, *, at: int, by: str) -> list[audit.Act]:
    asked = ask_pack(tables, person.recipient, at=at) if person.identity_state in ASKABLE else None
    if asked is None or identity_checks.has(tables, person, asked.reference):
        return []
    return [keep_answer(tables, person, asked, at=at, by=by)]
