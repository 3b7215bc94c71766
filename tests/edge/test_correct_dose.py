"""Correcting a dose and a person: new versions, never edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.domain.refusals import AnyCode, EdgeCode, RefusedError
from edge.store import audit, doses, people
from edge.workflow.change_person import change_person
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.record_dose import Recorded, Submission
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = make_clinic(tmp_path)
    made.record(Submission("form-0001", villager(1), facts()))
    return made


def _correct(clinic: Clinic, at: int = NOW, **changes: Any) -> Recorded:
    correction: dict[str, Any] = {
        "key": "correction-1",
        "sequence": 1,
        "facts": facts(lot="RIGHT01"),
        "reason": "ghi nhầm lô",
    }
    return correct_dose(
        clinic.database, Correction(**(correction | changes)), catalogue=clinic.catalogue, at=at, by="Trưởng trạm"
    )


def _refused(clinic: Clinic, **changes: Any) -> list[AnyCode]:
    with pytest.raises(RefusedError) as caught:
        _correct(clinic, **changes)
    return [finding.code for finding in caught.value.findings]


def test_a_correction_is_a_new_version_that_names_the_old_one(clinic: Clinic) -> None:
    assert _correct(clinic).sequence == 2
    with clinic.database.read() as tables:
        old, new = doses.assemble(tables, [1, 2])
        live = doses.of_person(tables, people.with_number(tables, villager(1).number)[0].person_id)
        newest = audit.entries(tables)[-1]
    assert (old.lot, old.replaces) == ("ABX1234", None)
    assert (new.lot, new.replaces, new.replace_reason, new.recorded_by) == ("RIGHT01", 1, "ghi nhầm lô", "Trưởng trạm")
    assert [dose.sequence for dose in live] == [2]
    assert (newest.action, newest.subject, newest.details) == ("dose-corrected", "dose:2", "replaces 1")


def test_the_same_correction_again_gives_the_first_one_back(clinic: Clinic) -> None:
    first = _correct(clinic)
    assert _correct(clinic) == Recorded(first.sequence, first.person_id, is_repeat=True)
    assert clinic.count("doses") == 2


def test_a_key_that_was_used_for_another_correction_is_refused(clinic: Clinic) -> None:
    _correct(clinic)
    assert _refused(clinic, facts=facts(lot="THIRD")) == [EdgeCode.SUBMISSION_OTHER]
    assert _refused(clinic, key="form-0001") == [EdgeCode.SUBMISSION_OTHER]


def test_only_the_newest_version_can_be_corrected(clinic: Clinic) -> None:
    _correct(clinic)
    assert _refused(clinic, key="correction-2") == [EdgeCode.DOSE_REPLACED]
    assert _correct(clinic, key="correction-2", sequence=2, facts=facts(lot="THIRD")).sequence == 3


def test_what_cannot_be_corrected_says_why(clinic: Clinic) -> None:
    assert _refused(clinic, sequence=9) == [EdgeCode.DOSE_UNKNOWN]
    assert _refused(clinic, reason="  ") == [EdgeCode.REASON_MISSING]
    assert _refused(clinic, facts=facts(product="XX")) == [Code.PRODUCT_UNKNOWN]
    assert _refused(clinic, person_id=people.PersonId(77)) == [EdgeCode.PERSON_UNKNOWN]
    assert _refused(clinic, reason="x" * 301) == [Code.FIELD_INVALID]
    assert clinic.count("doses") == 1


def test_the_rules_see_the_history_without_the_version_that_goes(clinic: Clinic) -> None:
    assert _correct(clinic, facts=facts(dose_number=2)).sequence == 2


def test_a_late_correction_needs_its_own_reason_only(clinic: Clinic) -> None:
    assert _correct(clinic, at=NOW + 3 * DAY_SECONDS).sequence == 2


def test_a_dose_of_the_wrong_person_goes_to_the_right_one(clinic: Clinic) -> None:
    other = clinic.record(Submission("form-0002", villager(2), facts(given_at=NOW - 40 * DAY_SECONDS, late_reason="x")))
    moved = _correct(clinic, facts=facts(dose_number=2), person_id=other.person_id, reason="nhầm người")
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [moved.sequence])[0].recipient == villager(2)
        assert doses.of_person(tables, people.with_number(tables, villager(1).number)[0].person_id) == []


def test_a_corrected_person_is_asked_again_at_once(clinic: Clinic) -> None:
    clinic.give_pack([villager(1, name="Nguyễn Thị Đúng")])
    changed = _change(clinic, villager(1, name="Nguyễn Thị Đúng"))
    assert changed.identity_state is IdentityState.MATCHED
    assert changed.revision == 2
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [1])[0].recipient.name == "Nguyễn Thị Đúng"
    # A further change begins again from the paper: the old answer was about another description.
    changed = _change(clinic, villager(1, name="Nguyễn Thị Đúng", number="12345"), revision=2)
    assert changed.identity_state is IdentityState.MALFORMED


def test_of_two_desks_that_edit_one_person_the_second_is_told(clinic: Clinic) -> None:
    _change(clinic, villager(1, phone="0911111111"))
    with pytest.raises(RefusedError) as caught:
        _change(clinic, villager(1, phone="0922222222"))
    assert caught.value.findings[0].code is EdgeCode.PERSON_CHANGED
    # The same edit twice, as by a double click, is no conflict.
    assert _change(clinic, villager(1, phone="0911111111")).revision == 2


def test_a_change_that_no_dose_record_may_hold_is_refused(clinic: Clinic) -> None:
    with pytest.raises(RefusedError) as caught:
        _change(clinic, villager(1, birth_date="1985-02-31"))
    assert (caught.value.findings[0].code, caught.value.findings[0].field) == (Code.FIELD_INVALID, "birth_date")


def _change(clinic: Clinic, recipient: Any, *, revision: int = 1) -> people.Person:
    return change_person(clinic.database, people.PersonId(1), recipient, revision=revision, at=NOW, by=NURSE)
