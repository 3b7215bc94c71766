"""Delegations are made, told, asked for one day, and ended; every node concerned knows the list that holds."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import select, text

from central.domain.passport_id import passport_id
from central.store.database import read_transaction, write_transaction
from central.store.passport_rows import certified_doses
from central.store.tables import delegations, doses, handovers
from central.workflow.check_centre import check_centre
from central.workflow.day_figures import day_figures
from central.workflow.delegate import end_delegation
from sync_protocol import contexts, cose, limits
from sync_protocol.bundle import parse_bundle
from sync_protocol.columns import pack_doses
from sync_protocol.days import DAY_SECONDS, day_end, local_day
from sync_protocol.delegation import DelegationKind
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.handover import parse_handed
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import ADMITTED
from tests.builders import ec_key
from tests.central.handing import (
    HUB,
    START,
    hand_back,
    hand_over,
    handover_of,
    hub_of,
    items_of,
    let_sign,
    newest_list,
    sign_for,
)
from tests.central.pages import end_of_day, pages_client
from tests.central.scenario import DAY, EVENING, Site, World


@pytest.fixture
def pair(world: World) -> tuple[Site, Site]:
    """A site and a hub without a delegation."""
    return world.site(), hub_of(world)


class TestTheList:
    def test_both_sides_are_told_with_the_keys_that_they_need(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub, valid_until=START + 10 * DAY_SECONDS)
        assert newest_list(world, site.node) == newest_list(world, hub.node)
        (told,) = newest_list(world, hub.node)
        assert (told.number, told.site, told.hub, told.hub_node) == (1, "19001", HUB, "19000A")
        assert (told.site_name, told.hub_name) == ("Trạm y tế 19001", "Trạm y tế 19000")
        assert told.kind is DelegationKind.STANDING
        assert (told.valid_from, told.valid_until) == (START, START + 10 * DAY_SECONDS)
        assert told.key_of("19001A", epoch=1) == site.node_key.public_key()
        assert told.hub_key == ec_key("sealing 19000A").public_key()

    def test_a_facility_is_told_what_concerns_it_and_nothing_else(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        other = world.site("19002", "19002A")
        let_sign(world, site, hub)
        let_sign(world, other, hub)
        assert [item.site for item in newest_list(world, hub.node)] == ["19001", "19002"]
        assert [item.site for item in newest_list(world, site.node)] == ["19001"]
        assert [item.site for item in newest_list(world, other.node)] == ["19002"]

    def test_new_keys_of_either_side_are_told_to_both(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub)
        restored = world.site()
        assert newest_list(world, hub.node)[0].key_of("19001A", epoch=2) == restored.node_key.public_key()
        told = len(items_of(world, site.node, FeedKind.DELEGATIONS))
        hub_of(world)
        assert len(items_of(world, site.node, FeedKind.DELEGATIONS)) == told + 1

    def test_a_node_that_comes_later_is_told_too(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub)
        second = world.site("19001", "19001B")
        assert [held.node for held in newest_list(world, second.node)[0].site_nodes] == ["19001A", "19001B"]
        assert newest_list(world, hub.node) == newest_list(world, second.node)

    def test_a_node_without_delegations_is_told_nothing(self, world: World, pair: tuple[Site, Site]) -> None:
        let_sign(world, *pair)
        other = world.site("19002", "19002A")
        assert items_of(world, other.node, FeedKind.DELEGATIONS) == []

    def test_an_ended_one_is_told_with_its_end_and_left_out_a_month_later(
        self, world: World, pair: tuple[Site, Site]
    ) -> None:
        site, hub = pair
        let_sign(world, site, hub)
        centre = world.centre
        ended = end_delegation(1, engine=centre.engine, keys=centre.keys, now=EVENING)
        assert ended.valid_until == EVENING
        assert newest_list(world, site.node)[0].valid_until == EVENING
        told = len(items_of(world, site.node, FeedKind.DELEGATIONS))
        assert end_delegation(1, engine=centre.engine, keys=centre.keys, now=EVENING + 9) == ended
        assert len(items_of(world, site.node, FeedKind.DELEGATIONS)) == told
        world.clock.at += 31 * DAY_SECONDS
        let_sign(world, site, hub)
        assert [item.number for item in newest_list(world, site.node)] == [2]

    def test_one_that_has_not_begun_ends_with_its_beginning(self, world: World, pair: tuple[Site, Site]) -> None:
        let_sign(world, *pair, valid_from=day_end(DAY))
        ended = end_delegation(1, engine=world.centre.engine, keys=world.centre.keys, now=EVENING)
        assert ended.valid_until == ended.valid_from
        assert not ended.is_open(day_end(DAY))

    @pytest.mark.parametrize(
        ("facilities", "changes", "code"),
        [
            (("19001", "19001"), {}, Code.FACILITY_MISMATCH),
            (("19001", "19009"), {}, Code.FACILITY_MISMATCH),
            (("19009", HUB), {}, Code.FACILITY_MISMATCH),
            (("19001", HUB), {"hub_node": "19001A"}, Code.FACILITY_MISMATCH),
            (("19001", HUB), {"valid_until": START}, Code.FIELD_INVALID),
        ],
    )
    def test_one_that_cannot_be_is_not_made(
        self,
        world: World,
        pair: tuple[Site, Site],
        *,
        facilities: tuple[str, str],
        changes: dict[str, object],
        code: Code,
    ) -> None:
        site, hub = (dataclasses.replace(one, facility=name) for one, name in zip(pair, facilities, strict=True))
        with pytest.raises(ProtocolError) as caught:
            let_sign(world, site, hub, **changes)
        assert caught.value.code is code
        assert items_of(world, "19001A", FeedKind.DELEGATIONS) == []

    def test_the_newest_node_of_the_hub_gets_the_doses_unless_another_is_named(
        self, world: World, pair: tuple[Site, Site]
    ) -> None:
        site, hub = pair
        world.clock.at += 60
        world.site(HUB, f"{HUB}B", officer="Lê Thị Hoa")
        assert let_sign(world, site, hub).hub_node == "19000B"
        assert let_sign(world, site, hub, hub_node="19000A").hub_node == "19000A"
        made = site.doses([1])
        # The newest delegation that covers the doses counts.
        hand_over(site, made)
        assert [len(items_of(world, node, FeedKind.UNSIGNED_DOSES)) for node in ("19000A", "19000B")] == [1, 0]


class TestHandingOver:
    def refusal(self, world: World, site: Site, inner: bytes) -> Code | None:
        """The code with which a handover is refused; nothing of it is kept, and the site's chain goes on."""
        receipt = site.send_inner(inner)
        with read_transaction(world.centre.engine) as connection:
            assert connection.execute(select(handovers)).all() == []
        assert items_of(world, f"{HUB}A", FeedKind.UNSIGNED_DOSES) == []
        assert site.send([site.dose(4_000)]).entry.refusal is None
        return receipt.entry.refusal

    def test_without_a_delegation_it_is_refused(self, world: World, pair: tuple[Site, Site]) -> None:
        site, _ = pair
        assert self.refusal(world, site, handover_of(site, site.doses([1]))) is Code.DELEGATION

    @pytest.mark.parametrize(
        "changes",
        [
            {"valid_from": day_end(DAY)},
            {"valid_until": EVENING},
            {"kind": DelegationKind.ON_CALL},
        ],
    )
    def test_outside_its_delegation_it_is_refused(
        self, world: World, pair: tuple[Site, Site], changes: dict[str, object]
    ) -> None:
        site, hub = pair
        let_sign(world, site, hub, **changes)
        assert self.refusal(world, site, handover_of(site, site.doses([1]))) is Code.DELEGATION

    def test_a_site_cannot_hand_over_for_another(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        other = world.site("19002", "19002A")
        let_sign(world, other, hub)
        assert self.refusal(world, site, handover_of(site, site.doses([1]))) is Code.DELEGATION

    def test_doses_of_another_node_are_refused(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub)
        foreign = [site.dose(1, node="19001B")]
        inner = handover_of(site, foreign, columns=pack_doses(foreign))
        assert self.refusal(world, site, inner) is Code.DOSE_FACILITY

    def test_counts_that_are_not_those_of_the_doses_are_refused(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub)
        assert self.refusal(world, site, handover_of(site, site.doses([1]), people=2)) is Code.COUNT_MISMATCH

    def test_a_bundle_that_fits_no_item_of_a_feed_is_refused(
        self, world: World, pair: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site, hub = pair
        monkeypatch.setattr(limits, "FEED_ITEM_BYTES", 8_192)
        let_sign(world, site, hub)
        payload = parse_bundle(handover_of(site, site.doses([1]))).message.payload
        assert payload is not None
        padded = cose.sign1(
            payload,
            signer=KeySigner(site.node_key),
            content_type=contexts.BUNDLE.content_type,
            context=contexts.BUNDLE.aad,
            protected={99: bytes(8_192)},
        )
        assert self.refusal(world, site, padded) is Code.TOO_LARGE

    def test_a_repeated_offer_is_kept_once(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub)
        sealed = site.seal(handover_of(site, site.doses([1])))
        assert world.offer(sealed) == world.offer(sealed)
        assert len(items_of(world, hub.node, FeedKind.UNSIGNED_DOSES)) == 1


class TestOneDay:
    def test_a_site_on_call_asks_for_its_day_without_an_operator(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        made = site.doses([1, 2])
        world.know(made)
        _, receipt = hand_over(site, made, asks_day=DAY, reason="Mất thiết bị ký")
        assert receipt.entry.refusal is None
        made_for_day = newest_list(world, hub.node)[-1]
        assert (made_for_day.kind, made_for_day.dose_day) == (DelegationKind.ONE_DAY, DAY)
        assert local_day((made_for_day.valid_until or 0) - 1) == "2022-04-16"
        # The hub knows the site before it gets the doses.
        kinds = [item.kind for item in items_of(world, hub.node)]
        assert kinds[-2:] == [FeedKind.DELEGATIONS, FeedKind.UNSIGNED_DOSES]
        assert parse_handed(items_of(world, hub.node)[-1].body).delegation == made_for_day.number
        assert set(sign_for(hub, site, made).verdicts) == {ADMITTED}
        assert check_centre(world.centre.engine).findings == ()

    def test_the_same_day_is_asked_for_once(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        for person in (1, 2):
            hand_over(site, site.doses([person]), asks_day=DAY)
        with read_transaction(world.centre.engine) as connection:
            assert len(connection.execute(select(delegations.c.number)).all()) == 2
        # Once it is there, a handover of that day need not ask any more.
        assert hand_over(site, site.doses([3]))[1].entry.refusal is None

    def test_doses_of_another_day_are_not_covered(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        today, before = site.doses([1]), site.doses([2], given_at=EVENING - DAY_SECONDS)
        world.know([*today, *before])
        hand_over(site, today, asks_day=DAY)
        assert hand_over(site, before)[1].entry.refusal is Code.DELEGATION
        assert hand_over(site, [*today, *before])[1].entry.refusal is Code.DELEGATION
        assert sign_for(hub, site, [*today, *before]).entry.refusal is Code.DELEGATION
        assert sign_for(hub, site, today).entry.refusal is None

    @pytest.mark.parametrize(("day", "given_at"), [("2022-04-13", EVENING - 2 * DAY_SECONDS), ("2022-04-16", None)])
    def test_a_day_that_is_too_old_or_has_not_begun_is_not_given(
        self, world: World, pair: tuple[Site, Site], day: str, given_at: int | None
    ) -> None:
        site, hub = pair
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL, valid_from=START - 9 * DAY_SECONDS)
        made = site.doses([1], given_at=given_at or EVENING + DAY_SECONDS)
        assert hand_over(site, made, asks_day=day)[1].entry.refusal is Code.DELEGATION

    def test_the_hub_signs_until_the_next_day_ends_and_no_longer(self, world: World, pair: tuple[Site, Site]) -> None:
        site, hub = pair
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        first, second = site.doses([1]), site.doses([2])
        world.know([*first, *second])
        hand_over(site, [*first, *second], asks_day=DAY)
        world.clock.at = day_end("2022-04-16") - 1
        assert set(sign_for(hub, site, first).verdicts) == {ADMITTED}
        world.clock.at = day_end("2022-04-16") + 1
        world.site("19002", "19002A").send([site.dose(9)])
        assert sign_for(hub, site, second).entry.refusal is Code.DELEGATION


class TestByStick:
    """A handover that came by stick travels along with the hub's batch."""

    def test_doses_of_a_site_without_network_are_admitted_and_its_bundle_comes_later(self, any_world: World) -> None:
        world, site, hub = any_world, any_world.site(), hub_of(any_world)
        let_sign(world, site, hub)
        made = site.doses([1, 2, 3])
        world.know(made)
        inner = handover_of(site, made)
        receipt = sign_for(hub, site, made[:2], carried=[inner])
        assert receipt.verdicts == (ADMITTED, ADMITTED)
        assert len(items_of(world, site.node, FeedKind.SIGNED_DOSES)) == 1
        assert check_centre(world.centre.engine).findings == ()
        # Days later the site has a network again; by then the delegation is over.
        end_delegation(1, engine=world.centre.engine, keys=world.centre.keys, now=world.clock.now())
        world.clock.at += 5 * DAY_SECONDS
        assert site.send_inner(inner).entry.refusal is None
        assert len(items_of(world, hub.node, FeedKind.UNSIGNED_DOSES)) == 1
        assert len(items_of(world, site.node, FeedKind.SIGNED_DOSES)) == 1
        assert hand_back(hub, site.digest, [made[2].sequence]).entry.refusal is None
        assert check_centre(world.centre.engine).findings == ()

    def test_a_day_that_is_asked_for_by_stick_is_given_with_the_batch(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        made = site.doses([1])
        world.know(made)
        inner = handover_of(site, made, asks_day=DAY)
        assert sign_for(hub, site, made).entry.refusal is Code.DELEGATION
        assert sign_for(hub, site, made, carried=[inner]).verdicts == (ADMITTED,)
        assert [item.kind for item in newest_list(world, site.node)] == [DelegationKind.ON_CALL, DelegationKind.ONE_DAY]
        assert check_centre(world.centre.engine).findings == ()

    def test_one_that_nobody_or_somebody_else_signed_shows_nothing(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        other = world.site("19005", "19005A")
        let_sign(world, site, hub)
        let_sign(world, site, other)
        made = site.doses([1])
        forged = dataclasses.replace(site, node_key=ec_key("hub's own idea of a site"))
        for inner, code in (
            (handover_of(forged, made), Code.SIGNATURE_INVALID),
            (handover_of(site, made, hub="19005"), Code.HANDOVER),
            (handover_of(dataclasses.replace(site, node="19009A"), site.doses([2])), Code.NODE_UNKNOWN),
            (b"no bundle", Code.NOT_CBOR),
        ):
            assert sign_for(hub, site, made, carried=[inner]).entry.refusal is code
        with read_transaction(world.centre.engine) as connection:
            assert connection.execute(select(doses.c.id)).all() == []
            assert connection.execute(select(handovers.c.digest)).all() == []

    def test_doses_that_were_handed_back_do_not_come_again_by_stick(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub)
        made = site.doses([1])
        inner = handover_of(site, made)
        site.send_inner(inner)
        hand_back(hub, site.digest, [made[0].sequence])
        assert sign_for(hub, site, made, carried=[inner]).entry.refusal is Code.HANDOVER


PLANTED = {
    "a dose that the hub never signed": "UPDATE handover_doses SET content = zeroblob(32) WHERE sequence = 1",
    "a dose that waits although it is signed": "UPDATE handover_doses SET state = 'waiting' WHERE sequence = 1",
    "a dose sent back by a batch": "UPDATE handover_doses SET state = 'back' WHERE sequence = 1",
    "another hub": "UPDATE handovers SET hub = '19001'",
    "another count": "UPDATE handovers SET doses = 1",
    "another place": "UPDATE handovers SET ledger_index = 2",
    "a delegation of others": "UPDATE delegations SET site = '19000', hub = '19001'",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_corruption_of_handovers_is_found(world: World, pair: tuple[Site, Site], name: str) -> None:
    site, hub = pair
    let_sign(world, site, hub)
    made = site.doses([1, 2])
    hand_over(site, made)
    sign_for(hub, site, made)
    assert check_centre(world.centre.engine).findings == ()
    with write_transaction(world.centre.engine) as connection:
        connection.execute(text(PLANTED[name]))
    assert "I12" in {finding.invariant for finding in check_centre(world.centre.engine).findings}


def test_what_a_hub_signed_counts_as_the_sites_and_leads_to_passports_that_name_both(
    world: World, pair: tuple[Site, Site]
) -> None:
    site, hub = pair
    let_sign(world, site, hub)
    made, own = site.doses([1, 2]), hub.doses([3])
    world.know([*made, *own])
    hand_over(site, made)
    sign_for(hub, site, made, late_reason="Mất thiết bị ký")
    hub.send(own, offline_reason="Mất sóng 10 ngày")
    figures = {found.code: found.figures for found in day_figures(world.centre.engine, DAY).sites}
    assert (figures["19001"].admitted, figures[HUB].admitted) == (2, 1)
    assert end_of_day(world).issued == 3
    with read_transaction(world.centre.engine) as connection:
        rows = connection.execute(select(doses.c.person, doses.c.facility)).all()
        shown = {facility: certified_doses(connection, person)[0] for person, facility in rows}
    assert (shown["19001"].facility, shown["19001"].signed_by) == ("Trạm y tế 19001", "Trạm y tế 19000")
    assert (shown[HUB].facility, shown[HUB].signed_by) == ("Trạm y tế 19000", "")
    sheets = {
        code: pages_client(world).get(f"/passports/{passport_id(dose.uvci)}").get_data(as_text=True)
        for code, dose in shown.items()
    }
    assert "Đơn vị đầu mối ký" in sheets["19001"]
    assert "Đơn vị đầu mối ký" not in sheets[HUB]
    lists = {
        code: pages_client(world).get(f"/operator/doses?day=all&site={code}").get_data(as_text=True) for code in shown
    }
    assert "19000 ký" in lists["19001"]
    assert "ký chậm: Mất thiết bị ký" in lists["19001"]
    assert "ký chậm" not in lists[HUB]
    assert "ký khi xa trung tâm: Mất sóng 10 ngày" in lists[HUB]
    assert "ký khi xa trung tâm" not in lists["19001"]
    assert check_centre(world.centre.engine).findings == ()
