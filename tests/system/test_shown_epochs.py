"""The centre is put back to a copy from before an epoch of a node: the node shows what was signed, and goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.app import create_app
from central.cli import main
from central.domain.node import NodeState
from central.domain.shown_epoch import ShownStanding
from central.store import nodes, shown_epochs
from central.store.database import read_transaction, write_transaction
from central.store.nodes import NodeRow
from central.workflow import take_shown_epoch as taking
from central.workflow.check_centre import check_centre
from central.workflow.decide_shown_epoch import ShownCase, shown_cases
from central.workflow.lost_history import open_losses
from edge.store import node_identity
from edge.workflow.show_epochs import show_epochs
from sync_protocol import cbor, endpoints, limits
from sync_protocol.api import RemoteProblem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import EpochReason
from sync_protocol.sealing import seal
from tests.builders import SeededEntropy
from tests.central.scenario import PASSWORD, World
from tests.protocol.refusals import refused
from tests.system.copied_nodes import EpochWay, Machine, decide, waiting
from tests.system.restores import Restores, sync, wrong
from tests.system.test_answers_end_to_end import OFFICER

NODE = "19001A"


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    return Restores(world, tmp_path)


def _machine(made: Restores, number: int = 1) -> Machine:
    """A node with one bundle at the centre."""
    machine = made.node(number)
    made.settle()
    _deliver(made, machine)
    return machine


def _deliver(made: Restores, machine: Machine) -> None:
    made.tick()
    machine.sign()
    made.tick()
    sync(machine)


def _new_epoch(made: Restores, machine: Machine) -> None:
    made.tick()
    machine.ask()
    made.tick()


def _register(made: Restores, machine: Machine) -> None:
    """What no node brings back: the operator registers the certificate of the second site again."""
    certificate = machine.station.signer.certificate
    assert certificate is not None
    made.world.register("19002", certificate, officer=OFFICER)


def _clone(made: Restores, machine: Machine, name: str) -> Machine:
    """Another machine with the same store; it shares the clock of the others."""
    clone = machine.copy(made.directory / name, apart=len(made.nodes))
    made.nodes.append(clone)
    return clone


def _epoch(machine: Machine) -> int:
    with machine.database.read() as tables:
        return node_identity.get(tables).epoch


def _row(made: Restores, code: str = NODE) -> NodeRow | None:
    with read_transaction(made.world.centre.engine) as connection:
        return nodes.find_node(connection, code)


def _epoch_here(made: Restores, code: str = NODE) -> int:
    row = _row(made, code)
    return 0 if row is None else row.epoch


def _state(made: Restores) -> NodeState:
    row = _row(made)
    assert row is not None
    return row.state


def _cases(made: Restores) -> list[ShownCase]:
    return list(shown_cases(made.world.centre.engine).waiting)


def _decide(made: Restores, case: ShownCase, *, is_taken: bool = True) -> None:
    made.decide_shown(case.stored.digest, is_taken=is_taken)


@dataclass(slots=True)
class Recorded:
    """The way of a machine, on which somebody listens."""

    way: EpochWay
    sent: list[bytes] = field(default_factory=list)

    def show_epochs(self, showing: bytes) -> bytes:
        self.sent.append(showing)
        return self.way.show_epochs(showing)

    def show_receipts(self, receipts: bytes) -> bytes:
        return self.way.show_receipts(receipts)


def _show(machine: Machine, way: Recorded | None = None) -> Code | None:
    station = machine.station
    return show_epochs(station.database, way or machine.way, entropy=station.entropy, at=station.clock.now())


def _one_epoch_is_lost(made: Restores) -> Machine:
    """A node whose second epoch, with the bundles around its beginning, lies behind the copy that is put back."""
    machine = _machine(made)
    made.copy("before")
    _deliver(made, machine)
    _new_epoch(made, machine)
    _deliver(made, machine)
    made.restore("before")
    return machine


def test_a_node_goes_on_in_an_epoch_that_the_copy_does_not_know(made: Restores) -> None:
    machine = _one_epoch_is_lost(made)
    made.begin()
    made.settle()
    assert _epoch(machine) == _epoch_here(made) == 2
    assert [(entry.epoch, entry.sequence) for entry in made.entries()] == [(1, 1), (1, 2), (2, 1)]
    assert wrong(made) == []
    # It goes on as if nothing had been, and nobody had to decide.
    _deliver(made, machine)
    assert wrong(made) == []
    (done,) = shown_cases(made.world.centre.engine).decided
    assert (done.decided_by, done.standing) == ("", ShownStanding.PLAIN)


def test_two_epochs_that_are_lost_at_once_go_on_each_in_its_place(made: Restores) -> None:
    machine = _machine(made)
    made.copy("before")
    for _ in range(2):
        _deliver(made, machine)
        _new_epoch(made, machine)
    _deliver(made, machine)
    made.restore("before")
    made.begin()
    made.settle()
    assert [(entry.epoch, entry.sequence) for entry in made.entries()] == [(1, 1), (1, 2), (2, 1), (3, 1)]
    assert _epoch_here(made) == 3
    assert wrong(made) == []


def test_an_epoch_that_ended_with_links_without_a_receipt_is_sent_again_up_to_those_that_had_one(
    made: Restores,
) -> None:
    machine = _machine(made)
    made.copy("before")
    _deliver(made, machine)
    # The answer to the last one is lost on the way: the receipt comes with the grant.
    machine.sign()
    machine.way.changed = lambda answer: b""
    with pytest.raises(ProtocolError):
        _raise(machine.run().problem)
    machine.way.changed = lambda answer: answer
    _new_epoch(made, machine)
    before = len(made.entries())
    made.restore("before")
    made.begin()
    made.settle()
    assert len(made.entries()) == before == 3
    assert wrong(made) == []


def _raise(problem: str) -> None:
    if problem:
        raise ProtocolError(Code(problem), "as said")


def test_before_an_epoch_of_the_ledger_is_declared_nothing_is_taken_up(made: Restores) -> None:
    machine = _one_epoch_is_lost(made)
    made.tick()
    assert sync(machine) == Code.EPOCH_SHOWN
    (case,) = _cases(made)
    assert (case.stored.standing, case.may_confirm, _epoch_here(made)) == (ShownStanding.UNDECLARED, False, 1)
    with refused(Code.LEDGER_EPOCH):
        _decide(made, case)
    assert any("decide-epoch" in one.rule for one in check_centre(made.world.centre.engine).findings)
    made.begin()
    made.settle()
    assert wrong(made) == []
    assert _epoch_here(made) == 2
    assert _cases(made) == []


def test_a_node_that_was_enrolled_after_the_copy_is_known_again(made: Restores) -> None:
    _machine(made, 1)
    made.copy("before")
    later = _machine(made, 2)
    _new_epoch(made, later)
    _deliver(made, later)
    made.restore("before")
    made.begin()
    made.settle()
    assert _epoch_here(made, "19002A") == 2
    _register(made, later)
    made.settle()
    assert wrong(made) == []
    assert len(made.entries()) == 3


def test_a_node_that_kept_no_answer_to_its_enrolment_waits_for_one_act(made: Restores) -> None:
    _machine(made, 1)
    made.copy("before")
    later = _machine(made, 2)
    with later.database.write_transaction() as tables:
        tables.execute("DROP TRIGGER enrolment_answers_no_delete")
        tables.execute("DELETE FROM enrolment_answers")
    made.restore("before")
    made.begin()
    made.tick()
    assert sync(later) == Code.EPOCH_SHOWN
    (case,) = _cases(made)
    assert (case.stored.standing, case.is_known, case.facility) == (ShownStanding.UNPROVEN, False, "19002")
    page = create_app(made.world.centre).test_client().get("/operator/epochs").get_data(as_text=True)
    assert "19002A" in page
    assert "Nối lại kỳ này" in page
    runner = CliRunner(env={"HCVX_CENTRAL_PASSWORD": PASSWORD})
    words = ["--directory", str(made.world.centre.config.directory)]
    assert "NÚT KHÔNG CÓ Ở ĐÂY" in runner.invoke(main, [*words, "status"]).stderr
    assert case.short in runner.invoke(main, [*words, "node-epochs"]).stderr
    asked = [*words, "decide-epoch", case.short, "--grant", "--by", "Lê Thị Vân", "--reason", "máy ở bàn tiêm"]
    assert runner.invoke(main, asked).exit_code == 0
    _register(made, later)
    made.settle()
    assert wrong(made) == []
    assert _epoch_here(made, "19002A") == 1


def test_an_older_copy_of_the_store_does_not_come_back_to_life(made: Restores) -> None:
    machine = _machine(made)
    _new_epoch(made, machine)
    made.copy("before")
    # A copy of the disk in the second epoch; the machine went on in the third one.
    clone = _clone(made, machine, "clone")
    _new_epoch(made, machine)
    _deliver(made, machine)
    made.restore("before")
    made.begin()
    made.settle([0])
    assert _epoch_here(made) == 3
    assert _show(clone) is Code.EPOCH
    made.tick()
    assert sync(clone) == Code.EPOCH
    assert (_epoch_here(made), _state(made)) == (3, NodeState.ENROLLED)
    made.nodes.remove(clone)
    assert wrong(made) == []


def test_an_older_copy_that_is_faster_goes_when_the_newest_epoch_is_shown(made: Restores) -> None:
    machine = _machine(made)
    made.copy("before")
    _new_epoch(made, machine)
    clone = _clone(made, machine, "clone")
    _new_epoch(made, machine)
    _deliver(made, machine)
    made.restore("before")
    made.begin()
    made.settle([1])
    assert _epoch_here(made) == 2
    made.settle([0])
    assert _epoch_here(made) == 3
    made.tick()
    assert sync(clone) == Code.EPOCH
    made.nodes.remove(clone)
    assert wrong(made) == []


def test_an_older_copy_that_was_faster_and_sent_something_leaves_the_decision_to_a_person(made: Restores) -> None:
    machine = _machine(made)
    made.copy("before")
    _new_epoch(made, machine)
    clone = _clone(made, machine, "clone")
    _deliver(made, machine)
    _new_epoch(made, machine)
    made.restore("before")
    made.begin()
    made.settle([1])
    _deliver(made, clone)
    made.tick()
    # The ledger now holds another first link of epoch 2 than the one that the newest epoch ended.
    assert sync(machine) == Code.EPOCH_SHOWN
    (case,) = _cases(made)
    assert (case.stored.standing, case.may_confirm, _epoch_here(made)) == (ShownStanding.OTHER, True, 2)
    _decide(made, case)
    assert _epoch_here(made) == 3


def test_two_machines_with_one_epoch_by_two_words_wait_for_a_person(made: Restores) -> None:
    machine = _machine(made)
    made.copy("before")
    clone = _clone(made, machine, "clone")
    _new_epoch(made, machine)
    made.restore("before")
    made.begin()
    # The clone asks first, and gets the same epoch by another grant.
    _new_epoch(made, clone)
    assert _epoch(machine) == _epoch(clone) == 2
    made.tick()
    assert sync(machine) == Code.EPOCH_SHOWN
    (case,) = _cases(made)
    assert (case.stored.standing, case.may_confirm, _state(made)) == (ShownStanding.TAKEN, False, NodeState.FORKED)
    with refused(Code.EPOCH):
        _decide(made, case)
    _decide(made, case, is_taken=False)
    assert _state(made) is NodeState.ENROLLED
    made.tick()
    assert sync(machine) == Code.EPOCH_REFUSED
    assert _state(made) is NodeState.ENROLLED
    _deliver(made, clone)
    made.nodes.remove(machine)
    assert wrong(made) == []


def test_a_request_that_was_refused_here_is_not_taken_up_by_an_old_grant(made: Restores) -> None:
    machine = _machine(made)
    clone = _clone(made, machine, "clone")
    machine.sign()
    made.tick()
    machine.way.lost = 1
    asked = _copied_ask(clone)
    made.copy("before")
    decide(made.world, asked)
    clone.ask()
    assert _epoch(clone) == 2
    made.restore("before")
    made.begin()
    decide(made.world, asked, is_granted=False)
    assert _show(clone) is Code.EPOCH_SHOWN
    (case,) = _cases(made)
    assert case.stored.standing is ShownStanding.OTHER
    assert _epoch_here(made) == 1


def _copied_ask(machine: Machine) -> bytes:
    """A request that waits for a person, because the site says that there is a copy."""
    machine.ask(EpochReason.COPIED)
    (asked,) = waiting(machine.way.world)
    return asked


def test_who_was_locked_out_stays_so(made: Restores) -> None:
    machine = _one_epoch_is_lost(made)
    made.begin()
    with write_transaction(made.world.centre.engine) as connection:
        nodes.set_state(connection, NODE, NodeState.DENIED)
    with pytest.raises(RemoteProblem, match=Code.NODE_DENIED):
        _show(machine)
    assert _epoch_here(made) == 1


def test_a_showing_that_is_sent_again_changes_nothing(made: Restores) -> None:
    machine = _one_epoch_is_lost(made)
    made.begin()
    way = Recorded(machine.way)
    assert _show(machine, way) is None
    made.settle()
    before = _row(made)
    client, call = create_app(made.world.centre).test_client(), endpoints.SHOWN_EPOCHS
    for _ in range(2):
        answer = client.post(call.path, data=way.sent[0], content_type=call.request_type)
        assert (answer.status_code, answer.content_type) == (200, call.answer_type)
    assert _row(made) == before
    assert wrong(made) == []


def test_bundles_that_the_ended_epoch_never_had_are_not_taken(made: Restores) -> None:
    machine = _machine(made)
    made.copy("before")
    clone = _clone(made, machine, "clone")
    _deliver(made, machine)
    _new_epoch(made, machine)
    made.restore("before")
    made.begin()
    made.tick()
    sync(machine)
    assert _epoch_here(made) == 2
    # The other machine holds the old key, and sends a link for the open place, and one behind it.
    made.nodes.remove(clone)
    clone.sign()
    clone.sign()
    assert clone.run().problem == Code.EPOCH
    made.settle()
    assert [(entry.epoch, entry.sequence) for entry in made.entries()] == [(1, 1), (1, 2)]
    assert wrong(made) == []


def test_the_operator_refuses_on_the_page_what_must_not_go_on(made: Restores) -> None:
    machine = _one_epoch_is_lost(made)
    made.tick()
    sync(machine)
    (case,) = _cases(made)
    client = create_app(made.world.centre).test_client()
    page = client.get("/operator/epochs").get_data(as_text=True)
    assert "Công bố kỳ sổ cái trước" in page
    assert "Nối lại kỳ này" not in page
    assert NODE in client.get("/operator").get_data(as_text=True)
    found = re.search(r'name="token" value="(\w+)"', page)
    assert found is not None
    form = {"token": found[1], "request": case.short, "by": "Lê Thị Vân", "why": "máy đã mất", "confirmed": "yes"}
    # To take it up before an epoch of the ledger is declared, a form that is not on the page would have to be sent.
    assert client.post("/operator/epochs", data=form | {"what": "grant"}).status_code == 409
    assert client.post("/operator/epochs", data=form | {"what": "refuse"}).status_code == 303
    made.begin()
    made.tick()
    assert sync(machine) == Code.EPOCH_REFUSED
    assert _epoch_here(made) == 1


def test_receipts_that_are_not_ours_or_too_many_are_refused(made: Restores) -> None:
    machine = _machine(made)
    centre = made.world.centre

    def show(*receipts: bytes) -> None:
        sealed = seal(cbor.encode(list(receipts)), recipient=centre.keys.sealing_key, entropy=SeededEntropy(9))
        machine.way.show_receipts(sealed)

    held = machine.way.answers[0]
    show(held)
    for shown in ((), (held,) * (limits.SHOWN_RECEIPTS + 1), (b"no receipt",), (held[:-1] + b"\x00",)):
        with pytest.raises(ProtocolError):
            show(*shown)
    with read_transaction(centre.engine) as connection:
        assert open_losses(connection) == []


def test_a_list_of_what_waits_has_an_end(made: Restores, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(made, 1)
    made.copy("before")
    later = _machine(made, 2)
    made.restore("before")
    monkeypatch.setattr(shown_epochs, "UNKNOWN_KEPT", 0)
    with pytest.raises(RemoteProblem, match=Code.LATER):
        _show(later)
    assert _cases(made) == []


@pytest.mark.parametrize("seed", ["undeclared", "refused"])
def test_a_centre_that_takes_up_whatever_is_shown_is_found_by_its_check(
    made: Restores, monkeypatch: pytest.MonkeyPatch, seed: str
) -> None:
    machine = _machine(made)
    made.copy("before")
    asked = _copied_ask(machine)
    made.copy("asked")
    decide(made.world, asked)
    machine.ask()
    made.restore("asked" if seed == "refused" else "before")
    if seed == "refused":
        made.begin()
        decide(made.world, asked, is_granted=False)
    # Planted: whatever carries our signature is good.
    monkeypatch.setattr(taking, "judge_shown", lambda *_: ShownStanding.PLAIN)
    assert _show(machine) is None
    found = [one.rule for one in check_centre(made.world.centre.engine).findings]
    assert any("taken up" in rule for rule in found)
