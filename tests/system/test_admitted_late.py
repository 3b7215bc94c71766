"""A batch that the centre refused, and admits when it is offered again after a restore: no injection counts twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.domain.outbox import BundleState
from edge.store import dose_numbers, doses, standings
from tests.central.scenario import World
from tests.system.copied_nodes import admitted, at_centre
from tests.system.restores import Restores, sync, wrong
from tests.system.test_answers_end_to_end import OFFICER, Node, make_node


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    return Restores(world, tmp_path)


def _refused(made: Restores) -> Node:
    """A node whose first batch of two doses the centre has refused, since nobody had registered its certificate."""
    node = make_node(made.world, made.directory / "19001", is_registered=False)
    made.nodes.append(node)
    made.settle()
    made.copy("old")
    node.sign(2)
    made.settle()
    assert node.states() == [BundleState.REFUSED]
    assert len(node.station.plan()) == 1
    return node


def _register(node: Node) -> None:
    certificate = node.station.signer.certificate
    assert certificate is not None
    node.way.world.register("19001", certificate, officer=OFFICER)


def _restore(made: Restores, node: Node) -> None:
    """The registration was lost with everything else; the operator repeats it before the node comes."""
    made.restore("old")
    _register(node)
    _know(made, node)
    made.begin()


def _know(made: Restores, node: Node) -> None:
    with node.station.database.read() as tables:
        made.world.know(doses.assemble(tables, [1, 2]))


def _stand(node: Node) -> list[tuple[str, str]]:
    with node.station.database.read() as tables:
        rows = tables.execute("SELECT stage, verdict_state FROM standings ORDER BY sequence").fetchall()
        assert standings.differences(tables) == []
        assert dose_numbers.count_to_record_again(tables) == 0
    return [(row[0], row[1]) for row in rows]


def test_doses_on_the_work_list_leave_it_when_the_centre_has_them(made: Restores) -> None:
    node = _refused(made)
    _restore(made, node)
    made.settle()
    assert node.states() == [BundleState.RECEIPTED]
    assert node.station.plan() == ()
    assert _stand(node) == [("receipted", "admitted")] * 2
    assert (admitted(made.world), wrong(made)) == (2, [])


def test_doses_that_were_signed_again_are_not_recorded_under_another_number(made: Restores) -> None:
    node = _refused(made)
    _register(node)
    made.tick()
    node.station.sign()
    made.settle()
    assert node.states() == [BundleState.REFUSED, BundleState.RECEIPTED]
    _restore(made, node)
    made.settle()
    assert node.states() == [BundleState.RECEIPTED] * 2
    assert _stand(node) == [("receipted", "admitted")] * 2
    assert set(at_centre(made.world).values()) == {1}
    assert (admitted(made.world), wrong(made)) == (2, [])


def test_a_second_restore_makes_it_unknown_again_and_a_refusal_gives_the_doses_back(made: Restores) -> None:
    node = _refused(made)
    _restore(made, node)
    made.settle()
    made.tick()
    made.restore("old")
    _know(made, node)
    made.begin(number=3)
    made.tick()
    sync(node)
    # The epoch came with the feed: what the centre had is unknown, and the doses wait on the work list.
    assert _stand(node) == [("", "")] * 2
    made.settle()
    made.tick(100_000)
    made.settle()
    assert node.states() == [BundleState.REFUSED]
    assert len(node.station.plan(late_reason="mất điện")) == 1
    _register(node)
    node.station.sign(node.station.plan(late_reason="mất điện")[0])
    made.settle()
    assert _stand(node)[0][0] == "receipted"
    assert (len(at_centre(made.world)), wrong(made)) == (2, [])
