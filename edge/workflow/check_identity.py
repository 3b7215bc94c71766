"""Compares waiting people with the population pack; the answers become the evidence of their doses.

Each batch is one transaction, so the site can go on recording between them. Running it again with the same pack asks
only for people who are new or were corrected.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from edge.domain.identity import ASKABLE, FIELD_OF_ANSWER, is_in_registry_scope, may_be_vouched, state_of_paper
from edge.domain.questions import key_of
from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, identity_checks, people, population
from edge.store.audit import Act
from edge.store.database import Database, Tables
from edge.store.identity_checks import CheckResult
from edge.store.people import Person, PersonId
from edge.store.population import PackState, StoredPack
from edge.workflow.take_answers import recall_answers
from sync_protocol.identity import EvidenceSource, IdentityState, Recipient
from sync_protocol.population import PackAnswer

BATCH_PEOPLE: Final = 500


@dataclass(slots=True)
class CheckSummary:
    """How many people were compared, by answer, and with which pack."""

    reference: str
    answers: Counter[PackAnswer] = field(default_factory=Counter)

    @property
    def checked(self) -> int:
        """How many people were compared."""
        return self.answers.total()


def check_identity(database: Database, *, at: int, by: str, limit: int = 200_000) -> CheckSummary:
    """Compare all people who wait or mismatch with the pack that holds, at most `limit` of them.

    Args:
        database: the node's store.
        at: epoch seconds UTC.
        by: who asks.
        limit: most people in this run.

    Raises:
        RefusedError: NO_PACK, or PACK_EXPIRED since an old pack proves nothing of today.
    """
    with database.read() as tables:
        pack = _valid_pack(tables, at)
    summary = CheckSummary(pack.reference)
    while summary.checked < limit:
        with database.write_transaction() as tables:
            # The pack may have been replaced since the last batch; each batch names the one it asked.
            pack = _valid_pack(tables, at)
            due = identity_checks.due(tables, pack.reference, limit=min(BATCH_PEOPLE, limit - summary.checked))
            if not due:
                return summary
            stored_pack = StoredPack(tables)
            answers = [stored_pack.check(key_of(person.recipient)) for person in due]
            acts = _keep(tables, due, answers, reference=pack.reference, at=at, by=by)
            audit.append_many(tables, acts, actor=by, at=at)
        summary.answers.update(answers)
    return summary


@dataclass(frozen=True, slots=True)
class Asked:
    """What the pack that holds says of one person; `reference` names the pack."""

    answer: PackAnswer
    reference: str


def ask_pack(tables: Tables, recipient: Recipient, *, at: int) -> Asked | None:
    """Compare one person at the chair, or right after a correction; nothing is written.

    Gives None where there is no valid pack, or the registry cannot know the person.
    """
    if not is_in_registry_scope(recipient) or state_of_paper(recipient) not in ASKABLE:
        return None
    pack = population.state(tables)
    if pack is None or at >= pack.expires_at:
        return None
    return Asked(StoredPack(tables).check(key_of(recipient)), pack.reference)


def keep_answer(tables: Tables, person: Person, asked: Asked, *, at: int, by: str) -> Act:
    """Store what the pack said of this revision of a person, in the caller's write transaction.

    Gives the audit act, which the caller appends.
    """
    return _keep(tables, [person], [asked.answer], reference=asked.reference, at=at, by=by)[0]


def check_person(database: Database, person_id: PersonId, *, at: int, by: str) -> Person:
    """Compare one person with the pack that holds, unless this revision was compared with it before.

    Without a valid pack, and where the registry cannot know the person, everything stays as it is.

    Raises:
        RefusedError: PERSON_UNKNOWN.
    """
    with database.write_transaction() as tables:
        person = _known(tables, person_id)
        asked = ask_pack(tables, person.recipient, at=at) if person.identity_state in ASKABLE else None
        if asked is None or identity_checks.has(tables, person, asked.reference):
            return person
        act = keep_answer(tables, person, asked, at=at, by=by)
        audit.append_many(tables, [act], actor=by, at=at)
        return _known(tables, person_id)


def vouch(database: Database, person_id: PersonId, *, at: int, by: str, revision: int | None = None) -> None:
    """The site vouches for a foreigner whom no registry knows; the person who vouches is named in the evidence.

    Args:
        revision: the one that was compared with the passport; None for whatever the store holds.

    Raises:
        RefusedError: PERSON_UNKNOWN, PERSON_CHANGED where the store holds another revision, or VOUCH_CITIZEN for
            anybody without a well-formed passport.
    """
    with database.write_transaction() as tables:
        person = _known(tables, person_id)
        if revision not in (None, person.revision):
            raise refuse(EdgeCode.PERSON_CHANGED, "person")
        if not may_be_vouched(person.recipient):
            raise refuse(EdgeCode.VOUCH_CITIZEN, "number")
        result = CheckResult(person, IdentityState.VOUCHED, EvidenceSource.VOUCHED, reference=by[:40])
        identity_checks.add_many(tables, [result], at=at, by=by)
        audit.append(tables, audit.Action.IDENTITY_VOUCHED, f"person:{person_id}", actor=by, at=at)


def _known(tables: Tables, person_id: PersonId) -> Person:
    person = people.get(tables, person_id)
    if person is None:
        raise refuse(EdgeCode.PERSON_UNKNOWN, "person")
    return person


def _valid_pack(tables: Tables, at: int) -> PackState:
    pack = population.state(tables)
    if pack is None:
        raise refuse(EdgeCode.NO_PACK, "population")
    if at >= pack.expires_at:
        raise refuse(EdgeCode.PACK_EXPIRED, "population")
    return pack


def _keep(
    tables: Tables, asked: list[Person], answers: list[PackAnswer], *, reference: str, at: int, by: str
) -> list[Act]:
    results = [
        CheckResult(person, answer.state, EvidenceSource.PACK, reference=reference, field=FIELD_OF_ANSWER[answer])
        for person, answer in zip(asked, answers, strict=True)
    ]
    identity_checks.add_many(tables, results, at=at, by=by)
    unknown = [one for one, answer in zip(asked, answers, strict=True) if answer is PackAnswer.UNKNOWN]
    recall_answers(tables, unknown, at=at, actor=by)
    return [(audit.Action.IDENTITY_CHECKED, f"person:{result.person.person_id}", reference) for result in results]
