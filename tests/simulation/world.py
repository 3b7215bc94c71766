"""A seed's world: two nodes, a centre, what is under way between them, and the trace of all that happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.workflow.record_dose import Submission
from sync_protocol.days import to_datetime
from tests.central.scenario import MORNING
from tests.simulation.dice import Dice
from tests.simulation.fuse import Blow, Crash
from tests.simulation.machines import CentreMachine, DriftingClock, NodeMachine, Time, flaky
from tests.simulation.template import STORE, Template, template

_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Parcel:
    """A sealed bundle as a file, wherever it lies."""

    code: str
    sealed: bytes


@dataclass(slots=True)
class Seen:
    """What an observer of the centre's door has seen: never what is inside the programs.

    Attributes:
        answers: the first honest answer to sealed bytes, by their digest.
        changed: digests that got another honest answer later.
        forked: digests of sealed bytes that came whole and were called forked.
    """

    answers: dict[bytes, bytes] = field(default_factory=dict)
    changed: list[bytes] = field(default_factory=list)
    forked: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """Everything of one seed.

    Attributes:
        faults: how many of a hundred calls go wrong; 0 when the faults have stopped.
        nodes: the machine that stands at each site; `clones`: others that run a copy of such a disk.
        submitted: what people gave to record, by its key; `kept`: lots whose 2xx left the node; `tried`: lots that
            may or may not be there, since the machine stopped. Every recorded version of a dose has a lot of its own.
        gone: lots that were on a disk which is no more, and may be nowhere.
        torn: codes of nodes of whose chain there were two histories; `asking`: machines that were told to ask for a new
            epoch, since theirs is a backup or a copy.
        parcels: files on sticks; `exported`: all that ever were.
        was_restored, undeclared: whether the centre was put back to an older copy, and has not said so yet.
        late: requests that are still under way to the centre, or come again.
    """

    seed: int
    dice: Dice
    time: Time
    centre: CentreMachine
    nodes: dict[str, NodeMachine]
    work: Path
    faults: int = 40
    clones: list[NodeMachine] = field(default_factory=list)
    submitted: dict[str, tuple[NodeMachine, Submission]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    torn: set[str] = field(default_factory=set)
    asking: set[str] = field(default_factory=set)
    was_restored: bool = False
    undeclared: bool = False
    copies: dict[str, list[Path]] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    exported: list[Parcel] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    trace: list[str] = field(default_factory=list)
    people: int = 0
    lots: int = 0

    def note(self, who: str, what: str) -> None:
        """Adds a line to the trace: nothing that another run of the seed would say otherwise."""
        self.trace.append(f"{to_datetime(self.time.at):%m-%d %H:%M} {who} {what}")

    def do(self, node: NodeMachine, name: str, act: Callable[[], str]) -> None:
        """Lets a node do something, under the chance of a power cut or a full disk; a stopped machine starts again."""
        if self.dice.happens(self.faults // 2):
            node.fuse.arm(self.dice.between(1, 10), self.dice.pick(tuple(Blow)))
        try:
            outcome = act()
        except Crash:
            outcome = "power cut"
            node.restart()
        finally:
            node.fuse.disarm()
        self.note(node.name, f"{name}: {outcome}")

    def next_day(self) -> None:
        """The night goes by; clocks drift."""
        self.time.at += _DAY_SECONDS - (self.time.at - MORNING) % _DAY_SECONDS
        for node in [*self.nodes.values(), *self.clones]:
            node.clock.wrong_by += self.dice.between(-40, 40)

    def machines(self) -> list[NodeMachine]:
        """All computers that run a node, copies too."""
        return [*self.nodes.values(), *self.clones]

    def clone(self, node: NodeMachine, path: Path) -> NodeMachine:
        """Starts another machine upon a copy of a node's disk."""
        name = f"{node.name}'{len(self.clones) + 1}"
        directory = self.work / name
        directory.mkdir()
        shutil.copyfile(path, directory / STORE)
        made = NodeMachine(
            name,
            node.code,
            node.facility,
            directory,
            DriftingClock(self.time, node.clock.wrong_by),
            self.dice.stream(name),
            flaky(node.token.inner),
        )
        self.clones.append(made)
        return made

    def close(self) -> None:
        """Closes all stores."""
        for node in self.machines():
            node.stop()
        self.centre.engine.dispose()


def new_world(seed: int) -> World:
    """The world of a seed on its first morning. One at a time: all use the template's working directory."""
    made: Template = template()
    made.fresh()
    dice, time = Dice(f"seed {seed}"), Time(MORNING)
    nodes = {
        site.code: NodeMachine(
            site.code,
            site.code,
            site.facility,
            made.work / site.code,
            DriftingClock(time, dice.between(-120, 120)),
            dice.stream(site.code),
            flaky(site.signer),
        )
        for site in made.sites
    }
    ring = made.centre.centre.keys
    centre = CentreMachine(
        made,
        DriftingClock(time),
        dice.stream("centre"),
        dice.stream("pieces"),
        flaky(ring.ledger),
        flaky(ring.publisher),
        flaky(made.document_signer),
    )
    # Of each store there is a backup from the first morning.
    copies = {site.code: [made.directory / site.code / STORE] for site in made.sites}
    return World(seed, dice, time, centre=centre, nodes=nodes, work=made.work, copies=copies)
