"""How many passes one PIN is for: within the letter's bounds over all of them, and no turn more than that needs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.pin_turns import number_turns
from edge.domain.signing_pass import Candidate, plan
from sync_protocol.batch import Purpose
from tests.edge.test_signing_pass import RULES, YESTERDAY, make_dose


def turns(*passes: list[int], most_people: int = 1_000, most_doses: int = 3_000, most_each: int = 3) -> list[int]:
    return number_turns(passes, most_people=most_people, most_doses=most_doses, most_each=most_each)


@pytest.mark.parametrize(
    ("passes", "numbers"),
    [
        ([], []),
        ([[1, 2], [3]], [1, 1]),
        # Exactly as many people as there may be, and one more.
        ([list(range(600)), list(range(600, 1_000))], [1, 1]),
        ([list(range(600)), list(range(600, 1_001))], [1, 2]),
        # Who is in both counts once.
        ([list(range(1_000)), list(range(500))], [1, 1]),
        # Exactly as many doses, and one more.
        ([[one for one in range(700) for _ in range(3)], [one for one in range(700, 1_000) for _ in range(3)]], [1, 1]),
        ([[one for one in range(999) for _ in range(3)], [999] * 3, [0]], [1, 1, 2]),
        # A fourth dose of one person is for another PIN, however small the turn is.
        ([[1, 1, 1], [1]], [1, 2]),
        ([[1, 1], [1, 2], [2]], [1, 1, 1]),
        # A turn that was closed takes no more, even if something would fit.
        ([[1, 1, 1], [1], [2]], [1, 2, 2]),
    ],
)
def test_the_bounds_of_a_turn(passes: list[list[int]], numbers: list[int]) -> None:
    assert turns(*passes) == numbers


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=6), max_size=12))
def test_every_turn_keeps_the_bounds_and_none_is_opened_too_early(passes: list[list[int]]) -> None:
    lawful = [one for one in passes if len(set(one)) <= 4 and max(Counter(one).values()) <= 3]
    numbers = turns(*lawful, most_people=4, most_doses=6)
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, max(numbers, default=0) + 1))

    def fits(members: list[list[int]]) -> bool:
        counted = Counter(one for member in members for one in member)
        return len(counted) <= 4 and counted.total() <= 6 and max(counted.values(), default=0) <= 3

    by_turn = [
        [one for one, at in zip(lawful, numbers, strict=True) if at == number] for number in sorted(set(numbers))
    ]
    assert all(fits(members) for members in by_turn)
    assert not any(fits([*before, after[0]]) for before, after in pairwise(by_turn))


def test_a_plan_is_cut_into_what_one_pin_is_for() -> None:
    today = [Candidate(make_dose(number, person=number)) for number in range(1, 1_000)]
    late = [
        Candidate(make_dose(number, person=number, given_at=YESTERDAY, late_reason="mất điện"))
        for number in range(1_000, 1_003)
    ]
    planned = plan([*today, *late], RULES)
    assert [(one.purpose, one.people, one.turn) for one in planned.passes] == [
        (Purpose.SAME_DAY, 999, 1),
        (Purpose.BACKLOG, 3, 2),
    ]
    assert [one.doses for one in planned.turns] == [999, 3]
    assert plan([], RULES).turns == ()
