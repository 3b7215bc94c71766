"""The background exchange: it keeps to the pauses, survives a missing network, and holds no state of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from edge.bootstrap import Node
from edge.config import Config
from edge.jobs import FEED_SECONDS, exchange_if_due, exchange_once, open_central, start_exchange
from edge.store import exchanges, link
from edge.workflow.begin_epoch import ask_epoch
from edge.workflow.exchange import ExchangeResult
from edge.workflow.exchange_progress import Asked
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.working_clock import WorkingClock
from sync_protocol.api import CentralApi, NetworkError
from sync_protocol.node_epoch import EpochReason
from tests.edge.station import DAY_SECONDS, Station, make_station
from tests.simulator import Fault, SimulatedCentre


def open_node(station: Station, directory: Path) -> Node:
    """The station's node as the program opens it."""
    shelf = CatalogueShelf(station.database)
    clock = WorkingClock(station.database, station.clock)
    return Node(Config(directory), station.database, clock, station.entropy, shelf)


def test_with_nothing_due_the_centre_is_asked_for_news_now_and_then(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    assert exchange_if_due(node, station.centre) == ExchangeResult()
    assert exchange_if_due(node, station.centre) is None
    station.clock.at += FEED_SECONDS
    assert exchange_if_due(node, station.centre) == ExchangeResult()
    assert station.centre.offers == 0
    assert station.centre.asked == 2


def test_after_a_failure_the_pause_is_kept_and_grows(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    station.record(1)
    station.sign()
    station.centre.faults = [Fault.UNREACHED, Fault.UNREACHED]
    pauses = []
    for _ in range(2):
        assert exchange_if_due(node, station.centre) is None
        with station.database.read() as tables:
            state = link.state(tables)
        assert state.next_try_at is not None
        pauses.append(state.next_try_at - station.clock.at)
        offers = station.centre.offers
        station.clock.at = state.next_try_at - 1
        assert exchange_if_due(node, station.centre) is None
        assert station.centre.offers == offers
        station.clock.at += 1
    assert pauses[0] < pauses[1]
    result = exchange_if_due(node, station.centre)
    assert result is not None
    assert result.admitted == 1


def test_the_schedule_starts_and_stops_and_the_address_is_the_enrolled_one(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    turns: list[int] = []

    def turn() -> None:
        turns.append(1)

    scheduler = start_exchange(node, turn)
    (job,) = scheduler.get_jobs()
    assert (job.func, job.trigger.interval.total_seconds()) == (turn, node.config.exchange_seconds)
    # Nodes that were switched on together do not come together.
    assert job.trigger.jitter > 0
    scheduler.shutdown(wait=True)
    central = open_central(node)
    central.close()


def test_the_history_says_what_went_and_what_it_cost(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    station.record(2)
    station.sign()
    station.centre.faults = [Fault.UNREACHED]
    with pytest.raises(NetworkError):
        exchange_once(node, station.centre, asked=Asked.PERSON)
    assert exchange_once(node, station.centre).admitted == 1
    with station.database.read() as tables:
        sent, failed = exchanges.newest(tables, limit=9)
        (day,) = exchanges.data_days(tables, first_day="2022-04-15", last_day="2022-04-15")
    assert (failed.asked, failed.code, failed.moved) == ("person", "network", False)
    assert (sent.asked, sent.code, sent.admitted) == ("command", "", 1)
    assert (day.sent, day.received) == (sent.sent + failed.sent, sent.received + failed.received)
    assert sent.sent > 300
    assert sent.received > 200


def test_contacts_without_news_are_one_row_a_day_and_the_oldest_rows_go(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    for _ in range(3):
        exchange_once(node, station.centre)
        station.clock.at += FEED_SECONDS
    with station.database.read() as tables:
        (line,) = exchanges.newest(tables, limit=9)
    assert (line.tries, line.ended_at - line.started_at) == (3, 2 * FEED_SECONDS)
    moved = replace(line, admitted=1, tries=1)
    with station.database.write_transaction() as tables:
        for number in range(exchanges.KEPT_ROWS + 5):
            exchanges.add(tables, replace(moved, started_at=number, ended_at=DAY_SECONDS * number))
        assert len(exchanges.newest(tables, limit=10**6)) == exchanges.KEPT_ROWS
        assert len(exchanges.data_days(tables, first_day="0000-00-00", last_day="9999-99-99")) <= exchanges.KEPT_DAYS


def test_the_rows_know_how_far_a_bundle_came_that_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the network took last may be lost, and is not counted.
    monkeypatch.setattr("edge.workflow.send_bundles.UNSURE_BYTES", 60)
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    station.record(2)
    station.sign()
    centre = Halfway(station.centre)
    with pytest.raises(NetworkError):
        exchange_once(node, cast("CentralApi", centre))
    with station.database.read() as tables:
        assert exchanges.progress(tables) == {(1, 1): 40}
    exchange_once(node, station.centre)
    with station.database.read() as tables:
        assert exchanges.progress(tables) == {}


@dataclass(slots=True)
class Halfway:
    """Takes a hundred bytes of what is sent, and is gone."""

    centre: SimulatedCentre

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        sent(len(ticket) + 100)
        raise NetworkError("gone", try_again=True)


class Unreached:
    """A centre that is away from the first call on."""

    calls = 0

    def begin_epoch(self, request: bytes) -> bytes:
        self.calls += 1
        raise NetworkError("unreachable", try_again=True)


def test_a_request_for_a_new_epoch_that_reaches_nobody_keeps_the_pause_of_the_link(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    node = open_node(station, tmp_path)
    ask_epoch(station.database, EpochReason.RESTORED, entropy=station.entropy, at=station.clock.at, by="Hoa")
    away = Unreached()
    assert exchange_if_due(node, cast("CentralApi", away)) is None
    with station.database.read() as tables:
        state = link.state(tables)
    assert (state.failing_since, state.code) == (station.clock.at, "network")
    assert state.next_try_at is not None
    # A page that shows something unsent asks again and again meanwhile.
    assert exchange_if_due(node, cast("CentralApi", away)) is None
    assert away.calls == 1
