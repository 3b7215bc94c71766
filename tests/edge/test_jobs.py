"""The background exchange: it keeps to the pauses, survives a missing network, and holds no state of its own."""

from __future__ import annotations

from pathlib import Path

from edge.bootstrap import Node
from edge.config import Config
from edge.jobs import FEED_SECONDS, exchange_if_due, open_central, start_exchange
from edge.store import link
from edge.workflow.exchange import ExchangeResult
from edge.workflow.read_catalogue import CatalogueShelf
from tests.edge.station import Station, make_station
from tests.simulator import Fault


def open_node(station: Station, directory: Path) -> Node:
    """The station's node as the program opens it."""
    shelf = CatalogueShelf(station.database)
    return Node(Config(directory), station.database, station.clock, station.entropy, shelf)


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
    scheduler = start_exchange(node, station.centre)
    assert [job.func for job in scheduler.get_jobs()] == [exchange_if_due]
    scheduler.shutdown(wait=True)
    central = open_central(node)
    central.close()
