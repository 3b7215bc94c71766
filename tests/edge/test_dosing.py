"""The rules of one dose at the chair."""

from __future__ import annotations

from typing import Any

import pytest

from edge.domain.code_words import words
from edge.domain.dosing import GivenDose, judge, propose_dose_number, propose_dose_total
from edge.domain.refusals import AnyCode, EdgeCode
from sync_protocol.catalogue import Catalogue, verify_catalogue
from sync_protocol.errors import Code
from tests.edge.clinic import DAY_SECONDS, NOW, facts
from tests.simulator import PRODUCTS, SimulatedCentre


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    centre = SimulatedCentre(lambda: NOW)
    return verify_catalogue(centre.catalogue(), centre.publisher.public_key, at=NOW)


FIRST_IN_MARCH = GivenDose("AZ", 1, "2022-03-01")
SECOND_IN_APRIL = GivenDose("AZ", 2, "2022-04-01")


@pytest.mark.parametrize(
    ("changes", "history", "expected"),
    [
        ({}, [], []),
        ({"dose_number": 2}, [FIRST_IN_MARCH], []),
        ({"dose_number": 2}, [], []),
        ({"product": "XX"}, [], [(Code.PRODUCT_UNKNOWN, True)]),
        ({"lot_expiry": "2022-04-14"}, [], [(Code.LOT_EXPIRED, True)]),
        ({"lot_expiry": "2022-04-15"}, [], []),
        ({"lot_expiry": ""}, [], [(EdgeCode.LOT_EXPIRY_UNKNOWN, False)]),
        ({"given_at": NOW + 3_600}, [], [(EdgeCode.GIVEN_FUTURE, True)]),
        ({"given_at": NOW + 60}, [], []),
        ({"given_at": NOW - DAY_SECONDS}, [], [(EdgeCode.LATE_REASON, False)]),
        ({"given_at": NOW - DAY_SECONDS, "late_reason": "mất điện"}, [], []),
        ({"dose_number": 3, "dose_total": 2}, [], [(EdgeCode.DOSE_TOTAL, True)]),
        ({}, [FIRST_IN_MARCH], [(Code.DOSE_ORDER, True)]),
        ({"dose_number": 1}, [SECOND_IN_APRIL], [(Code.DOSE_ORDER, True), (Code.DOSE_INTERVAL, False)]),
        (
            {"dose_number": 3, "dose_total": 3},
            [FIRST_IN_MARCH],
            [(Code.DOSE_INTERVAL, False), (Code.DOSE_ORDER, False)],
        ),
        ({"dose_number": 2}, [GivenDose("AZ", 1, "2022-04-15")], [(Code.DOSE_DUPLICATE, True)]),
        ({"dose_number": 2}, [GivenDose("AZ", 1, "2022-03-20")], [(Code.DOSE_INTERVAL, False)]),
        ({"dose_number": 2}, [GivenDose("AZ", 1, "2022-03-18")], []),
        ({"dose_number": 2, "product": "PF"}, [FIRST_IN_MARCH], [(Code.PRODUCT_MIXED, False)]),
        (
            {"dose_number": 3, "dose_total": 3, "product": "PF"},
            [GivenDose("AZ", 1, "2021-09-01"), GivenDose("AZ", 2, "2021-10-01")],
            [],
        ),
        (
            {"dose_number": 2, "given_at": NOW - 50 * DAY_SECONDS, "late_reason": "sổ cũ"},
            [FIRST_IN_MARCH],
            [(Code.DOSE_ORDER, True)],
        ),
    ],
)
def test_each_rule_finds_what_it_is_for(
    catalogue: Catalogue,
    changes: dict[str, Any],
    history: list[GivenDose],
    expected: list[tuple[AnyCode, bool]],
) -> None:
    findings = judge(facts(**changes), history, birth_date="1985-03-01", catalogue=catalogue, now=NOW)
    assert [(finding.code, finding.blocking) for finding in findings] == expected
    assert all(words(finding.code).vi and words(finding.code).cure for finding in findings)


@pytest.mark.parametrize(
    ("birth_date", "expected"),
    [
        ("2022-04-16", [EdgeCode.GIVEN_BEFORE_BIRTH]),
        ("2022-04-15", [EdgeCode.AGE_BELOW]),
        ("2004-04-16", [EdgeCode.AGE_BELOW]),
        ("2004-04-15", []),
        ("2004", []),
        ("2005", [EdgeCode.AGE_BELOW]),
        ("2022", [EdgeCode.AGE_BELOW]),
        ("2023", [EdgeCode.GIVEN_BEFORE_BIRTH]),
    ],
)
def test_age_is_judged_on_the_day_of_the_dose(catalogue: Catalogue, birth_date: str, expected: list[EdgeCode]) -> None:
    findings = judge(facts(), [], birth_date=birth_date, catalogue=catalogue, now=NOW)
    assert [finding.code for finding in findings] == expected


def test_the_next_number_follows_from_the_history() -> None:
    assert propose_dose_number([]) == 1
    assert propose_dose_number([SECOND_IN_APRIL, FIRST_IN_MARCH]) == 3
    assert propose_dose_total(PRODUCTS[0], 1) == 2
    assert propose_dose_total(PRODUCTS[0], 3) == 3


def test_every_code_of_the_node_has_words_in_vietnamese() -> None:
    for code in EdgeCode:
        found = words(code)
        assert found.vi
        assert found.cure.endswith(".")
        assert found.en
    for shared in Code:
        assert words(shared).vi
