"""A centre that drops or rewrites history is caught by the next node that syncs, and anybody can judge what it kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from central.store import ledger
from central.store.database import write_transaction
from central.store.published_sets import PublishedKind, newest_set
from central.workflow import append_bundle, lost_history
from central.workflow.export_evidence import export_ledger
from central.workflow.lost_history import keep_proof
from edge.domain.outbox import BundleState
from edge.store import bundles, ledger_epochs, node_identity, receipts
from edge.workflow.ledger_evidence import evidence_file, ledger_view
from edge.workflow.obey_ledger_epoch import obey_ledger_epoch
from sync_protocol.__main__ import main as verify
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code
from sync_protocol.ledger_epoch import EpochStep, LedgerEpoch, sign_ledger_epoch
from sync_protocol.ledger_evidence import Proof, receipts_of
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.signer import Signer
from tests.builders import ec_key
from tests.central.scenario import World
from tests.protocol.refusals import refused
from tests.system.restores import Restores, open_evidence, sync, wrong
from tests.system.test_answers_end_to_end import Node


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    made = Restores(world, tmp_path)
    node = made.node(1)
    made.settle()
    made.copy("old")
    node.sign()
    made.settle()
    made.copy("one")
    node.sign()
    made.settle()
    return made


def _judged(made: Restores, data: bytes, name: str) -> dict[str, object]:
    """What `hcvx-verify` says of a file, by the centre's published trust list."""
    with write_transaction(made.world.centre.engine) as connection:
        published = newest_set(connection, PublishedKind.TRUST_LIST)
    assert published is not None
    file, trust = made.directory / name, made.directory / "trust.cbor"
    file.write_bytes(data)
    trust.write_bytes(published.content)
    at = str(made.world.clock.at)
    result = CliRunner().invoke(verify, [str(file), "--trust", str(trust), "--at", _iso(int(at)), "--json"])
    said: dict[str, object] = json.loads(result.stdout)
    words = CliRunner().invoke(verify, [str(file), "--trust", str(trust), "--at", _iso(int(at))])
    assert words.exit_code == result.exit_code
    return said


def _iso(at: int) -> str:
    return to_datetime(at).isoformat()


def _obey(node: Node, statement: LedgerEpoch, signer: Signer) -> bool:
    with node.station.database.write_transaction() as tables:
        identity = node_identity.get(tables)
        return obey_ledger_epoch(
            tables, sign_ledger_epoch(statement, signer), identity=identity, at=node.station.clock.at
        )


def _statement(made: Restores, **changes: object) -> LedgerEpoch:
    """An epoch that goes on from the centre's newest head."""
    base = made.world.head()
    step = EpochStep(2, base, made.world.clock.at)
    return replace(LedgerEpoch(step, "Thử"), **changes)  # type: ignore[arg-type]


def test_a_ledger_that_went_back_is_evidence_which_anybody_can_judge(made: Restores) -> None:
    made.restore("one")
    node = made.nodes[0]
    made.tick()
    assert sync(node) == Code.HEAD_INCONSISTENT
    assert open_evidence(node) == 1
    pair, explained = ledger_view(node.station.database).pairs[0]
    assert (pair.proof, explained) == (Proof.WENT_BACK, 0)
    said = _judged(made, evidence_file(node.station.database), "evidence.hcvx")
    assert (said["ok"], said["kind"]) == (True, "evidence")
    facts = said["facts"]
    assert isinstance(facts, dict)
    assert (facts["pair_1"], facts["node"]) == ("went-back", "19001A")


def test_a_receipt_that_a_node_shows_proves_to_the_centre_what_it_lost(made: Restores) -> None:
    node = made.nodes[0]
    made.restore("old")
    made.tick()
    sync(node)
    engine, at = made.world.centre.engine, made.world.clock.at
    shown = receipts_of(evidence_file(node.station.database))
    assert [keep_proof(engine, receipt, at=at) for receipt in shown] == [True]
    with write_transaction(engine) as connection:
        assert any(one.is_proven for one in lost_history.shown_losses(connection))
    made.begin(without_evidence=False)
    made.settle()
    assert wrong(made) == []


def test_a_rewritten_history_that_is_declared_as_an_epoch_is_not_obeyed(made: Restores) -> None:
    node, ring = made.nodes[0], made.world.centre.keys
    base = made.world.head()
    forged = replace(_statement(made), step=EpochStep(2, replace(base, root=bytes(32)), made.world.clock.at))
    assert not _obey(node, forged, ring.ledger)
    assert node.states() == [BundleState.RECEIPTED] * 2
    assert open_evidence(node) == 1
    assert ledger_view(node.station.database).pairs[0][0].proof is Proof.EPOCH_FORGED
    facts = _judged(made, evidence_file(node.station.database), "forged.hcvx")["facts"]
    assert isinstance(facts, dict)
    assert facts["pair_1"] == "epoch-contradicts"


