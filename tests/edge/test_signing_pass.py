"""The rules of a signing turn, dose by dose, and the cutting into lawful passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.pass_journal import NEXT, OPEN, PassRefusedError, PassState, check_step
from edge.domain.signing_filter import SigningFilter, parse_filter
from edge.domain.signing_pass import Candidate, Line, Rules, person_key, plan, split
from edge.domain.waiting import WORDS, Waiting
from sync_protocol.batch import Purpose, count_people
from sync_protocol.days import local_day
from sync_protocol.dose import (
    Dose,
    EvidenceSource,
    IdentityEvidence,
    IdentityState,
    PaperKind,
    Recipient,
    Sex,
)
from sync_protocol.limits import BATCH_DOSES, BATCH_PEOPLE
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, FACILITY, MORNING, NODE

RULES = Rules(FACILITY, AFTERNOON, signing_start="2022-04-08")
BEFORE_START = MORNING - 30 * DAY_SECONDS
YESTERDAY = MORNING - DAY_SECONDS


def make_dose(sequence: int, *, person: int = 1, given_at: int = MORNING, late_reason: str = "") -> Dose:
    recipient = Recipient(
        "Nguyễn Văn Thử", None, Sex.M, "1990-01-01", PaperKind.CCCD, f"054190{person:06d}", "VN", "", "", "", 0
    )
    evidence = IdentityEvidence(IdentityState.MATCHED, EvidenceSource.PACK, "pack-1", given_at)
    return Dose(
        node=NODE,
        sequence=sequence,
        facility=FACILITY,
        recipient=recipient,
        product="AZ",
        lot="ABX1234",
        lot_expiry="",
        dose_number=1,
        dose_total=2,
        given_at=given_at,
        recorded_at=given_at,
        vaccinator="",
        station="",
        reaction="",
        recorded_by="Y tá",
        late_reason=late_reason,
        evidence=evidence,
        replaces=None,
        replace_reason="",
    )


def with_state(dose: Dose, state: IdentityState) -> Dose:
    return replace(dose, evidence=replace(dose.evidence, state=state))


GOOD = make_dose(1)
REFUSALS = [
    (Candidate(GOOD, in_live_batch=True), Waiting.SIGNED),
    (Candidate(GOOD, superseded=True), Waiting.SUPERSEDED),
    (Candidate(replace(GOOD, facility="19002")), Waiting.DOSE_FACILITY),
    (Candidate(with_state(GOOD, IdentityState.NO_NUMBER)), Waiting.IDENTITY_MISSING),
    (Candidate(with_state(GOOD, IdentityState.MALFORMED)), Waiting.IDENTITY_MALFORMED),
    (Candidate(with_state(GOOD, IdentityState.MISMATCH)), Waiting.IDENTITY_MISMATCH),
    (Candidate(with_state(GOOD, IdentityState.WAITING)), Waiting.IDENTITY_WAITING),
    (Candidate(replace(GOOD, given_at=AFTERNOON + 1)), Waiting.DOSE_DAY),
    (Candidate(make_dose(1, given_at=YESTERDAY)), Waiting.LATE_REASON),
]


@pytest.mark.parametrize(("candidate", "reason"), REFUSALS, ids=lambda value: str(value)[:20])
def test_each_rule_refuses_with_its_own_reason(candidate: Candidate, reason: Waiting) -> None:
    found = plan([candidate], RULES)
    assert found.passes == ()
    assert [(one.sequence, one.reason) for one in found.refused] == [(1, reason)]


def test_every_reason_has_words_and_a_cure() -> None:
    assert set(WORDS) == set(Waiting)
    assert all(words.vi and words.cure and words.en for words in WORDS.values())


@pytest.mark.parametrize("state", [IdentityState.MATCHED, IdentityState.VOUCHED])
def test_matched_people_and_vouched_foreigners_are_signed_for(state: IdentityState) -> None:
    assert plan([Candidate(with_state(GOOD, state))], RULES).doses == 1


def test_a_reason_typed_at_the_turn_or_at_recording_lets_late_doses_through() -> None:
    late = make_dose(1, given_at=YESTERDAY)
    assert plan([Candidate(late)], replace(RULES, late_reason="Mất điện")).passes[0].purpose is Purpose.BACKLOG
    recorded_late = make_dose(1, given_at=YESTERDAY, late_reason="Mất điện")
    assert plan([Candidate(recorded_late)], RULES).passes[0].purpose is Purpose.BACKLOG


def test_today_corrections_late_ones_and_the_old_backlog_are_signed_apart_and_in_this_order() -> None:
    candidates = [
        Candidate(make_dose(1, given_at=BEFORE_START)),
        Candidate(make_dose(2, given_at=YESTERDAY, late_reason="Mất điện")),
        Candidate(replace(make_dose(4), replaces=3, replace_reason="Sai lô")),
        Candidate(make_dose(5)),
    ]
    found = plan(candidates, RULES).passes
    assert [(one.purpose, one.sequences) for one in found] == [
        (Purpose.SAME_DAY, (5,)),
        (Purpose.CORRECTION, (4,)),
        (Purpose.BACKLOG, (2,)),
        (Purpose.BACKLOG, (1,)),
    ]
    assert (found[0].first_day, found[0].last_day) == (DAY, DAY)


def test_the_day_is_the_local_one() -> None:
    # 00:30 in Vietnam is still the day before in UTC.
    rules = replace(RULES, now=AFTERNOON - 16 * 3_600 + 1_800)
    just_after_midnight = make_dose(1, given_at=rules.now - 60)
    assert plan([Candidate(just_after_midnight)], rules).passes[0].purpose is Purpose.SAME_DAY


def test_a_thousand_and_one_people_take_two_turns() -> None:
    found = plan([Candidate(make_dose(number, person=number)) for number in range(1, 1_002)], RULES).passes
    assert [one.people for one in found] == [1_000, 1]


def test_three_thousand_doses_are_one_turn() -> None:
    found = plan([Candidate(make_dose(number, person=number // 3)) for number in range(3, 3_003)], RULES).passes
    assert [(one.people, len(one.doses)) for one in found] == [(1_000, 3_000)]


def test_a_fourth_dose_of_one_person_opens_a_turn_of_its_own() -> None:
    found = plan([Candidate(make_dose(number)) for number in range(1, 5)], RULES).passes
    assert [one.sequences for one in found] == [(1, 2, 3), (4,)]


@given(st.lists(st.integers(1, 40), max_size=120), st.integers(1, 7), st.integers(3, 12))
def test_passes_are_lawful_complete_and_keep_people_together(persons: list[int], people: int, most: int) -> None:
    doses = [make_dose(sequence, person=person) for sequence, person in enumerate(persons, start=1)]
    rules = replace(RULES, most_people=people, most_doses=most)
    lines = [Line(Candidate(dose).facts, person_key(dose)) for dose in doses]
    parts = [[doses[line.facts.sequence - 1] for line in part] for part in split(lines, rules)]
    assert sorted(dose.sequence for part in parts for dose in part) == [dose.sequence for dose in doses]
    for part in parts:
        assert len(part) <= most
        assert count_people(part) <= people
        assert max(Counter(map(person_key, part)).values()) <= 3
        assert part == sorted(part, key=lambda dose: dose.sequence)
    for person, count in Counter(map(person_key, doses)).items():
        if count <= 3:
            assert sum(any(person_key(dose) == person for dose in part) for part in parts) == 1


@given(st.permutations(range(1, 9)))
def test_the_order_of_rows_changes_nothing(order: Sequence[int]) -> None:
    candidates = {number: Candidate(make_dose(number, person=number % 3)) for number in order}
    assert plan([candidates[number] for number in order], RULES) == plan(
        [candidates[number] for number in sorted(order)], RULES
    )


def test_people_are_counted_as_the_centre_counts_them() -> None:
    nameless = replace(GOOD, recipient=replace(GOOD.recipient, number="", paper=PaperKind.NONE))
    doses = [GOOD, replace(GOOD, sequence=2), replace(nameless, sequence=3), make_dose(4, person=2)]
    assert len(set(map(person_key, doses))) == count_people(doses)


def test_the_limits_are_those_of_the_letter() -> None:
    assert (RULES.most_people, RULES.most_doses) == (BATCH_PEOPLE, BATCH_DOSES) == (1_000, 3_000)


def test_the_filter_reads_days_numbers_name_and_phone() -> None:
    wanted = parse_filter(["day=2022-04-01..2022-04-15", "dose=1,5-9", "name=nguyen van", "phone="[:-1] + "=09"])
    dose = replace(GOOD, recipient=replace(GOOD.recipient, phone="0905000000"))
    assert wanted.admits(dose)
    assert not wanted.admits(replace(dose, sequence=4))
    assert not wanted.admits(replace(dose, given_at=AFTERNOON + DAY_SECONDS))
    assert not wanted.admits(replace(dose, recipient=replace(dose.recipient, name="Lê Thị Thử")))
    assert not wanted.admits(GOOD)
    assert SigningFilter().admits(GOOD)
    assert local_day(GOOD.given_at) == DAY


@pytest.mark.parametrize(
    "condition", ["", "day", "day=", "day=15/4/2022", "dose=a", "dose=1-", "place=1", "dose=9999999999"]
)
def test_a_filter_of_another_form_is_refused_without_repeating_it(condition: str) -> None:
    with pytest.raises(PassRefusedError) as caught:
        parse_filter([condition])
    assert condition == "" or condition not in str(caught.value)


def test_a_pass_goes_only_forward_and_two_open_states_exist() -> None:
    assert {PassState.PREPARED, PassState.SIGNED} == OPEN
    for before in PassState:
        for after in PassState:
            if after in NEXT[before]:
                check_step(before, after)
            else:
                with pytest.raises(ValueError, match="cannot become"):
                    check_step(before, after)
