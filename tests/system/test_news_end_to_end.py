"""From the dose to the passport that the site prints without a network; packs and verdicts on the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

from central.store import feed
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.registry_people import RegistryPerson, put_people
from central.store.tables import doses as dose_rows
from central.store.tables import health_certificates, population_bases
from central.store.verdict_changes import change_verdicts
from central.workflow.build_population_pack import SealedPack, build_facility_packs, build_population_pack
from central.workflow.check_centre import check_centre
from central.workflow.tell_passports import tell_passports
from central.workflow.tell_verdicts import tell_verdicts
from central.workflow.withdraw_certificate import withdraw_certificate
from edge.store import audit, doses, population, standings, verdict_changes
from edge.store import health_certificates as site_certificates
from edge.web.frame.qr_svg import draw_hc1
from edge.workflow.check_store import check_store
from edge.workflow.import_pack import import_pack
from edge.workflow.show_certificates import CertificateStanding, certificates_of
from edge.workflow.take_feed import fetch_feed
from sync_protocol import names
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.passports import CertificateState
from sync_protocol.population_change import parse_news
from sync_protocol.registration_list import Registrations, encode_registrations
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.browser.visitor import Visitor, visit
from tests.browser.visitor import make_node as make_open_node
from tests.central.pages import end_of_day
from tests.central.scenario import EVENING, World
from tests.system.test_answers_end_to_end import Node, make_node

REVOKED: Final = Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED)
DAY_SECONDS: Final = 86_400


@pytest.fixture
def node(world: World, tmp_path: Path) -> Node:
    return make_node(world, tmp_path / "node")


def hear(node: Node) -> int:
    station = node.station
    return fetch_feed(station.database, node.way, now=station.clock.now, entropy=station.entropy).taken


def tick(node: Node, seconds: int = 60) -> int:
    """Time goes by for the site and for the centre."""
    world = node.way.world
    world.clock.at = node.station.clock.at = max(world.clock.at, node.station.clock.at) + seconds
    return world.clock.at


def admitted(node: Node, count: int) -> list[int]:
    """Doses that the centre has taken; gives their sequences."""
    node.sign(count)
    node.run()
    with node.station.database.read() as tables:
        rows = tables.execute("SELECT sequence FROM standings WHERE verdict_state = 'admitted' ORDER BY sequence")
        return [int(row[0]) for row in rows][-count:]


def issue(node: Node) -> None:
    """The end of the day at the centre, and its certificates on their way."""
    now = tick(node)
    end_of_day(node.way.world)
    centre = node.way.world.centre
    tell_passports(centre.engine, keys=centre.keys, now=now)


def standing_of(node: Node, sequence: int) -> CertificateStanding:
    with node.station.database.read() as tables:
        return certificates_of(tables, [sequence], now=node.station.clock.at)[sequence].standing


def browser(node: Node, directory: Path) -> Visitor:
    """Somebody at the site's pages; nothing there leads to the centre."""
    pages = directory / "pages"
    pages.mkdir()
    return visit(make_open_node(pages, node.station.database, node.station.clock), node.station.centre)


def texts(world: World) -> list[str]:
    with read_transaction(world.centre.engine) as connection:
        return list(connection.execute(select(health_certificates.c.hc1)).scalars())


def change(node: Node, sequences: Sequence[int], verdict: Verdict) -> None:
    centre = node.way.world.centre
    now = tick(node)
    with write_transaction(centre.engine) as connection:
        lock_ledger(connection)
        ids = select(dose_rows.c.id).where(dose_rows.c.node == "19001A", dose_rows.c.sequence.in_(sequences))
        change_verdicts(connection, list(connection.execute(ids).scalars()), verdict, by="Trần Bình", at=now)
    tell_verdicts(centre.engine, keys=centre.keys, now=now)


