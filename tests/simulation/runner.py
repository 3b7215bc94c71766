"""Plays one seed: some days of faults, the time to finish, the invariants."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from tests.simulation import actions, carrying, centre_actions, centre_disasters, disasters, finale, invariants
from tests.simulation.remembered import remembered
from tests.simulation.world import World, new_world

# What happens to a site, and how often.
SITE_ACTIONS: Final[Mapping[str, tuple[actions.Action, int]]] = {
    "works": (actions.work, 24),
    "records": (actions.record, 12),
    "records again": (actions.record_again, 3),
    "corrects": (actions.correct, 4),
    "signs": (actions.sign, 6),
    "gives up a pass": (actions.abandon, 1),
    "closes": (actions.close, 3),
    "sends": (actions.send, 16),
    "hears": (actions.hear, 9),
    "writes a stick": (carrying.export, 4),
    "reads a stick": (carrying.take_in, 4),
    "sends for others": (carrying.relay, 2),
    "sets the clock": (actions.jump, 2),
    "backs up": (disasters.back_up, 4),
    "restores": (disasters.restore, 3),
    "is copied": (disasters.clone, 1),
    "asks for an epoch": (disasters.ask_epoch, 3),
}
CENTRE_ACTIONS: Final[Mapping[str, tuple[Callable[[World], str], int]]] = {
    "gets files": (carrying.carry, 5),
    "gets a stick": (carrying.folder, 5),
    "has a bad stick": (carrying.spoil, 1),
    "gets a late request": (centre_actions.late_request, 4),
    "ends the day": (centre_actions.end_of_day, 7),
    "has its clock set": (centre_actions.clock_jump, 4),
    "stops": (centre_actions.stop, 2),
    "decides": (disasters.decide, 2),
    "makes a backup": (centre_disasters.back_up, 2),
    "is put back": (centre_disasters.restore, 1),
    "declares": (centre_disasters.declare, 2),
}
# Of a hundred actions so many are of the centre.
_CENTRE_SHARE: Final = 22
_MOST_DAYS: Final = 7
_MOST_ACTIONS: Final = 6


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a seed: the trace, and what does not hold at the end."""

    seed: int
    trace: tuple[str, ...]
    findings: tuple[str, ...]

    def report(self) -> str:
        """For people: the trace, what is wrong, and how to see it again."""
        return "\n".join(
            [
                *self.trace,
                "",
                *self.findings,
                f"again: python -m tests.simulation --seed {self.seed}",
            ]
        )


@dataclass(slots=True)
class Menu:
    """Which actions there are; a test may leave some out or weigh them otherwise."""

    site: Mapping[str, tuple[actions.Action, int]] = field(default_factory=lambda: SITE_ACTIONS)
    centre: Mapping[str, tuple[Callable[[World], str], int]] = field(default_factory=lambda: CENTRE_ACTIONS)


def play(seed: int, *, menu: Menu | None = None, bug: AbstractContextManager[object] | None = None) -> Played:
    """Plays a seed; the same seed gives the same trace.

    Args:
        menu: the actions; all of them unless given.
        bug: a planted fault, in force until the world has come to rest.
    """
    world = new_world(seed)
    try:
        with remembered():
            with bug or nullcontext():
                broken = _lived(world, menu or Menu())
            found = broken or invariants.findings(world)
    finally:
        world.close()
    return Played(seed, tuple(world.trace), tuple(found))


def _lived(world: World, menu: Menu) -> list[str]:
    try:
        for _ in range(world.dice.between(3, _MOST_DAYS)):
            for _ in range(world.dice.between(2, _MOST_ACTIONS)):
                _act(world, menu)
            world.next_day()
        finale.finish(world)
    except Exception as error:  # noqa: BLE001, whatever a program of ours lets out is what is looked for
        return ["a program broke:", *traceback.format_exception(error)[-6:]]
    return []


def _act(world: World, menu: Menu) -> None:
    dice = world.dice
    world.time.at += dice.between(1, 90) * 60
    if dice.happens(_CENTRE_SHARE):
        name = dice.weighted({name: weight for name, (_, weight) in menu.centre.items()})
        world.note("centre", f"{name}: {menu.centre[name][0](world)}")
        return
    node = dice.pick(world.machines())
    name = dice.weighted({name: weight for name, (_, weight) in menu.site.items()})
    world.do(node, name, lambda: menu.site[name][0](world, node))


def seeds(
    first: int, last: int, *, bug: Callable[[], AbstractContextManager[object]] | None = None
) -> Iterator[Played]:
    """Plays the seeds from `first` to `last`, both among them, one after the other."""
    for seed in range(first, last + 1):
        yield play(seed, bug=None if bug is None else bug())
