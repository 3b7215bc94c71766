"""Recording a dose: one transaction, one fsync, once."""

from __future__ import annotations

import contextlib
import threading
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from edge.domain.refusals import AnyCode, EdgeCode, RefusedError
from edge.store import audit, doses, identity_checks, people
from edge.workflow.record_dose import Recorded, Submission, record_dose
from sync_protocol.dose import encode_dose
from sync_protocol.errors import Code
from sync_protocol.identity import EvidenceSource, IdentityState, PaperKind
from tests.edge.clinic import (
    DAY_SECONDS,
    NOW,
    NURSE,
    Clinic,
    Cut,
    CutAt,
    facts,
    make_clinic,
    open_database,
    villager,
)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


def _codes(error: RefusedError) -> list[AnyCode]:
    return [finding.code for finding in error.findings]


def test_a_dose_is_stored_with_its_person_and_audit_entry(clinic: Clinic) -> None:
    before = clinic.count("audit")
    recorded = clinic.record(Submission("form-0001", villager(), facts()))
    assert (recorded.sequence, recorded.is_repeat) == (1, False)
    with clinic.database.read() as tables:
        dose = doses.assemble(tables, [1])[0]
        assert (dose.dose_id, dose.facility, dose.recipient) == ("19001A-000001", "19001", villager())
        assert encode_dose(dose)
        actions = [entry.action for entry in audit.entries(tables, after=before)]
    assert actions == [audit.Action.PERSON_ADDED, audit.Action.DOSE_RECORDED]


def test_the_same_submission_again_gives_the_first_dose_back(clinic: Clinic) -> None:
    submission = Submission("form-0001", villager(), facts())
    first = clinic.record(submission)
    entries = clinic.count("audit")
    again = clinic.record(submission, at=NOW + 60)
    assert again == Recorded(first.sequence, first.person_id, is_repeat=True)
    assert (clinic.count("doses"), clinic.count("audit")) == (1, entries)


def test_a_key_that_was_used_for_another_dose_is_refused(clinic: Clinic) -> None:
    clinic.record(Submission("form-0001", villager(), facts()))
    for other in (Submission("form-0001", villager(2), facts()), Submission("form-0001", villager(), facts(lot="X9"))):
        with pytest.raises(RefusedError) as caught:
            clinic.record(other)
        assert _codes(caught.value) == [EdgeCode.SUBMISSION_OTHER]


def test_eight_double_clicks_at_once_record_one_dose(clinic: Clinic) -> None:
    catalogue = clinic.catalogue
    results: list[Recorded] = []

    def click() -> None:
        results.append(
            record_dose(
                clinic.database, Submission("form-0001", villager(), facts()), catalogue=catalogue, at=NOW, by=NURSE
            )
        )

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.sequence for result in results] == [1] * 8
    assert sorted(result.is_repeat for result in results) == [False] + [True] * 7
    assert clinic.count("doses") == 1


def test_sequences_have_no_gap_after_refusals(clinic: Clinic) -> None:
    clinic.record(Submission("form-0001", villager(1), facts()))
    with pytest.raises(RefusedError):
        clinic.record(Submission("form-0002", villager(2), facts(product="XX")))
    assert clinic.record(Submission("form-0003", villager(3), facts())).sequence == 2


def test_a_known_person_is_found_by_number_and_not_made_twice(clinic: Clinic) -> None:
    first = clinic.record(
        Submission("form-0001", villager(), facts(given_at=NOW - 60 * DAY_SECONDS, late_reason="sổ cũ"))
    )
    spelled = villager(name=unicodedata.normalize("NFD", villager().name.upper()))
    second = clinic.record(Submission("form-0002", spelled, facts(dose_number=2)))
    assert second.person_id == first.person_id
    third = Submission(
        "form-0003", first.person_id, facts(dose_number=3, dose_total=3), confirmed=frozenset({Code.DOSE_INTERVAL})
    )
    with pytest.raises(RefusedError) as caught:
        clinic.record(third)
    assert _codes(caught.value) == [Code.DOSE_DUPLICATE, Code.DOSE_INTERVAL]


@pytest.mark.parametrize(
    "person",
    [
        villager(name="Trần Văn Khác"),
        villager(number="054185999999"),
        villager(number="", paper=PaperKind.NONE),
    ],
)
def test_somebody_near_is_shown_before_a_new_person_is_made(clinic: Clinic, person: Any) -> None:
    clinic.record(Submission("form-0001", villager(), facts()))
    with pytest.raises(RefusedError) as caught:
        clinic.record(Submission("form-0002", person, facts()))
    assert EdgeCode.PERSON_NEAR in _codes(caught.value)
    recorded = clinic.record(Submission("form-0002", person, facts(), confirmed=frozenset({EdgeCode.PERSON_NEAR})))
    assert recorded.sequence == 2
    assert clinic.count("people") == 2


