"""A laptop is restored, or its disk is copied: the whole way out, with the real centre."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.store.node_epochs import AskState, SignKind
from sync_protocol.errors import Code
from sync_protocol.node_epoch import EpochReason
from tests.central.scenario import World
from tests.system.copied_nodes import (
    Machine,
    admitted,
    at_centre,
    audit,
    decide,
    entries,
    finish,
    machine_of,
    waiting,
)
from tests.system.test_answers_end_to_end import make_node


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Machine:
    return machine_of(make_node(world, tmp_path / "node"))


def test_a_restored_laptop_goes_on_by_itself(world: World, machine: Machine, tmp_path: Path) -> None:
    machine.sign()
    machine.sync()
    restored = machine.copy(tmp_path / "backup", apart=1)
    machine.sign(3)
    machine.sync()
    # The laptop dies here; the backup is put upon a new one, whose first contact shows what it lacks.
    assert restored.sync().problem == ""
    assert restored.sign_kind() is SignKind.BEHIND
    asked = restored.ask()
    assert (asked.state, [(run.first, run.last) for run in asked.missing]) == (AskState.GRANTED, [(3, 5)])
    restored.sign()
    assert restored.sync().problem == ""
    assert (restored.unsent(), entries(world), admitted(world)) == (0, 3, 7)
    # Numbers go on above everything that the centre holds.
    assert restored.station.record(1) == [1_003]
    assert max(at_centre(world).values()) == 1
    # The old machine was not dead after all: it is told, and nothing of it gets in.
    machine.sign()
    assert machine.sync().problem == Code.EPOCH.value
    assert (machine.sign_kind(), entries(world)) == (SignKind.ENDED, 3)
    audit(world, restored, machine)


def test_what_was_signed_and_not_sent_is_sealed_again_without_the_token(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    machine.sign()
    machine.sync()
    machine.sign(3)
    restored = machine.copy(tmp_path / "backup", apart=1)
    signatures = restored.station.signer
    asked = restored.ask()
    assert asked.state is AskState.GRANTED
    assert restored.unsent() == 1
    assert restored.sync().problem == ""
    assert (restored.unsent(), admitted(world), entries(world)) == (0, 5, 2)
    assert restored.station.signer is signatures
    audit(world, restored)


def test_what_the_centre_has_already_is_learned_and_not_entered_twice(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    machine.sign()
    # Sealed and not sent at the backup; sent by the old machine afterwards, with three doses that were not signed yet.
    machine.station.record(3)
    restored = machine.copy(tmp_path / "backup", apart=1)
    machine.sync()
    machine.sign()
    machine.sync()
    asked = restored.ask()
    assert asked.state is AskState.GRANTED
    # The receipt of its own bundle came with the answer, and its three doses are known to be delivered.
    assert restored.unsent() == 0
    assert restored.station.plan() == ()
    assert (restored.to_record_again(), entries(world)) == (0, 2)
    restored.sign()
    assert restored.sync().problem == ""
    assert max(at_centre(world).values()) == 1
    audit(world, restored)


def test_two_machines_with_one_key_wait_for_a_person(world: World, machine: Machine, tmp_path: Path) -> None:
    machine.sign()
    machine.sync()
    clone = machine.copy(tmp_path / "clone", apart=1)
    machine.sign(2)
    machine.sync()
    clone.sign(3)
    assert clone.sync().problem == Code.FORKED.value
    assert clone.sign_kind() is SignKind.FORKED
    # Recording and signing go on; nothing is admitted of either.
    machine.sign(1)
    assert machine.sync().problem == Code.FORKED.value
    first, second = machine.ask(EpochReason.COPIED), clone.ask(EpochReason.COPIED)
    assert {first.state, second.state} == {AskState.WAITING}
    assert set(waiting(world)) == {first.digest, second.digest}
    audit(world, machine, clone)
    decide(world, second.digest)
    assert clone.ask(EpochReason.COPIED).state is AskState.GRANTED
    refused = machine.ask(EpochReason.COPIED)
    assert (refused.state, refused.code) == (AskState.REFUSED, Code.EPOCH.value)
    assert machine.sync().problem == Code.EPOCH.value
    # Two of the clone's three doses carry numbers of the other machine's: they are recorded again.
    assert clone.to_record_again() == 2
    finish(clone)
    assert (clone.unsent(), clone.to_record_again(), admitted(world)) == (0, 0, 7)
    held = at_centre(world)
    assert max(held.values()) == 1
    assert set(clone.recorded()) <= set(held)
    audit(world, machine, clone)
