"""Two hundred slow uploads, and those that only drip, before the centre's real server."""

from __future__ import annotations

import hashlib
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from central.app import make_server
from central.web.streaming import StreamingServer
from sync_protocol.bundle import BundleKind
from sync_protocol.endpoints import TRANSFERS, TREE_HEAD
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.transfer import Part, TransferRequest, sign_transfer
from tests.builders import ec_key
from tests.central.scenario import Site, World
from tests.patience import until
from tests.system.test_cut_at_every_byte import running

SLOW = 200


@pytest.fixture
def server(world: World) -> Iterator[tuple[StreamingServer, int]]:
    made = make_server(world.centre, port=0)
    with running(made) as port:
        yield made, port


def begun(port: int, site: Site, *, key: KeySigner | None = None) -> tuple[socket.socket, bytes]:
    """An upload of which the request and a few bytes were sent; gives the connection and what is left."""
    sealed = site.seal(site.link(bytes(5_000), kind=BundleKind.REPORT))
    request = TransferRequest(site.node, site.epoch, (Part(hashlib.sha256(sealed).digest(), len(sealed), 0),))
    ticket = sign_transfer(request, key or KeySigner(site.node_key))
    head = (
        f"{TRANSFERS.method} {TRANSFERS.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: {TRANSFERS.request_type}\r\nContent-Length: {len(ticket) + len(sealed)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(head.encode() + ticket + sealed[:100])
    return connection, sealed[100:]


def test_two_hundred_slow_uploads_do_not_keep_others_waiting(world: World, server: tuple[StreamingServer, int]) -> None:
    sites = [world.site(f"{19_100 + number}", f"{19_100 + number}A") for number in range(SLOW // 8)]
    with ExitStack() as stack:
        slow = [begun(server[1], site) for site in sites for _ in range(8)]
        for connection, _ in slow:
            stack.enter_context(connection)
        # None of them is finished, and anybody else is answered.
        for _ in range(20):
            assert requests.get(f"http://127.0.0.1:{server[1]}{TREE_HEAD.path}", timeout=30).status_code == 200
        assert len(server[0].active_channels) >= SLOW
        # One of them ends, and has its receipt although the others still hold their slots.
        connection, rest = slow[0]
        connection.sendall(rest)
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_refusal_comes_before_the_body(world: World, server: tuple[StreamingServer, int]) -> None:
    connection, _ = begun(server[1], world.site(), key=KeySigner(ec_key("stranger")))
    with connection:
        # Nearly all of the body was never sent.
        assert connection.recv(12) == b"HTTP/1.1 403"
        while connection.recv(65_536):
            pass


def test_a_sender_that_drips_is_given_up(world: World, server: tuple[StreamingServer, int]) -> None:
    connection, _ = begun(server[1], world.site())
    with connection:
        assert requests.get(f"http://127.0.0.1:{server[1]}{TREE_HEAD.path}", timeout=30).status_code == 200

        # The rounds that the clock would bring; nothing comes between them. Those before the request is judged do not
        # count, so that there may have to be more than four.
        def is_answered() -> bool:
            server[0].trigger.pull_trigger(lambda: server[0].maintenance(0))
            return bool(select.select([connection], [], [], 0)[0])

        until(is_answered, "the sender is given up")
        assert connection.recv(1) == b""
    assert requests.get(f"http://127.0.0.1:{server[1]}{TREE_HEAD.path}", timeout=30).status_code == 200