class TestPassports:
    def test_from_the_dose_to_the_printed_passport_without_a_network(
        self, node: Node, world: World, tmp_path: Path
    ) -> None:
        sequences = admitted(node, 3)
        issue(node)
        assert hear(node) > 0
        tick(node)
        # From here on nothing reaches the centre: the visitor has none.
        visitor = browser(node, tmp_path)
        with node.station.database.read() as tables:
            person = doses.get(tables, sequences[0])
            held = site_certificates.of_doses(tables, sequences)
        assert person is not None
        assert sorted(one.hc1 for one in held.values()) == sorted(texts(world))
        page = visitor.get(f"/people/{person.person_id}/passport")
        text = held[sequences[0]].hc1
        assert draw_hc1(text).path in page
        assert "Hợp lệ" in page
        assert "Vaccine passport" in page
        small = visitor.get(f"/people/{person.person_id}/passport?form=a6")
        assert draw_hc1(text).path in small
        day = visitor.get("/passports")
        assert f"/people/{person.person_id}/passport" in day
        together = visitor.get("/passports/print")
        assert all(draw_hc1(one.hc1).path in together for one in held.values())
        assert not any(re.search(r"0541|Nguy", address) for address in visitor.addresses)
        assert check_store(node.station.database).findings == ()

    def test_a_withdrawn_one_is_not_printed_any_more(self, node: Node, world: World, tmp_path: Path) -> None:
        (sequence,) = admitted(node, 1)
        issue(node)
        hear(node)
        assert standing_of(node, sequence) is CertificateStanding.VALID
        centre = world.centre
        with read_transaction(centre.engine) as connection:
            uvci = connection.execute(select(health_certificates.c.uvci)).scalar_one()
        withdraw_certificate(
            uvci, reason="Nhầm người", by="Trần Bình", engine=centre.engine, keys=centre.keys, now=tick(node)
        )
        hear(node)
        assert standing_of(node, sequence) is CertificateStanding.REVOKED
        visitor = browser(node, tmp_path)
        with node.station.database.read() as tables:
            found = doses.get(tables, sequence)
        assert found is not None
        page = visitor.get(f"/people/{found.person_id}/passport")
        assert "Đã thu hồi" in page
        assert '<svg class="pass-qr"' not in page
        assert check_centre(centre.engine).findings == ()

    def test_nothing_is_called_valid_before_its_time_or_after_its_end(self, node: Node) -> None:
        (sequence,) = admitted(node, 1)
        issue(node)
        hear(node)
        node.station.clock.at -= DAY_SECONDS
        assert standing_of(node, sequence) is CertificateStanding.UNPROVEN
        node.station.clock.at += 400 * DAY_SECONDS
        assert standing_of(node, sequence) is CertificateStanding.EXPIRED

    def test_a_certificate_on_another_dose_is_not_called_valid(self, node: Node) -> None:
        first, second = admitted(node, 1), admitted(node, 1)
        issue(node)
        with node.station.database.read() as tables:
            assert certificates_of(tables, [*first, *second], now=node.station.clock.at) == {}
        hear(node)
        with node.station.database.read() as tables:
            shown = certificates_of(tables, first, now=node.station.clock.at)[first[0]]
        assert shown.stored.state is CertificateState.ISSUED
        from edge.workflow.show_certificates import judge, newest_trust

        with node.station.database.read() as tables:
            trust = newest_trust(tables)
        later = replace(shown.dose, given_at=shown.dose.given_at - DAY_SECONDS)
        mixed = judge(shown.stored, later, trust, now=node.station.clock.at)
        assert (mixed.standing, mixed.code) == (CertificateStanding.UNPROVEN, Code.HC1_CONTENT.value)


class TestVerdicts:
    def test_what_the_centre_says_later_is_what_the_site_shows(self, node: Node, tmp_path: Path) -> None:
        held, kept = admitted(node, 2)
        change(node, [held], REVOKED)
        hear(node)
        station = node.station
        with station.database.read() as tables:
            assert standings.verdict_state(tables, held) == VerdictState.QUARANTINED
            assert standings.verdict_state(tables, kept) == VerdictState.ADMITTED
            (changed,) = verdict_changes.newest_of(tables, [held, kept]).values()
            stored = doses.get(tables, held)
        assert (changed.before, changed.after) == (ADMITTED, REVOKED)
        assert stored is not None
        visitor = browser(node, tmp_path)
        assert "trước đó: Trung tâm đã nhận" in visitor.get(f"/people/{stored.person_id}")
        assert f"/people/{stored.person_id}" in visitor.get("/work-lists?list=returned-certificate-revoked")
        assert "certificate-revoked" in visitor.get("/sync")
        assert check_store(station.database).findings == ()
        change(node, [held], ADMITTED)
        hear(node)
        with station.database.read() as tables:
            assert standings.verdict_state(tables, held) == VerdictState.ADMITTED
        assert check_store(station.database).findings == ()

    def test_a_change_that_comes_before_the_receipt_holds_after_it(self, node: Node) -> None:
        node.sign(1)
        centre, way = node.way.world.centre, node.way
        way.changed = lambda answer: b"cut off"
        node.run()
        change(node, [1], REVOKED)
        hear(node)
        with node.station.database.read() as tables:
            assert standings.verdict_state(tables, 1) == ""
        way.changed = lambda answer: answer
        tick(node, 3_600)
        node.run()
        with node.station.database.read() as tables:
            assert standings.verdict_state(tables, 1) == VerdictState.QUARANTINED
        assert check_store(node.station.database).findings == ()
        assert check_centre(centre.engine).findings == ()


