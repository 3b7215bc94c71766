"""Declaring an epoch of the ledger, on both databases, by the command, and on the operator's page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from central.app import create_app, open_desk
from central.cli import main
from central.store import ledger_epochs
from central.store.database import read_transaction, write_transaction
from central.workflow.begin_ledger_epoch import BegunEpoch, begin_ledger_epoch
from central.workflow.check_centre import check_centre
from central.workflow.give_feed import give_feed
from central.workflow.lost_history import keep_claim, open_losses
from sync_protocol.errors import Code
from sync_protocol.feed import FeedRequest, sign_request
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.transfer import Part, TransferRequest, sign_transfer
from tests.builders import ec_key
from tests.central.scenario import PASSWORD, World
from tests.protocol.refusals import refused

LOST = Checkpoint(epoch=1, size=90, root=bytes(32), at=1_650_016_800)


def begin(world: World, **changes: object) -> BegunEpoch:
    centre = world.centre
    values = {"reason": "Khôi phục", "without_evidence": True, **changes}
    return begin_ledger_epoch(engine=centre.engine, keys=centre.keys, now=world.clock.at, **values)  # type: ignore[arg-type]


def test_after_a_declaration_bundles_go_on_and_repeats_get_one_answer(any_world: World) -> None:
    site = any_world.site()
    site.send(site.doses([1]))
    inner = site.inner(site.doses([2]))
    sealed = site.seal(inner)
    first = any_world.offer(sealed)
    site.moved(inner)
    begun = begin(any_world, base_size=2)
    assert (begun.epoch, begun.base_size, begun.answered_anew) == (2, 2, 1)
    later = any_world.offer(sealed)
    assert later != first
    assert any_world.offer(sealed) == later
    assert site.send(site.doses([3])).head.epoch == 2
    assert check_centre(any_world.centre.engine).findings == ()


def test_a_head_beyond_the_ledger_turns_a_bundle_away_and_is_kept(any_world: World) -> None:
    site = any_world.site()
    sealed = site.seal(site.link(b"", known_head=LOST))
    for _ in range(2):
        with refused(Code.LEDGER_EPOCH):
            any_world.offer(sealed)
    with read_transaction(any_world.centre.engine) as connection:
        (lost,) = open_losses(connection)
    assert (lost.head, lost.node, lost.is_proven) == (LOST, "19001A", False)
    begin(any_world, without_evidence=False)
    with read_transaction(any_world.centre.engine) as connection:
        assert open_losses(connection) == []


def test_bases_and_numbers_that_cannot_be_are_refused_and_nothing_is_declared(world: World) -> None:
    site = world.site()
    site.send(site.doses([1]))
    for changes in ({"base_size": 90}, {"without_evidence": False}, {"number": 5_000}, {"reason": ""}):
        with pytest.raises(Exception, match=r"ledger|field"):
            begin(world, **changes)
    begin(world, base_size=1)
    # The heads between are given up: nothing goes on from them.
    with refused(Code.LEDGER_EPOCH):
        begin(world, base_size=2)
    with read_transaction(world.centre.engine) as connection:
        assert ledger_epochs.current(connection) == 2


def test_the_command_shows_what_is_lost_and_declares(world: World) -> None:
    keep_claim(world.centre.engine, LOST, node="19001A", at=world.clock.at)
    runner = CliRunner(env={"HCVX_CENTRAL_PASSWORD": PASSWORD})
    words = ["--directory", str(world.centre.config.directory)]
    asked = runner.invoke(main, [*words, "status"])
    assert "SỔ CÁI THIẾU DỮ LIỆU: nút 19001A" in asked.stderr
    assert runner.invoke(main, [*words, "check"]).exit_code == 1
    made = runner.invoke(main, [*words, "begin-ledger-epoch", "--reason", "Bản sao lưu", "--yes", "--json"])
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["epoch"] == 2
    assert runner.invoke(main, [*words, "check"]).exit_code == 0
    again = runner.invoke(main, [*words, "begin-ledger-epoch", "--reason", "Lần nữa", "--yes"])
    assert again.exit_code == 1
    assert "ledger-epoch" in again.stderr


def test_the_operators_page_says_what_is_lost_and_what_to_do(world: World) -> None:
    keep_claim(world.centre.engine, replace(LOST, size=91), node="19001A", at=world.clock.at)
    page = create_app(world.centre).test_client().get("/operator").get_data(as_text=True)
    assert "begin-ledger-epoch" in page
    assert "19001A" in page


def test_the_harness_sees_a_head_of_another_epoch(world: World) -> None:
    site = world.site()
    site.send(site.doses([1]))
    begin(world)
    with write_transaction(world.centre.engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER tree_heads_no_update")
        connection.exec_driver_sql("UPDATE tree_heads SET epoch = 1 WHERE epoch = 2")
    assert any(one.invariant == "I8" for one in check_centre(world.centre.engine).findings)


def test_a_node_that_lies_leaves_room_for_what_others_show(any_world: World) -> None:
    engine = any_world.centre.engine
    for size in range(100, 100 + 2 * ledger_epochs.CLAIMS_OF_A_NODE):
        keep_claim(engine, replace(LOST, size=size), node="19001A", at=any_world.clock.at)
    keep_claim(engine, LOST, node="79001A", at=any_world.clock.at)
    with read_transaction(engine) as connection:
        shown = Counter(lost.node for lost in open_losses(connection))
    assert shown == {"19001A": ledger_epochs.CLAIMS_OF_A_NODE, "79001A": 1}


def test_a_head_that_is_only_named_moves_neither_the_base_nor_the_number_far(any_world: World) -> None:
    site = any_world.site()
    for number in (1, 2, 3):
        site.send(site.doses([number]))
    engine, at = any_world.centre.engine, any_world.clock.at
    # Two lies: a head of the smallest ledger, and one of an epoch that would use up all numbers.
    keep_claim(engine, replace(LOST, size=1), node="19001A", at=at)
    keep_claim(engine, replace(LOST, epoch=2_040, size=90), node="19001A", at=at)
    begun = begin(any_world, without_evidence=False)
    assert (begun.epoch, begun.base_size) == (2, 4)


def test_what_nobody_proves_is_put_to_rest_by_a_declaration_and_may_be_named_again(any_world: World) -> None:
    site = any_world.site()
    for number in (1, 2, 3):
        site.send(site.doses([number]))
    engine, at = any_world.centre.engine, any_world.clock.at
    # Below the base, so that the new epoch does not explain it: its node may have lost the receipt as well.
    unproven = replace(LOST, size=2)
    keep_claim(engine, unproven, node="19001A", at=at)
    assert begin(any_world, without_evidence=False).base_size == 4
    assert check_centre(engine).findings == ()
    keep_claim(engine, unproven, node="19001A", at=at)
    assert [finding.invariant for finding in check_centre(engine).findings] == ["I8"]


def test_a_receipt_of_ours_moves_the_base(any_world: World) -> None:
    site = any_world.site()
    site.send(site.doses([1]))
    engine, at = any_world.centre.engine, any_world.clock.at
    with write_transaction(engine) as connection:
        ledger_epochs.put_lost_head(connection, replace(LOST, size=2), node="19001A", receipt=b"verified", at=at)
    assert begin(any_world, without_evidence=False).base_size == 1


def test_what_an_epoch_explains_takes_no_room_from_the_next_loss(any_world: World) -> None:
    engine = any_world.centre.engine
    for loss in range(3):
        epoch = loss + 1
        for number in range(ledger_epochs.CLAIMS_OF_A_NODE):
            keep_claim(engine, replace(LOST, epoch=epoch, size=100 + number), node="19001A", at=any_world.clock.at)
        with read_transaction(engine) as connection:
            assert len(open_losses(connection)) == ledger_epochs.CLAIMS_OF_A_NODE
        assert begin(any_world, without_evidence=False).epoch == epoch + 1
        with read_transaction(engine) as connection:
            assert open_losses(connection) == []


def test_a_node_of_an_epoch_that_the_centre_has_lost_is_not_called_a_forger(world: World) -> None:
    site = world.site()
    centre, key = world.centre, ec_key("of an epoch that is gone")
    later, signer = replace(site, epoch=site.epoch + 1, node_key=key), KeySigner(key)
    asked = FeedRequest(site.node, later.epoch, 0, at=world.clock.at, nonce=bytes(16))
    ticket = sign_transfer(TransferRequest(site.node, later.epoch, (Part(bytes(32), 9, 9),)), signer)[2:]
    calls: list[Callable[[], object]] = [
        lambda: world.offer(later.seal(later.link(b""))),
        lambda: give_feed(
            sign_request(asked, signer),
            engine=centre.engine,
            keys=centre.keys,
            tree=centre.ledger,
            entropy=centre.entropy,
            now=world.clock.at,
        ),
        lambda: open_desk(centre).judge(ticket, length=2 + len(ticket)),
    ]
    for call in calls:
        with refused(Code.LEDGER_EPOCH):
            call()
    # Under an epoch that is known, a strange key is a strange key.
    with refused(Code.SIGNATURE_INVALID):
        world.offer(later.seal(later.link(b"", epoch=site.epoch)))