def test_a_warning_asks_for_confirmation_and_a_blocking_finding_cannot_be_confirmed(clinic: Clinic) -> None:
    person = villager(number="054186000001")
    with pytest.raises(RefusedError) as caught:
        clinic.record(Submission("form-0001", person, facts()))
    assert _codes(caught.value) == [EdgeCode.NUMBER_YEAR]
    clinic.record(Submission("form-0001", person, facts(), confirmed=frozenset({EdgeCode.NUMBER_YEAR})))
    with pytest.raises(RefusedError) as caught:
        clinic.record(
            Submission(
                "form-0002", villager(2), facts(lot_expiry="2022-01-01"), confirmed=frozenset({Code.LOT_EXPIRED})
            )
        )
    assert _codes(caught.value) == [Code.LOT_EXPIRED]


@pytest.mark.parametrize(
    ("person", "dose", "field"),
    [
        (villager(name=""), facts(), "name"),
        (villager(name="A" * 101), facts(), "name"),
        (villager(birth_date="1985-02-30"), facts(), "birth_date"),
        (villager(nationality="Việt"), facts(), "nationality"),
        (villager(guardian="Ba\x00Má"), facts(), "guardian"),
        (villager(), facts(lot=""), "lot"),
        (villager(), facts(lot="L" * 41), "lot"),
        (villager(), facts(reaction="x" * 301), "reaction"),
        (villager(), facts(lot_expiry="31/12/2022"), "lot_expiry"),
    ],
)
def test_what_no_dose_record_may_hold_is_refused_at_the_chair(
    clinic: Clinic, person: Any, dose: Any, field: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        clinic.record(Submission("form-0001", person, dose))
    assert field in [finding.field for finding in caught.value.findings if finding.blocking]
    assert person.name == "" or person.name not in str(caught.value)
    assert clinic.count("people") == clinic.count("doses") == 0


@pytest.mark.parametrize("key", ["", "short", "x" * 81, "has space", "tiếng-việt"])
def test_a_key_that_is_none_is_refused(clinic: Clinic, key: str) -> None:
    with pytest.raises(RefusedError):
        clinic.record(Submission(key, villager(), facts()))


def test_nobody_with_this_id_is_refused(clinic: Clinic) -> None:
    with pytest.raises(RefusedError) as caught:
        clinic.record(Submission("form-0001", people.PersonId(99), facts()))
    assert _codes(caught.value) == [EdgeCode.PERSON_UNKNOWN]


def test_a_new_person_is_compared_with_the_pack_at_the_chair(clinic: Clinic) -> None:
    clinic.give_pack([villager(1), villager(2)])
    clinic.record(Submission("form-0001", villager(1), facts()))
    clinic.record(Submission("form-0002", villager(2, name="Nguyễn Thị Sai"), facts()))
    with clinic.database.read() as tables:
        first, second = doses.assemble(tables, [1, 2])
        check = identity_checks.newest(tables, people.with_number(tables, villager(2).number)[0].person_id)
    assert (first.evidence.state, first.evidence.source) == (IdentityState.MATCHED, EvidenceSource.PACK)
    assert first.evidence.reference == "pack-1"
    assert second.evidence.state is IdentityState.MISMATCH
    assert check is not None
    assert check.field == "name"


def test_cut_off_at_every_statement_the_dose_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    clinic.give_pack([villager(number) for number in range(200)])
    catalogue = clinic.catalogue
    has_reached_the_end = False
    for statement in range(1, 200):
        before = _counts(clinic)
        broken = open_database(tmp_path)
        # Only the statements of the recording itself are counted: the connection is opened before.
        cut = broken.tables()._tracer = CutAt(statement)
        submission = Submission(f"form-{statement:04d}", villager(statement), facts())
        with contextlib.suppress(Cut):
            record_dose(broken, submission, catalogue=catalogue, at=NOW, by=NURSE)
        broken.close()
        difference = [new - old for new, old in zip(_counts(clinic), before, strict=True)]
        assert difference in ([0, 0, 0, 0], [1, 1, 3, 1])
        assert clinic.record(submission).is_repeat == (difference != [0, 0, 0, 0])
        has_reached_the_end = cut.seen < statement
        if has_reached_the_end:
            break
    # The harness went past the last statement, so it did cut at each one before.
    assert has_reached_the_end
    with clinic.database.read() as tables:
        audit.verify(tables)


def _counts(clinic: Clinic) -> list[int]:
    return [clinic.count(table) for table in ("people", "doses", "audit", "identity_checks")]
