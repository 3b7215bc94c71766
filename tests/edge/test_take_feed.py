"""What the centre has for a node is taken once, in turn, whole or not at all, whichever way it comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import pytest

from edge.store import audit, contacts, feed, link
from edge.store.database import Database, Tables
from edge.workflow.check_store import check_store
from edge.workflow.take_feed import Applier, FeedResult, fetch_feed, take_file, take_page
from sync_protocol import limits
from sync_protocol.api import CentralApi, NetworkError, RemoteProblem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, parse_request, sign_item
from sync_protocol.feed_page import split_file
from tests.builders import SeededEntropy
from tests.edge.power_cut import Fuse, PowerCutError
from tests.edge.station import DATA_KEY, NODE, Station, make_station
from tests.simulator import SimulatedCentre

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
    """The one page of a file."""
    (page,) = split_file(station.centre.feed_file(NODE, after=number))
    return page


def put(station: Station, count: int, body: bytes = b"\xa0") -> None:
    for _ in range(count):
        station.centre.put_item(NODE, FeedKind.DELEGATIONS, body)


@dataclass(slots=True)
class OldCentre:
    """A centre that knows no number 7 in a request; counts what it was asked."""

    centre: SimulatedCentre
    told: list[int | None] = field(default_factory=list)

    def feed(self, request: bytes) -> Iterator[bytes]:
        asked = parse_request(request)[1]
        self.told.append(asked.held_pack)
        if asked.held_pack is not None:
            raise RemoteProblem(Code.FIELD_UNKNOWN, "feed request: 7")
        return self.centre.feed(request)


def test_a_pack_that_is_missed_is_told_and_a_centre_that_knows_no_such_word_is_asked_without_it(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    station.centre.versions["population"] = 2
    centre = OldCentre(station.centre)

    def hear() -> FeedResult:
        return fetch_feed(
            station.database,
            cast("CentralApi", centre),
            now=station.clock.now,
            entropy=station.entropy,
            appliers=appliers(reader),
        )

    put(station, 1)
    assert hear() == FeedResult(taken=1, left=0)
    # From the first contact it is known that there is one, and that no item brings it.
    put(station, 1)
    assert hear() == FeedResult(taken=1, left=0)
    assert centre.told == [None, 0, None]


def test_a_refusal_that_has_nothing_to_do_with_it_is_passed_on(tmp_path: Path) -> None:
    station = make_station(tmp_path)

    class Refusing:
        def feed(self, _: bytes) -> Iterator[bytes]:
            raise RemoteProblem(Code.FIELD_UNKNOWN, "whatever is asked")

    with pytest.raises(RemoteProblem):
        fetch_feed(station.database, cast("CentralApi", Refusing()), now=station.clock.now, entropy=station.entropy)


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


def put_raw(station: Station, *pieces: tuple[FeedKind, int, int, bytes]) -> None:
    """Items as only a centre with a fault would make them: kind, pieces that follow, pieces before, body."""
    items = station.centre.feeds.setdefault(NODE, [])
    for kind, more, before, body in pieces:
        item = FeedItem(NODE, len(items) + 1, kind, station.clock.now(), body, more=more, before=before)
        items.append(sign_item(item, station.centre.publisher))


def unreadable(station: Station) -> list[tuple[str, str]]:
    with station.database.read() as tables:
        return [
            (line.subject, line.details)
            for line in audit.entries(tables)
            if line.action == audit.Action.FEED_UNREADABLE
        ]


def test_a_body_in_pieces_is_read_once_and_whole(tmp_path: Path) -> None:
    station, bodies = make_station(tmp_path), list[bytes]()
    sent = [SeededEntropy(1).token(5 * limits.FEED_PIECE_BYTES + 1), b"", SeededEntropy(2).token(10)]
    for body in sent:
        station.centre.put_item(NODE, FeedKind.HANDED_BACK, body)

    def read(tables: Tables, item: FeedItem, *, at: int) -> None:
        assert (item.more, item.before) == (0, 0)
        bodies.append(item.body)

    result = fetch_feed(
        station.database,
        station.centre,
        now=station.clock.now,
        entropy=station.entropy,
        appliers=dict.fromkeys(FeedKind, read),
    )
    assert bodies == sent
    assert result == FeedResult(taken=3, left=0)
    with station.database.read() as tables:
        assert feed.newest_number(tables) == 8
        assert [line.subject for line in audit.entries(tables) if line.action == audit.Action.FEED_TAKEN] == [
            "feed:6",
            "feed:7",
            "feed:8",
        ]
    assert check_store(station.database).findings == ()


A, B = FeedKind.DELEGATIONS, FeedKind.REGISTRATIONS


@pytest.mark.parametrize(
    ("pieces", "read", "told"),
    [
        # Broken off: the next body begins before the last one has ended.
        ([(A, 2, 0, b"1"), (A, 1, 1, b"2"), (B, 0, 0, b"x")], [3], [("feed:2", "count-mismatch")]),
        # A piece of another kind in the middle, with the numbers that were expected.
        ([(A, 2, 0, b"1"), (B, 1, 1, b"2"), (A, 0, 2, b"3"), (B, 0, 0, b"x")], [4], [("feed:3", "count-mismatch")]),
        # A piece is left out.
        ([(A, 2, 0, b"1"), (A, 0, 2, b"3"), (B, 0, 0, b"x")], [3], [("feed:2", "count-mismatch")]),
        # An end without a beginning, at the very beginning of the feed.
        ([(A, 0, 1, b"2"), (B, 0, 0, b"x")], [2], [("feed:1", "count-mismatch")]),
        # Fewer pieces than the first one said.
        ([(A, 2, 0, b"1"), (A, 0, 1, b"2"), (B, 0, 0, b"x")], [3], [("feed:2", "count-mismatch")]),
    ],
    ids=["broken off", "another kind", "left out", "no beginning", "too few"],
)
def test_a_series_that_is_not_one_body_has_no_effect_and_holds_nothing_back(
    tmp_path: Path,
    pieces: list[tuple[FeedKind, int, int, bytes]],
    read: list[int],
    told: list[tuple[str, str]],
) -> None:
    station, reader = make_station(tmp_path), Reader()
    put_raw(station, *pieces)
    assert fetch(station, reader).left == 0
    assert reader.read == read
    assert unreadable(station) == told
    assert check_store(station.database).findings == ()


def test_pieces_that_join_to_more_than_any_set_are_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station, reader = make_station(tmp_path), Reader()
    station.centre.put_item(NODE, A, bytes(3 * limits.FEED_PIECE_BYTES))
    monkeypatch.setattr("sync_protocol.limits.FEED_BODY_BYTES", 3 * limits.FEED_PIECE_BYTES - 1)
    put(station, 1)
    assert fetch(station, reader).left == 0
    assert (reader.read, unreadable(station)) == ([4], [("feed:3", "too-large")])


def test_a_whole_file_is_taken_and_one_that_ends_within_a_page_as_far_as_it_goes(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    station.centre.put_item(NODE, A, SeededEntropy(1).token(4 * limits.FEED_PIECE_BYTES))
    put(station, 2)
    data = station.centre.feed_file(NODE)
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        take_file(station.database, data[:-1], at=station.clock.now(), appliers=appliers(reader))
    assert reader.read == []
    with station.database.read() as tables:
        assert feed.newest_number(tables) == 3
    found = take_file(station.database, data, at=station.clock.now(), appliers=appliers(reader))
    assert found == FeedResult(taken=3, left=0)
    assert reader.read == [4, 5, 6]
    for nonsense in (b"", b"\0\0\0\0", b"\xff" * 8, b"<html>log in</html>"):
        with pytest.raises(ProtocolError):
            take_file(station.database, nonsense, at=station.clock.now(), appliers=appliers(reader))


def test_an_answer_that_breaks_off_leaves_what_came_before(tmp_path: Path) -> None:
    station, reader = make_station(tmp_path), Reader()
    for seed in range(3):
        station.centre.put_item(NODE, A, SeededEntropy(seed).token(limits.FEED_PIECE_BYTES))
    honest = station.centre.feed

    def broken(request: bytes) -> Iterator[bytes]:
        pages = honest(request)
        yield next(pages)
        yield next(pages)
        raise NetworkError("cut", try_again=True, is_cut=True)

    way = cast("CentralApi", SimpleNamespace(feed=broken))
    with pytest.raises(NetworkError):
        fetch_feed(station.database, way, now=station.clock.now, entropy=station.entropy, appliers=appliers(reader))
    assert reader.read == [1, 2]
    with station.database.read() as tables:
        assert [(one.what, one.said) for one in contacts.missing(tables)] == [("items", 3)]
        assert link.state(tables).bytes_received > 2 * limits.FEED_PIECE_BYTES
    assert fetch(station, reader) == FeedResult(taken=1, left=0)
    with station.database.read() as tables:
        assert contacts.missing(tables) == []
