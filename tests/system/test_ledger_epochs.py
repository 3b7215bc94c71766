"""The centre's database is put back to older copies; all nodes find out, and everything arrives once."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.store import ledger_epochs as centre_epochs
from central.store.database import read_transaction
from central.workflow.check_centre import check_centre
from central.workflow.lost_history import open_losses
from edge.domain.outbox import BundleState
from edge.store import feed, ledger_epochs, node_identity, receipts, verdicts
from edge.workflow.check_store import check_store
from edge.workflow.settle_bundle import verify_answer
from sync_protocol.errors import Code, ProtocolError
from tests.central.scenario import World
from tests.system.restores import Restores, first_due, open_evidence, sync, wrong
from tests.system.test_answers_end_to_end import Node


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    return Restores(world, tmp_path)


def _history(made: Restores) -> list[str]:
    """Two nodes of which one is offline for a while; a copy is taken after each step. Gives the names of the copies."""
    first, second = made.node(1), made.node(2)
    made.settle()

    def step(name: str) -> None:
        made.tick()
        made.copy(name)

    step("enrolled")
    first.sign()
    sync(first)
    step("first bundle")
    second.sign()
    sync(second)
    step("both")
    first.sign()
    second.sign()
    sync(first)
    step("one of two")
    first.sign()
    sync(second)
    sync(first)
    step("all")
    first.sign()
    return list(made.copies)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("place", range(5))
def test_from_every_copy_everything_arrives_once(made: Restores, place: int, order: tuple[int, int]) -> None:
    name = _history(made)[place]
    before = len(made.entries())
    made.restore(name)
    lost = before - len(made.entries())
    begun = made.begin()
    assert begun.base_size == 1 + len(made.entries())
    made.settle(order)
    assert wrong(made) == []
    assert len(made.entries()) == before + 1
    assert sum(len(_lost(node)) for node in made.nodes) == lost
    assert lost > 0 or name == "all"


def test_a_node_that_was_offline_during_two_restores_finds_back(made: Restores) -> None:
    _history(made)
    first, second = made.nodes
    made.settle()
    made.copy("before")
    first.sign()
    second.sign()
    made.settle()
    made.restore("before")
    made.begin()
    # The second node hears nothing of the first restore.
    made.settle([0])
    first.sign()
    made.settle([0])
    made.copy("between")
    first.sign()
    made.settle([0])
    made.restore("between")
    made.begin()
    second.sign()
    made.settle([1, 0])
    assert wrong(made) == []
    assert [_epochs(node) for node in made.nodes] == [[3, 2], [3, 2]]


@pytest.mark.parametrize("has_more", [False, True])
def test_an_epoch_from_too_far_on_is_set_right_by_the_node_that_holds_a_receipt(made: Restores, has_more: bool) -> None:
    first, second = made.node(1), made.node(2)
    made.settle()
    made.copy("before")
    agreed = len(made.entries()) + 1
    first.sign()
    made.settle([0])
    made.restore("before")
    # The second node's bundle takes the place of the first one's, and the operator declares before the first is heard.
    second.sign()
    made.settle([1])
    assert made.begin().base_size == agreed + 1
    if has_more:
        first.sign()
    made.settle([0])
    assert open_evidence(first) > 0
    assert made.begin(without_evidence=False).base_size == agreed
    made.settle()
    assert wrong(made) == []
    assert open_evidence(first) == 0


def test_an_epoch_that_was_lost_itself_is_not_mistaken_for_the_next_one(made: Restores) -> None:
    _history(made)
    first, second = made.nodes
    made.copy("before")
    made.settle()
    made.restore("before")
    made.begin()
    # The first node obeys epoch 2; then the same copy is put back again, which knows nothing of that.
    made.settle([0])
    made.tick(600)
    made.restore("before")
    made.begin(reason="Khôi phục lần nữa")
    second.sign()
    made.settle([1])
    assert sync(first)
    assert open_evidence(first) > 0
    # What the first node names shows that another epoch 2 was there.
    assert {lost.head.epoch for lost in _losses(made)} == {2}
    assert made.begin(without_evidence=False).epoch == 3
    made.settle()
    assert wrong(made) == []
    assert [_epochs(node) for node in made.nodes] == [[3, 2], [3, 2]]


def test_a_ledger_that_grew_before_anybody_declared_goes_on_from_where_all_agree(made: Restores) -> None:
    _history(made)
    first, second = made.nodes
    made.settle()
    made.copy("before")
    at_copy = len(made.entries()) + 1
    first.sign()
    made.settle([0])
    made.restore("before")
    # The second node knows nothing newer than the copy: its bundles are taken, under places that were given before.
    second.sign()
    second.sign()
    made.settle([1])
    assert sync(first) != ""
    # The node shows receipts of ours: what it only names would not move the base.
    assert any(lost.is_proven for lost in _losses(made))
    begun = made.begin(without_evidence=False)
    assert begun.base_size == at_copy
    assert begun.answered_anew == 2
    made.settle([0, 1])
    assert wrong(made) == []


def test_before_anybody_declares_it_nothing_is_harmed_and_both_sides_say_so(made: Restores) -> None:
    _history(made)
    made.settle()
    made.copy("old")
    for node in made.nodes:
        node.sign()
    made.settle()
    made.restore("old")
    first = made.nodes[0]
    first.sign()
    for _ in range(3):
        made.tick()
        for node in made.nodes:
            sync(node)
    assert first.states()[-1] is BundleState.OFFERED
    assert len(made.entries()) == 6
    assert _losses(made)
    assert any("begin-ledger-epoch" in one.rule for one in check_centre(made.world.centre.engine).findings)
    assert all(open_evidence(node) > 0 for node in made.nodes)
    made.begin(without_evidence=False)
    made.settle()
    assert wrong(made) == []
    assert _losses(made) == []
    assert [open_evidence(node) for node in made.nodes] == [0, 0]


def test_nothing_is_declared_where_nothing_speaks_for_a_restore(made: Restores) -> None:
    _history(made)
    made.settle()
    with pytest.raises(ProtocolError, match="no node shows a head"):
        made.begin(without_evidence=False)


def test_while_it_is_sent_again_nothing_counts_as_delivered(made: Restores) -> None:
    node = made.node(1)
    made.settle()
    made.copy("old")
    node.sign(3)
    made.settle()
    assert _verdicts(node) == 3
    made.restore("old")
    made.begin()
    made.tick()
    sync(node)
    # The epoch came with the feed, after the exchange: now it is due, and nothing is known of its doses.
    assert node.states() == [BundleState.OFFERED]
    assert _verdicts(node) == 0
    assert check_store(node.station.database).findings == ()
    with node.station.database.read() as tables:
        assert ledger_epochs.sent_again(tables) == 1
    made.settle()
    assert _verdicts(node) == 3
    assert wrong(made) == []


def test_the_old_receipt_is_never_taken_for_the_new_one(made: Restores) -> None:
    node = made.node(1)
    made.settle()
    made.copy("old")
    node.sign()
    made.settle()
    database = node.station.database
    with database.read() as tables:
        identity = node_identity.get(tables)
        old = receipts.find(tables, 1, 1)
    assert old is not None
    made.restore("old")
    made.begin()
    made.tick()
    sync(node)
    # Somebody brings the old answer once more, on a stick.
    due = first_due(node)
    with pytest.raises(ProtocolError, match=Code.LEDGER_EPOCH):
        verify_answer(database, due, old.answer, identity=identity, at=node.station.clock.at)
    assert node.states() == [BundleState.OFFERED]
    made.settle()
    assert wrong(made) == []


def test_the_signing_window_falls_back_to_what_can_be_proven(made: Restores) -> None:
    _history(made)
    first = made.nodes[0]
    made.settle()
    made.copy("old")
    base_at = made.world.head().at
    made.tick(600)
    first.sign()
    made.settle()
    made.tick(600)
    first.sign()
    made.settle()
    made.restore("old")
    made.begin()
    made.settle()
    assert wrong(made) == []
    assert made.windows("19001A")[-2:] == [base_at, base_at]


def test_a_node_enrolled_after_the_restore_begins_its_feed_with_the_epoch(made: Restores) -> None:
    node = made.node(1)
    made.settle()
    node.sign()
    made.settle()
    made.begin()
    later = made.node(2)
    later.sign()
    made.settle()
    assert wrong(made) == []
    with later.station.database.read() as tables:
        assert feed.newest_number(tables) > 2 * 2**20


def _lost(node: Node) -> list[ledger_epochs.LostReceipt]:
    with node.station.database.read() as tables:
        return ledger_epochs.lost_receipts(tables)


def _epochs(node: Node) -> list[int]:
    with node.station.database.read() as tables:
        return [one.statement.epoch for one in ledger_epochs.obeyed(tables)]


def _losses(made: Restores) -> list[centre_epochs.LostHead]:
    with read_transaction(made.world.centre.engine) as connection:
        return open_losses(connection)


def _verdicts(node: Node) -> int:
    with node.station.database.read() as tables:
        return len(verdicts.of_bundle(tables, 1, 1))
