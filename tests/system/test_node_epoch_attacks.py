"""Requests and answers that are forged, repeated, foreign, late or endless: nothing is granted, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from central.domain.node import NodeState
from central.domain.node_epoch import GRANTS_A_DAY, WAITING_KEPT
from central.store import nodes
from central.store.bundles import FORKS_KEPT
from central.store.database import read_transaction, write_transaction
from central.workflow.show_epochs import epoch_cases
from central.workflow.take_epoch import take_epoch
from edge.store import bundles, node_epochs, node_identity
from edge.store.node_epochs import AskState
from edge.workflow.begin_epoch import ask_epoch, take_answer
from sync_protocol.api import NetworkError, RemoteProblem
from sync_protocol.bundle import parse_bundle, sign_bundle
from sync_protocol.days import DAY_SECONDS
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import (
    EpochReason,
    EpochRequest,
    parse_epoch_request,
    sign_epoch_request,
)
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.central.scenario import World
from tests.system.copied_nodes import Machine, audit, decide, entries, machine_of, waiting
from tests.system.test_answers_end_to_end import OFFICER, make_node


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Machine:
    made = machine_of(make_node(world, tmp_path / "node"))
    made.sign()
    made.sync()
    return made


def asked_of(machine: Machine, reason: EpochReason = EpochReason.RESTORED) -> node_epochs.StoredAsk:
    station = machine.station
    return ask_epoch(station.database, reason, entropy=station.entropy, at=station.clock.now(), by="x")


def request_of(machine: Machine) -> EpochRequest:
    return parse_epoch_request(asked_of(machine).request).claimed


def key_of(machine: Machine) -> ec.EllipticCurvePrivateKey:
    with machine.database.read() as tables:
        return node_identity.get(tables).node_key


def hand_in(world: World, request: EpochRequest, key: ec.EllipticCurvePrivateKey) -> bytes:
    centre = world.centre
    inner = sign_epoch_request(request, KeySigner(key))
    sealed = seal(inner, recipient=centre.keys.sealing_key, entropy=centre.entropy)
    return take_epoch(sealed, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now())


def epoch_at_centre(world: World) -> int:
    with read_transaction(world.centre.engine) as connection:
        found = nodes.find_node(connection, "19001A")
    assert found is not None
    return found.epoch


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (lambda request: replace(request, node="19009A"), Code.NODE_UNKNOWN),
        (lambda request: replace(request, epoch=7), Code.EPOCH),
        (lambda request: replace(request, node_sealing_key=request.node_key), Code.FIELD_INVALID),
    ],
)
def test_a_request_that_is_not_the_nodes_own_is_refused(
    world: World, machine: Machine, changed: Callable[[EpochRequest], EpochRequest], code: Code
) -> None:
    request = changed(request_of(machine))
    with pytest.raises(ProtocolError) as caught:
        hand_in(world, request, key_of(machine))
    assert (caught.value.code, epoch_at_centre(world), waiting(world)) == (code, 1, [])


def test_a_request_under_a_strangers_key_is_refused(world: World, machine: Machine) -> None:
    with pytest.raises(ProtocolError) as caught:
        hand_in(world, request_of(machine), ec_key("stranger"))
    assert caught.value.code is Code.SIGNATURE_INVALID
    own = request_of(machine)
    with pytest.raises(ProtocolError) as caught:
        hand_in(world, replace(own, node_key=key_of(machine).public_key()), key_of(machine))
    assert (caught.value.code, epoch_at_centre(world)) == (Code.FIELD_INVALID, 1)


def test_a_lost_answer_costs_nothing_and_the_repeat_is_the_same(world: World, machine: Machine) -> None:
    machine.way.lost = 2
    for _ in range(2):
        with pytest.raises(NetworkError):
            machine.ask()
    assert epoch_at_centre(world) == 2
    asked = asked_of(machine)
    assert machine.way.begin_epoch(asked.sealed) == machine.way.begin_epoch(asked.sealed)
    assert machine.ask().state is AskState.GRANTED
    assert epoch_at_centre(world) == 2
    audit(world, machine)


def test_nothing_is_offered_while_a_request_is_open(world: World, machine: Machine) -> None:
    machine.sign()
    asked_of(machine)
    assert (machine.sync().problem, machine.unsent(), entries(world)) == ("", 1, 1)
    assert machine.ask().state is AskState.GRANTED
    machine.sync()
    assert (machine.unsent(), entries(world)) == (0, 2)


def test_a_grant_is_of_no_use_to_another_store(world: World, machine: Machine, tmp_path: Path) -> None:
    thief = machine.copy(tmp_path / "thief", apart=1)
    stolen = machine.way.begin_epoch(asked_of(machine).sealed)
    own = asked_of(thief)
    with pytest.raises(ProtocolError) as caught:
        take_answer(thief.database, own, stolen, entropy=SeededEntropy(3), at=thief.station.clock.now())
    assert caught.value.code is Code.RECIPIENT_UNKNOWN
    with pytest.raises(RemoteProblem) as turned:
        thief.ask()
    assert turned.value.code is Code.EPOCH
    with thief.database.read() as tables:
        assert node_identity.get(tables).epoch == 1
    flipped = stolen[:-1] + bytes([stolen[-1] ^ 1])
    with pytest.raises(ProtocolError):
        take_answer(machine.database, asked_of(machine), flipped, entropy=SeededEntropy(4), at=1)
    audit(world, machine, thief)


def test_a_copy_made_while_the_request_was_open_goes_on_only_once(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    asked_of(machine)
    twin = machine.copy(tmp_path / "twin", apart=1)
    assert machine.ask().state is AskState.GRANTED
    assert twin.ask().state is AskState.GRANTED
    # Both hold the same fresh keys: that is a copy again, and it is noticed like the first one.
    machine.sign()
    twin.sign()
    assert machine.sync().problem == ""
    assert twin.sync().problem == Code.FORKED.value
    assert len(epoch_cases(world.centre.engine).open) == 1
    audit(world, machine, twin)


def test_a_denied_node_begins_nothing_and_no_person_can_help_it(world: World, machine: Machine) -> None:
    digest = asked_of(machine, EpochReason.COPIED).digest
    assert machine.ask(EpochReason.COPIED).state is AskState.WAITING
    with write_transaction(world.centre.engine) as connection:
        nodes.set_state(connection, "19001A", NodeState.DENIED)
    with pytest.raises(RemoteProblem) as turned:
        machine.ask(EpochReason.COPIED)
    assert turned.value.code is Code.NODE_DENIED
    with pytest.raises(ProtocolError) as caught:
        decide(world, digest)
    assert (caught.value.code, epoch_at_centre(world)) == (Code.NODE_DENIED, 1)


def test_a_request_is_decided_once(world: World, machine: Machine, tmp_path: Path) -> None:
    clone = machine.copy(tmp_path / "clone", apart=1)
    first, second = machine.ask(EpochReason.COPIED), clone.ask(EpochReason.COPIED)
    decide(world, first.digest)
    for digest in (first.digest, second.digest):
        for is_granted in (True, False):
            with pytest.raises(ProtocolError) as caught:
                decide(world, digest, is_granted=is_granted)
            assert caught.value.code is Code.EPOCH_MISMATCH
    assert epoch_at_centre(world) == 2
    audit(world)


def test_a_refused_machine_goes_on_where_nothing_contradicts_the_ledger(world: World, machine: Machine) -> None:
    asked = machine.ask(EpochReason.COPIED)
    machine.sign()
    assert (machine.sync().problem, machine.unsent()) == ("", 1)
    decide(world, asked.digest, is_granted=False)
    refused = machine.ask(EpochReason.COPIED)
    assert (refused.state, refused.code) == (AskState.REFUSED, Code.EPOCH_REFUSED.value)
    assert (machine.sync().problem, machine.unsent(), entries(world)) == ("", 0, 2)
    audit(world, machine)


def test_endless_requests_are_bounded(world: World, machine: Machine) -> None:
    for _ in range(GRANTS_A_DAY):
        assert machine.ask().state is AskState.GRANTED
    # The next one of the day waits for a person, and so does everything that a holder of the key invents.
    assert machine.ask().state is AskState.WAITING
    request, key = request_of(machine), key_of(machine)
    for place in range(WAITING_KEPT - 1):
        hand_in(world, replace(request, nonce=place.to_bytes(16)), key)
    with pytest.raises(ProtocolError) as caught:
        hand_in(world, replace(request, nonce=bytes(16)[:-1] + b"\xff"), key)
    assert (caught.value.code, len(waiting(world))) == (Code.LATER, WAITING_KEPT)
    # A day later a plain restore is granted at once again, once somebody has looked at what waits.
    decide(world, machine.ask().digest)
    assert (machine.ask().state, waiting(world)) == (AskState.GRANTED, [])
    world.clock.at += DAY_SECONDS + 1
    machine.station.clock.at = world.clock.at
    assert machine.ask().state is AskState.GRANTED
    audit(world, machine)


def test_second_histories_beyond_the_cap_are_counted(world: World, machine: Machine) -> None:
    with machine.database.read() as tables:
        identity = node_identity.get(tables)
        place = bundles.find(tables, 1, 1)
    assert place is not None
    first = parse_bundle(place.inner).claimed
    centre = world.centre
    for number in range(1, FORKS_KEPT + 3):
        inner = sign_bundle(replace(first, created_at=first.created_at + number), KeySigner(identity.node_key))
        with pytest.raises(ProtocolError) as caught:
            world.offer(seal(inner, recipient=centre.keys.sealing_key, entropy=centre.entropy))
        assert caught.value.code is Code.FORKED
    (case,) = epoch_cases(centre.engine).open
    assert (len(case.second), case.more_second, case.parted_after) == (FORKS_KEPT, 0, 0)
    assert case.overflow is not None
    assert case.overflow.turned_away == 2
    assert (case.second[0].doses, case.second[0].officer, len(case.ledger)) == (2, OFFICER, 1)
    audit(world, machine)
