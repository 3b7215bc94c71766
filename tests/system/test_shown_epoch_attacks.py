"""What others make of a restored centre: found files, copies of a store, replays, keys of another node, floods."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from central.domain.node import NodeState
from central.domain.shown_epoch import ShownStanding
from central.store import nodes, shown_epochs
from central.store.database import read_transaction, write_transaction
from central.store.nodes import NodeRow
from central.store.shown_epochs import StoredShowing
from central.workflow.check_centre import check_centre
from central.workflow.decide_shown_epoch import shown_cases
from central.workflow.lost_history import keep_proofs, open_losses
from edge.store import node_epochs, node_identity, receipts
from edge.workflow.show_epochs import show_epochs
from sync_protocol import cbor, limits
from sync_protocol.api import RemoteProblem
from sync_protocol.enrolment import EnrolmentRequest, sign_enrolment_request
from sync_protocol.enrolment_file import verify_shown_file
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.node_epoch import EpochReason
from sync_protocol.node_epoch_answer import unseal_epoch_answer
from sync_protocol.sealing import seal
from sync_protocol.shown_epoch import NONCE_BYTES, Enrolled, Granted, Showing, showing_digest, sign_showing
from sync_protocol.shown_epoch_answer import ShownState, open_shown_answer
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.central.scenario import World
from tests.protocol.refusals import refused
from tests.system.copied_nodes import EpochWay, Machine, decide
from tests.system.copied_nodes import waiting as waiting_requests
from tests.system.restores import Restores, sync, wrong
from tests.system.test_answers_end_to_end import entries_of, signed_anew

NODE = "19001A"


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    return Restores(world, tmp_path)


def deliver(made: Restores, machine: Machine) -> None:
    """One more bundle at the centre."""
    made.tick()
    machine.sign()
    made.tick()
    sync(machine)


def new_epoch(made: Restores, machine: Machine) -> None:
    made.tick()
    machine.ask()
    made.tick()


def machine_of(made: Restores, number: int = 1) -> Machine:
    """A node with one bundle at the centre."""
    machine = made.node(number)
    made.settle()
    deliver(made, machine)
    return machine


def clone_of(made: Restores, machine: Machine, name: str = "clone") -> Machine:
    """Another machine with the same store, that shares the clock of the others."""
    clone = machine.copy(made.directory / name, apart=len(made.nodes))
    made.nodes.append(clone)
    return clone


def show(machine: Machine) -> Code | None:
    station = machine.station
    return show_epochs(station.database, machine.way, entropy=station.entropy, at=station.clock.now())


def row(made: Restores, node: str = NODE) -> NodeRow:
    with read_transaction(made.world.centre.engine) as connection:
        found = nodes.find_node(connection, node)
    assert found is not None
    return found


def standing(made: Restores, node: str = NODE) -> tuple[int, NodeState]:
    """In which epoch a node is at the centre, and its state."""
    found = row(made, node)
    return found.epoch, found.state


def waiting(made: Restores, node: str = NODE) -> list[StoredShowing]:
    with read_transaction(made.world.centre.engine) as connection:
        return shown_epochs.waiting(connection, node)


def judge(made: Restores, stored: StoredShowing, *, is_taken: bool) -> None:
    made.decide_shown(stored.digest, is_taken=is_taken)


@dataclass(slots=True)
class Finder:
    """Somebody with a node's enrolment file, as it lay on a stick: no key of the node, and no answer of the centre."""

    machine: Machine
    calls: int = field(default=0)

    def show(self, *, epoch: int) -> ShownState:
        """Shows the file with a request of their own making; every call is of other keys."""
        self.calls += 1
        with self.machine.database.read() as tables:
            identity = node_identity.get(tables)
        file = verify_shown_file(identity.enrolment_file, [identity.publisher_key])
        own, opening = ec_key(f"finder {self.calls}"), ec_key(f"finder's opening key {self.calls}")
        request = EnrolmentRequest(NODE, file.one_time_code, own.public_key(), opening.public_key())
        enrolled = Enrolled(identity.enrolment_file, sign_enrolment_request(request, KeySigner(own)))
        showing = Showing(NODE, epoch, enrolled, (), at=0, nonce=bytes(NONCE_BYTES))
        return said(self.machine, showing, own, opening)


def said(
    machine: Machine, showing: Showing, key: ec.EllipticCurvePrivateKey, opening: ec.EllipticCurvePrivateKey
) -> ShownState:
    """What the centre answers to a showing that this key signs."""
    with machine.database.read() as tables:
        identity = node_identity.get(tables)
    inner = sign_showing(showing, KeySigner(key))
    way = EpochWay(machine.way.world)
    sealed = way.show_epochs(seal(inner, recipient=identity.sealing_key, entropy=SeededEntropy(77)))
    answer = open_shown_answer(sealed, opening, identity.publisher_key, node=showing.node, digest=showing_digest(inner))
    return answer.state


