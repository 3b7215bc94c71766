"""What happens after the injection: reactions as text, leaving, coming back, and whose visit a dose moves."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from edge.domain.observation import (
    OTHER_CHARS,
    TREATMENT_CHARS,
    UNDO_SECONDS,
    Outcome,
    Reaction,
    ReactionKind,
    Severity,
    encode_reaction,
    is_severe,
    parse_reaction,
    read_reaction,
)
from edge.domain.refusals import AnyCode, EdgeCode, RefusedError
from edge.store import audit, doses, people, settings, visits
from edge.store.people import PersonId
from edge.store.settings import Setting
from edge.store.visits import Visit, VisitId, VisitState
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.observe import REACTION_REASON, ReactionReport, call_back, let_go, record_reaction
from edge.workflow.record_dose import Recorded, Submission
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState
from sync_protocol.limits import LONG_CHARS
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager

DAY = "2022-04-15"
OBSERVATION_SECONDS = 30 * 60
FEVER = Reaction((ReactionKind.FEVER,), Severity.MILD, Outcome.WATCHED)
SHOCK = Reaction((ReactionKind.ANAPHYLAXIS,), Severity.MODERATE, Outcome.REFERRED, "", "16:30", "adrenaline 0,5 mg")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


def arrive(clinic: Clinic, number: int = 1) -> Visit:
    """A villager who is written and stands in the line."""
    with clinic.database.write_transaction() as tables:
        person_id = people.add(tables, villager(number), state=IdentityState.WAITING, at=NOW - 900, by=NURSE)
        return visits.arrive(tables, person_id, day=DAY, at=NOW - 900, by=NURSE)


def give(clinic: Clinic, person: Any, key: str = "dose-0001", **changes: Any) -> Recorded:
    return clinic.record(Submission(key, person, facts(**{"given_at": NOW, **changes})))


def visit(clinic: Clinic, visit_id: int) -> Visit:
    with clinic.database.read() as tables:
        found = visits.get(tables, VisitId(visit_id))
    assert found is not None
    return found


def codes(error: RefusedError) -> list[AnyCode]:
    return [finding.code for finding in error.findings]


def test_every_reaction_is_read_back_as_it_was_written_and_fits_the_record() -> None:
    longest = 0
    for severity, outcome, began in product(Severity, Outcome, ("", "09:40")):
        for first, kind in enumerate(ReactionKind):
            kinds = tuple(ReactionKind)[first:] if first % 2 else (kind,)
            other = "x" * OTHER_CHARS if ReactionKind.OTHER in kinds else ""
            for treatment in ("", "y" * TREATMENT_CHARS):
                reaction = Reaction(kinds, severity, outcome, other, began, treatment)
                text = encode_reaction(reaction)
                assert parse_reaction(text) == reaction
                longest = max(longest, len(text))
    everything = Reaction(
        tuple(ReactionKind), Severity.SEVERE, Outcome.REFERRED, "x" * OTHER_CHARS, "09:40", "y" * TREATMENT_CHARS
    )
    assert parse_reaction(encode_reaction(everything)) == everything
    assert longest < len(encode_reaction(everything)) <= LONG_CHARS


@pytest.mark.parametrize(
    "text", ["", "sốt nhẹ", "sốt; mức lạ; kết quả: đã ổn định", "sốt, lạ; mức nhẹ; kết quả: đã ổn định", "; ; ;"]
)
def test_a_text_that_somebody_wrote_freely_is_no_reaction_of_ours(text: str) -> None:
    assert parse_reaction(text) is None
    assert not is_severe(text)


def test_what_parts_the_line_cannot_be_typed_into_it() -> None:
    reaction = read_reaction(
        ["other", "fever"],
        severity="mild",
        outcome="well",
        other="đau đầu; mức nặng",
        began="16:30",
        treatment="nghỉ;  uống nước",
        given_at=NOW,
        now=NOW,
    )
    assert (reaction.other, reaction.treatment) == ("đau đầu, mức nặng", "nghỉ, uống nước")
    assert parse_reaction(encode_reaction(reaction)) == reaction
    assert not is_severe(encode_reaction(reaction))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kinds": []}, "kinds"),
        ({"kinds": ["of-tomorrow"]}, "kinds"),
        ({"kinds": ["other"]}, "other"),
        ({"kinds": ["other"], "other": "x" * 41}, "other"),
        ({"severity": ""}, "severity"),
        ({"outcome": "unknown"}, "outcome"),
        ({"treatment": "x" * 101}, "treatment"),
        ({"began": "25:99"}, "began"),
        ({"began": "16:00"}, "began"),
        ({"began": "17:00"}, "began"),
    ],
)
def test_what_no_reaction_can_be_is_named_by_its_field(changes: dict[str, Any], field: str) -> None:
    texts: dict[str, Any] = {
        "kinds": ["fever"], "severity": "mild", "outcome": "well", "other": "", "began": "", "treatment": "",
    }  # fmt: skip
    texts |= changes
    with pytest.raises(RefusedError) as caught:
        read_reaction(texts.pop("kinds"), **texts, given_at=NOW, now=NOW + 600)
    assert [finding.field for finding in caught.value.findings] == [field]


def test_a_dose_moves_the_person_from_the_line_to_the_observed(clinic: Clinic) -> None:
    waiting = arrive(clinic)
    recorded = give(clinic, waiting.person_id)
    moved = visit(clinic, waiting.visit_id)
    assert (moved.state, moved.sequence) == (VisitState.OBSERVED, recorded.sequence)
    assert moved.leave_at == NOW + OBSERVATION_SECONDS
    with clinic.database.read() as tables:
        assert [entry.action for entry in audit.entries(tables)][-2:] == ["dose-recorded", "visit-observed"]


def test_a_site_may_settle_another_time(clinic: Clinic) -> None:
    with clinic.database.write_transaction() as tables:
        settings.put(tables, Setting.OBSERVATION_MINUTES, 15, at=NOW, by=NURSE)
    give(clinic, villager(1))
    assert visit(clinic, 1).leave_at == NOW + 15 * 60


def test_who_came_straight_to_the_table_is_observed_too(clinic: Clinic) -> None:
    give(clinic, villager(1))
    assert visit(clinic, 1).state is VisitState.OBSERVED


@pytest.mark.parametrize(
    "late", [{"given_at": NOW - DAY_SECONDS, "late_reason": "mất điện"}, {"given_at": NOW - OBSERVATION_SECONDS}]
)
def test_a_dose_whose_observation_is_long_over_makes_no_visit(clinic: Clinic, late: dict[str, Any]) -> None:
    give(clinic, villager(1), **late)
    assert clinic.count("visits") == 0


def test_a_late_entry_leaves_somebody_who_waits_today_in_the_line(clinic: Clinic) -> None:
    waiting = arrive(clinic)
    give(clinic, waiting.person_id, given_at=NOW - 60 * DAY_SECONDS, late_reason="sổ giấy")
    assert visit(clinic, waiting.visit_id).state is VisitState.WAITING
    # What was given this morning and entered only now is of today: the person does not wait any more.
    give(clinic, waiting.person_id, "dose-0002", given_at=NOW - 3_600, dose_number=2)
    assert visit(clinic, waiting.visit_id).state is VisitState.OBSERVED


def test_the_same_dose_twice_moves_one_visit(clinic: Clinic) -> None:
    first = give(clinic, villager(1))
    submission = Submission("dose-0001", villager(1), facts(given_at=NOW + 61), is_given_now=True)
    assert clinic.record(submission, at=NOW + 61) == Recorded(first.sequence, first.person_id, is_repeat=True)
    assert (clinic.count("visits"), clinic.count("doses")) == (1, 1)


def test_nobody_leaves_before_the_time_without_a_reason(clinic: Clinic) -> None:
    give(clinic, villager(1))
    with pytest.raises(RefusedError) as caught:
        let_go(clinic.database, VisitId(1), remark=" ", at=NOW + OBSERVATION_SECONDS - 1, by=NURSE)
    assert codes(caught.value) == [EdgeCode.LEAVE_REASON]
    assert visit(clinic, 1).state is VisitState.OBSERVED
    left = let_go(clinic.database, VisitId(1), remark="chuyển  cấp cứu", at=NOW + 60, by=NURSE)
    assert (left.state, left.remark, left.ended_by) == (VisitState.LEFT, "chuyển cấp cứu", NURSE)


def test_after_the_time_one_click_is_enough_and_a_second_one_changes_nothing(clinic: Clinic) -> None:
    give(clinic, villager(1))
    at = NOW + OBSERVATION_SECONDS
    left = let_go(clinic.database, VisitId(1), remark="", at=at, by=NURSE)
    entries = clinic.count("audit")
    assert let_go(clinic.database, VisitId(1), remark="", at=at + 5, by="Bàn khác") == left
    assert clinic.count("audit") == entries


def test_leaving_can_be_undone_for_some_minutes(clinic: Clinic) -> None:
    give(clinic, villager(1))
    at = NOW + OBSERVATION_SECONDS
    let_go(clinic.database, VisitId(1), remark="", at=at, by=NURSE)
    for _ in range(2):
        back = call_back(clinic.database, VisitId(1), at=at + UNDO_SECONDS - 1, by=NURSE)
        assert (back.state, back.leave_at, back.ended_at) == (VisitState.OBSERVED, at, None)
    let_go(clinic.database, VisitId(1), remark="", at=at, by=NURSE)
    with pytest.raises(RefusedError) as caught:
        call_back(clinic.database, VisitId(1), at=at + UNDO_SECONDS, by=NURSE)
    assert codes(caught.value) == [EdgeCode.RETURN_LATE]


def test_who_is_not_observed_can_neither_leave_nor_come_back(clinic: Clinic) -> None:
    waiting = arrive(clinic)
    for visit_id in (waiting.visit_id, VisitId(99)):
        with pytest.raises(RefusedError) as caught:
            let_go(clinic.database, visit_id, remark="", at=NOW, by=NURSE)
        assert codes(caught.value) == [EdgeCode.VISIT_GONE]
        with pytest.raises(RefusedError) as caught:
            call_back(clinic.database, visit_id, at=NOW, by=NURSE)
        assert codes(caught.value) == [EdgeCode.VISIT_GONE]
    with pytest.raises(RefusedError) as caught:
        let_go(clinic.database, waiting.visit_id, remark="x" * 201, at=NOW, by=NURSE)
    assert codes(caught.value) == [Code.FIELD_INVALID]


def test_a_reaction_is_a_new_version_of_the_dose_and_the_same_form_twice_is_one(clinic: Clinic) -> None:
    give(clinic, villager(1))
    report = ReactionReport("reaction-1", 1, FEVER)
    first = record_reaction(clinic.database, report, catalogue=clinic.catalogue, at=NOW + 60, by=NURSE)
    again = record_reaction(clinic.database, report, catalogue=clinic.catalogue, at=NOW + 90, by=NURSE)
    assert again == Recorded(first.sequence, first.person_id, is_repeat=True)
    with clinic.database.read() as tables:
        new = doses.assemble(tables, [2])[0]
    assert (new.reaction, new.replaces, new.replace_reason) == (encode_reaction(FEVER), 1, REACTION_REASON)
    with pytest.raises(RefusedError) as caught:
        record_reaction(
            clinic.database, ReactionReport("reaction-2", 1, FEVER), catalogue=clinic.catalogue, at=NOW, by=NURSE
        )
    assert codes(caught.value) == [EdgeCode.DOSE_REPLACED]


def test_a_reaction_is_taken_whatever_the_rules_say_of_the_dose_by_now(clinic: Clinic) -> None:
    person = villager(number="054186000001")
    clinic.record(
        Submission("dose-0001", person, facts(given_at=NOW, lot_expiry=""),
                   confirmed=frozenset({EdgeCode.NUMBER_YEAR, EdgeCode.LOT_EXPIRY_UNKNOWN}))
    )  # fmt: skip
    report = ReactionReport("reaction-1", 1, SHOCK)
    assert record_reaction(clinic.database, report, catalogue=clinic.catalogue, at=NOW + 60, by=NURSE).sequence == 2


def test_a_severe_reaction_keeps_the_person_beyond_the_time(clinic: Clinic) -> None:
    give(clinic, villager(1))
    record_reaction(
        clinic.database, ReactionReport("reaction-1", 1, SHOCK), catalogue=clinic.catalogue, at=NOW + 60, by=NURSE
    )
    later = NOW + 2 * OBSERVATION_SECONDS
    with pytest.raises(RefusedError) as caught:
        let_go(clinic.database, VisitId(1), remark="", at=later, by=NURSE)
    assert codes(caught.value) == [EdgeCode.LEAVE_REASON]
    assert let_go(clinic.database, VisitId(1), remark="xe cấp cứu", at=later, by=NURSE).state is VisitState.LEFT


def move(clinic: Clinic, sequence: int, person_id: PersonId) -> Recorded:
    correction = Correction("move-0001", sequence, facts(given_at=NOW), "ghi nhầm người", person_id)
    return correct_dose(clinic.database, correction, catalogue=clinic.catalogue, at=NOW + 60, by=NURSE)


def test_a_dose_that_is_moved_takes_the_place_among_the_observed_along(clinic: Clinic) -> None:
    wrong, right = arrive(clinic, 1), arrive(clinic, 2)
    recorded = give(clinic, wrong.person_id)
    moved = move(clinic, recorded.sequence, right.person_id)
    # The one who was called by mistake still stands in the line, with the same number.
    assert (visit(clinic, wrong.visit_id).state, visit(clinic, wrong.visit_id).sequence) == (VisitState.WAITING, None)
    now_observed = visit(clinic, right.visit_id)
    assert (now_observed.state, now_observed.sequence) == (VisitState.OBSERVED, moved.sequence)
    assert now_observed.leave_at == NOW + OBSERVATION_SECONDS


def test_a_visit_that_only_the_mistake_had_made_is_cancelled(clinic: Clinic) -> None:
    right = arrive(clinic, 2)
    recorded = give(clinic, villager(1))
    move(clinic, recorded.sequence, right.person_id)
    assert visit(clinic, 2).state is VisitState.CANCELLED
    assert visit(clinic, right.visit_id).state is VisitState.OBSERVED


def test_a_key_that_moved_a_dose_to_somebody_moves_it_to_nobody_else(clinic: Clinic) -> None:
    first, second = arrive(clinic, 2), arrive(clinic, 3)
    recorded = give(clinic, villager(1))
    moved = move(clinic, recorded.sequence, first.person_id)
    assert move(clinic, recorded.sequence, first.person_id).sequence == moved.sequence
    with pytest.raises(RefusedError) as caught:
        move(clinic, recorded.sequence, second.person_id)
    assert codes(caught.value) == [EdgeCode.SUBMISSION_OTHER]
