"""What the centre has for a node is taken once, in turn, whole or not at all, whichever way it comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from edge.store import audit, feed, link
from edge.store.database import Database, Tables
from edge.workflow.check_store import check_store
from edge.workflow.take_feed import Applier, FeedResult, fetch_feed, take_page
from sync_protocol.api import NetworkError
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, FeedRequest, sign_request
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.edge.power_cut import Fuse, PowerCutError
from tests.edge.station import DATA_KEY, NODE, Station, make_station
from tests.simulator import EPOCH

BAD: Final = b"cannot be read"


@dataclass
class Reader:
    """Reads items into a list; one body it cannot read."""

    read: list[int] = field(default_factory=list)

    def __call__(self, tables: Tables, item: FeedItem, *, at: int) -> None:
        assert feed.newest_number(tables) == item.number
        if item.body == BAD:
            raise ProtocolError(Code.FIELD_INVALID, "body: planted")
        self.read.append(item.number)


def appliers(reader: Reader) -> Mapping[FeedKind, Applier]:
    return dict.fromkeys(FeedKind, reader)


def fetch(station: Station, reader: Reader) -> FeedResult:
    return fetch_feed(
        station.database,
        station.centre,
        now=station.clock.now,
        entropy=station.entropy,
        appliers=appliers(reader),
    )


def page_after(station: Station, number: int) -> bytes:
    request = FeedRequest(NODE, EPOCH, after=number, at=0, nonce=bytes(16))
    return station.centre.feed(sign_request(request, KeySigner(ec_key(f"node {NODE}"))))


def put(station: Station, count: int, body: bytes = b"\xa0") -> None:
    for _ in range(count):
        station.centre.put_item(NODE, FeedKind.DELEGATIONS, body)


def test_everything_is_taken_once_and_the_next_contact_brings_nothing(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    put(station, 3)
    assert fetch(station, reader) == FeedResult(taken=3, left=0)
    assert fetch(station, reader) == FeedResult(taken=0, left=0)
    put(station, 1)
    assert fetch(station, reader) == FeedResult(taken=1, left=0)
    assert reader.read == [1, 2, 3, 4]
    assert check_store(station.database).findings == ()
    with station.database.read() as tables:
        assert link.state(tables).reached_at is not None


def test_the_same_page_by_network_and_by_stick_is_taken_once(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    put(station, 2)
    on_stick = page_after(station, 0)
    fetch(station, reader)
    assert take_page(station.database, on_stick, at=station.clock.now(), appliers=appliers(reader)).taken == 0
    put(station, 2)
    longer = page_after(station, 0)
    assert take_page(station.database, longer, at=station.clock.now(), appliers=appliers(reader)).taken == 2
    assert reader.read == [1, 2, 3, 4]


def test_a_page_that_leaves_a_gap_is_not_taken(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    put(station, 3)
    with pytest.raises(ProtocolError, match=Code.NOT_NEXT):
        take_page(station.database, page_after(station, 1), at=station.clock.now(), appliers=appliers(reader))
    assert reader.read == []
    with station.database.read() as tables:
        assert feed.newest_number(tables) == 0


def test_an_item_that_cannot_be_read_is_kept_and_the_next_ones_come(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    put(station, 1)
    put(station, 1, BAD)
    put(station, 1)
    assert fetch(station, reader).taken == 3
    assert reader.read == [1, 3]
    with station.database.read() as tables:
        told = [line.action for line in audit.entries(tables) if line.subject == "feed:2"]
    assert told == [audit.Action.FEED_UNREADABLE]
    assert check_store(station.database).findings == ()


def test_a_page_that_somebody_has_touched_changes_nothing(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    put(station, 2)
    sealed = bytearray(page_after(station, 0))
    sealed[-1] ^= 1
    with pytest.raises(ProtocolError):
        take_page(station.database, bytes(sealed), at=station.clock.now(), appliers=appliers(reader))
    assert reader.read == []


def test_a_centre_that_is_away_is_noted_and_nothing_is_lost(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    put(station, 1)
    station.centre.is_away = True
    with pytest.raises(NetworkError):
        fetch(station, reader)
    with station.database.read() as tables:
        state = link.state(tables)
    assert state.code == "network"
    assert state.next_try_at is not None
    station.centre.is_away = False
    assert fetch(station, reader).taken == 1


def test_cut_at_every_statement_each_item_is_taken_once(tmp_path: Path) -> None:
    total = _cut(tmp_path / "count", blows_at=None)
    assert total > 10
    for blows_at in range(1, total + 1):
        _cut(tmp_path / str(blows_at), blows_at=blows_at)


def _cut(directory: Path, *, blows_at: int | None) -> int:
    directory.mkdir()
    fuse, reader = Fuse(), Reader()
    station = make_station(directory, tracer=fuse.statement)
    put(station, 2)
    fuse.events, fuse.blows_at = 0, blows_at
    if blows_at is None:
        fetch(station, reader)
        return fuse.events
    with pytest.raises(PowerCutError):
        fetch(station, reader)
    station.database.close()
    fuse.blows_at = None
    after = replace(station, database=Database(station.database.path, DATA_KEY))
    fetch(after, reader)
    with after.database.read() as tables:
        assert [number for number, _ in feed.all_items(tables)] == [1, 2]
    assert check_store(after.database).findings == ()
    return fuse.events