def test_whoever_found_an_enrolment_file_stops_nobody(made: Restores) -> None:
    machine = machine_of(made)
    new_epoch(made, machine)
    deliver(made, machine)
    assert Finder(machine).show(epoch=2) is ShownState.WAITING
    assert standing(made) == (2, NodeState.ENROLLED)
    deliver(made, machine)
    # The operator sees it, and refuses; then nothing is left of it.
    (case,) = shown_cases(made.world.centre.engine).waiting
    assert not case.may_confirm
    with refused(Code.LEDGER_EPOCH):
        judge(made, case.stored, is_taken=True)
    judge(made, case.stored, is_taken=False)
    assert wrong(made) == []


def test_any_number_of_showings_of_a_found_file_leave_room_for_the_node(made: Restores) -> None:
    machine = machine_of(made)
    made.copy("before")
    new_epoch(made, machine)
    deliver(made, machine)
    made.restore("before")
    finder, kept = Finder(machine), shown_epochs.OF_A_NODE_KEPT // 2
    assert {finder.show(epoch=9) for _ in range(kept)} == {ShownState.WAITING}
    for _ in range(10):
        with pytest.raises(RemoteProblem, match=Code.LATER):
            finder.show(epoch=9)
    assert len(waiting(made)) == kept
    made.tick()
    assert sync(machine) == Code.EPOCH_SHOWN
    assert ShownStanding.UNDECLARED in [one.standing for one in waiting(made)]
    made.begin()
    made.settle()
    assert standing(made) == (2, NodeState.ENROLLED)
    for stored in waiting(made):
        judge(made, stored, is_taken=False)
    assert wrong(made) == []


def test_nodes_that_nobody_knows_fill_no_table(made: Restores, monkeypatch: pytest.MonkeyPatch) -> None:
    made.node(1)
    made.copy("before")
    found, also_found, proven, late = (made.node(number) for number in range(2, 6))
    for machine in (found, also_found):
        with machine.database.write_transaction() as tables:
            tables.execute("DROP TRIGGER enrolment_answers_no_delete")
            tables.execute("DELETE FROM enrolment_answers")
    made.restore("before")
    monkeypatch.setattr(shown_epochs, "UNKNOWN_KEPT", 2)
    assert show(found) is Code.EPOCH_SHOWN
    # A second time takes no second place.
    assert show(found) is Code.EPOCH_SHOWN
    with pytest.raises(RemoteProblem, match=Code.LATER):
        show(also_found)
    assert show(proven) is Code.EPOCH_SHOWN
    with pytest.raises(RemoteProblem, match=Code.LATER):
        show(late)
    assert len(shown_cases(made.world.centre.engine).waiting) == 2
    # What is our own word waits for nobody's place, once the loss is declared.
    made.begin()
    assert show(late) is None


