"""What the centre answers about people: keep it, and make it the evidence of those who still are who was asked about.

An answer comes as an item of the feed, the receipt of its questions by itself, and either may be first. The answer does
something only when both are here: the receipt says that the centre was asked by this store, and not by the life of the
node before it was restored, whose questions may have borne the same numbers.

An answer is applied once, and only where the four fields are those that were asked about. Where the centre does not
know somebody either, everything stays as it was. What it said goes on to hold when other fields of the person are
changed, or when a pack comes that does not know the person (`recall_answers`).
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.domain.identity import ASKABLE, FIELD_OF_ANSWER
from edge.domain.outbox import BundleState
from edge.domain.questions import evidence_reference, key_digest
from edge.store import audit, identity_checks, people, questions
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.identity_checks import CheckResult
from edge.store.people import Person
from edge.store.questions import StoredQuestion
from sync_protocol.identity import EvidenceSource, IdentityState
from sync_protocol.population import PackAnswer
from sync_protocol.questions import parse_answers


def take_answers(tables: Tables, body: bytes, *, item: int, at: int, actor: str) -> None:
    """Keep the answers of an item, in the transaction that keeps the item, and apply those whose receipt is here.

    The answer to a question that has one already, or that this store never asked, is passed over.

    Args:
        body: of the item.
        item: its number.
        at: epoch seconds UTC.
        actor: who brought it.

    Raises:
        ProtocolError: a code of form; nothing was written.
    """
    answered_at, answers = parse_answers(body)
    kept = []
    for said in answers:
        question = questions.find(tables, said.reference)
        if question is not None and question.answer is None:
            questions.note_answer(tables, question, said.answer, answered_at=answered_at, item=item)
            kept.append(said.reference)
    _apply(tables, [found for one in kept if (found := questions.find(tables, one)) is not None], at=at, actor=actor)


def take_receipt(tables: Tables, epoch: int, bundle: int, *, at: int, actor: str) -> None:
    """The receipt of a bundle has just come: apply what was answered to its questions before."""
    _apply(tables, questions.of_bundle(tables, epoch, bundle), at=at, actor=actor)


def recall_answers(tables: Tables, asked: Sequence[Person], *, at: int, actor: str) -> None:
    """Let what the centre answered about the same data hold for these people, as they are in the store now.

    Args:
        asked: whom no pack knows.
        at: epoch seconds UTC.
        actor: who changed or compared them.
    """
    held = []
    for person in asked:
        question = questions.with_digest(tables, person.person_id, key_digest(person.recipient))
        if question is None or question.is_left:
            continue
        questions.hold_again(tables, question)
        if question.is_settled and question.answer is not PackAnswer.UNKNOWN:
            held.append((person, question))
    _keep(tables, held, at=at, actor=actor)


def _apply(tables: Tables, answered: Sequence[StoredQuestion], *, at: int, actor: str) -> None:
    ready = [
        one
        for one in answered
        if one.answer is not None and not one.is_settled and one.state is BundleState.RECEIPTED and not one.is_left
    ]
    found = {one.person_id: one for one in people.with_ids(tables, [one.person_id for one in ready])}
    held = [(person, one) for one in ready if _is_about(person := found[one.person_id], one)]
    _keep(tables, held, at=at, actor=actor)
    questions.note_settled(tables, ready)


def _is_about(person: Person, question: StoredQuestion) -> bool:
    """Whether the question is about the person as they are now, and a pack has not said meanwhile that they match."""
    return person.identity_state in ASKABLE and key_digest(person.recipient) == question.digest


def _keep(tables: Tables, held: Sequence[tuple[Person, StoredQuestion]], *, at: int, actor: str) -> None:
    if not held:
        return
    results = [_result(tables, person, question) for person, question in held]
    identity_checks.add_many(tables, results, at=at, by=actor)
    acts: list[audit.Act] = [
        (Action.IDENTITY_ANSWERED, f"person:{result.person.person_id}", result.reference) for result in results
    ]
    audit.append_many(tables, acts, actor=actor, at=at)


def _result(tables: Tables, person: Person, question: StoredQuestion) -> CheckResult:
    assert question.answer is not None
    state, differs = question.answer.state, FIELD_OF_ANSWER[question.answer]
    if question.answer is PackAnswer.UNKNOWN and person.identity_state is IdentityState.MISMATCH:
        # The pack has found a difference: that the centre does not find the person at all takes nothing of it back.
        newest = identity_checks.newest(tables, person.person_id)
        state, differs = person.identity_state, "" if newest is None else newest.field
    reference = evidence_reference(question.reference)
    return CheckResult(person, state, EvidenceSource.ANSWER, reference=reference, field=differs)
