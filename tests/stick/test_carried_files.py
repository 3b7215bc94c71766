"""Carrying for others: unread and unaltered, after the carrier's own, within bounds, and stopped by no poison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from edge.jobs import exchange_if_due, exchange_once
from edge.store import bundles, carried, link
from edge.store.carried import CARRIED_BYTES, CARRIED_FILES, PAUSE_SECONDS, Kept
from edge.workflow.carry_files import carry_files
from edge.workflow.export_stick import Part
from sync_protocol import limits
from sync_protocol.api import NetworkError, RemoteProblem
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.registration_list import Registrations, encode_registrations
from sync_protocol.stick import StickFile, StickKind, recognise_file
from tests.browser.visitor import make_node
from tests.edge.station import DAY_SECONDS, FACILITY, NODE
from tests.simulator import Fault, SimulatedCentre
from tests.stick.files import digest_of, feed_request, sealed_bundle
from tests.stick.neighbours import OTHER, Neighbours, exchange_all, make_neighbours, sign, states
from tests.transfers import take_transfer


@pytest.fixture
def two(tmp_path: Path) -> Neighbours:
    return make_neighbours(tmp_path)


@dataclass(slots=True)
class Watched:
    """The centre, and what came to it whole in which order.

    Attributes:
        away_after: so many bundles come through, then the network is gone.
        cuts: after how many bytes of content the next transfers break.
        sent: bytes of content that left.
        is_deaf: the centre takes no transfer of the carrier.
    """

    centre: SimulatedCentre
    offered: list[bytes]
    away_after: int = 1_000
    cuts: list[int] = field(default_factory=list)
    sent: int = 0
    is_deaf: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.centre, name)

    def offer(self, sealed: bytes) -> bytes:
        if len(self.offered) >= self.away_after:
            raise NetworkError("cut", try_again=True)
        self.offered.append(sealed)
        return self.centre.offer(sealed)

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        if self.is_deaf:
            raise RemoteProblem(Code.NODE_DENIED, "the carrier is locked out")
        sent(len(ticket) + len(content))
        if content and self.cuts:
            content = content[: self.cuts.pop(0)]
            self.sent += len(content)
            take_transfer(ticket + content, self.centre.spool, self.offer)
            raise NetworkError("cut", try_again=True, is_cut=True)
        self.sent += len(content)
        return take_transfer(ticket + content, self.centre.spool, self.offer)


def watched(two: Neighbours, *, away_after: int = 1_000) -> Watched:
    return Watched(two.carrier.centre, [], away_after=away_after)


def bring(two: Neighbours, passes: int = 1) -> None:
    """The site writes, the carrier reads."""
    for _ in range(passes):
        sign(two.site)
    two.export()
    two.read(two.carrier)


def test_the_carriers_own_bundles_go_first_and_the_others_as_they_are(two: Neighbours, tmp_path: Path) -> None:
    bring(two, 2)
    sign(two.carrier)
    centre = watched(two)
    node = make_node(tmp_path / "carrier", two.carrier.database, two.carrier.clock)
    result = exchange_once(node, centre)
    assert (result.admitted, result.unsent, result.problem) == (1, 0, "")
    # The carrier's own came first; the others are the site's, byte for byte as it sealed them.
    with two.site.database.read() as tables:
        assert centre.offered[1:] == [one.sealed for one in bundles.due_run(tables, most=9, most_bytes=9**9)]
    assert [entry.node for entry in two.site.centre.entries[1:]] == [OTHER, NODE, NODE]


def test_files_come_in_turn_whatever_their_names_and_their_order(two: Neighbours) -> None:
    sign(two.site)
    sign(two.site)
    sign(two.site)
    two.export()
    for place, path in enumerate(sorted((two.stick / "HCVX").glob("b-*"), reverse=True)):
        path.rename(path.with_name(f"{place}.bin"))
    two.read(two.carrier)
    centre, weight = watched(two), sum(len(data) for data in two.files().values() if data[:1] == b"\xd8")
    assert carry_files(two.carrier.database, centre, now=two.carrier.clock.now).answered == 4
    # Each byte left once, though only the last file could be taken at once.
    assert 0 < centre.sent == weight
    assert [entry.sequence for entry in two.site.centre.entries[1:]] == [1, 2, 3]


def test_poison_is_noted_and_holds_nothing_back(two: Neighbours, tmp_path: Path) -> None:
    folder = two.stick / "HCVX"
    folder.mkdir()
    for seed in range(5):
        (folder / f"b-000000000{seed}-{seed:032d}.hcvx").write_bytes(sealed_bundle(seed))
    (folder / "stranger").write_bytes(feed_request(1, node="54999Z"))
    two.read(two.carrier)
    bring(two)
    sign(two.carrier)
    node = make_node(tmp_path / "carrier", two.carrier.database, two.carrier.clock)
    result = exchange_once(node, two.carrier.centre)
    assert (result.admitted, result.problem) == (1, "")
    assert states(two.carrier) == ["receipted"]
    found = two.carried()
    assert (found.waiting, found.turned_away, found.answers) == (6, 6, 2)
    with two.carrier.database.read() as tables:
        assert link.state(tables).failing_since is None


def test_what_was_turned_away_is_tried_again_after_a_pause_and_at_once_when_somebody_asks(two: Neighbours) -> None:
    sign(two.site)
    sign(two.site)
    two.export()
    first = sorted((two.stick / "HCVX").glob("b-*"))[0]
    held = first.read_bytes()
    first.unlink()
    two.read(two.carrier)
    centre = watched(two)
    run = two.carrier
    for _ in range(3):
        carry_files(run.database, centre, now=run.clock.now)
    assert len(centre.offered) == 1
    assert two.carried().turned_away == 1
    run.clock.at += PAUSE_SECONDS
    carry_files(run.database, centre, now=run.clock.now)
    assert len(centre.offered) == 2
    first.write_bytes(held)
    two.read(two.carrier)
    assert carry_files(run.database, centre, now=run.clock.now, is_asked=True).answered == 2


def test_a_network_that_breaks_leaves_the_rest_for_the_next_run(two: Neighbours) -> None:
    bring(two, 3)
    run = two.carrier
    with pytest.raises(NetworkError):
        carry_files(run.database, watched(two, away_after=1), now=run.clock.now)
    assert two.carried().waiting == 2
    with run.database.read() as tables:
        assert link.state(tables).failing_since is None
    run.clock.at += 120
    assert two.carry().waiting == 0
    assert [entry.sequence for entry in two.site.centre.entries[1:]] == [1, 2, 3]


def test_a_link_that_breaks_costs_what_was_on_its_way(two: Neighbours) -> None:
    sign(two.site, 40)
    two.export()
    two.read(two.carrier)
    size = max(map(len, two.files().values()))
    centre, run = Watched(two.carrier.centre, [], cuts=[1_000, 500, 700]), two.carrier
    assert carry_files(run.database, centre, now=run.clock.now).waiting == 0
    assert centre.sent == size
    # What broke off in one run goes on in the next one.
    sign(two.site, 40)
    two.export()
    two.read(two.carrier)
    size = max(map(len, two.files().values()))
    centre = Watched(two.carrier.centre, [], cuts=[1_000, *[0] * 10])
    with pytest.raises(NetworkError):
        carry_files(run.database, centre, now=run.clock.now)
    run.clock.at += 120
    centre.cuts = []
    assert carry_files(run.database, centre, now=run.clock.now).waiting == 0
    assert centre.sent == size


def test_what_came_whole_and_out_of_turn_needs_no_byte_when_its_turn_comes(two: Neighbours) -> None:
    sign(two.site)
    sign(two.site)
    two.export()
    first = sorted((two.stick / "HCVX").glob("b-*"))[0]
    held = first.read_bytes()
    first.unlink()
    two.read(two.carrier)
    centre, run = watched(two), two.carrier
    carry_files(run.database, centre, now=run.clock.now)
    first.write_bytes(held)
    two.read(two.carrier)
    before = centre.sent
    assert carry_files(run.database, centre, now=run.clock.now, is_asked=True).answered == 2
    assert centre.sent - before == len(held)


def test_a_carrier_that_may_send_nothing_itself_still_carries(two: Neighbours) -> None:
    bring(two)
    centre = Watched(two.carrier.centre, [], is_deaf=True)
    assert carry_files(two.carrier.database, centre, now=two.carrier.clock.now).answered == 2
    two.export(two.carrier)
    assert two.read().admitted == 1


def test_a_lost_answer_is_asked_for_again_and_entered_once(two: Neighbours) -> None:
    bring(two)
    two.carrier.centre.faults = [Fault.ANSWER_LOST]
    with pytest.raises(NetworkError):
        two.carry()
    two.carrier.clock.at += 120
    two.carry()
    two.export(two.carrier)
    assert two.read().admitted == 1
    assert len(two.site.centre.entries) == 2


@pytest.mark.parametrize("fault", [Fault.NONSENSE, Fault.FORGED_KEY])
def test_a_portal_or_a_liar_gets_no_carried_file_dropped(two: Neighbours, fault: Fault) -> None:
    bring(two)
    two.carrier.centre.faults = [fault]
    two.carry()
    found = two.carried()
    assert (found.waiting, found.turned_away) == (1, 1)
    two.carry(is_asked=True)
    assert two.carried().waiting == 0
    two.export(two.carrier)
    assert two.read().admitted == 1


def test_a_feed_that_is_carried_is_taken_by_its_node_alone(two: Neighbours) -> None:
    two.site.centre.put_item(NODE, FeedKind.REGISTRATIONS, encode_registrations(Registrations(FACILITY, ())))
    bring(two)
    two.carry()
    two.export(two.carrier)
    assert two.read(two.carrier).items == 0
    assert two.read().items == 1


def test_an_answer_is_written_once_and_again_when_its_bundle_comes_again(two: Neighbours) -> None:
    bring(two)
    two.carry()
    two.export(two.carrier)
    lost = two.stick.with_name("lost")
    two.stick.rename(lost)
    two.stick.mkdir()
    assert two.export(two.carrier).written[Part.ANSWERS] == 0
    two.export()
    two.read(two.carrier)
    two.export(two.carrier)
    assert two.read().admitted == 1


def test_carriers_hand_on_to_carriers(two: Neighbours, tmp_path: Path) -> None:
    bring(two)
    third = replace(two, stick=tmp_path / "second")
    third.stick.mkdir()
    third.export(two.carrier)
    assert {name for name in third.files() if name[0] == "b"} == {name for name in two.files() if name[0] == "b"}


def test_room_is_bounded_in_bytes_and_in_number(two: Neighbours) -> None:
    large = bytes(limits.SEALED_BYTES)

    def take(number: int, content: bytes) -> Kept:
        file = StickFile(StickKind.BUNDLE, digest_of(number.to_bytes(8)))
        with two.carrier.database.write_transaction() as tables:
            return carried.take(tables, file, content, place=0, at=two.carrier.clock.now())

    fit = CARRIED_BYTES // len(large)
    assert [take(number, large) for number in range(fit + 2)] == [Kept.NEW] * fit + [Kept.NO_ROOM] * 2
    assert take(0, large) is Kept.KNOWN
    with two.carrier.database.write_transaction() as tables:
        assert carried.drop_all(tables) == fit
    assert [take(number, b"x") for number in range(CARRIED_FILES + 1)][-2:] == [Kept.NEW, Kept.NO_ROOM]


def contact(two: Neighbours, days: int) -> None:
    """So many days pass everywhere, and the centre says so to the carrier."""
    for clock in (two.site.clock, two.carrier.clock):
        clock.at += days * DAY_SECONDS
    exchange_all(two.carrier)


def dropped(two: Neighbours) -> int:
    with two.carrier.database.write_transaction() as tables:
        return carried.drop_old(tables)


def test_age_is_what_passed_between_two_times_that_the_centre_has_signed(two: Neighbours) -> None:
    sign(two.site)
    contact(two, 0)
    # Nobody knows how long after that contact the files came: they are not older than what follows the next one.
    for clock in (two.site.clock, two.carrier.clock):
        clock.at += 90 * DAY_SECONDS
    two.export()
    two.read(two.carrier)
    assert dropped(two) == 0
    contact(two, 1)
    assert dropped(two) == 0
    contact(two, 29)
    assert dropped(two) == 0
    contact(two, 1)
    assert (dropped(two), two.carried().waiting) == (2, 0)


@pytest.mark.parametrize("jump", [-9_000, 45, 9_000], ids=["a dead battery", "weeks ahead", "years ahead"])
@pytest.mark.parametrize("is_before", [True, False], ids=["while it comes", "while it waits"])
def test_a_clock_that_jumps_drops_nobodys_files(two: Neighbours, jump: int, is_before: bool) -> None:
    contact(two, 0)
    sign(two.site)
    two.export()
    run = two.carrier
    if is_before:
        # The machine's clock is wrong while the files come, and is put right before they are offered.
        run.clock.at += jump * DAY_SECONDS
        two.read(run)
        run.clock.at -= jump * DAY_SECONDS
    else:
        two.read(run)
        run.clock.at += jump * DAY_SECONDS
    # The next stick, and the next try.
    two.read(run)
    assert two.carried().waiting == 2
    assert two.carry().answered == 2
    contact(two, 1)
    assert dropped(two) == 0


def test_a_stick_with_more_than_there_is_room_for_keeps_it(two: Neighbours) -> None:
    with two.carrier.database.write_transaction() as tables:
        for number in range(CARRIED_FILES):
            file = StickFile(StickKind.BUNDLE, digest_of(number.to_bytes(8)))
            carried.take(tables, file, b"x", place=0, at=two.carrier.clock.now())
    sign(two.site)
    two.export()
    before = two.files()
    found = two.read(two.carrier)
    assert (found.carried, found.no_room) == (0, 2)
    assert two.files() == before


def test_one_run_carries_so_much_and_no_more(two: Neighbours) -> None:
    with two.carrier.database.write_transaction() as tables:
        for number in range(80):
            data = sealed_bundle(number, size=200_000)
            carried.take(tables, recognise_file(data), data, place=number, at=two.carrier.clock.now())
    centre = watched(two)
    carry_files(two.carrier.database, centre, now=two.carrier.clock.now)
    assert 4 * 1024 * 1024 <= sum(map(len, centre.offered)) < 5 * 1024 * 1024


def test_a_node_with_nothing_of_its_own_exchanges_for_what_it_carries(two: Neighbours, tmp_path: Path) -> None:
    exchange_all(two.carrier)
    node = make_node(tmp_path / "carrier", two.carrier.database, two.carrier.clock)
    assert exchange_if_due(node, two.carrier.centre) is None
    bring(two)
    assert exchange_if_due(node, two.carrier.centre) is not None
    assert two.carried().waiting == 0
    assert exchange_if_due(node, two.carrier.centre) is None


def test_an_endless_feed_is_not_carried(two: Neighbours) -> None:
    class Endless:
        def feed(self, _: bytes) -> Iterator[bytes]:
            return iter(lambda: bytes(limits.FEED_PAGE_BYTES), b"")

    two.export()
    two.read(two.carrier)
    found = carry_files(two.carrier.database, Endless(), now=two.carrier.clock.now)  # type: ignore[arg-type]
    assert (found.answered, found.turned_away) == (0, 1)
    with two.carrier.database.read() as tables:
        assert tables.execute("SELECT code FROM carried").fetchone()[0] == Code.TOO_LARGE.value
