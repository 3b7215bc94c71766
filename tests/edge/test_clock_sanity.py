"""The rules of the clock: when a jump is a jump, what the floor holds, what an anchor says."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from edge.domain.clock_sanity import (
    ANCHOR_DELAY_SECONDS,
    AWAY_SECONDS,
    TOLERANCE_SECONDS,
    Anchor,
    ClockCode,
    ClockFacts,
    Look,
    anchor_of,
    find_jump,
    is_behind,
    is_doubtful,
    judge_clock,
    working_time,
)

INSTANTS = st.integers(0, 4_000_000_000)
OFFSETS = st.integers(-2_000_000_000, 2_000_000_000)
PASSED = st.integers(0, 90 * 86_400)


@given(INSTANTS, PASSED, OFFSETS)
@example(1_650_000_000, 3_600, TOLERANCE_SECONDS)
@example(1_650_000_000, 3_600, TOLERANCE_SECONDS + 1)
@example(1_650_000_000, 3_600, -TOLERANCE_SECONDS - 1)
def test_in_one_run_a_jump_is_what_the_steady_clock_has_not_counted(start: int, passed: int, jump: int) -> None:
    found = find_jump(Look(start, 5.0), Look(start + passed + jump, 5.0 + passed), same_run=True)
    assert found == (jump if abs(jump) > TOLERANCE_SECONDS else None)


@given(INSTANTS, OFFSETS)
@example(1_650_000_000, AWAY_SECONDS)
@example(1_650_000_000, AWAY_SECONDS + 1)
@example(1_650_000_000, -TOLERANCE_SECONDS)
@example(1_650_000_000, -TOLERANCE_SECONDS - 1)
def test_across_two_runs_time_may_pass_but_not_go_back(start: int, passed: int) -> None:
    found = find_jump(Look(start, 900.0), Look(start + passed, 3.0), same_run=False)
    is_jump = passed < -TOLERANCE_SECONDS or passed > AWAY_SECONDS
    assert found == (passed if is_jump else None)


@given(INSTANTS, INSTANTS, OFFSETS, INSTANTS)
def test_the_working_time_never_goes_below_the_floor_and_follows_the_machine_above_it(
    machine: int, later: int, offset: int, floor: int
) -> None:
    first, second = sorted((machine, later))
    before, after = (working_time(at, offset=offset, floor=floor) for at in (first, second))
    assert floor <= before <= after
    assert before in (floor, first + offset)


@given(INSTANTS, OFFSETS, INSTANTS)
def test_behind_is_said_exactly_when_the_floor_holds_the_time_up_by_more_than_the_tolerance(
    machine: int, offset: int, floor: int
) -> None:
    facts = ClockFacts(machine, offset=offset, floor=floor)
    gap = working_time(machine, offset=offset, floor=floor) - machine - offset
    codes = [finding.code for finding in judge_clock(facts)]
    assert is_behind(facts) == (gap > TOLERANCE_SECONDS) == (ClockCode.BEHIND in codes)


@given(INSTANTS, OFFSETS, st.integers(-10_000, 10_000), st.integers(0, ANCHOR_DELAY_SECONDS), st.booleans())
def test_an_anchor_accuses_no_clock_that_may_be_right(
    machine: int, offset: int, error: int, delay: int, is_fresh: bool
) -> None:
    # The truth is `error` ahead of machine and offset; the answer was made `delay` before it came.
    anchor = anchor_of(centre_at=machine + offset + error - delay, machine_at=machine, is_fresh=is_fresh)
    codes = {one.code for one in judge_clock(ClockFacts(machine, offset=offset, floor=-(2**40), anchor=anchor))}
    if abs(error) <= TOLERANCE_SECONDS:
        assert not codes
    if error > TOLERANCE_SECONDS + ANCHOR_DELAY_SECONDS:
        assert codes == {ClockCode.SLOW}
    if error < -TOLERANCE_SECONDS - ANCHOR_DELAY_SECONDS:
        # What came in a file may be old: it says nothing against a clock that is ahead of it.
        assert codes == ({ClockCode.FAST} if is_fresh else set())


def test_everything_is_said_at_once() -> None:
    facts = ClockFacts(
        1_000_000,
        offset=100,
        floor=2_000_000,
        jumped=-50_000,
        jumped_at=1_500_000,
        anchor=Anchor(1_999_000, 1_000_000, low=999_000, high=999_120),
        override_at=900_000,
    )
    assert [(one.code, one.seconds) for one in judge_clock(facts)] == [
        (ClockCode.BEHIND, 999_900),
        (ClockCode.JUMPED_BACK, 50_000),
        (ClockCode.SLOW, 998_900),
        (ClockCode.OVERRIDDEN, 100),
    ]


def test_an_override_alone_is_no_doubt() -> None:
    assert not is_doubtful(judge_clock(ClockFacts(5, override_at=1)))
    assert is_doubtful(judge_clock(ClockFacts(5, jumped=TOLERANCE_SECONDS + 1)))
    assert judge_clock(ClockFacts(5, jumped=TOLERANCE_SECONDS)) == ()


@given(st.integers(-1_000, 1_000))
def test_an_anchor_calls_the_machine_right_only_within_the_tolerance(low: int) -> None:
    anchor = anchor_of(centre_at=1_000_000 + low, machine_at=1_000_000, is_fresh=True)
    is_near = low <= TOLERANCE_SECONDS and low + ANCHOR_DELAY_SECONDS >= -TOLERANCE_SECONDS
    assert anchor.says_right == is_near
    assert not anchor_of(centre_at=1_000_000 + low, machine_at=1_000_000, is_fresh=False).says_right
