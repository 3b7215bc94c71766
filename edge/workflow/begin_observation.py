"""What a dose does to the line: whoever has just got it is observed. Part of the transaction that writes the dose."""

from __future__ import annotations

from typing import Final

from edge.domain.observation import begins_observation
from edge.store import audit, settings, visits
from edge.store.database import Tables
from edge.store.doses import StoredDose
from edge.store.people import PersonId
from edge.store.settings import Setting
from edge.store.visits import Visit, VisitState
from sync_protocol.days import local_day

# Kept as the remark of a visit that only the mistake had made.
MISTAKEN: Final = "Ghi nhầm người"


def begin_observation(
    tables: Tables, person_id: PersonId, sequence: int, *, given_at: int, at: int, by: str
) -> list[audit.Act]:
    """Move the person's visit of today to the observed; one who came straight to the table gets a visit now.

    A dose of an earlier day moves nobody; one of today whose time of observation is over moves who stands in the line,
    but makes no visit: that person has gone long ago.

    Args:
        tables: of the transaction that writes the dose.
        given_at, at: epoch seconds UTC.
        by: who records.
    """
    today = local_day(at)
    if local_day(given_at) != today:
        return []
    visit = visits.open_of_person(tables, person_id)
    until = given_at + settings.get(tables, Setting.OBSERVATION_MINUTES) * 60
    if begins_observation(given_at, until, now=at):
        visit = visits.arrive(tables, person_id, day=today, at=at, by=by)
    if visit is None or visit.day != today or visit.state is not VisitState.WAITING:
        return []
    visits.give_dose(tables, visit.visit_id, sequence, leave_at=until)
    return [(audit.Action.VISIT_OBSERVED, _subject(visit), f"dose:{sequence}")]


def hand_over(tables: Tables, old: StoredDose, person_id: PersonId, *, sequence: int, at: int, by: str) -> None:
    """A dose turns out to be another person's: that one is observed, and the first waits again or was never here.

    Args:
        tables: of the transaction that writes the correcting version.
        old: the version that is replaced.
        person_id: whose dose it really is.
        sequence: the correcting version.
    """
    visit = visits.of_dose(tables, old.sequence)
    if visit is None or visit.state is not VisitState.OBSERVED:
        return
    visits.take_dose(tables, visit.visit_id)
    # A visit that the recording itself made says nothing of that person's coming.
    if visit.arrived_at == old.recorded_at:
        visits.cancel(tables, visit.visit_id, at=at, by=by, remark=MISTAKEN)
    acts = begin_observation(tables, person_id, sequence, given_at=old.facts.given_at, at=at, by=by)
    acts.insert(0, (audit.Action.VISIT_HANDED_OVER, _subject(visit), f"dose:{sequence}"))
    audit.append_many(tables, acts, actor=by, at=at)


def _subject(visit: Visit) -> str:
    return f"visit:{visit.visit_id}"