def test_a_full_room_keeps_out_nothing_that_is_taken_up_at_once(
    made: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = machine_of(made)
    made.copy("before")
    new_epoch(made, machine)
    made.restore("before")
    monkeypatch.setattr(shown_epochs, "OF_A_NODE_KEPT", 0)
    with pytest.raises(RemoteProblem, match=Code.LATER):
        show(machine)
    made.begin()
    assert show(machine) is None


def test_two_machines_with_one_grant_are_found_out_by_their_bundles(made: Restores) -> None:
    machine = machine_of(made)
    made.copy("before")
    new_epoch(made, machine)
    clone = clone_of(made, machine)
    made.restore("before")
    made.begin()
    # They hold the same keys and the same words: nobody can tell them apart yet.
    assert (show(machine), show(clone)) == (None, None)
    made.settle()
    assert standing(made) == (2, NodeState.ENROLLED)
    deliver(made, machine)
    made.tick()
    clone.sign(3)
    made.tick()
    assert sync(clone) == Code.FORKED
    assert standing(made) == (2, NodeState.FORKED)


def test_who_is_locked_out_while_a_showing_waits_can_be_refused_and_not_taken_up(made: Restores) -> None:
    machine = machine_of(made)
    made.copy("before")
    new_epoch(made, machine)
    made.restore("before")
    assert show(machine) is Code.EPOCH_SHOWN
    with write_transaction(made.world.centre.engine) as connection:
        nodes.set_state(connection, NODE, NodeState.DENIED)
    made.begin()
    with pytest.raises(RemoteProblem, match=Code.NODE_DENIED):
        show(machine)
    (stored,) = waiting(made)
    with refused(Code.NODE_DENIED):
        judge(made, stored, is_taken=True)
    judge(made, stored, is_taken=False)
    assert (waiting(made), standing(made)) == ([], (1, NodeState.DENIED))
    assert check_centre(made.world.centre.engine).findings == ()


def test_what_a_person_refused_does_not_come_back_in_the_same_or_in_a_later_showing(made: Restores) -> None:
    machine = machine_of(made)
    made.copy("before")
    new_epoch(made, machine)
    clone = clone_of(made, machine)
    new_epoch(made, machine)
    made.restore("before")
    assert show(clone) is Code.EPOCH_SHOWN
    (stored,) = waiting(made)
    judge(made, stored, is_taken=False)
    made.begin()
    # Signed anew, with another nonce and at another time: it is the same epoch.
    made.tick()
    assert show(clone) is Code.EPOCH_REFUSED
    # The next epoch stands on the one that was refused.
    assert show(machine) is Code.EPOCH_SHOWN
    (later,) = waiting(made)
    assert (later.standing, standing(made)[0]) == (ShownStanding.OTHER, 1)
    judge(made, later, is_taken=True)
    assert standing(made) == (3, NodeState.ENROLLED)
    assert show(clone) is Code.EPOCH


def test_a_person_may_take_up_what_was_refused_before(made: Restores) -> None:
    machine = machine_of(made)
    machine.ask(EpochReason.COPIED)
    (asked,) = waiting_requests(made.world)
    made.copy("asked")
    decide(made.world, asked)
    machine.ask()
    made.restore("asked")
    made.begin()
    decide(made.world, asked, is_granted=False)
    assert show(machine) is Code.EPOCH_SHOWN
    (stored,) = waiting(made)
    judge(made, stored, is_taken=True)
    made.settle()
    assert wrong(made) == []


def test_of_what_an_older_machine_showed_nothing_waits_once_the_newest_epoch_goes_on(made: Restores) -> None:
    machine = machine_of(made)
    made.copy("before")
    new_epoch(made, machine)
    clone = clone_of(made, machine)
    new_epoch(made, machine)
    made.restore("before")
    assert (show(clone), show(machine)) == (Code.EPOCH_SHOWN, Code.EPOCH_SHOWN)
    assert len(waiting(made)) == 2
    made.begin()
    made.settle([0])
    assert (waiting(made), standing(made)) == ([], (3, NodeState.ENROLLED))
    assert show(clone) is Code.EPOCH
    made.nodes.remove(clone)
    assert wrong(made) == []


def test_a_node_with_more_epochs_than_can_be_shown_shows_the_newest(
    made: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = machine_of(made)
    new_epoch(made, machine)
    made.copy("before")
    new_epoch(made, machine)
    deliver(made, machine)
    made.restore("before")
    made.begin()
    monkeypatch.setattr(limits, "SHOWN_EPOCHS", 1)
    made.settle()
    assert standing(made) == (3, NodeState.ENROLLED)
    assert wrong(made) == []


def test_the_words_of_one_node_bring_nothing_to_another(made: Restores) -> None:
    first, second = machine_of(made, 1), machine_of(made, 2)
    made.copy("before")
    for machine in (first, second):
        new_epoch(made, machine)
    made.restore("before")
    made.begin()
    before = [standing(made, node) for node in ("19001A", "19002A")]
    (mine, other), (words, others) = zip(*(_kept(machine) for machine in (first, second)), strict=True)
    for showing, code in (
        # Its own code and file, and the grant of another node.
        (Showing(NODE, 2, None, others, at=0, nonce=bytes(NONCE_BYTES)), Code.EPOCH_MISMATCH),
        # Its own words, and another node's signature.
        (Showing(NODE, 2, None, words, at=0, nonce=bytes(NONCE_BYTES)), Code.SIGNATURE_INVALID),
        # The other one's code over both.
        (Showing("19002A", 2, None, (*others, *words), at=0, nonce=bytes(NONCE_BYTES)), Code.EPOCH_MISMATCH),
    ):
        with refused(code):
            said(second, showing, other.node_key, other.opening_key)
    assert mine.node == NODE
    assert [standing(made, node) for node in ("19001A", "19002A")] == before


def _kept(machine: Machine) -> tuple[node_identity.NodeIdentity, tuple[Granted, ...]]:
    """A node's keys, and what it holds of grants."""
    with machine.database.read() as tables:
        granted = node_epochs.granted(tables, most=limits.SHOWN_EPOCHS)
        words = tuple(Granted(one.request, unseal_epoch_answer(one.answer, one.opening_key)) for one in granted)
        return node_identity.get(tables), words


def test_receipts_that_are_forged_or_declared_lost_already_move_no_base(made: Restores) -> None:
    machine = machine_of(made)
    made.copy("before")
    deliver(made, machine)
    with machine.database.read() as tables:
        lost = [one.answer for one in receipts.all_receipts(tables)][-1]
    forged = signed_anew(made.world, lost, entries_of(made.world), known=1, by=KeySigner(ec_key("somebody")))
    made.restore("before")
    centre = made.world.centre

    def offer(*shown: bytes) -> int:
        sealed = seal(cbor.encode(list(shown)), recipient=centre.keys.sealing_key, entropy=SeededEntropy(5))
        answer = keep_proofs(sealed, engine=centre.engine, keys=centre.keys, now=centre.clock.now())
        found = cbor.decode(answer, max_bytes=16)
        assert isinstance(found, int)
        return found

    with write_transaction(centre.engine), pytest.raises(ProtocolError):
        # Nothing is locked for it: another transaction writes meanwhile.
        offer(forged)
    begun = made.begin()
    assert begun.base_size == 2
    # After the declaration the lost receipt says nothing new, however often it is shown.
    assert [offer(lost), offer(lost, lost)] == [0, 0]
    with read_transaction(centre.engine) as connection:
        assert open_losses(connection) == []
    made.settle()
    assert wrong(made) == []
