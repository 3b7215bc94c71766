"""Two bundles on their way up, and the connection reset at each byte of the request and of the answer.

The node's sender, the centre's server, its spool, its admission and its ledger are real; between them a proxy resets.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from central.app import create_app, make_server, open_desk
from central.store import bundles
from central.store.database import read_transaction
from central.web.streaming import StreamingServer
from central.workflow.check_centre import check_centre
from central.workflow.take_transfer import TransferDesk
from edge.clients.http_central import HttpCentral
from edge.clients.link_pace import LEAST_BYTES
from edge.store import bundles as edge_bundles
from edge.store import link
from edge.store.node_identity import NodeIdentity
from edge.workflow.exchange import exchange
from edge.workflow.send_bundles import Sending
from sync_protocol import limits
from sync_protocol.api import NetworkError
from sync_protocol.bundle import BundleKind
from sync_protocol.transfer import Answered
from tests.central.scenario import Site, World
from tests.system.cutting_proxy import CuttingProxy, Direction, cutting_proxy
from tests.system.proxies import WAITING_BYTES
from tests.system.test_answers_end_to_end import make_node

# The request of a transfer: what may be sent again besides the bundles' bytes.
TICKET_BYTES = 512
# What one cut may cost on a slow link, requests included.
CUT_BYTES = 8 * 1024
# What waits to be read at the server of these tests.
SMALL_BUFFER_BYTES = 8 * 1024


@dataclass(slots=True)
class Link:
    """A site that sends through the proxy, and what it was told."""

    site: Site
    central: HttpCentral
    proxy: CuttingProxy
    sent: dict[bytes, bytes] = field(default_factory=dict)

    def bundle(self, size: int = 8) -> bytes:
        """The next bundle of the chain, sealed; its body is of no kind that says anything."""
        inner = self.site.link(bytes(size), kind=BundleKind.REPORT)
        self.site.moved(inner)
        return self.site.seal(inner)

    def send(self, sealed: tuple[bytes, ...]) -> int:
        """Sends until both are answered, as the outbox does; gives how many bytes left."""
        identity = cast(
            "NodeIdentity", SimpleNamespace(node=self.site.node, epoch=self.site.epoch, node_key=self.site.node_key)
        )
        left, is_new = 0, True
        for _ in range(4):
            sending = Sending(self.central, identity, sealed, None)
            try:
                answers = sending.send(is_new=is_new)
            except NetworkError as error:
                why = str(error)
                left, is_new = left + sending.bytes_sent, False
                continue
            assert all(isinstance(answer, Answered) for answer in answers)
            for one, answer in zip(sealed, answers, strict=True):
                assert isinstance(answer, Answered)
                self.sent[one] = answer.answer
            return left + sending.bytes_sent
        raise AssertionError(f"one cut, and four tries were not enough: {why}")


@contextmanager
def running(server: StreamingServer) -> Iterator[int]:
    """The server in a thread of its own; gives its port."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.stop()
        thread.join()


@contextmanager
def linked(world: World, server: StreamingServer) -> Iterator[Link]:
    """A site of this world behind a proxy."""
    with running(server) as port, cutting_proxy(port) as (proxy, url):
        central = HttpCentral(url, connect_seconds=10, silence_seconds=10)
        try:
            yield Link(world.site(), central, proxy)
        finally:
            central.close()


def cut_everywhere(link: Link, stride: int) -> int:
    """Cuts an exchange at each byte; gives how many cuts that were."""
    link.send((link.bundle(), link.bundle()))
    passed = dict(link.proxy.passed)
    cuts = 0
    for direction in Direction:
        for at in [*range(1, passed[direction], stride), passed[direction]]:
            # Each exchange is on a connection of its own, or the cut would fall into one that stands.
            link.central.close()
            pair = (link.bundle(), link.bundle())
            link.proxy.plan = (direction, at)
            sent = link.send(pair)
            assert sent <= sum(map(len, pair)) + LEAST_BYTES + 6 * TICKET_BYTES
            cuts += 1
    return cuts


def assert_exactly_once(link: Link, admitted: list[bytes]) -> None:
    """What the ledger took is what was sent: all of it, in order, nothing twice."""
    assert admitted == list(link.sent)


def admitted_by(world: World, link: Link) -> list[bytes]:
    """The sealed bytes in the order in which the ledger took them."""
    with read_transaction(world.centre.engine) as connection:
        in_order = [bundle.answer for bundle in bundles.all_bundles(connection)]
    by_answer = {answer: sealed for sealed, answer in link.sent.items()}
    return [by_answer[answer] for answer in in_order]


