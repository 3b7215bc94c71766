"""A hub signs what a site handed over, for the site, within its delegation, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import select

from central.store.database import read_transaction
from central.store.health_certificates import is_live
from central.store.tables import batches, doses
from central.workflow.check_centre import check_centre
from central.workflow.delegate import end_delegation
from sync_protocol.batch import parse_batch, verify_batch
from sync_protocol.days import DAY_SECONDS, day_end
from sync_protocol.delegation import DelegationKind
from sync_protocol.dose import Dose
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.handover import parse_handed, parse_handed_back, parse_signed, unpack_handover, verify_handover
from sync_protocol.manifest import Purpose
from sync_protocol.receipt import verify_inclusion
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState, decode_verdicts
from tests.central.handing import (
    delegated_inner,
    hand_back,
    hand_over,
    hub_of,
    items_of,
    let_sign,
    sign_for,
)
from tests.central.scenario import DAY, EVENING, SECRET, Site, World

REPEATED = Verdict(VerdictState.REFUSED, Code.DOSE_REPEATED)


@dataclasses.dataclass(slots=True)
class Delegated:
    """A site whose doses a hub signs."""

    world: World
    site: Site
    hub: Site

    def known_doses(self, count: int = 3, **changes: object) -> list[Dose]:
        """Doses of the site about people whom the registry knows."""
        made = self.site.doses(range(100, 100 + count), **changes)
        self.world.know(made)
        return made

    def findings(self) -> tuple[object, ...]:
        return check_centre(self.world.centre.engine).findings


@pytest.fixture
def delegated(any_world: World) -> Delegated:
    site, hub = any_world.site(), hub_of(any_world)
    let_sign(any_world, site, hub)
    return Delegated(any_world, site, hub)


def test_what_a_hub_signs_is_admitted_as_the_sites_doses(delegated: Delegated) -> None:
    made = delegated.known_doses()
    hand_over(delegated.site, made)
    receipt = sign_for(delegated.hub, delegated.site, made, late_reason="Mất thiết bị ký")
    assert set(receipt.verdicts) == {ADMITTED}
    with read_transaction(delegated.world.centre.engine) as connection:
        kept = connection.execute(select(doses.c.facility, doses.c.node, doses.c.sequence)).all()
        batch = connection.execute(select(batches)).mappings().one()
    assert {tuple(row) for row in kept} == {("19001", "19001A", dose.sequence) for dose in made}
    assert (batch["facility"], batch["node"], batch["purpose"]) == ("19000", "19000A", "delegated")
    assert (batch["for_facility"], batch["for_node"]) == ("19001", "19001A")
    # How late it is stays in sight: the hub's day proves nothing about the site's.
    assert (batch["day_proof"], batch["late_reason"]) == ("none", "Mất thiết bị ký")
    assert delegated.findings() == ()


def test_the_hub_gets_the_sites_bundle_byte_for_byte(delegated: Delegated) -> None:
    made = delegated.known_doses()
    inner_digest, receipt = hand_over(delegated.site, made)
    assert receipt.entry.refusal is None
    assert receipt.verdicts == ()
    (item,) = items_of(delegated.world, delegated.hub.node, FeedKind.UNSIGNED_DOSES)
    handed = parse_handed(item.body)
    found = verify_handover(handed.inner, delegated.site.node_key.public_key())
    assert (found.digest, handed.delegation) == (inner_digest, 1)
    assert list(unpack_handover(found.handover, node="19001A", facility="19001")) == made


def test_the_site_learns_who_signed_and_can_prove_it(delegated: Delegated) -> None:
    first, second = delegated.known_doses(2), delegated.site.doses([7])
    delegated.world.know(second)
    digests = {hand_over(delegated.site, first)[0], hand_over(delegated.site, second)[0]}
    made = [second[0], *first]
    sign_for(delegated.hub, delegated.site, made)
    items = [parse_signed(item.body) for item in items_of(delegated.world, delegated.site.node, FeedKind.SIGNED_DOSES)]
    assert {item.handover for item in items} == digests
    for item in items:
        assert item.sequences == tuple(dose.sequence for dose in made)
        assert decode_verdicts(item.verdicts, count=3) == [ADMITTED] * 3
        unverified = parse_batch(item.statement)
        proven = verify_batch(unverified, made, item.secret, certificate=unverified.certificates[0])
        assert proven.statement.manifest.facility == "19000"
        keys = [delegated.world.centre.keys.ledger.public_key]
        assert verify_inclusion(item.receipt, ledger_keys=keys).entry.node == "19000A"


def test_a_statement_without_its_certificate_gets_it_on_its_way_to_the_site(delegated: Delegated) -> None:
    from sync_protocol.batch import prepare_batch, sign_batch
    from sync_protocol.bundle import BatchBody, encode_batch_body
    from sync_protocol.columns import pack_doses
    from sync_protocol.signers.key_signer import KeySigner

    made, hub, site = delegated.known_doses(2), delegated.hub, delegated.site
    hand_over(site, made)
    sign_for(hub, site, made[:1])
    stated = hub.manifest(made[1:], purpose=Purpose.DELEGATED, for_facility="19001", for_node="19001A")
    signer = KeySigner(hub.organisation_key, certificate=hub.certificate)
    bare = sign_batch(prepare_batch(stated, made[1:], SECRET), signer, carry_certificate=False)
    body = encode_batch_body(BatchBody(bare, SECRET, pack_doses(made[1:])))
    assert hub.send_inner(hub.link(body)).entry.refusal is None
    last = parse_signed(items_of(delegated.world, site.node, FeedKind.SIGNED_DOSES)[-1].body)
    assert parse_batch(last.statement).certificates == (hub.certificate,)


def test_a_refused_batch_says_nothing_to_the_site(delegated: Delegated) -> None:
    made = delegated.known_doses()
    hand_over(delegated.site, made)
    before = items_of(delegated.world, delegated.site.node)
    receipt = sign_for(delegated.hub, delegated.site, made, signer_name="Không đăng ký")
    assert receipt.entry.refusal is Code.CERTIFICATE_UNREGISTERED
    assert items_of(delegated.world, delegated.site.node) == before
    # The doses still wait, so the hub signs them once more.
    assert set(sign_for(delegated.hub, delegated.site, made).verdicts) == {ADMITTED}


def test_a_dose_that_the_site_signs_itself_meanwhile_is_admitted_once(delegated: Delegated) -> None:
    made = delegated.known_doses(2)
    hand_over(delegated.site, made)
    assert set(delegated.site.send(made[:1]).verdicts) == {ADMITTED}
    assert sign_for(delegated.hub, delegated.site, made).verdicts == (REPEATED, ADMITTED)
    item = parse_signed(items_of(delegated.world, delegated.site.node, FeedKind.SIGNED_DOSES)[-1].body)
    assert decode_verdicts(item.verdicts, count=2) == [REPEATED, ADMITTED]
    assert delegated.findings() == ()


def test_a_dose_handed_to_two_hubs_is_admitted_once(delegated: Delegated) -> None:
    other = delegated.world.site("19005", "19005A", officer="Phạm Văn Nam")
    let_sign(delegated.world, delegated.site, other)
    made = delegated.known_doses(1)
    hand_over(delegated.site, made)
    hand_over(delegated.site, made, hub="19005")
    assert sign_for(other, delegated.site, made).verdicts == (ADMITTED,)
    assert sign_for(delegated.hub, delegated.site, made).verdicts == (REPEATED,)
    assert len(items_of(delegated.world, delegated.site.node, FeedKind.SIGNED_DOSES)) == 2
    assert delegated.findings() == ()


def test_two_handovers_of_the_same_dose_are_both_answered(delegated: Delegated) -> None:
    made = delegated.known_doses(1)
    digests = [hand_over(delegated.site, made)[0] for _ in range(2)]
    sign_for(delegated.hub, delegated.site, made)
    items = [parse_signed(item.body) for item in items_of(delegated.world, "19001A", FeedKind.SIGNED_DOSES)]
    assert sorted(item.handover for item in items) == sorted(digests)


def test_a_hub_that_is_enrolled_anew_offers_again_and_is_told_that_the_doses_are_there(delegated: Delegated) -> None:
    made = delegated.known_doses(2)
    hand_over(delegated.site, made)
    sign_for(delegated.hub, delegated.site, made)
    restored = hub_of(delegated.world)
    assert sign_for(restored, delegated.site, made).verdicts == (REPEATED, REPEATED)
    assert len(items_of(delegated.world, "19001A", FeedKind.SIGNED_DOSES)) == 1


def test_a_correction_that_a_hub_signs_replaces_the_sites_older_version(delegated: Delegated) -> None:
    site, hub = delegated.site, delegated.hub
    made = delegated.known_doses(2)
    hand_over(site, made)
    sign_for(hub, site, made)
    # The hub's own dose of the same sequence is another one.
    own = hub.doses([300])
    delegated.world.know(own)
    hub.send(own)
    corrected = dataclasses.replace(
        made[0], sequence=site.next_dose, lot="FG99999", replaces=made[0].sequence, replace_reason="Nhầm số lô"
    )
    hand_over(site, [corrected])
    assert sign_for(hub, site, [corrected]).verdicts == (ADMITTED,)
    with read_transaction(delegated.world.centre.engine) as connection:
        live = connection.execute(select(doses.c.node, doses.c.lot).where(is_live())).all()
    assert sorted(tuple(row) for row in live) == [("19000A", "FG12345"), ("19001A", "FG12345"), ("19001A", "FG99999")]
    assert delegated.findings() == ()


def test_a_dose_of_another_site_on_the_same_day_is_found_behind_a_hubs_signature(delegated: Delegated) -> None:
    other = delegated.world.site("19002", "19002A")
    made = delegated.known_doses(1)
    other.send([other.dose(100)])
    hand_over(delegated.site, made)
    waiting = Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE)
    assert sign_for(delegated.hub, delegated.site, made).verdicts == (waiting,)


class TestOutsideTheScope:
    """Every one of these is refused as a whole, takes its place in the hub's chain, and admits nothing."""

    def refusal(self, delegated: Delegated, made: list[Dose], **changes: Any) -> Code | None:
        site = changes.pop("site", delegated.site)
        receipt = sign_for(delegated.hub, site, made, **changes)
        with read_transaction(delegated.world.centre.engine) as connection:
            assert connection.execute(select(doses.c.id)).all() == []
        assert items_of(delegated.world, site.node, FeedKind.SIGNED_DOSES) == []
        assert delegated.findings() == ()
        return receipt.entry.refusal

    def test_a_site_that_delegated_nothing(self, delegated: Delegated) -> None:
        other = delegated.world.site("19002", "19002A")
        made = other.doses([1])
        assert self.refusal(delegated, made, site=other) is Code.DELEGATION

    def test_a_delegation_that_is_over(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        hand_over(delegated.site, made)
        world = delegated.world
        end_delegation(1, engine=world.centre.engine, keys=world.centre.keys, now=world.clock.now())
        delegated.site.send([delegated.site.dose(9)])
        before = items_of(world, "19001A", FeedKind.SIGNED_DOSES)
        world.clock.at += 60
        # A head of the ledger that is younger than the end proves that it was signed after it.
        receipt = sign_for(delegated.hub, delegated.site, made)
        assert receipt.entry.refusal is Code.DELEGATION
        assert items_of(world, "19001A", FeedKind.SIGNED_DOSES) == before

    def test_a_delegation_that_has_not_begun(self, any_world: World) -> None:
        site, hub = any_world.site(), hub_of(any_world)
        let_sign(any_world, site, hub, valid_from=day_end(DAY))
        delegated = Delegated(any_world, site, hub)
        assert self.refusal(delegated, delegated.known_doses()) is Code.DELEGATION

    def test_a_delegation_on_call_that_nobody_called(self, any_world: World) -> None:
        site, hub = any_world.site(), hub_of(any_world)
        let_sign(any_world, site, hub, kind=DelegationKind.ON_CALL)
        delegated = Delegated(any_world, site, hub)
        assert self.refusal(delegated, delegated.known_doses()) is Code.DELEGATION

    def test_a_dose_that_the_hub_invented(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        hand_over(delegated.site, made[:2])
        assert self.refusal(delegated, made) is Code.HANDOVER

    def test_a_dose_that_the_hub_changed(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        hand_over(delegated.site, made)
        changed = [*made[:-1], dataclasses.replace(made[-1], lot="FG99999")]
        assert self.refusal(delegated, changed) is Code.HANDOVER

    def test_a_dose_that_was_handed_back(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        digest, _ = hand_over(delegated.site, made)
        hand_back(delegated.hub, digest, [made[0].sequence])
        assert self.refusal(delegated, made) is Code.HANDOVER

    def test_a_dose_that_was_handed_to_another_hub(self, delegated: Delegated) -> None:
        other = delegated.world.site("19005", "19005A")
        let_sign(delegated.world, delegated.site, other)
        made = delegated.known_doses()
        hand_over(delegated.site, made, hub="19005")
        assert self.refusal(delegated, made) is Code.HANDOVER

    def test_a_node_of_another_facility(self, delegated: Delegated) -> None:
        delegated.world.site("19002", "19002A")
        made = delegated.known_doses()
        assert self.refusal(delegated, made, for_node="19002A") is Code.FACILITY_MISMATCH
        assert self.refusal(delegated, made, for_node="19009A") is Code.FACILITY_MISMATCH

    def test_the_hub_itself_as_a_site(self, delegated: Delegated) -> None:
        made = delegated.hub.doses([1])
        assert self.refusal(delegated, made, for_facility="19000", for_node="19000A") is Code.DELEGATION

    def test_doses_of_two_nodes_in_one_batch(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        hand_over(delegated.site, made)
        second = dataclasses.replace(made[0], node="19001B")
        assert self.refusal(delegated, [*made, second]) is Code.FACILITY_MISMATCH

    def test_doses_given_after_they_were_signed_for(self, delegated: Delegated) -> None:
        tomorrow = delegated.known_doses(given_at=EVENING + DAY_SECONDS)
        assert self.refusal(delegated, tomorrow) is Code.PURPOSE


def test_a_signature_around_the_end_of_a_delegation_waits_for_a_person(delegated: Delegated) -> None:
    made, world = delegated.known_doses(), delegated.world
    hand_over(delegated.site, made)
    inner = delegated_inner(delegated.hub, delegated.site, made)
    world.clock.at += 600
    end_delegation(1, engine=world.centre.engine, keys=world.centre.keys, now=world.clock.now() - 300)
    receipt = delegated.hub.send_inner(inner)
    assert set(receipt.verdicts) == {Verdict(VerdictState.QUARANTINED, Code.DELEGATION)}
    assert delegated.findings() == ()


def test_a_hub_with_an_old_head_signs_for_a_new_delegation_without_a_doubt(any_world: World) -> None:
    site, hub = any_world.site(), hub_of(any_world)
    old = any_world.head()
    any_world.clock.at += DAY_SECONDS
    let_sign(any_world, site, hub, valid_from=any_world.clock.now() - 60)
    delegated = Delegated(any_world, site, hub)
    made = delegated.known_doses()
    hand_over(site, made)
    assert set(sign_for(hub, site, made, checkpoint=old).verdicts) == {ADMITTED}


def test_a_batch_of_ones_own_doses_names_nobody_else(delegated: Delegated) -> None:
    from sync_protocol.errors import ProtocolError

    made = delegated.hub.doses([1])
    with pytest.raises(ProtocolError) as caught:
        delegated.hub.inner(made, for_facility="19001", for_node="19001A")
    assert caught.value.code is Code.FIELD_INVALID


class TestHandingBack:
    def test_the_site_gets_its_doses_back_with_the_reason(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        digest, _ = hand_over(delegated.site, made)
        assert hand_back(delegated.hub, digest, [made[1].sequence]).entry.refusal is None
        (item,) = items_of(delegated.world, "19001A", FeedKind.HANDED_BACK)
        back = parse_handed_back(item.body)
        assert (back.handover, back.sequences, back.reason) == (digest, (made[1].sequence,), "Thiếu số lô")
        # The rest is signed, and what came back may be handed over again or signed at the site.
        assert set(sign_for(delegated.hub, delegated.site, [made[0], made[2]]).verdicts) == {ADMITTED}
        assert set(delegated.site.send(made[1:2]).verdicts) == {ADMITTED}
        assert delegated.findings() == ()

    def test_what_does_not_wait_is_not_handed_back(self, delegated: Delegated) -> None:
        made = delegated.known_doses()
        digest, _ = hand_over(delegated.site, made)
        sign_for(delegated.hub, delegated.site, made[:1])
        for sequences in ([made[0].sequence], [made[1].sequence, 999]):
            assert hand_back(delegated.hub, digest, sequences).entry.refusal is Code.HANDOVER
        assert hand_back(delegated.hub, bytes(32), [1]).entry.refusal is Code.HANDOVER
        other = delegated.world.site("19005", "19005A")
        assert hand_back(other, digest, [made[1].sequence]).entry.refusal is Code.HANDOVER
        assert items_of(delegated.world, "19001A", FeedKind.HANDED_BACK) == []
