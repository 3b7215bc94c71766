"""Two sites without a token, the hub that signs for them, and the real centre: from the handover to the passports."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

from central.domain.passport_id import passport_id
from central.store import doses as central_doses
from central.store.database import read_transaction
from central.store.passport_rows import certified_doses
from central.store.tables import doses as dose_rows
from central.store.tables import ledger_entries
from central.workflow.check_centre import check_centre
from central.workflow.delegate import delegate, end_delegation
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, RefusedError
from edge.store import doses, hub_doses
from edge.workflow.check_store import check_store
from edge.workflow.hand_over import hand_over, handover_file
from edge.workflow.sign_delegated import hand_back, plan_delegated, plan_shown
from edge.workflow.sign_pass import sign_pass
from edge.workflow.take_feed import fetch_feed
from edge.workflow.take_handover import import_handover
from sync_protocol.days import DAY_SECONDS, day_start, local_day
from sync_protocol.delegation import DelegationKind
from sync_protocol.dose import encode_dose
from tests.central.pages import end_of_day, pages_client
from tests.central.scenario import EVENING, World
from tests.edge.station import OFFICER
from tests.simulator import POLICY
from tests.system.test_answers_end_to_end import Node, make_node

DAY: Final = local_day(EVENING)
HUB: Final = "19000"


@dataclass(slots=True)
class District:
    """A hub, two sites, and the centre between them."""

    world: World
    hub: Node
    sites: tuple[Node, Node]

    def let_sign(self, kind: DelegationKind = DelegationKind.STANDING, *, until: int | None = None) -> None:
        """The operator lets the hub sign for both sites."""
        centre = self.world.centre
        for facility in ("19001", "19002"):
            delegate(
                facility,
                HUB,
                kind=kind,
                valid_from=day_start(DAY),
                valid_until=until,
                hub_node=None,
                engine=centre.engine,
                keys=centre.keys,
                now=self.world.clock.now(),
            )
        self.exchange()

    def exchange(self, *nodes: Node) -> None:
        """Nodes send what is due and hear what there is; all of them unless some are named."""
        for node in nodes or (*self.sites, self.hub):
            self.tick(node)
            station = node.station
            node.run()
            fetch_feed(station.database, node.way, now=station.clock.now, entropy=station.entropy)

    def tick(self, node: Node) -> None:
        """A minute goes by for everybody."""
        self.world.clock.at = max(self.world.clock.at, node.station.clock.at) + 60
        for one in (*self.sites, self.hub):
            one.station.clock.at = self.world.clock.at

    def record(self, site: Node, count: int) -> list[int]:
        """Doses of people whom the registry knows."""
        sequences = site.station.record(count)
        with site.station.database.read() as tables:
            self.world.know(doses.assemble(tables, sequences))
        return sequences

    def hand(self, site: Node, *, reason: str = "") -> int:
        """The site hands over what it has not signed; gives the handover's number."""
        self.tick(site)
        station = site.station
        made = hand_over(
            station.database,
            POLICY,
            [DAY],
            number=None,
            shown=None,
            reason=reason,
            now=station.clock.now(),
            by="Lê Thị Hoa",
            entropy=station.entropy,
        )
        return made[-1]

    def sign(self, node: str) -> int:
        """The hub signs what waits of a site's node; gives how many doses."""
        self.tick(self.hub)
        station = self.hub.station
        now = station.clock.now()
        with station.database.read() as tables:
            plan = plan_delegated(tables, POLICY, node, now=now)
        planned = plan_shown(station.database, POLICY, node, shown=plan.digest, now=now)
        sealed = sign_pass(station.database, planned, station.signer, officer=OFFICER, now=now, entropy=station.entropy)
        return sealed.doses

    def stages(self, site: Node) -> set[tuple[str, str, str]]:
        """How the doses of a site stand there: stage, verdict and code."""
        with site.station.database.read() as tables:
            rows = tables.execute("SELECT stage, verdict_state, verdict_code FROM standings").fetchall()
        return {tuple(row) for row in rows}

    def assert_sound(self) -> None:
        """Nothing is wrong in any store, and every delegated dose counts once."""
        for node in (*self.sites, self.hub):
            assert check_store(node.station.database).findings == ()
        assert check_centre(self.world.centre.engine).findings == ()


@pytest.fixture
def district(world: World, tmp_path: Path) -> District:
    """A hub and two sites that nobody has delegated anything to yet."""
    hub = make_node(world, tmp_path / "hub", facility=HUB, code="19000A")
    first = make_node(world, tmp_path / "first", facility="19001", code="19001A")
    second = make_node(world, tmp_path / "second", facility="19002", code="19002A")
    # The stations invent people by number; those of the second site are others.
    second.station.people = 500
    return District(world, hub, (first, second))


