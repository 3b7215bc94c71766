"""What a dishonest or unlucky hub, site or operator may try with delegated signing, and what becomes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from central.domain.node import NodeState
from central.domain.people import RegistryAnswer
from central.registry.registry import RegistryClient
from central.store import delegations, nodes
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.facilities import Facility
from central.store.tables import facilities as facility_table
from central.workflow.check_centre import check_centre
from central.workflow.delegate import end_delegation
from central.workflow.enrol_facility import enrol_facility
from sync_protocol import limits
from sync_protocol.days import DAY_SECONDS, day_end
from sync_protocol.delegation import DelegationKind
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.population import PersonKey
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.central.handing import (
    HUB,
    START,
    delegated_inner,
    hand_back,
    hand_over,
    handover_of,
    hub_of,
    items_of,
    let_sign,
    newest_list,
    sign_for,
)
from tests.central.scenario import DAY, World
from tests.central.test_at_the_same_time import wait_for_waiters

WAITS = Verdict(VerdictState.QUARANTINED, Code.DELEGATION)


@dataclasses.dataclass(slots=True)
class Meanwhile:
    """The population registry; while it is asked, something else happens at the centre, once."""

    registry: RegistryClient
    happens: Callable[[], object]
    has_happened: bool = False

    def answer(self, people: Sequence[PersonKey]) -> list[RegistryAnswer]:
        if not self.has_happened:
            self.has_happened = True
            self.happens()
        return self.registry.answer(people)


def meanwhile(world: World, happens: Callable[[], object]) -> None:
    world.centre = dataclasses.replace(world.centre, registry=Meanwhile(world.centre.registry, happens))


class TestTwoNodesOfAHub:
    def test_what_one_hands_back_while_the_other_signs_is_signed_by_nobody(self, any_world: World) -> None:
        world, site, hub = any_world, any_world.site(), hub_of(any_world)
        second = world.site(HUB, f"{HUB}B", officer="Lê Thị Hoa")
        let_sign(world, site, hub, hub_node=hub.node)
        made = site.doses([1, 2])
        world.know(made)
        digest, _ = hand_over(site, made)
        hub.certificate, hub.organisation_key = second.certificate, second.organisation_key
        meanwhile(world, lambda: hand_back(second, digest, [made[0].sequence]))
        assert sign_for(hub, site, made).entry.refusal is Code.HANDOVER
        assert len(items_of(world, site.node, FeedKind.HANDED_BACK)) == 1
        assert items_of(world, site.node, FeedKind.SIGNED_DOSES) == []
        assert set(site.send(made[:1]).verdicts) == {ADMITTED}
        assert check_centre(world.centre.engine).findings == ()

    def test_what_one_signs_while_the_other_hands_back_is_not_handed_back(self, shared: World) -> None:
        world, site, hub = shared, shared.site(), hub_of(shared)
        second = world.site(HUB, f"{HUB}B", officer="Lê Thị Hoa")
        let_sign(world, site, hub, hub_node=hub.node)
        made = site.doses([1, 2])
        world.know(made)
        digest, _ = hand_over(site, made)
        hub.certificate, hub.organisation_key = second.certificate, second.organisation_key
        signed = delegated_inner(hub, site, made)
        with ThreadPoolExecutor(2) as pool:
            with write_transaction(world.centre.engine) as connection:
                # Both are checked, and wait for the ledger in the order in which they came.
                lock_ledger(connection)
                first = pool.submit(hub.send_inner, signed)
                wait_for_waiters(world, 1)
                later = pool.submit(hand_back, second, digest, [made[0].sequence])
                wait_for_waiters(world, 2)
            assert set(first.result().verdicts) == {ADMITTED}
            assert later.result().entry.refusal is Code.HANDOVER
        assert items_of(world, site.node, FeedKind.HANDED_BACK) == []
        assert check_centre(world.centre.engine).findings == ()


class TestOnCall:
    def test_doses_by_stick_that_come_after_their_day_make_one_delegation(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        first, second = site.doses([1]), site.doses([2])
        world.know([*first, *second])
        inner = handover_of(site, first, asks_day=DAY)
        site.moved(inner)
        other = handover_of(site, second, asks_day=DAY)
        signed = delegated_inner(hub, site, [*first, *second], carried=[inner, other])
        world.clock.at = day_end("2022-04-16") + 3_600
        assert set(hub.send_inner(signed).verdicts) == {WAITS}
        with read_transaction(world.centre.engine) as connection:
            kinds = [item.kind for item in delegations.all_delegations(connection)]
        assert kinds == [DelegationKind.ON_CALL, DelegationKind.ONE_DAY]

    def test_a_hub_does_not_outlive_the_end_of_its_being_on_call_by_stick(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        made = site.doses([1])
        world.know(made)
        inner = handover_of(site, made, asks_day=DAY)
        before = world.clock.now()
        world.clock.at += 3_600
        end_delegation(1, engine=world.centre.engine, keys=world.centre.keys, now=world.clock.now())
        world.clock.at += 3_600
        # Signed after the end, with the claim of before.
        assert sign_for(hub, site, made, carried=[inner], claimed_at=before).verdicts == (WAITS,)


class TestByStick:
    def test_no_more_doses_come_along_than_a_turn_signs(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub)
        made = [site.doses(people) for people in (range(1_000), range(1_000), range(1_000), range(1))]
        world.know(made[0][:1])
        inners = []
        for doses in ([*made[0], *made[1]], made[2], made[3]):
            inners.append(handover_of(site, doses))
            site.moved(inners[-1])
        signed = [made[0][0]]
        assert sign_for(hub, site, signed, carried=inners).entry.refusal is Code.BATCH_DOSES
        assert sign_for(hub, site, signed, carried=inners[:2]).verdicts == (ADMITTED,)
        assert check_centre(world.centre.engine).findings == ()

    def test_a_stolen_machine_whose_place_another_has_taken_hands_nothing_over(self, world: World) -> None:
        stolen, hub = world.site(), hub_of(world)
        let_sign(world, stolen, hub)
        kept, made = stolen.doses([1]), stolen.doses([2])
        world.know([*kept, *made])
        hand_over(stolen, kept)
        world.site()
        # The hub is offline and knows the machine's old key alone.
        assert sign_for(hub, stolen, made, carried=[handover_of(stolen, made)]).entry.refusal is Code.EPOCH
        # What the centre has had from it in time stays good.
        assert sign_for(hub, stolen, kept).verdicts == (ADMITTED,)


class TestLists:
    def test_days_that_are_over_push_no_delegation_out_of_the_list(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub)
        with write_transaction(world.centre.engine) as connection:
            for place in range(limits.DELEGATIONS + 5):
                delegations.put_delegation(
                    connection,
                    site="19001",
                    hub=HUB,
                    hub_node=hub.node,
                    kind=DelegationKind.ONE_DAY,
                    valid_from=START - (5 + place % 20) * DAY_SECONDS,
                    valid_until=START - (3 + place % 20) * DAY_SECONDS,
                    at=START,
                )
        other = world.site("19002", "19002A")
        let_sign(world, other, hub)
        listed = newest_list(world, hub.node)
        assert len(listed) == limits.DELEGATIONS
        assert [item.number for item in listed if item.kind is DelegationKind.STANDING] == [1, limits.DELEGATIONS + 7]


class TestAHubThatIsLockedOut:
    def test_nothing_is_handed_over_to_it(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub)
        with write_transaction(world.centre.engine) as connection:
            nodes.set_state(connection, hub.node, NodeState.DENIED)
        # Doses that nobody could fetch would wait for ever.
        assert hand_over(site, site.doses([1]))[1].entry.refusal is Code.DELEGATION
        second = world.site(HUB, f"{HUB}B", officer="Lê Thị Hoa")
        let_sign(world, site, second)
        assert hand_over(site, site.doses([2]))[1].entry.refusal is None
        assert len(items_of(world, second.node, FeedKind.UNSIGNED_DOSES)) == 1
        assert {item.hub_node for item in newest_list(world, site.node)} == {second.node}

    def test_it_is_shut_out_while_its_batch_is_being_checked(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub)
        made = site.doses([1])
        world.know(made)
        hand_over(site, made)

        def shut_out() -> None:
            with write_transaction(world.centre.engine) as connection:
                nodes.set_state(connection, hub.node, NodeState.DENIED)

        meanwhile(world, shut_out)
        with pytest.raises(ProtocolError) as caught:
            sign_for(hub, site, made)
        assert caught.value.code is Code.NODE_DENIED
        assert items_of(world, site.node, FeedKind.SIGNED_DOSES) == []


class TestNames:
    @pytest.mark.parametrize("name", ["Trạm " * 30, "Trạm\ty tế", "", "Tra\u0323m", "Trạm \u202ey tế"])
    def test_a_facility_gets_no_name_that_no_node_would_read(self, world: World, name: str) -> None:
        site, centre = world.site(), world.centre
        for node in (site.node, "19001Z"):
            with pytest.raises(ProtocolError) as caught:
                enrol_facility(
                    Facility(site.facility, name, ()),
                    node,
                    engine=centre.engine,
                    keys=centre.keys,
                    public_url="http://127.0.0.1:8480",
                    good_seconds=3_600,
                    entropy=centre.entropy,
                    now=centre.clock.now(),
                )
            assert caught.value.code is Code.FIELD_INVALID

    def test_a_name_that_was_stored_before_holds_nobody_up(self, world: World) -> None:
        site, hub = world.site(), hub_of(world)
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        with write_transaction(world.centre.engine) as connection:
            connection.execute(
                facility_table.update().where(facility_table.c.code == site.facility).values(name="Trạm\ty  tế " * 20)
            )
        assert hand_over(site, site.doses([1]), asks_day=DAY)[1].entry.refusal is None
        assert newest_list(world, hub.node)[-1].kind is DelegationKind.ONE_DAY
        assert world.site().epoch == 2
