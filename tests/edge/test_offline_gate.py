"""The gate of bounded offline time: every finding that there is, and none that hides another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from edge.domain.offline_gate import (
    GateCode,
    GateFacts,
    GateFinding,
    GateLevel,
    look,
    needs_reason,
    needs_second,
)
from sync_protocol.offline_policy import DEFAULT_OFFLINE, OfflinePolicy

NOW = 1_650_000_000
HOUR = 3_600
DAY = 24 * HOUR
WARN, REASON, SECOND = GateLevel.WARN, GateLevel.REASON, GateLevel.SECOND
Gate = Callable[[GateFacts, OfflinePolicy], tuple[GateFinding, ...]]
# What can be the matter with each tie, and at what level it is found; the first of each row is "all is well".
STATES: Mapping[GateCode, list[tuple[dict[str, Any], GateLevel | None]]] = {
    GateCode.CONTACT: [
        ({"contact_at": NOW - 24 * HOUR + 1}, None),
        ({"contact_at": NOW - 24 * HOUR}, WARN),
        ({"contact_at": NOW - 48 * HOUR}, REASON),
        ({"contact_at": NOW - 72 * HOUR}, SECOND),
    ],
    GateCode.UNSENT: [
        ({"unsent_doses": 2_999, "unsent_since": NOW}, None),
        ({"unsent_doses": 3_000, "unsent_since": NOW}, WARN),
        ({"unsent_doses": 9_000, "unsent_since": NOW}, REASON),
    ],
    GateCode.REVOCATIONS: [
        ({"revocations_at": NOW - 100 * DAY, "revocations_until": NOW + 1}, None),
        ({"revocations_at": NOW - 7 * DAY, "revocations_until": NOW}, WARN),
        ({"revocations_at": NOW - 30 * DAY}, REASON),
    ],
    GateCode.PACK: [
        ({"pack_at": NOW - 14 * DAY + 1, "pack_until": NOW + 1}, None),
        ({"pack_at": NOW - DAY, "pack_until": NOW}, WARN),
        ({"pack_at": NOW - 60 * DAY, "pack_until": NOW + DAY}, REASON),
    ],
    GateCode.CATALOGUE: [
        ({"catalogue_until": NOW + 14 * DAY + 1}, None),
        ({"catalogue_until": NOW + 1}, WARN),
        ({"catalogue_until": NOW}, REASON),
    ],
    GateCode.TRUST_LIST: [
        ({"trust_until": NOW + 14 * DAY + 1}, None),
        ({"trust_until": NOW - 30 * DAY + 1}, WARN),
        ({"trust_until": NOW - 30 * DAY}, REASON),
    ],
    GateCode.MISSING: [({}, None), ({"missing_since": NOW - DAY}, WARN), ({"missing_since": NOW - 2 * DAY}, REASON)],
    GateCode.CLOCK: [({}, None), ({"clock_level": WARN}, WARN), ({"clock_level": REASON}, REASON)],
}


def disagreements(gate: Gate) -> int:
    """How many of all combinations a gate tells otherwise than the table, and how many are told."""
    wrong = 0
    for states in product(*STATES.values()):
        facts = GateFacts(NOW, **{name: value for state, _level in states for name, value in state.items()})
        wanted = {code: level for code, (_state, level) in zip(STATES, states, strict=True) if level is not None}
        found = gate(facts, DEFAULT_OFFLINE)
        levels = [finding.level for finding in found]
        is_right = {one.code: one.level for one in found} == wanted and len(found) == len(wanted)
        wrong += not is_right or levels != sorted(levels, reverse=True)
    return wrong


def test_every_combination_of_states_gives_all_of_its_findings_and_no_other() -> None:
    assert disagreements(look) == 0


def test_a_gate_that_stops_at_the_first_finding_is_caught() -> None:
    def first_only(facts: GateFacts, policy: OfflinePolicy) -> tuple[GateFinding, ...]:
        return look(facts, policy)[:1]

    # Right are those with one finding or none: 1 + 3 + 7 × 2 of 4 × 3^7 combinations.
    assert disagreements(first_only) == 4 * 3**7 - (1 + 3 + 7 * 2)


def test_a_gate_that_forgets_one_tie_is_caught() -> None:
    def forgetful(facts: GateFacts, policy: OfflinePolicy) -> tuple[GateFinding, ...]:
        return look(replace(facts, trust_until=None), policy)

    assert disagreements(forgetful)


def test_nothing_is_found_where_nothing_is_known() -> None:
    assert look(GateFacts(NOW), DEFAULT_OFFLINE) == ()


@pytest.mark.parametrize(
    ("state", "figure", "since"),
    [
        ({"contact_at": NOW - 30 * HOUR}, 30, NOW - 30 * HOUR),
        ({"unsent_doses": 3_001, "unsent_since": NOW - 5}, 3_001, NOW - 5),
        ({"revocations_at": NOW - 8 * DAY - 1}, 8, NOW - 8 * DAY - 1),
        ({"catalogue_until": NOW + 2 * DAY + 1}, -2, NOW + 2 * DAY + 1),
        ({"catalogue_until": NOW + 1}, 0, NOW + 1),
        ({"trust_until": NOW - 3 * DAY}, 3, NOW - 3 * DAY),
        ({"clock_level": REASON, "clock_seconds": 10_800, "clock_since": NOW - 9}, 10_800, NOW - 9),
    ],
)
def test_a_finding_says_how_much_and_since_when(state: dict[str, Any], figure: int, since: int) -> None:
    (found,) = look(GateFacts(NOW, **state), DEFAULT_OFFLINE)
    assert (found.figure, found.since) == (figure, since)
    assert str(found) == f"{found.code.value}={figure}"


def test_what_lies_in_a_time_to_come_is_not_old() -> None:
    ahead = NOW + 400 * DAY
    facts = GateFacts(NOW, contact_at=ahead, revocations_at=ahead, pack_at=ahead, missing_since=ahead)
    assert look(facts, DEFAULT_OFFLINE) == ()


def test_the_levels_say_what_a_signature_needs() -> None:
    def found(level: GateLevel) -> tuple[GateFinding, ...]:
        return (GateFinding(GateCode.CONTACT, level, 1, NOW), GateFinding(GateCode.PACK, WARN, 1, NOW))

    needs = [(needs_reason(found(level)), needs_second(found(level))) for level in GateLevel]
    assert needs == [(False, False), (True, False), (True, True)]
    assert (needs_reason(()), needs_second(())) == (False, False)


def test_the_second_person_can_be_left_out_by_the_policy() -> None:
    never = replace(DEFAULT_OFFLINE, contact_second_hours=0)
    (found,) = look(GateFacts(NOW, contact_at=NOW - 1_000 * HOUR), never)
    assert found.level is REASON
