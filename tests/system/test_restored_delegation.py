"""A hub and a site behind a centre that was put back: doses are signed once, whoever comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.workflow.delegate import delegate
from central.workflow.lost_history import AWAITED_SECONDS
from edge.domain.handover import HandedState
from edge.store import bundles, handovers, hub_passes, passes
from edge.workflow.hand_over import hand_over
from edge.workflow.sign_delegated import plan_delegated, plan_shown
from edge.workflow.sign_pass import sign_pass
from sync_protocol.delegation import DelegationKind
from tests.central.scenario import World
from tests.edge.station import DAY, DAY_SECONDS, OFFICER
from tests.simulator import POLICY
from tests.system.restores import Restores, sync, wrong
from tests.system.test_answers_end_to_end import Node


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    made = Restores(world, tmp_path)
    site, hub = made.node(1), made.node(2)
    assert site is not hub
    centre = world.centre
    delegate(
        "19001",
        "19002",
        engine=centre.engine,
        keys=centre.keys,
        now=world.clock.at,
        kind=DelegationKind.STANDING,
        valid_from=world.clock.at - 14 * DAY_SECONDS,
        valid_until=None,
        hub_node=None,
    )
    made.settle()
    return made


def _hand(made: Restores) -> int:
    site = made.nodes[0].station
    site.record(2)
    made.tick()
    made_of_it = hand_over(
        site.database,
        POLICY,
        [DAY],
        number=None,
        shown=None,
        reason="",
        now=site.clock.at,
        by="Hoa",
        entropy=site.entropy,
    )
    return made_of_it[0]


def _sign(made: Restores) -> None:
    hub = made.nodes[1].station
    made.tick()
    with hub.database.read() as tables:
        plan = plan_delegated(tables, POLICY, "19001A", now=hub.clock.at)
    planned = plan_shown(hub.database, POLICY, "19001A", shown=plan.digest, now=hub.clock.at)
    sign_pass(hub.database, planned, hub.signer, officer=OFFICER, now=hub.clock.at, entropy=hub.entropy)


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
    _sign(made)
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
    _sign(made)
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
    _sign(made)
    made.settle()
    made.restore("before")
    made.begin()
    made.settle([1])
    made.tick(AWAITED_SECONDS)
    made.settle([1])
    with hub.station.database.read() as tables:
        assert bundles.due(tables) is None
