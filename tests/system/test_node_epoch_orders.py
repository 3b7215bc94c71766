"""Backups of every moment of a day, and two machines with one key in every small order: the invariants from artefacts.

Each event (a person and an instant) is in the ledger at most once (I4, I5), chains have no gap (I6), second histories
are kept (I7), nothing is deleted (I10), and everything that the machine which goes on knows ends in a receipt (I11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest

from edge.store.node_epochs import AskState
from edge.workflow.prepare_pass import prepare_pass
from edge.workflow.sign_pass import resume_pass
from sync_protocol.api import NetworkError
from sync_protocol.errors import Code
from sync_protocol.node_epoch import EpochReason
from tests.central.scenario import World
from tests.edge.station import OFFICER as STATION_OFFICER
from tests.system.copied_nodes import Machine, at_centre, audit, decide, entries, finish, machine_of
from tests.system.test_answers_end_to_end import make_node


def prepare(machine: Machine) -> None:
    """A turn at the token begins and is cut off before the token answers."""
    station = machine.station
    station.record(2)
    (planned,) = station.plan()
    prepare_pass(station.database, planned, officer=STATION_OFFICER, now=station.clock.now(), entropy=station.entropy)


def resume(machine: Machine) -> None:
    """The same turn goes on, and its batch is sent."""
    station = machine.station
    resume_pass(station.database, station.signer, now=station.clock.now(), entropy=station.entropy)
    machine.sync()


def lose_the_answer(machine: Machine) -> None:
    """The bundle arrives, its receipt does not."""
    machine.sign(1)

    def cut(_: bytes) -> bytes:
        raise NetworkError("cut", try_again=True)

    machine.way.changed = cut
    with pytest.raises(NetworkError):
        machine.sync()
    machine.way.changed = lambda answer: answer


def record(machine: Machine) -> None:
    machine.station.record(2)


def sign(machine: Machine) -> None:
    machine.sign(2)


def sync(machine: Machine) -> None:
    machine.sync()


DAY: Final[Sequence[Callable[[Machine], object]]] = (
    *(record, sign, sync, sign, lose_the_answer, record, sync),
    *(sign, sync, record, prepare, resume),
)


def settle(world: World, machine: Machine) -> None:
    """The machine asks until it may go on; a person helps where one is needed."""
    asked = machine.ask()
    if asked.state is AskState.WAITING:
        decide(world, asked.digest)
        asked = machine.ask()
    assert asked.state is AskState.GRANTED


def check_once(world: World, machine: Machine, *others: Machine) -> None:
    """All that this machine knows is in the ledger, once; what else there was is in the ledger or in its own store."""
    held = at_centre(world)
    assert max(held.values()) == 1
    assert set(machine.recorded()) <= set(held)
    assert (machine.unsent(), machine.to_record_again()) == (0, 0)
    audit(world, machine, *others)


@pytest.mark.parametrize("works_on", [False, True], ids=["noticed at once", "works on first"])
@pytest.mark.parametrize("step", range(len(DAY) + 1))
def test_a_backup_of_any_moment_goes_on(world: World, tmp_path: Path, step: int, works_on: bool) -> None:
    machine = machine_of(make_node(world, tmp_path / "node"))
    for act in DAY[:step]:
        act(machine)
    restored = machine.copy(tmp_path / "backup", apart=1)
    for act in DAY[step:]:
        act(machine)
    before = set(restored.recorded())
    if works_on:
        restored.station.record(3)
        before = set(restored.recorded())
    settle(world, restored)
    # Nothing that this store knew is gone.
    assert set(restored.recorded()) == before
    finish(restored)
    check_once(world, restored, machine)
    # The old machine was not dead: it gets nothing in, and keeps what it has.
    known, ledger = set(machine.recorded()), entries(world)
    machine.sign(1)
    assert machine.sync().problem == Code.EPOCH.value
    assert entries(world) == ledger
    assert known <= set(machine.recorded())


ACTS: Final = (sign, sync, sign)
ORDERS: Final = tuple(combinations(range(2 * len(ACTS)), len(ACTS)))


@pytest.mark.parametrize("order", ORDERS, ids=lambda places: "".join(map(str, places)))
def test_two_machines_in_every_small_order(world: World, tmp_path: Path, order: tuple[int, ...]) -> None:
    first = machine_of(make_node(world, tmp_path / "node"))
    first.sign()
    first.sync()
    first.station.record(1)
    second = first.copy(tmp_path / "clone", apart=1)
    left = {"first": list(ACTS), "second": list(ACTS)}
    for place in range(2 * len(ACTS)):
        name, machine = ("first", first) if place in order else ("second", second)
        left[name].pop(0)(machine)
    for machine in (first, second):
        machine.sync()
    everything = set(first.recorded()) | set(second.recorded())
    goes_on, stays = (first, second) if sum(order) % 2 else (second, first)
    asked, other = goes_on.ask(EpochReason.COPIED), stays.ask(EpochReason.COPIED)
    assert {asked.state, other.state} == {AskState.WAITING}
    decide(world, asked.digest)
    assert goes_on.ask(EpochReason.COPIED).state is AskState.GRANTED
    assert stays.ask(EpochReason.COPIED).code == Code.EPOCH.value
    ledger = entries(world)
    assert stays.sync().problem == Code.EPOCH.value
    assert entries(world) == ledger
    finish(goes_on)
    check_once(world, goes_on, stays)
    assert everything <= set(at_centre(world)) | set(stays.recorded())
