"""How many doses stand where, so that the sums agree: recorded = admitted + waiting, reason by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.domain.outbox import DELIVERED, BundleState
from edge.domain.signing_pass import Facts, Rules, obstacle
from edge.domain.waiting import Waiting, identity_obstacle
from sync_protocol.verdict import Verdict, VerdictState

ADMITTED: Final = "admitted"


@dataclass(frozen=True, slots=True)
class Standing:
    """One recorded dose on its way to the ledger.

    Attributes:
        facts: the dose as the rules see it.
        in_open_pass: it is a leaf of a pass that is prepared or signed but not sealed.
        bundle: the state of the bundle that carries it, or None while there is none.
        verdict: what the centre's verified receipt says of it, or None.
    """

    facts: Facts
    in_open_pass: bool = False
    bundle: BundleState | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of dose versions that count: the newest of each dose.

    `recorded` = `admitted` + the sum of `waiting`. `returned` is that part of `waiting` which the centre sent back, by
    its codes.
    """

    recorded: int
    matched: int
    signed: int
    received: int
    admitted: int
    quarantined: int
    refused: int
    waiting: Mapping[str, int]
    returned: Mapping[str, int]


def place(standing: Standing, rules: Rules) -> str:
    """Return "admitted", or the one reason why the dose is not: a `Waiting` or the centre's code."""
    verdict = standing.verdict
    if verdict is not None:
        return ADMITTED if verdict.code is None else verdict.code.value
    if standing.bundle is not None:
        return Waiting.UNSENT.value
    if standing.in_open_pass:
        return Waiting.PASS_OPEN.value
    return (obstacle(standing.facts, rules) or Waiting.UNSIGNED).value


def count(standings: Iterable[Standing], rules: Rules) -> Figures:
    """Count the newest versions. An older version of a corrected dose is history, not work."""
    return count_kinds(((one, 1) for one in standings), rules)


def count_kinds(kinds: Iterable[tuple[Standing, int]], rules: Rules) -> Figures:
    """As `count`, where many doses stand alike: each standing with the number of doses that have it."""
    recorded = matched = signed = received = 0
    places: Counter[str] = Counter()
    states: Counter[VerdictState] = Counter()
    returned: Counter[str] = Counter()
    for one, number in kinds:
        if one.facts.superseded:
            continue
        recorded += number
        matched += number * (identity_obstacle(one.facts.identity) is None)
        signed += number * (one.bundle is not None)
        received += number * (one.bundle in DELIVERED)
        places[place(one, rules)] += number
        if one.verdict is not None:
            states[one.verdict.state] += number
            if one.verdict.code is not None:
                returned[one.verdict.code.value] += number
    admitted = places.pop(ADMITTED, 0)
    return Figures(
        recorded=recorded,
        matched=matched,
        signed=signed,
        received=received,
        admitted=admitted,
        quarantined=states[VerdictState.QUARANTINED],
        refused=states[VerdictState.REFUSED],
        waiting=dict(sorted(places.items())),
        returned=dict(sorted(returned.items())),
    )
