"""The time after the injection: a reaction is written down, somebody goes home, or is called back.

Each is one transaction. A second click finds what the first one did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from edge.domain.observation import REMARK_CHARS, Reaction, encode_reaction, is_severe, may_return, needs_reason
from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, doses, page_queries, visits
from edge.store.database import Database, Tables
from edge.store.visits import Visit, VisitId, VisitState
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.record_dose import Recorded
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.errors import Code

# The reason of every correcting version that only carries a reaction; it stands in the signed record.
REACTION_REASON: Final = "Ghi phản ứng sau tiêm"


@dataclass(frozen=True, slots=True)
class ReactionReport:
    """What a client submits.

    Attributes:
        key: made by the client, as in `Submission`.
        sequence: the version of the dose that was on the screen.
        reaction: what was seen.
    """

    key: str
    sequence: int
    reaction: Reaction


def record_reaction(database: Database, report: ReactionReport, *, catalogue: Catalogue, at: int, by: str) -> Recorded:
    """Write the reaction into a correcting version of the dose; the same key again gives the first one back.

    Raises:
        RefusedError: DOSE_UNKNOWN, DOSE_REPLACED, SUBMISSION_OTHER as in `correct_dose`. Nothing was written.
        StoreError: as in `correct_dose`.
    """
    with database.read() as tables:
        old = doses.get(tables, report.sequence)
    if old is None:
        raise refuse(EdgeCode.DOSE_UNKNOWN, "dose")
    facts = replace(old.facts, reaction=encode_reaction(report.reaction))
    correction = Correction(report.key, report.sequence, facts, REACTION_REASON)
    return correct_dose(database, correction, catalogue=catalogue, at=at, by=by)


def let_go(database: Database, visit_id: VisitId, *, remark: str, at: int, by: str) -> Visit:
    """Let somebody who is observed go home; who has left already stays as it is.

    Args:
        remark: why, where it is before the time or with a severe reaction; else "" or what was seen.
        at: epoch seconds UTC.

    Raises:
        RefusedError: VISIT_GONE, LEAVE_REASON, or FIELD_INVALID for a remark that is too long. Nothing was written.
    """
    said = " ".join(remark.split())
    if len(said) > REMARK_CHARS or not said.isprintable():
        raise refuse(Code.FIELD_INVALID, "remark")
    with database.write_transaction() as tables:
        visit = _found(tables, visit_id)
        if visit.state is VisitState.LEFT:
            return visit
        if visit.state is not VisitState.OBSERVED:
            raise refuse(EdgeCode.VISIT_GONE, "visit")
        assert visit.leave_at is not None
        if not said and needs_reason(visit.leave_at, reaction=reaction_of(tables, visit), now=at):
            raise refuse(EdgeCode.LEAVE_REASON, "remark")
        visits.leave(tables, visit_id, at=at, by=by, remark=said)
        audit.append(tables, audit.Action.VISIT_LEFT, f"visit:{visit_id}", actor=by, at=at)
        return _found(tables, visit_id)


def let_all_go(database: Database, *, at: int, by: str) -> int:
    """Let everybody go who may leave without a reason; gives how many. Each can be called back for some minutes.

    Args:
        at: epoch seconds UTC.
        by: who lets them go.
    """
    with database.write_transaction() as tables:
        due = [one for one in visits.observed(tables, local_day(at)) if one.leave_at is not None and one.leave_at <= at]
        newest = page_queries.newest_versions(tables, [one.sequence or 0 for one in due])
        reactions = [dose.reaction for dose in doses.assemble(tables, newest)]
        left = [visit for visit, reaction in zip(due, reactions, strict=True) if not is_severe(reaction)]
        for visit in left:
            visits.leave(tables, visit.visit_id, at=at, by=by)
        acts = [(audit.Action.VISIT_LEFT, f"visit:{visit.visit_id}", "") for visit in left]
        audit.append_many(tables, acts, actor=by, at=at)
    return len(left)


def call_back(database: Database, visit_id: VisitId, *, at: int, by: str) -> Visit:
    """Undo `let_go` for some minutes; who is observed already stays as it is.

    Raises:
        RefusedError: VISIT_GONE, also where the person stands in the line anew; RETURN_LATE. Nothing was written.
    """
    with database.write_transaction() as tables:
        visit = _found(tables, visit_id)
        if visit.state is VisitState.OBSERVED:
            return visit
        if visit.state is not VisitState.LEFT or visits.open_of_person(tables, visit.person_id) is not None:
            raise refuse(EdgeCode.VISIT_GONE, "visit")
        assert visit.ended_at is not None
        if not may_return(visit.ended_at, now=at):
            raise refuse(EdgeCode.RETURN_LATE, "visit")
        visits.come_back(tables, visit_id)
        audit.append(tables, audit.Action.VISIT_RETURNED, f"visit:{visit_id}", actor=by, at=at)
        return _found(tables, visit_id)


def reaction_of(tables: Tables, visit: Visit) -> str:
    """What the newest version of the dose of a visit says of a reaction, or ""."""
    newest = doses.get(tables, page_queries.newest_version(tables, visit.sequence or 0))
    return "" if newest is None else newest.facts.reaction


def _found(tables: Tables, visit_id: VisitId) -> Visit:
    visit = visits.get(tables, visit_id)
    if visit is None:
        raise refuse(EdgeCode.VISIT_GONE, "visit")
    return visit
