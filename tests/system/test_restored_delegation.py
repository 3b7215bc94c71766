"""A hub and a site behind a centre that was put back: doses are signed once, whoever comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.workflow.lost_history import AWAITED_SECONDS
from edge.domain.handover import HandedState
from edge.store import bundles, handovers, hub_passes, passes
from tests.central.scenario import World
from tests.system.hubs import delegate_to_hub, hand_day, sign_as_hub
from tests.system.restores import Restores, sync, wrong
from tests.system.test_answers_end_to_end import Node


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    made = Restores(world, tmp_path)
    site, hub = made.node(1), made.node(2)
    assert site is not hub
    delegate_to_hub(world)
    made.settle()
    return made


def _hand(made: Restores) -> int:
    made.nodes[0].station.record(2)
    made.tick()
    return hand_day(made.nodes[0])


def _states(node: Node, handover: int) -> set[HandedState]:
    with node.station.database.read() as tables:
        return {state for _, state in handovers.states(tables, handover)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("name", ["before", "handed", "signed"])
def test_delegated_signing_is_found_again_whoever_comes_first(
    made: Restores, name: str, order: tuple[int, int]
) -> None:
    site, hub = made.nodes
    made.copy("before")
    handover = _hand(made)
    made.settle()
    made.copy("handed")
    sign_as_hub(made)
    sync(hub)
    made.copy("signed")
    made.settle()
    assert _states(site, handover) == {HandedState.SIGNED}
    assert wrong(made) == []
    made.restore(name)
    made.begin()
    made.tick()
    sync(site)
    if name != "signed":
        assert _states(site, handover) == {HandedState.HANDED}
        assert wrong(made, is_settled=False) == []
    made.settle(order)
    assert wrong(made) == []
    assert _states(site, handover) == {HandedState.SIGNED}
    with hub.station.database.read() as tables:
        assert {state for state, _ in hub_passes.verdicts_of(tables, 1)} <= {"admitted", "quarantined"}


def test_a_hub_that_comes_long_before_its_site_waits_for_it(made: Restores) -> None:
    site, hub = made.nodes
    made.copy("before")
    handover = _hand(made)
    made.settle()
    sign_as_hub(made)
    made.settle()
    made.restore("before")
    made.begin()
    made.settle([1])
    with hub.station.database.read() as tables:
        assert passes.numbers(tables) == [1]
        assert bundles.due(tables) is not None
    made.settle([0, 1])
    assert wrong(made) == []
    assert _states(site, handover) == {HandedState.SIGNED}


def test_a_site_that_never_comes_back_does_not_hold_its_hub_for_ever(made: Restores) -> None:
    hub = made.nodes[1]
    made.copy("before")
    _hand(made)
    made.settle()
    sign_as_hub(made)
    made.settle()
    made.restore("before")
    made.begin()
    made.settle([1])
    made.tick(AWAITED_SECONDS)
    made.settle([1])
    with hub.station.database.read() as tables:
        assert bundles.due(tables) is None
