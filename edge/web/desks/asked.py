"""What a page says of somebody who waits for their identity: whether the centre was asked, and the button that asks."""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.identity import ASKABLE, is_in_registry_scope
from edge.domain.questions import can_be_asked
from edge.store import identity_checks, questions
from edge.store.database import Tables
from edge.store.people import Person
from edge.web.frame.formats import moment
from edge.web.frame.language import _
from edge.web.frame.question_words import hindrance, question_sentence, unaskable_words
from sync_protocol.identity import EvidenceSource, IdentityState


@dataclass(frozen=True, slots=True)
class AskedCentre:
    """What was asked about a person.

    Attributes:
        is_open: whether the answer is on its way.
        may_press: whether asking now would do anything.
    """

    text: str
    is_open: bool
    may_press: bool


def asked_centre(tables: Tables, person: Person, *, now: int) -> AskedCentre | None:
    """What to say of the question about this person; None where there is nothing to ask."""
    if person.identity_state not in ASKABLE or not is_in_registry_scope(person.recipient):
        return None
    question = questions.current(tables, [person.person_id]).get(person.person_id)
    is_open = question is not None and question.is_open
    if is_open:
        return AskedCentre(question_sentence(question, now, hindered=""), is_open=True, may_press=True)
    if not can_be_asked(person.recipient):
        return AskedCentre(unaskable_words(), is_open=False, may_press=False)
    hindered = hindrance(tables, now=now)
    return AskedCentre(question_sentence(question, now, hindered=hindered), is_open=False, may_press=not hindered)


def evidence_words(tables: Tables, person: Person, *, now: int) -> str:
    """On what the person's state rests, where that is an answer of the centre; else ""."""
    check = identity_checks.newest(tables, person.person_id)
    if check is None or check.source is not EvidenceSource.ANSWER or check.state is not person.identity_state:
        return ""
    if check.state is IdentityState.WAITING:
        return ""
    number = check.reference.rpartition("-")[2]
    at = moment(check.checked_at, now)
    return _("Theo trả lời của trung tâm cho câu hỏi số %(number)s, nhận lúc %(time)s.", number=number, time=at)