def test_statements_of_others_of_older_and_of_the_same_epoch_change_nothing(made: Restores) -> None:
    node, ring = made.nodes[0], made.world.centre.keys
    with refused(Code.SIGNER_UNKNOWN):
        _obey(node, _statement(made), KeySigner(ec_key("somebody else")))
    made.begin()
    made.settle()
    older = _statement(made)
    with node.station.database.read() as tables:
        held = ledger_epochs.newest(tables)
    assert held is not None
    assert not _obey(node, held, ring.ledger)
    assert open_evidence(node) == 0
    # Another one of the same number is a contradiction of its own.
    base = Checkpoint(1, 1, held.step.base.root, held.step.base.at)
    assert not _obey(node, replace(older, step=EpochStep(2, base, older.step.at)), ring.ledger)
    assert node.states() == [BundleState.RECEIPTED] * 2
    assert ledger_view(node.station.database).pairs[0][0].proof is Proof.EPOCH_TWICE


def test_an_epoch_from_the_future_is_obeyed_only_as_far_as_it_agrees(made: Restores) -> None:
    node, ring = made.nodes[0], made.world.centre.keys
    base = made.world.head()
    far = EpochStep(9, replace(base, size=base.size + 50, at=base.at + 50), base.at + 100)
    assert _obey(node, LedgerEpoch(far, "Từ tương lai"), ring.ledger)
    # Nothing that is held lies behind that base, so nothing is due.
    assert node.states() == [BundleState.RECEIPTED] * 2


def test_a_refused_bundle_is_judged_anew_and_its_doses_are_not_lost(made: Restores) -> None:
    late = made.node(3)
    made.settle()
    made.copy("later")
    with_other = made.world.certificate(made.other_site("19003", "19003A"), seed="unregistered")
    late.station.signer = KeySigner(ec_key("unregistered"), certificate=with_other)
    late.sign()
    made.settle()
    assert late.states() == [BundleState.REFUSED]
    made.restore("later")
    made.begin()
    made.tick()
    sync(late)
    assert late.states() == [BundleState.OFFERED]
    made.tick(lost_history.AWAITED_SECONDS)
    made.settle()
    assert late.states() == [BundleState.REFUSED]
    assert wrong(made) == []


def test_the_ledger_goes_out_with_its_epochs_and_verifies(made: Restores) -> None:
    made.restore("one")
    made.begin()
    made.settle()
    data = b"".join(export_ledger(made.world.centre.engine))
    said = _judged(made, data, "ledger.hcvx")
    facts = said["facts"]
    assert isinstance(facts, dict)
    assert (said["ok"], facts["ledger_epoch"], facts["ledger_size"]) == (True, 2, 4)


def _forget_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger_epochs, "receipts_to_lose", lambda *_, **__: [])


def _no_falling_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(append_bundle, "proven_from", lambda named, _: named)


def _believe_the_old_receipt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bundles, "move", lambda *_, **__: BundleState.RECEIPTED)


def _begin_in_the_same_epoch(patch: pytest.MonkeyPatch) -> None:
    def put(connection: object, stored: ledger.StoredHead, _put: Callable[..., None] = ledger.put_head) -> None:
        _put(connection, replace(stored, head=replace(stored.head, epoch=1)))

    patch.setattr(ledger, "put_head", put)


def _number_as_before(patch: pytest.MonkeyPatch) -> None:
    module: ModuleType = __import__("central.store.feed", fromlist=["first_item_of"])
    patch.setattr(module, "first_item_of", lambda _: 1 + 2**19)


@pytest.mark.parametrize(
    "bug",
    [_forget_nothing, _no_falling_back, _believe_the_old_receipt, _begin_in_the_same_epoch, _number_as_before],
)
def test_a_planted_bug_is_found(
    made: Restores, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    made.nodes[0].sign()
    made.restore("old")
    with monkeypatch.context() as patch:
        bug(patch)
        assert _is_found(made)


def _is_found(made: Restores) -> bool:
    try:
        made.begin()
        made.settle()
    except Exception:  # noqa: BLE001, a bug may show itself in any way
        return True
    return wrong(made) != []


def test_without_a_bug_nothing_is_found(made: Restores) -> None:
    made.nodes[0].sign()
    made.restore("old")
    assert not _is_found(made)


@pytest.mark.parametrize(
    "words", ["DELETE FROM receipts", "DELETE FROM verdicts", "UPDATE receipts SET answer = x'00'"]
)
def test_the_store_itself_refuses_to_drop_a_receipt_that_was_not_lost(made: Restores, words: str) -> None:
    database = made.nodes[0].station.database
    refusal = pytest.raises(Exception, match=r"leaves only with|append-only")
    with refusal, database.write_transaction() as tables:
        tables.execute(words)
    with database.read() as tables:
        assert len(receipts.places(tables)) == 2
