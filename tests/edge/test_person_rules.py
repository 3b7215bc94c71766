"""What is wrong or doubtful about a person, at its bounds."""

from __future__ import annotations

import pytest

from edge.domain.person_rules import is_child, is_name, judge_person
from edge.domain.refusals import EdgeCode
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind
from tests.edge.clinic import villager

TODAY = "2022-04-15"
PROVINCES = ("054",)


@pytest.mark.parametrize(
    ("birth_date", "child"),
    [
        ("2006-04-16", True),
        ("2006-04-15", False),
        ("2006", True),
        ("2005", False),
        ("2022-04-15", True),
        ("1985", False),
        # 16 years later there is no such day, and the comparison does without it.
        ("2004-02-29", False),
    ],
)
def test_a_child_is_under_sixteen_on_the_day(birth_date: str, child: bool) -> None:
    assert is_child(birth_date, today=TODAY) is child


@pytest.mark.parametrize(
    "name", ["H'Hen Niê", "H’Hen", "Anne-Marie", "Đỗ Thị Ạ", "John Smith, Jr.", "李小龍", "A\u0301i"]
)
def test_letters_of_every_alphabet_make_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", "-", "A1", "A🙂", "A_", "A/B", "A\x00", "A\u202eB", "٣", "A\u200bB", "½", "a@b"]
)
def test_anything_else_does_not(name: str) -> None:
    assert not is_name(name)


def test_nobody_is_born_after_today() -> None:
    def codes(birth_date: str) -> list[EdgeCode | Code]:
        one = villager(1, birth_date=birth_date, number="", paper=PaperKind.NONE, guardian="Lê Thị Mẹ")
        return [finding.code for finding in judge_person(one, today=TODAY, provinces=PROVINCES)]

    assert [codes(day) for day in (TODAY, "2022")] == [[], []]
    assert [codes(day) for day in ("2022-04-16", "2023")] == [[EdgeCode.BORN_FUTURE], [EdgeCode.BORN_FUTURE]]


def test_who_agrees_with_the_own_number_raises_no_doubt() -> None:
    assert judge_person(villager(1), today=TODAY, provinces=PROVINCES) == ()
