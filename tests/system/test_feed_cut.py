"""The feed on its way down, and the connection reset at each byte of the request and of the answer.

The node's client and store, the centre's server and its feed are real; between them a proxy resets. Each item is taken
once, in turn, and what comes a second time is never more than the page in which the cut fell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from central.app import make_server
from central.store import feed as central_feed
from central.store.database import write_transaction
from central.workflow.check_centre import check_centre
from edge.clients.http_central import HttpCentral
from edge.store import contacts, feed, link
from edge.store.database import Tables
from edge.workflow.check_store import check_store
from edge.workflow.take_feed import fetch_feed
from sync_protocol import limits
from sync_protocol.api import NetworkError
from sync_protocol.feed import FeedItem, FeedKind
from tests.builders import SeededEntropy
from tests.central.scenario import EVENING, World
from tests.system.cutting_proxy import CuttingProxy, Direction, cutting_proxy
from tests.system.test_answers_end_to_end import Node, make_node
from tests.system.test_cut_at_every_byte import running

IS_CAMPAIGN: Final = os.environ.get("HCVX_CAMPAIGN") == "full"
# Every cut of the exchange in the campaign, every so manieth otherwise; 1 is among them, and so are both ends.
STRIDE: Final = 1 if IS_CAMPAIGN else 83
# Three pieces and a short item: four pages or three, of which one is at stake.
BODY_BYTES: Final = 15_000
# What a try costs besides its pages: the head of an answer, the statement, the page's envelope, the path.
TRY_BYTES: Final = 1_200
# An idle contact, both ways together with the heads of HTTP.
IDLE_BYTES: Final = 1_024


class OnceOnly(HttpCentral):
    """The planted fault: nothing is given on before the whole answer is there."""

    def feed(self, request: bytes) -> Iterator[bytes]:
        return iter(list(super().feed(request)))


@dataclass(slots=True)
class Down:
    """A node that takes its feed through the proxy."""

    world: World
    node: Node
    central: HttpCentral
    proxy: CuttingProxy
    read: list[bytes] = field(default_factory=list)

    def __call__(self, tables: Tables, item: FeedItem, *, at: int) -> None:
        """The applier of all kinds."""
        self.read.append(item.body)

    def put(self, seed: int) -> list[bytes]:
        """A large body and a small one for the node; gives both."""
        bodies = [SeededEntropy(seed).token(BODY_BYTES), SeededEntropy(seed).token(30)]
        centre = self.world.centre
        with write_transaction(centre.engine) as connection:
            for body in bodies:
                central_feed.put_item(connection, "19001A", FeedKind.HANDED_BACK, body, keys=centre.keys, at=EVENING)
        return bodies

    def fetch(self) -> int:
        """Asks until everything is there; gives how many bytes came."""
        station = self.node.station
        before = self.central.traffic.received_bytes
        for _ in range(3):
            try:
                found = fetch_feed(
                    station.database,
                    self.central,
                    now=station.clock.now,
                    entropy=station.entropy,
                    appliers=dict.fromkeys(FeedKind, self),
                )
            except NetworkError:
                continue
            assert found.left == 0
            return self.central.traffic.received_bytes - before
        raise AssertionError("one cut, and three tries were not enough")


@contextmanager
def going_down(world: World, directory: Path, client: type[HttpCentral] = HttpCentral) -> Iterator[Down]:
    """A node with an empty feed behind a proxy."""
    with running(make_server(world.centre, port=0)) as port, cutting_proxy(port) as (proxy, url):
        central = client(url, connect_seconds=10, silence_seconds=10)
        try:
            down = Down(world, make_node(world, directory), central, proxy)
            down.fetch()
            down.read.clear()
            yield down
        finally:
            central.close()


def cut_everywhere(down: Down, stride: int) -> tuple[int, int]:
    """Cuts the taking of two bodies at each byte; gives how many cuts that were, and the most that came again."""
    down.put(0)
    down.central.close()
    whole = down.fetch()
    passed = dict(down.proxy.passed)
    cuts, again = 0, 0
    for direction in Direction:
        for at in [*range(1, passed[direction], stride), passed[direction]]:
            cuts += 1
            expected = down.put(cuts)
            down.read.clear()
            # Each exchange is on a connection of its own, or the cut would fall into one that stands.
            down.central.close()
            down.proxy.plan = (direction, at)
            again = max(again, down.fetch() - whole)
            assert down.read == expected
    return cuts, again


def test_cut_at_every_byte_each_item_is_taken_once_and_a_cut_costs_one_page(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with going_down(world, tmp_path / "node") as down:
        cuts, again = cut_everywhere(down, STRIDE)
        database = down.node.station.database
        with database.read() as tables:
            numbers = [number for number, _ in feed.all_items(tables)]
            assert contacts.missing(tables) == []
        assert numbers == list(range(1, len(numbers) + 1))
        assert check_store(database).findings == ()
    assert check_centre(world.centre.engine).findings == ()
    with capsys.disabled():
        print(f"\nfeed cut at {cuts} offsets; at most {again} bytes came again")
    assert cuts >= (15_000 if IS_CAMPAIGN else 200)
    assert again <= limits.FEED_PAGE_ITEMS_BYTES + 2 * TRY_BYTES


def test_a_node_that_takes_an_answer_only_as_a_whole_is_found(world: World, tmp_path: Path) -> None:
    with going_down(world, tmp_path / "node", OnceOnly) as down:
        _, again = cut_everywhere(down, 1_500)
    assert again > limits.FEED_PAGE_ITEMS_BYTES + 2 * TRY_BYTES


def test_an_idle_contact_costs_less_than_a_kilobyte(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with going_down(world, tmp_path / "node") as down:
        down.put(1)
        down.fetch()
        down.central.close()
        down.fetch()
        passed = dict(down.proxy.passed)
        with down.node.station.database.read() as tables:
            assert link.state(tables).failing_since is None
    with capsys.disabled():
        print(f"\nidle contact: {passed[Direction.REQUEST]} bytes up, {passed[Direction.ANSWER]} down")
    # Everything in it has a fixed length but the digits of numbers.
    assert sum(passed.values()) <= IDLE_BYTES
