"""The faults stop: clocks are set right, copies are switched off, and everything is given time to finish."""

from __future__ import annotations

from typing import Final

from edge.store import bundles
from edge.workflow.plan_passes import plan_passes
from sync_protocol.days import DAY_SECONDS
from tests.simulation import actions, carrying, centre_actions, centre_disasters, disasters
from tests.simulation.disasters import lots_of
from tests.simulation.link import Link
from tests.simulation.world import World

# Longer than any clock was ahead, so that nobody's claimed times go back.
_PAUSE_DAYS: Final = 7
_ROUNDS: Final = 8
_STILL_COME: Final = 30
_STEPS: Final = (
    ("asks for an epoch", disasters.ask_epoch),
    ("hears", actions.hear),
    ("signs", actions.sign),
    ("sends", actions.send),
)


def finish(world: World) -> None:
    """Lets the world come to rest."""
    world.faults = 0
    world.time.at += _PAUSE_DAYS * DAY_SECONDS
    world.centre.clock.wrong_by = 0
    world.centre.start()
    world.note("all", "the faults stop")
    _switch_off_copies(world)
    for node in world.nodes.values():
        node.clock.wrong_by = 0
        node.restart()
    # Of what was under way some still arrives, and some sticks are found in a pocket.
    for body in world.late:
        if world.dice.happens(_STILL_COME):
            Link(world).deliver_late(body)
    for _ in range(world.dice.below(3)):
        carrying.carry(world)
    for _ in range(_ROUNDS):
        if world.was_restored:
            # Once because it is known; again where a node shows a head that was lost, as the centre's check advises.
            said = centre_disasters.declare(world, without_evidence=world.undeclared)
            world.note("centre", f"declares: {said}")
        for node in world.nodes.values():
            for name, act in _STEPS:
                world.do(node, name, lambda act=act, node=node: act(world, node))  # type: ignore[misc]
        if waits := [code for code in world.nodes if _is_waiting(world, code)]:
            # A store that was put back, or that has a copy somewhere, is told so by the centre, and by its officer.
            world.asking |= {code for code in waits if code in world.torn}
            world.note("centre", f"decides: {disasters.decide(world)}")
        world.time.at += 600
        if not waits and not world.asking:
            break
    world.note("centre", f"ends the day: {centre_actions.end_of_day(world)}")
    for node in world.nodes.values():
        world.do(node, "hears", lambda node=node: actions.hear(world, node))  # type: ignore[misc]


def _switch_off_copies(world: World) -> None:
    for node in world.clones:
        # What only the copy had is on a disk that nobody runs any more.
        world.gone |= lots_of(node.database) - lots_of(world.nodes[node.code].database)
        world.asking.discard(node.name)
        node.stop()
    world.clones = []


def _is_waiting(world: World, code: str) -> bool:
    with world.nodes[code].database.read() as tables:
        if bundles.unsent(tables) > 0:
            return True
    # A signed refusal gives doses back, which are signed again.
    return bool(could_be_signed(world, code))


def could_be_signed(world: World, code: str) -> int:
    """How many doses of a node wait for nothing but the officer."""
    node = world.nodes[code]
    plan = plan_passes(node.database, node.catalogue.policy, now=node.clock.now(), late_reason=actions.LATE)
    return sum(len(one.doses) for one in plan.passes)
