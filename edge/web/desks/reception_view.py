"""What the reception desk shows of somebody who is known, and of the line: values for one page, in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.domain.dosing import GivenDose
from edge.domain.identity import ASKABLE, FIELD_OF_ANSWER, may_be_vouched
from edge.domain.identity_papers import PROVINCES
from edge.domain.person_rules import judge_person
from edge.store import identity_checks, people, roster, visits
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.store.roster import Counts
from edge.store.visits import Visit, VisitId, VisitState
from edge.web.desks.asked import AskedCentre, asked_centre
from edge.web.frame.form_words import finding_sentence
from edge.web.frame.sentences import Sentence, person_sentence
from edge.workflow.check_identity import ask_pack
from edge.workflow.record_dose import history_of
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.identity import IdentityState
from sync_protocol.population import PackAnswer


def known_provinces(catalogue: Catalogue) -> frozenset[str]:
    """Codes of birth registration that a number may begin with."""
    return PROVINCES | frozenset(catalogue.provinces)


# Whoever stands further back is not looked for on the page.
LINE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody who is known, as they stand at the desk.

    Attributes:
        identity: what the population pack says now, or what is known without one.
        doubts: what the papers say against themselves, as sentences.
        history: doses of this person at this site.
        visit: the latest visit of today that was not cancelled, or None.
        is_expected: whether the person is on today's roster.
        vouchable: whether the site still has to vouch for a passport.
        asked: what was asked at the centre, or None where there is nothing to ask.
    """

    person: Person
    identity: Sentence
    doubts: tuple[str, ...]
    history: tuple[GivenDose, ...]
    visit: Visit | None
    is_expected: bool
    vouchable: bool
    asked: AskedCentre | None

    @property
    def is_in_line(self) -> bool:
        """Whether the person waits or is observed already."""
        return self.visit is not None and self.visit.state in (VisitState.WAITING, VisitState.OBSERVED)


@dataclass(frozen=True, slots=True)
class Said:
    """What was done a moment ago: which visit, whose, how their identity stands, what was asked at the centre."""

    visit: Visit
    person: Person
    identity: Sentence
    vouchable: bool
    asked: AskedCentre | None


@dataclass(frozen=True, slots=True)
class Line:
    """Who waits today, first come first; `waiting` may be more than there are rows."""

    rows: tuple[tuple[Visit, Person], ...]
    waiting: int
    observed: int
    left: int
    roster: Counts


def card_of(tables: Tables, person: Person, *, catalogue: Catalogue, now: int) -> Card:
    """Read what the desk needs of somebody; the pack is asked, and nothing is written.

    Args:
        now: epoch seconds UTC.
    """
    today = local_day(now)
    identity, vouchable = identity_of(tables, person, now=now)
    findings = judge_person(person.recipient, today=today, provinces=known_provinces(catalogue))
    return Card(
        person,
        identity,
        tuple(finding_sentence(finding) for finding in findings),
        history=tuple(history_of(tables, person.person_id)),
        visit=visits.newest_of_person(tables, person.person_id, today),
        is_expected=roster.has(tables, today, person.person_id),
        vouchable=vouchable,
        asked=asked_centre(tables, person, now=now),
    )


def identity_of(tables: Tables, person: Person, *, now: int) -> tuple[Sentence, bool]:
    """What the pack that holds says of somebody, as a sentence; and whether the site may still vouch."""
    state, differs = person.identity_state, ""
    asked = ask_pack(tables, person.recipient, at=now) if state in ASKABLE else None
    if asked is not None and (asked.answer is not PackAnswer.UNKNOWN or state is IdentityState.WAITING):
        state, differs = asked.answer.state, FIELD_OF_ANSWER[asked.answer]
    elif state is IdentityState.MISMATCH:
        check = identity_checks.newest(tables, person.person_id)
        differs = "" if check is None else check.field
    vouchable = state is IdentityState.WAITING and may_be_vouched(person.recipient)
    return person_sentence(state, differs, vouchable=vouchable), vouchable


def said_of(tables: Tables, visit_id: VisitId, *, now: int) -> Said | None:
    """What to say of a visit that was just opened or cancelled; None where there is no such visit."""
    visit = visits.get(tables, visit_id)
    person = None if visit is None else people.get(tables, visit.person_id)
    if visit is None or person is None:
        return None
    identity, vouchable = identity_of(tables, person, now=now)
    return Said(visit, person, identity, vouchable, asked_centre(tables, person, now=now))


def line_of(tables: Tables, *, now: int) -> Line:
    """The line of today."""
    today = local_day(now)
    waiting = visits.waiting(tables, today)
    shown = waiting[:LINE_ROWS]
    found: dict[PersonId, Person] = {
        one.person_id: one for one in people.with_ids(tables, [visit.person_id for visit in shown])
    }
    counts = visits.count_states(tables, today)
    return Line(
        tuple((visit, found[visit.person_id]) for visit in shown),
        waiting=len(waiting),
        observed=counts.get(VisitState.OBSERVED, 0),
        left=counts.get(VisitState.LEFT, 0),
        roster=roster.counts(tables, today),
    )
