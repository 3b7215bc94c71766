"""Corrects a dose: a new version that names the old one, with reason and author. Nothing is ever edited."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.domain.dosing import DoseFacts, judge
from edge.domain.recordable import check_recordable, is_submission_key, tidy
from edge.domain.refusals import AnyCode, EdgeCode, refuse
from edge.store import audit, doses, people
from edge.store.database import Database
from edge.store.people import PersonId
from edge.workflow.begin_observation import hand_over
from edge.workflow.record_dose import Recorded, history_of, require_confirmed
from edge.workflow.renumber_dose import is_taken
from sync_protocol.catalogue import Catalogue
from sync_protocol.errors import Code


@dataclass(frozen=True, slots=True)
class Correction:
    """What a client submits.

    Attributes:
        key: made by the client, as in `Submission`.
        sequence: the version that is wrong; it must be the newest one.
        facts: the dose as it really was, all of it.
        reason: why, in words; goes into the signed record.
        person_id: another person, where the dose was recorded for the wrong one; else None.
        confirmed: codes of the warnings that a person has read and confirmed.
    """

    key: str
    sequence: int
    facts: DoseFacts
    reason: str
    person_id: PersonId | None = None
    confirmed: frozenset[AnyCode] = frozenset()


def correct_dose(database: Database, correction: Correction, *, catalogue: Catalogue, at: int, by: str) -> Recorded:
    """Write the new version; the same key again gives the first one back.

    Also the way to carry a corrected person into a dose that was signed before: same facts, a reason.

    Raises:
        RefusedError: DOSE_UNKNOWN, DOSE_REPLACED (somebody was faster: open the newest version), REASON_MISSING,
            SUBMISSION_OTHER, PERSON_UNKNOWN, or findings as in `record_dose`. Nothing was written.
        StoreError: as in `record_dose`.
    """
    if not is_submission_key(correction.key):
        raise refuse(Code.FIELD_INVALID, "submission")
    facts, reason = tidy(correction.facts), " ".join(correction.reason.split())
    if not reason:
        raise refuse(EdgeCode.REASON_MISSING, "reason")
    with database.write_transaction() as tables:
        earlier = doses.submitted(tables, correction.key)
        if earlier is not None:
            is_other = correction.person_id not in (None, earlier.person_id)
            if is_other or earlier.replaces != correction.sequence or earlier.facts != facts:
                raise refuse(EdgeCode.SUBMISSION_OTHER, "submission")
            return Recorded(earlier.sequence, earlier.person_id, is_repeat=True)
        old = doses.get(tables, correction.sequence)
        if old is None:
            raise refuse(EdgeCode.DOSE_UNKNOWN, "dose")
        if doses.replaced_by(tables, old.sequence) is not None:
            raise refuse(EdgeCode.DOSE_REPLACED, "dose")
        if is_taken(tables, old.sequence):
            # A version that names this number would correct another dose at the centre.
            raise refuse(Code.DOSE_REPEATED, "dose")
        person = people.get(tables, correction.person_id or old.person_id)
        if person is None:
            raise refuse(EdgeCode.PERSON_UNKNOWN, "person")
        findings = [*check_recordable(person.recipient, facts, by=by, at=at, replace_reason=reason)]
        # Where only a reaction is added there is nothing new to judge, and a reaction must never be turned away.
        if person.person_id != old.person_id or facts != replace(old.facts, reaction=facts.reaction):
            history = history_of(tables, person.person_id, without=old.sequence)
            findings += judge(facts, history, birth_date=person.recipient.birth_date, catalogue=catalogue, now=at)
        # A late correction is always late, and its reason is the reason of the correction.
        findings = [finding for finding in findings if finding.code is not EdgeCode.LATE_REASON]
        require_confirmed(findings, correction.confirmed)
        sequence = doses.add(
            tables,
            person.person_id,
            facts,
            at=at,
            by=by,
            submission=correction.key,
            replaces=old.sequence,
            replace_reason=reason,
        )
        audit.append(
            tables, audit.Action.DOSE_CORRECTED, f"dose:{sequence}", actor=by, at=at, details=f"replaces {old.sequence}"
        )
        if person.person_id != old.person_id:
            hand_over(tables, old, person.person_id, sequence=sequence, at=at, by=by)
    return Recorded(sequence, person.person_id, is_repeat=False)
