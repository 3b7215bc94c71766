"""Corrects what is known of a person: a new revision, whose identity is asked again at once."""

from __future__ import annotations

from edge.domain.identity import ASKABLE, state_of_paper
from edge.domain.person_rules import judge_names
from edge.domain.recordable import tidy
from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.store import audit, people
from edge.store.database import Database, Tables
from edge.store.people import Person, PersonId
from edge.workflow.check_identity import ask_pack, keep_answer
from edge.workflow.take_answers import recall_answers
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import Recipient, check_recipient


def change_person(
    database: Database, person_id: PersonId, recipient: Recipient, *, revision: int, at: int, by: str
) -> Person:
    """Write the new revision and return the person with the identity state that follows.

    Doses that are signed keep what was signed; they need a correcting version. Doses that wait are signed with the new
    data.

    Args:
        database: the node's store.
        person_id: who.
        recipient: all fields as they are now known.
        revision: the one that the editor saw; another one in the store means that somebody else was faster.
        at: epoch seconds UTC.
        by: who changes it.

    Raises:
        RefusedError: PERSON_UNKNOWN, PERSON_CHANGED, or FIELD_INVALID or NAME_LETTERS naming the field. Nothing was
            written.
    """
    new = check_person_data(recipient)
    with database.write_transaction() as tables:
        changed, acts = write_change(tables, person_id, new, revision=revision, at=at, by=by)
        if acts:
            audit.append_many(tables, acts, actor=by, at=at)
    return changed


def check_person_data(recipient: Recipient) -> Recipient:
    """Return the person tidied. Raises RefusedError FIELD_INVALID or NAME_LETTERS where no record may hold a field."""
    new = tidy(recipient)
    try:
        check_recipient(new)
    except ProtocolError as error:
        raise refuse(Code.FIELD_INVALID, error.rule.partition(":")[0].removeprefix("dose.")) from None
    names = judge_names(new)
    if names:
        raise RefusedError(names)
    return new


def write_change(
    tables: Tables, person_id: PersonId, new: Recipient, *, revision: int, at: int, by: str
) -> tuple[Person, list[audit.Act]]:
    """As `change_person`, in the caller's write transaction, for a person from `check_person_data`.

    Gives the person and the audit acts, which the caller appends; none where nothing was to change.

    Raises:
        RefusedError: PERSON_UNKNOWN or PERSON_CHANGED.
    """
    person = people.get(tables, person_id)
    if person is None:
        raise refuse(EdgeCode.PERSON_UNKNOWN, "person")
    if person.recipient == new:
        return person, []
    asked = ask_pack(tables, new, at=at)
    state = state_of_paper(new) if asked is None else asked.answer.state
    if person.revision != revision or not people.change(tables, person, new, state=state, at=at, by=by):
        raise refuse(EdgeCode.PERSON_CHANGED, "person")
    changed = Person(person_id, revision + 1, new, identity_state=state, changed_at=at)
    acts: list[audit.Act] = [(audit.Action.PERSON_CHANGED, f"person:{person_id}", f"revision {revision + 1}")]
    if asked is not None:
        acts.append(keep_answer(tables, changed, asked, at=at, by=by))
    elif state in ASKABLE:
        recall_answers(tables, [changed], at=at, actor=by)
    return people.get(tables, person_id) or changed, acts