def test_doses_of_two_sites_become_passports_by_the_hubs_signature(district: District) -> None:
    district.let_sign()
    counts = (3, 4)
    for site, count in zip(district.sites, counts, strict=True):
        district.record(site, count)
        district.hand(site)
    district.exchange()
    assert [district.sign(node) for node in ("19001A", "19002A")] == [3, 4]
    district.exchange(district.hub)
    district.exchange(*district.sites)
    for site in district.sites:
        assert district.stages(site) == {("receipted", "admitted", "")}
    district.assert_sound()
    assert end_of_day(district.world).issued == 7
    centre = district.world.centre
    with read_transaction(centre.engine) as connection:
        people = connection.execute(select(dose_rows.c.person, dose_rows.c.facility).distinct()).all()
        shown = [(facility, certified_doses(connection, person)[0]) for person, facility in people]
        assert central_doses.count_verdicts(connection) == {"19001": {"admitted": 3}, "19002": {"admitted": 4}}
    assert {(dose.facility, dose.signed_by) for _, dose in shown} == {
        ("Trạm y tế 19001", "Trạm y tế 19000"),
        ("Trạm y tế 19002", "Trạm y tế 19000"),
    }
    sheet = pages_client(district.world).get(f"/passports/{passport_id(shown[0][1].uvci)}")
    assert sheet.status_code == 200
    assert "Đơn vị đầu mối ký" in sheet.get_data(as_text=True)
    district.assert_sound()


def test_a_site_that_lost_its_token_asks_for_its_day_without_an_operator(district: District) -> None:
    district.let_sign(DelegationKind.ON_CALL)
    site = district.sites[0]
    district.record(site, 2)
    district.hand(site, reason="Mất thiết bị ký")
    district.exchange(site)
    district.exchange(district.hub)
    assert district.sign("19001A") == 2
    district.exchange(district.hub)
    district.exchange(site)
    assert district.stages(site) == {("receipted", "admitted", "")}
    district.assert_sound()


def test_a_site_without_network_is_signed_for_by_stick_and_told_when_it_is_back(district: District) -> None:
    district.let_sign(DelegationKind.ON_CALL)
    site = district.sites[0]
    district.record(site, 2)
    number = district.hand(site, reason="Mất thiết bị ký, mất mạng")
    _, file = handover_file(site.station.database, number, entropy=site.station.entropy)
    hub = district.hub.station
    assert import_handover(hub.database, file, at=hub.clock.now(), by="Lê Thị Hoa") is not None
    assert district.sign("19001A") == 2
    district.exchange(district.hub)
    assert end_of_day(district.world).issued == 2
    # Four days later the site has a network again, and the day that it asked for is over.
    district.world.clock.at += 4 * DAY_SECONDS
    district.exchange(site)
    district.exchange(site, district.hub)
    assert district.stages(site) == {("receipted", "admitted", "")}
    district.assert_sound()


def test_what_the_hub_hands_back_the_site_signs_itself(district: District) -> None:
    district.let_sign()
    site, hub = district.sites[0], district.hub.station
    sequences = district.record(site, 3)
    district.hand(site)
    district.exchange()
    hand_back(
        hub.database,
        "19001A",
        sequences[:1],
        reason="Thiếu số lô",
        now=hub.clock.now(),
        by="Lê Thị Hoa",
        entropy=hub.entropy,
    )
    assert district.sign("19001A") == 2
    district.exchange(district.hub)
    district.exchange(site)
    assert district.stages(site) == {("receipted", "admitted", ""), ("", "", "")}
    site.station.sign()
    district.exchange(site)
    assert district.stages(site) == {("receipted", "admitted", "")}
    district.assert_sound()


