"""A hub's batch that the centre refused, and admits when it is offered again: its doses wait for nobody, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.domain.handover import HandedState
from edge.domain.outbox import BundleState
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.store import doses, handovers, hub_doses, hub_passes
from tests.central.scenario import World
from tests.system.copied_nodes import admitted, at_centre
from tests.system.hubs import SITE_NODE, delegate_to_hub, hand_day, sign_as_hub
from tests.system.restores import Restores, wrong
from tests.system.test_answers_end_to_end import OFFICER as OFFICER_NAME
from tests.system.test_answers_end_to_end import Node, make_node


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    """A site and its hub, whose first batch of two doses was refused, since nobody had registered its certificate."""
    made = Restores(world, tmp_path)
    site = made.node(1)
    hub = make_node(world, tmp_path / "19002", facility="19002", code="19002A", is_registered=False)
    made.nodes.append(hub)
    delegate_to_hub(world)
    made.settle()
    sequences = site.station.record(2)
    with site.station.database.read() as tables:
        world.know(doses.assemble(tables, sequences))
    made.tick()
    hand_day(site)
    made.settle()
    made.copy("handed")
    sign_as_hub(made)
    made.settle()
    assert _batches(hub) == [BundleState.REFUSED]
    assert _waiting(hub) == 2
    return made


def _register(made: Restores) -> None:
    certificate = made.nodes[1].station.signer.certificate
    assert certificate is not None
    made.world.register("19002", certificate, officer=OFFICER_NAME)


def _restore(made: Restores, **options: object) -> None:
    made.tick()
    made.restore("handed")
    made.begin(**options)


def _batches(hub: Node) -> list[BundleState]:
    with hub.station.database.read() as tables:
        rows = tables.execute("SELECT state FROM bundles WHERE pass_id IS NOT NULL ORDER BY epoch, sequence")
        return [BundleState(row[0]) for row in rows]


def _waiting(hub: Node) -> int:
    with hub.station.database.read() as tables:
        queue = hub_doses.queue_of(tables, SITE_NODE)
        assert len(hub_doses.waiting(tables, SITE_NODE)) == (0 if queue is None else queue.doses)
    return 0 if queue is None else queue.doses


def _at_site(made: Restores) -> set[tuple[HandedState, str]]:
    with made.nodes[0].station.database.read() as tables:
        verdicts = tables.execute("SELECT sequence, verdict_state FROM standings").fetchall()
        said = {row[0]: row[1] for row in verdicts}
        return {(state, said[sequence]) for sequence, state in handovers.states(tables, 1)}


def test_doses_that_waited_again_at_the_hub_wait_no_more_when_the_centre_has_them(made: Restores) -> None:
    hub = made.nodes[1]
    _restore(made)
    _register(made)
    made.settle()
    assert _batches(hub) == [BundleState.RECEIPTED]
    assert _waiting(hub) == 0
    with pytest.raises(PassRefusedError) as caught:
        sign_as_hub(made)
    assert caught.value.code is PassCode.NOTHING_TO_SIGN
    assert _at_site(made) == {(HandedState.SIGNED, "admitted")}
    assert (admitted(made.world), wrong(made)) == (2, [])


def test_doses_that_the_hub_signed_again_count_as_the_centre_said_first(made: Restores) -> None:
    hub = made.nodes[1]
    _register(made)
    sign_as_hub(made)
    made.settle()
    assert _batches(hub) == [BundleState.REFUSED, BundleState.RECEIPTED]
    _restore(made)
    _register(made)
    made.settle()
    assert _batches(hub) == [BundleState.RECEIPTED] * 2
    with hub.station.database.read() as tables:
        assert hub_passes.verdicts_of(tables, 2) == [("admitted", "")] * 2
    assert _waiting(hub) == 0
    assert _at_site(made) == {(HandedState.SIGNED, "admitted")}
    assert set(at_centre(made.world).values()) == {1}
    assert (admitted(made.world), wrong(made)) == (2, [])


def test_a_second_restore_and_a_refusal_let_them_wait_again(made: Restores) -> None:
    hub = made.nodes[1]
    _restore(made)
    _register(made)
    made.settle()
    _restore(made, number=3)
    made.settle()
    made.tick(100_000)
    made.settle()
    assert _batches(hub) == [BundleState.REFUSED]
    assert _waiting(hub) == 2
    _register(made)
    sign_as_hub(made)
    made.settle()
    assert _at_site(made) == {(HandedState.SIGNED, "admitted")}
    assert (admitted(made.world), wrong(made)) == (2, [])
