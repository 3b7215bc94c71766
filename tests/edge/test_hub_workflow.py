"""A hub takes doses of its sites once, signs them once whatever befalls it, and gives back what it does not sign."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.refusals import EdgeCode, RefusedError
from edge.store import hub_doses, hub_passes, passes, settings
from edge.store.database import Database
from edge.store.hub_passes import DelegatedPass
from edge.store.settings import Setting
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.hand_over import handover_file
from edge.workflow.sign_delegated import hand_back, plan_delegated, plan_shown
from edge.workflow.sign_pass import abandon_pass, resume_pass, sign_pass
from edge.workflow.take_handover import import_handover
from sync_protocol.batch import Purpose, parse_batch
from sync_protocol.bundle import Bundle, BundleKind, parse_batch_body, parse_bundle, sign_bundle
from sync_protocol.delegation import DelegationKind
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.handover import HandedDoses, encode_handed, encode_handover, parse_handover, seal_for_hub
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.edge.hub_pair import HUB, HUB_NODE, OTHER_NODE, HubPair, delegation, make_pair
from tests.edge.power_cut import Fuse, FusedSigner, PowerCutError
from tests.edge.station import AFTERNOON, DATA_KEY, DAY, DAY_SECONDS, FACILITY, MORNING, NODE, OFFICER
from tests.simulator import EPOCH, POLICY

YESTERDAY = "2022-04-14"


@pytest.fixture
def pair(tmp_path: Path) -> HubPair:
    return make_pair(tmp_path)


def states(pair: HubPair) -> list[str]:
    """Where each dose stands that ever came to the hub, by handover and place."""
    with pair.hub.database.read() as tables:
        return [row[0] for row in tables.execute("SELECT state FROM site_doses ORDER BY handover_id, place")]


def inner_of(pair: HubPair) -> bytes:
    """The newest signed DOSES bundle of the site."""
    with pair.site.database.read() as tables:
        row = tables.execute("SELECT inner_bytes FROM bundles WHERE kind = 'doses' ORDER BY sequence DESC").fetchone()
    return bytes(row[0])


def import_file(pair: HubPair, sealed: bytes) -> int | None:
    return import_handover(pair.hub.database, sealed, at=pair.hub.clock.now(), by="Y sĩ Bình")


def sealed_for_hub(inner: bytes) -> bytes:
    return seal_for_hub(inner, hub_key=ec_key(f"opening {HUB_NODE}").public_key(), entropy=SeededEntropy(5))


def made(pair: HubPair) -> list[DelegatedPass]:
    with pair.hub.database.read() as tables:
        return hub_passes.passes_made(tables, limit=10)


@pytest.mark.parametrize("file_first", [False, True])
def test_doses_come_once_by_feed_and_by_file(pair: HubPair, file_first: bool) -> None:
    pair.site.record(3)
    found = pair.hand()
    _, sealed = handover_file(pair.site.database, found.handover_id, entropy=pair.site.entropy)
    if not file_first:
        pair.send()
    assert import_file(pair, sealed) == (1 if file_first else None)
    assert import_file(pair, sealed) is None
    pair.send()
    assert states(pair) == ["waiting"] * 3
    assert pair.sign().doses == 3
    pair.send()
    # What is signed stays signed, however often the file comes back.
    assert import_file(pair, sealed) is None
    assert states(pair) == ["taken"] * 3
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert check_store(pair.hub.database).findings == ()


def test_the_file_is_for_the_hub_alone(pair: HubPair, tmp_path: Path) -> None:
    pair.site.record(1)
    found = pair.hand()
    _, sealed = handover_file(pair.site.database, found.handover_id, entropy=pair.site.entropy)
    with pytest.raises(ProtocolError) as caught:
        import_handover(pair.site.database, sealed, at=AFTERNOON, by="Y tá")
    assert caught.value.code is Code.RECIPIENT_UNKNOWN
    assert b"054185" not in sealed


def test_what_came_by_stick_alone_travels_along_with_the_batch(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    inner = inner_of(pair)
    import_file(pair, sealed_for_hub(inner))
    pair.sign()
    assert carried(pair, 1) == (inner,)
    # When the centre has sent it too, there is nothing to show any more.
    pair.send()
    pair.site.record(2)
    pair.hand()
    import_file(pair, sealed_for_hub(inner_of(pair)))
    pair.send()
    pair.sign()
    assert carried(pair, 2) == ()
    assert check_store(pair.hub.database).findings == ()


def test_handovers_by_stick_beyond_what_one_batch_may_carry_wait_for_the_next(
    pair: HubPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = []
    for _ in range(3):
        pair.site.record(2)
        pair.hand()
        inner.append(inner_of(pair))
        import_file(pair, sealed_for_hub(inner[-1]))
    monkeypatch.setattr("edge.workflow.sign_delegated.CARRIED_DOSES", 4)
    assert [pair.sign().doses for _ in range(2)] == [4, 2]
    assert [carried(pair, number) for number in (1, 2)] == [tuple(inner[:2]), tuple(inner[2:])]


def carried(pair: HubPair, number: int) -> tuple[bytes, ...]:
    """The handovers in the bundle of a pass of the hub."""
    with pair.hub.database.read() as tables:
        row = tables.execute("SELECT inner_bytes FROM bundles WHERE pass_id = ?", (number,)).fetchone()
    return parse_batch_body(parse_bundle(row[0]).claimed.body).carried


def forged(inner: bytes, *, signer: str = f"node {NODE}", **changes: object) -> bytes:
    """The bundle with something changed, signed by this key."""
    changed = dataclasses.replace(parse_bundle(inner).claimed, **changes)  # type: ignore[arg-type]
    assert isinstance(changed, Bundle)
    return sign_bundle(changed, KeySigner(ec_key(signer)))


def test_only_what_a_node_of_the_site_signed_for_this_hub_is_taken(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    inner = inner_of(pair)
    body = parse_handover(parse_bundle(inner).claimed.body)
    wrong = {
        Code.SIGNATURE_INVALID: forged(inner, signer="somebody else"),
        Code.DELEGATION: forged(inner, node=OTHER_NODE, signer=f"node {OTHER_NODE}"),
        Code.COUNT_MISMATCH: forged(inner, body=encode_handover(replace(body, doses=3))),
        Code.KIND_UNKNOWN: forged(inner, kind=BundleKind.REPORT),
    }
    wrong_hub = forged(inner, body=encode_handover(replace(body, hub="54009")))
    other_epoch = forged(inner, epoch=EPOCH + 1)
    for code, bundle in [*wrong.items(), (Code.DELEGATION, wrong_hub), (Code.DELEGATION, other_epoch)]:
        with pytest.raises(ProtocolError) as caught:
            import_file(pair, sealed_for_hub(bundle))
        assert caught.value.code is code
        pair.centre.put_item(HUB_NODE, FeedKind.UNSIGNED_DOSES, encode_handed(HandedDoses(bundle, 1)))
    pair.hear()
    with pair.hub.database.read() as tables:
        codes = [row[0] for row in tables.execute("SELECT details FROM audit WHERE action = 'feed-unreadable'")]
    assert codes == [*(code.value for code in wrong), "delegation", "delegation"]
    assert states(pair) == []


def test_a_delegated_batch_says_whose_doses_it_holds_and_carries_the_sites_reason(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(2)
    pair.hand(reason="Mất token")
    pair.send()
    pair.sign()
    with pair.hub.database.read() as tables:
        stored = passes.find(tables, 1)
    assert stored is not None
    assert stored.statement is not None
    manifest = parse_batch(stored.statement).statement.manifest
    assert (manifest.facility, manifest.node, manifest.purpose) == (HUB, HUB_NODE, Purpose.DELEGATED)
    assert (manifest.for_facility, manifest.for_node, manifest.late_reason) == (FACILITY, NODE, "Mất token")
    assert made(pair)[0].site == FACILITY


def test_one_day_delegations_are_signed_day_by_day(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(1, given_at=MORNING - DAY_SECONDS)
    pair.site.record(2)
    pair.hand([YESTERDAY], reason="Mất token")
    pair.hand([DAY], reason="Mất token")
    pair.send()
    with pair.hub.database.read() as tables:
        plan = plan_delegated(tables, POLICY, NODE, now=AFTERNOON)
    assert plan.planned is not None
    assert (plan.planned.first_day, plan.planned.last_day, plan.left) == (YESTERDAY, YESTERDAY, 2)
    assert [pair.sign().doses, pair.sign().doses] == [1, 2]


def test_what_no_delegation_covers_any_more_waits_with_its_reason(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(2)
    pair.hand(reason="Mất token")
    pair.send()
    with pair.hub.database.read() as tables:
        plan = plan_delegated(tables, POLICY, NODE, now=AFTERNOON + 2 * DAY_SECONDS)
    assert (plan.planned, plan.refused) == (None, ((Code.DELEGATION.value, 2),))
    pair.delegate()
    with pytest.raises(PassRefusedError) as refused:
        pair.sign()
    assert refused.value.code is PassCode.NOTHING_TO_SIGN


def test_more_than_one_turn_waits_for_the_next(pair: HubPair) -> None:
    pair.site.record(1_001)
    pair.hand()
    pair.send()
    assert [pair.sign().people, pair.sign().people] == [1_000, 1]
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert check_store(pair.site.database).findings == ()


def test_only_what_was_previewed_is_signed(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    with pair.hub.database.read() as tables:
        shown = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).digest
    pair.site.record(1)
    pair.hand()
    pair.send()
    with pytest.raises(PassRefusedError) as refused:
        plan_shown(pair.hub.database, POLICY, NODE, shown=shown, now=AFTERNOON)
    assert refused.value.code is PassCode.SELECTION_CHANGED


def test_a_hub_that_needs_two_people_does_not_sign_without_an_approval(pair: HubPair) -> None:
    pair.site.record(1)
    pair.hand()
    pair.send()
    with pair.hub.database.write_transaction() as tables:
        settings.put(tables, Setting.APPROVAL_REQUIRED, 1, at=AFTERNOON, by="Quản lý")
    with pytest.raises(PassRefusedError) as refused:
        pair.sign()
    assert refused.value.code is PassCode.APPROVAL_MISSING
    assert states(pair) == ["waiting"]


def test_an_abandoned_pass_lets_its_doses_wait_again(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    with pair.hub.database.read() as tables:
        shown = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).digest
    planned = plan_shown(pair.hub.database, POLICY, NODE, shown=shown, now=AFTERNOON)
    dead = FusedSigner(pair.hub.signer, Fuse(blows_at=1))
    with pytest.raises(PowerCutError):
        sign_pass(pair.hub.database, planned, dead, officer=OFFICER, now=AFTERNOON, entropy=pair.hub.entropy)
    assert states(pair) == ["taken"] * 2
    assert abandon_pass(pair.hub.database, actor="Y sĩ Bình", now=AFTERNOON)
    assert states(pair) == ["waiting"] * 2
    assert pair.sign().doses == 2
    assert check_store(pair.hub.database).findings == ()


def test_a_batch_that_the_centre_refuses_lets_its_doses_wait_again(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    pair.sign()
    pair.centre.refuse = [Code.CERTIFICATE_UNREGISTERED]
    pair.send()
    assert states(pair) == ["waiting"] * 2
    assert {stage for stage, _, _ in pair.stages().values()} == {"handed"}
    pair.sign()
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert [one.admitted for one in made(pair)] == [2, 0]
    assert check_store(pair.hub.database).findings == ()


def test_the_hub_gives_back_what_it_does_not_sign(pair: HubPair) -> None:
    pair.site.record(3)
    pair.hand()
    pair.send()
    now, entropy = AFTERNOON, pair.hub.entropy
    with pytest.raises(RefusedError) as missing:
        hand_back(pair.hub.database, NODE, [2], reason=" ", now=now, by="Y sĩ Bình", entropy=entropy)
    assert missing.value.findings[0].code is EdgeCode.REASON_MISSING
    assert hand_back(pair.hub.database, NODE, [2], reason="Sai lô", now=now, by="Y sĩ Bình", entropy=entropy) == 1
    with pytest.raises(PassRefusedError) as gone:
        hand_back(pair.hub.database, NODE, [2], reason="Sai lô", now=now, by="Y sĩ Bình", entropy=entropy)
    assert gone.value.code is PassCode.SELECTION_CHANGED
    pair.send()
    assert pair.stages()[2] == ("", "", "")
    assert pair.sign().doses == 2
    # Handed over anew it waits anew, and is signed.
    pair.hand()
    pair.send()
    assert pair.sign().doses == 1
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    for node in (pair.site, pair.hub):
        assert check_store(node.database).findings == ()


def test_what_came_by_stick_alone_is_not_given_back_before_the_centre_knows_it(pair: HubPair) -> None:
    pair.site.record(1)
    pair.hand()
    import_file(pair, sealed_for_hub(inner_of(pair)))
    with pytest.raises(RefusedError) as early:
        give_back(pair, 1)
    assert early.value.findings[0].code is EdgeCode.HANDBACK_EARLY
    pair.send()
    give_back(pair, 1)
    pair.send()
    assert pair.stages()[1] == ("", "", "")


def test_what_the_centre_does_not_let_be_given_back_waits_again(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    give_back(pair, 2)
    pair.centre.refuse = [Code.HANDOVER]
    pair.send()
    assert states(pair) == ["waiting"] * 2
    assert pair.sign().doses == 2
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert check_store(pair.hub.database).findings == ()


def give_back(pair: HubPair, sequence: int) -> None:
    """The hub gives one dose back."""
    entropy = pair.hub.entropy
    hand_back(pair.hub.database, NODE, [sequence], reason="Sai lô", now=AFTERNOON, by="Y sĩ Bình", entropy=entropy)


def test_cut_at_every_statement_and_token_use_the_same_bytes_come_out_once(tmp_path: Path) -> None:
    total = run_until(tmp_path / "count", None)[1].fuse.events
    assert total > 30
    found = set()
    for blows_at in range(1, total + 1):
        pair, signer = run_until(tmp_path / str(blows_at), blows_at)
        # The process is gone; another one opens the file.
        pair.hub.database.close()
        pair.hub = replace(pair.hub, database=Database(pair.hub.database.path, DATA_KEY))
        with pair.hub.database.read() as tables:
            before = passes.find(tables, 1)
        found.add(None if before is None else before.state)
        signer.fuse.blows_at = None
        resumed = resume_pass(pair.hub.database, signer, now=AFTERNOON + 60, entropy=SeededEntropy(blows_at))
        if resumed is None and before is None:
            pair.sign()
        with pair.hub.database.read() as tables:
            after = passes.find(tables, 1)
        assert after is not None
        assert before is None or after.statement_payload == before.statement_payload
        # Whatever the token signed in between, it was this one statement.
        assert len(set(signer.made)) <= 1
        pair.send()
        assert pair.centre.admitted_doses == [f"{NODE}-{number:06d}" for number in (1, 2, 3)]
        assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
        assert check_store(pair.hub.database).findings == ()
        pair.hub.database.close()
        pair.site.database.close()
    assert found == {None, PassState.PREPARED, PassState.SIGNED, PassState.SEALED}


def run_until(directory: Path, blows_at: int | None) -> tuple[HubPair, FusedSigner]:
    """A delegated pass of three doses that came by stick, cut off at this event."""
    directory.mkdir()
    fuse = Fuse()
    pair = make_pair(directory, hub_tracer=fuse.statement)
    pair.site.record(3)
    pair.hand()
    import_file(pair, sealed_for_hub(inner_of(pair)))
    with pair.hub.database.read() as tables:
        shown = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).digest
    planned = plan_shown(pair.hub.database, POLICY, NODE, shown=shown, now=AFTERNOON)
    signer = FusedSigner(pair.hub.signer, fuse)
    fuse.events, fuse.blows_at = 0, blows_at
    try:
        sign_pass(pair.hub.database, planned, signer, officer=OFFICER, now=AFTERNOON, entropy=pair.hub.entropy)
    except PowerCutError:
        assert blows_at is not None
    else:
        assert blows_at is None
    return pair, signer


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("UPDATE site_doses SET dose = x'a0' WHERE place = 1", "site-handover:1"),
        ("UPDATE site_handovers SET digest = zeroblob(32)", "site-handover:1"),
        ("UPDATE site_doses SET state = 'waiting' WHERE place = 0", "site-doses"),
        ("UPDATE delegated_leaves SET verdict_state = 'refused', verdict_code = 'lot-expired'", "pass:1"),
        ("UPDATE delegated_leaves SET live = 0", "pass:1"),
        ("DELETE FROM carried_handovers", "bundle:1/1"),
    ],
)
def test_check_finds_what_somebody_changed_at_the_hub(pair: HubPair, statement: str, subject: str) -> None:
    pair.site.record(2)
    pair.hand()
    import_file(pair, sealed_for_hub(inner_of(pair)))
    pair.sign()
    exchange(pair.hub.database, pair.centre, now=pair.hub.clock.now, entropy=pair.hub.entropy)
    assert check_store(pair.hub.database).findings == ()
    with pair.hub.database.write_transaction() as tables:
        for name in ("site_doses", "site_handovers", "delegated_leaves", "carried_handovers"):
            for trigger in tables.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (name,)
            ).fetchall():
                tables.execute(f"DROP TRIGGER {trigger[0]}")
        tables.execute(statement)
    assert subject in {finding.subject for finding in check_store(pair.hub.database).findings}


def test_a_hub_knows_its_sites_from_the_newest_list_alone(pair: HubPair) -> None:
    pair.site.record(1)
    pair.hand()
    inner = inner_of(pair)
    pair.delegate(delegation(DelegationKind.STANDING, node=OTHER_NODE))
    with pytest.raises(ProtocolError) as caught:
        import_file(pair, sealed_for_hub(inner))
    assert caught.value.code is Code.DELEGATION
    with pair.hub.database.read() as tables:
        assert hub_doses.queues(tables) == []
