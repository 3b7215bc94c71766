"""The exchange of a running node: one at a time, asked for by many, and what the page says while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from edge.app import create_app
from edge.bootstrap import Node
from edge.exchanger import ClosableCentral, Exchanger
from edge.store import exchanges, link
from edge.workflow.exchange_progress import Asked, Phase
from sync_protocol.api import NetworkError
from tests.browser.visitor import Visitor, make_node, visit
from tests.edge.station import Station, make_station
from tests.simulator import Fault, SimulatedCentre


@dataclass
class Gate:
    """The simulated centre behind a gate: half of what is sent goes, and the rest when the gate opens."""

    centre: SimulatedCentre
    is_reached: threading.Event = field(default_factory=threading.Event)
    is_open: threading.Event = field(default_factory=threading.Event)
    at_once: int = 0
    most_at_once: int = 0
    is_closed: bool = False

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        sent(len(ticket) + len(content) // 2)
        self.is_reached.set()
        assert self.is_open.wait(30)
        self.at_once -= 1
        return self.centre.transfer(ticket, content, sent=sent)

    def feed(self, request: bytes) -> Iterator[bytes]:
        return self.centre.feed(request)

    def close(self) -> None:
        self.is_closed = True


@dataclass(slots=True)
class Site:
    station: Station
    node: Node
    gate: Gate
    exchanger: Exchanger

    def history(self) -> list[tuple[str, int, str]]:
        with self.station.database.read() as tables:
            return [(one.asked, one.admitted, one.code) for one in exchanges.newest(tables, limit=20)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    station = make_station(tmp_path)
    node = make_node(tmp_path, station.database, station.clock)
    gate = Gate(station.centre)
    exchanger = Exchanger(node, lambda: cast("ClosableCentral", gate))
    yield Site(station, node, gate, exchanger)
    gate.is_open.set()
    exchanger.close()


def signed(site: Site) -> None:
    site.station.record(3)
    site.station.sign()


def page_of(site: Site) -> Visitor:
    """A browser at the site whose pages know the exchanger."""
    visitor = visit(site.node, site.station.centre)
    app = create_app(site.node, exchanger=site.exchanger)
    visitor.client.application.extensions["hcvx-node"] = app.extensions["hcvx-node"]
    return visitor


def test_one_exchange_runs_at_a_time_and_what_was_sealed_meanwhile_follows(site: Site) -> None:
    signed(site)
    assert site.exchanger.ask(Asked.PERSON)
    assert site.gate.is_reached.wait(30)
    going = site.exchanger.going()
    assert going is not None
    assert (going.asked, going.phase, going.bundles[0].sequence) == (Asked.PERSON, Phase.SENDING, 1)
    assert going.done_bytes == going.size_bytes // 2
    # Whoever asks now is told that one runs; what is sealed meanwhile is not left for the next minute.
    assert not site.exchanger.ask(Asked.PERSON)
    signed(site)
    assert not site.exchanger.ask(Asked.SEALED)
    site.gate.is_open.set()
    site.exchanger.wait()
    assert site.exchanger.going() is None
    assert site.gate.most_at_once == 1
    assert sum(admitted for _, admitted, _ in site.history()) == 2


def test_a_failed_exchange_does_not_end_the_next_ones_and_pauses_hold_but_for_a_person(site: Site) -> None:
    signed(site)
    site.gate.is_open.set()
    site.station.centre.faults = [Fault.UNREACHED]
    site.exchanger.ask(Asked.SCHEDULE)
    site.exchanger.wait()
    assert site.history() == [("schedule", 0, "network")]
    site.exchanger.ask(Asked.SEALED)
    site.exchanger.wait()
    assert len(site.history()) == 1
    site.exchanger.ask(Asked.PERSON)
    site.exchanger.wait()
    assert site.history()[0] == ("person", 1, "")


def test_a_bug_is_told_by_its_place_and_the_thread_lives(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    signed(site)
    site.gate.is_open.set()
    centre, site.gate.centre = site.gate.centre, cast("SimulatedCentre", None)
    site.exchanger.ask(Asked.PERSON)
    site.exchanger.wait()
    assert "unexpected AttributeError" in caplog.text
    site.gate.centre = centre
    site.exchanger.ask(Asked.PERSON)
    site.exchanger.wait()
    assert site.history()[0] == ("person", 1, "")


def test_a_network_that_is_away_from_the_first_byte_is_kept_with_its_pause(site: Site) -> None:
    signed(site)

    def away(ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        # No connection was made, so nobody was told of a byte.
        raise NetworkError("unreachable", try_again=True)

    site.gate.transfer = away  # type: ignore[method-assign]
    site.exchanger.ask(Asked.SEALED)
    site.exchanger.wait()
    assert site.history() == [("sealed", 0, "network")]
    with site.station.database.read() as tables:
        state = link.state(tables)
    assert state.failing_since is not None
    assert state.next_try_at is not None


def test_closing_closes_the_centre_and_nothing_is_taken_afterwards(site: Site) -> None:
    site.exchanger.ask(Asked.PERSON)
    site.exchanger.wait()
    site.exchanger.close()
    assert site.gate.is_closed
    assert not site.exchanger.ask(Asked.PERSON)


def test_the_page_follows_what_runs_and_says_that_it_runs_already(site: Site) -> None:
    signed(site)
    visitor = page_of(site)
    # The first page that shows something unsent has it sent.
    visitor.get("/sync")
    assert site.gate.is_reached.wait(30)
    text = visitor.get("/sync")
    told = visitor.client.get("/sync/progress", base_url="http://127.0.0.1:8750").get_json()
    assert (told["going_on"], told["bundles"][0]["id"]) == (True, "1-1")
    assert told["done"] == told["size"] // 2
    assert "Đang gửi" in told["words"]
    assert told["stamp"] in text
    assert "Bấm thêm không làm nhanh hơn" in visitor.post("/sync/now")
    text = visitor.get("/sync")
    assert 'http-equiv="refresh"' in text
    assert "Đang gửi" in text
    site.gate.is_open.set()
    site.exchanger.wait()
    told = visitor.client.get("/sync/progress", base_url="http://127.0.0.1:8750").get_json()
    assert not told["going_on"]
    text = visitor.get("/sync")
    assert told["stamp"] in text
    assert "Mọi gói đã có biên nhận" in text
    assert "1 gói có biên nhận" in text
    assert 'http-equiv="refresh"' not in text


def test_a_page_that_shows_something_unsent_has_it_sent_at_once(site: Site) -> None:
    visitor = page_of(site)
    signed(site)
    site.gate.is_open.set()
    visitor.get("/")
    site.exchanger.wait()
    assert site.history()[0] == ("sealed", 1, "")
    # While a pause holds a page asks for nothing.
    signed(site)
    site.station.centre.faults = [Fault.UNREACHED]
    visitor.get("/")
    site.exchanger.wait()
    before = site.station.centre.offers
    visitor.get("/")
    site.exchanger.wait()
    assert site.station.centre.offers == before