def townspeople(world: World, numbers: Sequence[int], *, year: int = 1980) -> None:
    with write_transaction(world.centre.engine) as connection:
        put_people(connection, [_townsman(number, year) for number in numbers])


def _townsman(number: int, year: int) -> RegistryPerson:
    name = "Nguyễn Văn " + "".join("abcdefghij"[int(digit)] for digit in str(number))
    return RegistryPerson(f"0540800{number:05d}", "", name, names.fold(name), "M", f"{year}-03-02", "05413")


def build(node: Node, **changes: object) -> SealedPack:
    centre = node.way.world.centre
    arguments = {"whole": False, "good_seconds": 30 * DAY_SECONDS, "anew": False, **changes}
    return build_population_pack(
        "19001A",
        engine=centre.engine,
        keys=centre.keys,
        entropy=centre.entropy,
        now=tick(node),
        **arguments,  # type: ignore[arg-type]
    )


def version(node: Node) -> int:
    with node.station.database.read() as tables:
        held = population.state(tables)
        return 0 if held is None else held.version


class TestPacks:
    def test_whole_first_then_what_changed(self, node: Node, world: World) -> None:
        townspeople(world, range(2_000))
        first = build(node)
        hear(node)
        townspeople(world, range(2_000, 2_020))
        second = build(node)
        hear(node)
        assert (first.is_change, second.is_change, version(node)) == (False, True, 2)
        print(f"pack of {first.people} people: {first.told_bytes} bytes; 20 more: {second.told_bytes} bytes")
        assert second.told_bytes < first.told_bytes / 40
        with node.station.database.read() as tables:
            changed = population.content(tables)
        # The file of the same version holds the very same.
        with node.station.database.write_transaction() as tables:
            tables.execute("UPDATE population_pack SET version = 1")
        import_pack(node.station.database, second.sealed, at=node.station.clock.at, by="Trạm trưởng")
        with node.station.database.read() as tables:
            assert population.content(tables) == changed
        assert check_store(node.station.database).findings == ()

    def test_by_file_and_by_feed_in_any_order(self, node: Node, world: World) -> None:
        townspeople(world, range(300))
        build(node)
        townspeople(world, range(300, 305))
        newer = build(node)
        import_pack(node.station.database, newer.sealed, at=node.station.clock.at, by="Trạm trưởng")
        hear(node)
        assert version(node) == 2
        townspeople(world, range(305, 307))
        assert build(node).is_change
        hear(node)
        assert version(node) == 3
        with node.station.database.read() as tables:
            assert population.gap(tables) is None

    def test_a_change_of_another_pack_is_told_and_the_next_whole_one_cures_it(
        self, node: Node, world: World, tmp_path: Path
    ) -> None:
        townspeople(world, range(300))
        build(node)
        hear(node)
        # The node's store was put back to before its first pack.
        with node.station.database.write_transaction() as tables:
            tables.execute("DELETE FROM population_tags")
            tables.execute("DELETE FROM population_pack")
        townspeople(world, [300])
        build(node)
        hear(node)
        assert version(node) == 0
        with node.station.database.read() as tables:
            gap = population.gap(tables)
        assert gap is not None
        assert (gap.version, gap.code) == (2, Code.PACK_BASE.value)
        visitor = browser(node, tmp_path)
        assert "Chưa ghép được gói dữ liệu dân cư bản 2" in visitor.get("/")
        assert not build(node, anew=True).is_change
        hear(node)
        with node.station.database.read() as tables:
            assert population.gap(tables) is None
        assert version(node) == 3
        assert "Chưa ghép được" not in visitor.get("/")

    def lose_pack(self, node: Node) -> None:
        """The store of the node has no pack any more, though it has the items that brought one."""
        with node.station.database.write_transaction() as tables:
            tables.execute("DELETE FROM population_tags")
            tables.execute("DELETE FROM population_pack")

    def whole_items(self, node: Node) -> list[bool]:
        """Of each pack in the node's feed whether it is whole."""
        centre = node.way.world.centre
        with read_transaction(centre.engine) as connection:
            items = feed.bodies_since(connection, "19001A", 0)
        return [parse_news(one.body).is_whole for one in items if one.kind is FeedKind.POPULATION]

    def test_a_node_that_cannot_use_a_change_asks_for_a_whole_pack_by_itself(self, node: Node, world: World) -> None:
        townspeople(world, range(300))
        build(node)
        hear(node)
        self.lose_pack(node)
        townspeople(world, [300])
        build(node)
        hear(node)
        assert version(node) == 0
        # Nobody at the centre does anything.
        hear(node)
        assert version(node) == 2
        with node.station.database.read() as tables:
            assert population.gap(tables) is None
        hear(node)
        assert self.whole_items(node) == [True, False, True]
        townspeople(world, [301])
        assert build(node).is_change
        hear(node)
        assert version(node) == 3
        assert check_store(node.station.database).findings == ()
        assert check_centre(world.centre.engine).findings == ()

    def test_a_pack_that_the_centre_cannot_open_any_more_keeps_nothing_else_away(
        self, node: Node, world: World
    ) -> None:
        townspeople(world, range(30))
        build(node)
        hear(node)
        self.lose_pack(node)
        townspeople(world, [30])
        build(node)
        hear(node)
        centre = world.centre
        with write_transaction(centre.engine) as connection:
            connection.execute(population_bases.update().values(pack=b"under a key that is gone"))
            body = encode_registrations(Registrations("19001", ()))
            feed.put_item(connection, "19001A", FeedKind.REGISTRATIONS, body, keys=centre.keys, at=tick(node))
        assert hear(node) == 1
        assert (version(node), self.whole_items(node)) == (0, [True, False])

    def test_a_node_that_loses_a_whole_pack_again_and_again_gets_one_a_day(self, node: Node, world: World) -> None:
        townspeople(world, range(30))
        build(node)
        hear(node)
        for day in range(1, 3):
            self.lose_pack(node)
            for _ in range(3):
                tick(node, 3_600)
                hear(node)
            assert (version(node), self.whole_items(node)) == (0, [True] * day)
            tick(node, DAY_SECONDS)
            # What is missed is seen with one contact and asked for with the next.
            hear(node)
            hear(node)
            assert (version(node), self.whole_items(node)) == (1, [True] * (day + 1))

    def test_every_enrolled_node_of_the_facility_gets_its_own(self, node: Node, world: World, tmp_path: Path) -> None:
        townspeople(world, range(10))
        second = make_node(world, tmp_path / "second", code="19001B")
        centre = world.centre
        built = build_facility_packs(
            "19001",
            whole=False,
            good_seconds=DAY_SECONDS,
            engine=centre.engine,
            keys=centre.keys,
            entropy=centre.entropy,
            now=EVENING,
        )
        assert [pack.node for pack in built] == ["19001A", "19001B"]
        for one in (node, second):
            hear(one)
            assert version(one) == 1

    def test_a_change_larger_than_the_pack_is_not_sent(self, node: Node, world: World) -> None:
        townspeople(world, range(50))
        build(node)
        townspeople(world, range(50), year=1981)
        assert not build(node).is_change
        hear(node)
        assert version(node) == 2

    def test_long_away_the_node_goes_step_by_step_to_a_pack_that_is_good(self, node: Node, world: World) -> None:
        townspeople(world, range(300))
        build(node)
        hear(node)
        for number in range(3):
            townspeople(world, [400 + number])
            tick(node, 20 * DAY_SECONDS)
            assert build(node).is_change
        hear(node)
        assert version(node) == 4
        with node.station.database.read() as tables:
            actions = {entry.action for entry in audit.entries(tables)}
        assert audit.Action.FEED_UNREADABLE not in actions