def test_cut_at_every_byte_everything_is_in_the_ledger_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with linked(world, make_server(world.centre, port=0)) as link:
        cuts = cut_everywhere(link, 1)
        # The first answer, byte for byte, is what each was told in the end.
        assert_exactly_once(link, admitted_by(world, link))
    assert check_centre(world.centre.engine).findings == ()
    assert not list((world.centre.config.directory / "spool").glob("*/*"))
    with capsys.disabled():
        print(f"\ncut at {cuts} offsets of an exchange")
    assert cuts >= 2_000


@dataclass(frozen=True, slots=True)
class NaiveDesk(TransferDesk):
    """The planted fault: what comes whole is taken, whoever sent it before."""

    def answer_to(self, digest: bytes) -> bytes | None:
        return None


def test_a_server_that_does_not_go_by_the_digest_is_found(world: World) -> None:
    taken: list[bytes] = []

    def take(sealed: bytes) -> bytes:
        taken.append(sealed)
        return hashlib.sha256(sealed).digest()

    honest = open_desk(world.centre)
    desk = NaiveDesk(honest.engine, honest.spool, take, honest.now)
    server = StreamingServer(
        create_app(world.centre, desk), desk, host="127.0.0.1", port=0, threads=4, body_bytes=limits.SEALED_BYTES
    )
    with linked(world, server) as link:
        cut_everywhere(link, 97)
        with pytest.raises(AssertionError):
            assert_exactly_once(link, taken)


@pytest.mark.parametrize("at", [1, 700, 2_000, 9_000, 30_000, 64_000, 118_000])
def test_a_cut_in_a_large_bundle_costs_no_more_than_the_window(
    world: World, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a reset destroys in the server's buffer would hide what is sent again needlessly, so this one is small.
    monkeypatch.setattr("central.web.streaming.RECEIVE_BYTES", SMALL_BUFFER_BYTES)
    with linked(world, make_server(world.centre, port=0)) as link:
        pair = (link.bundle(60_000), link.bundle(60_000))
        link.proxy.plan = (Direction.REQUEST, at)
        again = link.send(pair) - sum(map(len, pair)) - link.proxy.swallowed
        assert_exactly_once(link, admitted_by(world, link))
    # Beside what was on its way there are the request that asks, the one that goes on, and the first one; and, since
    # nothing here is as slow as a link, what a reset destroys unread at the server and unsent in the proxy.
    assert again <= LEAST_BYTES + 2 * SMALL_BUFFER_BYTES + 2 * WAITING_BYTES + 3 * TICKET_BYTES


def test_a_sender_that_forgets_its_window_would_be_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # The planted fault: the kernel takes what it likes.
    monkeypatch.setattr("edge.clients.send_window._wait_for_room", lambda *_: None)
    with linked(world, make_server(world.centre, port=0)) as link:
        pair = (link.bundle(1_000_000),)
        link.proxy.plan = (Direction.REQUEST, 30_000)
        again = link.send(pair) - sum(map(len, pair)) - link.proxy.swallowed
    assert again > LEAST_BYTES + 3 * TICKET_BYTES


@pytest.mark.parametrize("at", [1, 200, 500, 900, 1_300, 1_800, 2_300])
def test_an_exchange_that_is_cut_ends_by_itself_and_sends_little_again(
    world: World, tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of `exchange`: outbox, receipts and rows as well; no second call of it is needed."""
    monkeypatch.setattr("central.web.streaming.RECEIVE_BYTES", SMALL_BUFFER_BYTES)
    station = make_node(world, tmp_path / "node").station
    station.record(400)
    station.sign()
    with station.database.read() as tables:
        assert at < sum(len(due.sealed) for due in edge_bundles.due_run(tables, most=8, most_bytes=10**6))
    with running(make_server(world.centre, port=0)) as port, cutting_proxy(port) as (proxy, url):
        central = HttpCentral(url, connect_seconds=10, silence_seconds=10)
        proxy.plan = (Direction.REQUEST, at)
        result = exchange(station.database, central, now=station.clock.now, entropy=station.entropy)
        central.close()
    assert (result.admitted, result.unsent, result.problem) == (1, 0, "")
    assert check_centre(world.centre.engine).findings == ()
    with station.database.read() as tables:
        left = link.state(tables).bytes_sent
    # What the proxy and a reset server held unread was confirmed, and on no link.
    assert left - result.bytes_sent - proxy.swallowed <= CUT_BYTES + 2 * SMALL_BUFFER_BYTES