class TestOutsideTheScope:
    def admitted(self, district: District) -> dict[str, dict[str, int]]:
        with read_transaction(district.world.centre.engine) as connection:
            return central_doses.count_verdicts(connection)

    def test_a_site_that_nobody_may_sign_for_hands_nothing_over(self, district: District) -> None:
        district.record(district.sites[0], 1)
        district.exchange()
        with pytest.raises(RefusedError) as caught:
            district.hand(district.sites[0])
        assert [finding.code for finding in caught.value.findings] == [EdgeCode.HANDOVER_NOBODY]

    def test_a_day_that_was_asked_for_is_signed_by_nobody_once_it_is_over(self, district: District) -> None:
        district.let_sign(DelegationKind.ON_CALL)
        site = district.sites[0]
        district.record(site, 1)
        district.hand(site, reason="Mất thiết bị ký")
        district.exchange()
        district.world.clock.at += 2 * DAY_SECONDS
        with pytest.raises(PassRefusedError) as caught:
            district.sign("19001A")
        assert caught.value.code is PassCode.NOTHING_TO_SIGN

    def test_what_a_hub_signs_after_the_end_is_refused_and_stays_the_sites(self, district: District) -> None:
        district.let_sign()
        site, other = district.sites
        district.record(site, 2)
        district.hand(site)
        district.exchange()
        self.end(district, 1)
        # The hub works on without having heard of it; a receipt of its own proves that it signed later.
        district.record(other, 1)
        district.hand(other)
        district.exchange(other)
        self.hear_only_receipts(district)
        assert district.sign("19001A") == 2
        district.hub.run()
        assert self.admitted(district) == {HUB: {"admitted": 1}}
        assert self.refusals(district, "19000A") == {"delegation"}
        district.exchange(site)
        assert {stage[0] for stage in district.stages(site)} == {"handed"}
        district.assert_sound()

    def test_what_may_have_been_signed_after_the_end_waits_for_a_person(self, district: District) -> None:
        district.let_sign()
        site = district.sites[0]
        district.record(site, 2)
        district.hand(site)
        district.exchange()
        assert district.sign("19001A") == 2
        self.end(district, 1)
        district.exchange(district.hub)
        district.exchange(site)
        assert district.stages(site) == {("receipted", "quarantined", "delegation")}
        assert end_of_day(district.world).issued == 0
        district.assert_sound()

    def test_a_hub_that_has_heard_of_the_end_signs_nothing(self, district: District) -> None:
        district.let_sign()
        site = district.sites[0]
        district.record(site, 1)
        district.hand(site)
        district.exchange()
        self.end(district, 1)
        district.exchange(district.hub)
        with pytest.raises(PassRefusedError) as caught:
            district.sign("19001A")
        assert caught.value.code is PassCode.NOTHING_TO_SIGN

    def test_a_handover_after_the_end_comes_back_to_the_site(self, district: District) -> None:
        district.let_sign()
        site = district.sites[0]
        district.record(site, 1)
        self.end(district, 1)
        # The site has not heard of the end yet.
        district.hand(site)
        district.exchange(site)
        assert self.refusals(district, "19001A") == {"delegation"}
        assert district.stages(site) == {("", "", "")}
        site.station.sign()
        district.exchange(site)
        assert self.admitted(district) == {"19001": {"admitted": 1}}
        district.assert_sound()

    @pytest.mark.parametrize("planted", ["changed", "invented"])
    def test_a_hub_that_changes_or_invents_a_dose_signs_nothing(self, district: District, planted: str) -> None:
        district.let_sign()
        site, hub = district.sites[0], district.hub.station
        district.record(site, 2)
        district.hand(site)
        district.exchange()
        with hub.database.write_transaction() as tables:
            (one, *_) = hub_doses.waiting(tables, "19001A")
            tables.execute("DROP TRIGGER site_doses_steps")
            if planted == "changed":
                forged = encode_dose(dataclasses.replace(one.dose, lot="FG99999"))
                tables.execute("UPDATE site_doses SET dose = ? WHERE place = 0", (forged,))
            else:
                forged = encode_dose(dataclasses.replace(one.dose, sequence=99))
                tables.execute(
                    "INSERT INTO site_doses VALUES (?, 7, '19001A', 99, ?, 'waiting', ?)",
                    (one.handover_id, DAY, forged),
                )
        assert district.sign("19001A") == (2 if planted == "changed" else 3)
        district.exchange(district.hub)
        assert self.refusals(district, "19000A") == {"handover"}
        district.exchange(site)
        assert self.admitted(district) == {}
        assert {stage[0] for stage in district.stages(site)} == {"handed"}
        assert check_centre(district.world.centre.engine).findings == ()

    def end(self, district: District, number: int) -> None:
        """The operator ends a delegation now."""
        district.tick(district.hub)
        centre = district.world.centre
        end_delegation(number, engine=centre.engine, keys=centre.keys, now=district.world.clock.now())

    def hear_only_receipts(self, district: District) -> None:
        """The hub sends something of its own and gets its receipt, but takes no feed."""
        district.record(district.hub, 1)
        district.tick(district.hub)
        district.hub.station.sign()
        district.hub.run()

    def refusals(self, district: District, node: str) -> set[str]:
        """The codes with which whole bundles of a node were refused."""
        with read_transaction(district.world.centre.engine) as connection:
            rows = connection.execute(
                select(ledger_entries.c.outcome).where(
                    ledger_entries.c.node == node, ledger_entries.c.outcome != "admitted"
                )
            )
            return set(rows.scalars())
