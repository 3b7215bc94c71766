"""The HTTP client: what is the centre's answer, what is somebody else's, and what is no answer at all."""

from __future__ import annotations

import gzip
import socket
import threading
from pathlib import Path

import pytest

from edge.clients.http_central import HttpCentral
from edge.workflow.exchange import exchange
from sync_protocol import limits
from sync_protocol.api import NetworkError, RemoteProblem, encode_problem
from sync_protocol.endpoints import BUNDLES, FEED, PROBLEM_MEDIA_TYPE
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind, FeedRequest, opening_keys_of, sign_request
from sync_protocol.feed_page import framed, open_page
from sync_protocol.receipt import RECEIPT_BYTES
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.edge.http_centre import REQUEST_BODY, serve_bytes, serve_centre
from tests.edge.station import NODE, make_station
from tests.simulator import EPOCH, Fault

RECEIPT = f"HTTP/1.1 200 OK\r\nContent-Type: {BUNDLES.answer_type}\r\n"


def offer(url: str) -> bytes:
    """One offer with short timeouts."""
    central = HttpCentral(url, connect_seconds=2, silence_seconds=2)
    try:
        return central.offer(REQUEST_BODY)
    finally:
        central.close()


def test_an_exchange_over_a_real_socket_delivers(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(3)
    station.sign()
    station.centre.faults = [Fault.LATER]
    with serve_centre(station.centre) as url:
        central = HttpCentral(url)
        with pytest.raises(NetworkError) as caught:
            exchange(station.database, central, now=station.clock.now, entropy=station.entropy)
        assert caught.value.retry_after_seconds == 3_600
        result = exchange(station.database, central, now=station.clock.now, entropy=station.entropy)
        assert (result.admitted, result.unsent) == (1, 0)
        assert central.tree_head()
        assert central.catalogue()
        assert central.trust_list()
        central.close()


def test_a_problem_of_the_centre_comes_with_its_head() -> None:
    body = encode_problem(Code.NOT_NEXT, rule="not the next")
    answer = f"HTTP/1.1 409 Conflict\r\nContent-Type: {PROBLEM_MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    with serve_bytes(answer.encode() + body) as url, pytest.raises(RemoteProblem) as caught:
        offer(url)
    assert caught.value.code is Code.NOT_NEXT


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin",
        b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/login\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 511 Network Authentication Required\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 409 Conflict\r\nContent-Type: {PROBLEM_MEDIA_TYPE}\r\nContent-Length: 4\r\n\r\nnope".encode(),
        (RECEIPT + "Content-Length: 100\r\n\r\ncut off").encode(),
        (RECEIPT + f"Content-Length: {RECEIPT_BYTES + 1}\r\n\r\n").encode() + bytes(RECEIPT_BYTES + 1),
        (RECEIPT + "Content-Length: \u00b2\r\n\r\nreceipt").encode("latin-1") + bytes(RECEIPT_BYTES),
        b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\nRetry-After: " + b"9" * 5_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=[
        "portal",
        "redirect",
        "511",
        "502",
        "broken problem",
        "cut off",
        "endless",
        "odd length",
        "odd pause",
        "not http",
        "closed",
    ],
)
def test_what_is_not_the_centre_is_harmless_and_worth_another_try(answer: bytes) -> None:
    with serve_bytes(answer) as url, pytest.raises(NetworkError) as caught:
        offer(url)
    assert caught.value.try_again
    assert "127.0.0.1" not in str(caught.value)


def test_a_compressed_answer_is_never_inflated() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    headers = RECEIPT + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    with serve_bytes(headers.encode() + bomb) as url:
        assert offer(url) == bomb


def test_a_closed_port_is_no_network() -> None:
    with pytest.raises(NetworkError) as caught:
        offer("http://127.0.0.1:1")
    assert caught.value.try_again


def test_a_larger_request_than_allowed_never_leaves() -> None:
    with pytest.raises(ValueError, match="larger"):
        HttpCentral("http://127.0.0.1:1").offer(bytes(BUNDLES.request_bytes + 1))


def test_the_feed_comes_over_a_real_socket(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.centre.put_item(NODE, FeedKind.DELEGATIONS, b"\xa0")
    request = FeedRequest(NODE, EPOCH, after=0, at=0, nonce=bytes(16))
    with serve_centre(station.centre) as url:
        central = HttpCentral(url)
        (sealed,) = central.feed(sign_request(request, KeySigner(ec_key(f"node {NODE}"))))
        central.close()
    opening = opening_keys_of(ec_key(f"opening {NODE}"))
    page = open_page(sealed, opening, station.centre.publisher.public_key, node=NODE)
    assert [item.number for item, _ in page.items] == [1]


FEED_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {FEED.answer_type}\r\n"


def feed_pages(url: str) -> tuple[list[bytes], NetworkError | None]:
    """What comes of an answer to a request for the feed, and how it ended."""
    central, pages = HttpCentral(url, connect_seconds=2, silence_seconds=2), list[bytes]()
    try:
        for page in central.feed(REQUEST_BODY):
            pages.append(page)
    except NetworkError as error:
        return pages, error
    finally:
        central.close()
    return pages, None


@pytest.mark.parametrize(
    ("answer", "pages"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin", 0),
        (b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/login\r\nContent-Length: 0\r\n\r\n", 0),
        ((FEED_HEAD + "Content-Length: 0\r\n\r\n").encode(), 0),
        ((FEED_HEAD + "Content-Length: 99\r\n\r\n").encode() + framed(b"one") + framed(b"two")[:-1], 1),
        ((FEED_HEAD + "Content-Length: 99\r\n\r\n").encode() + framed(b"one") + framed(b"two"), 2),
        ((FEED_HEAD + "\r\n").encode() + framed(b"one") + b"\0\0\0\0", 1),
        ((FEED_HEAD + "\r\n").encode() + b"<html>log in</html>" * 10, 0),
        ((FEED_HEAD + "\r\n").encode() + framed(b"x") * (limits.FEED_ANSWER_PAGES + 1), limits.FEED_ANSWER_PAGES),
        ((FEED_HEAD + "\r\n").encode() + framed(bytes(limits.FEED_PAGE_BYTES - 8)) + framed(bytes(9)), 0),
    ],
    ids=[
        "portal",
        "redirect",
        "nothing",
        "cut within",
        "cut between",
        "no page",
        "page of a portal",
        "endless",
        "large",
    ],
)
def test_a_feed_that_breaks_off_or_is_no_feed_gives_what_was_whole_and_is_worth_another_try(
    answer: bytes, pages: int
) -> None:
    with serve_bytes(answer) as url:
        found, error = feed_pages(url)
    assert len(found) == pages
    assert error is not None
    assert error.try_again


def test_a_page_is_given_on_before_the_next_one_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        central = HttpCentral(f"http://127.0.0.1:{listener.getsockname()[1]}", silence_seconds=10)
        is_taken = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while not request.endswith(REQUEST_BODY):
                    request += connection.recv(65_536)
                connection.sendall((FEED_HEAD + "Content-Length: 14\r\n\r\n").encode() + framed(b"one"))
                assert is_taken.wait(10)
                connection.sendall(framed(b"two"))

        thread = threading.Thread(target=serve)
        thread.start()
        pages = central.feed(REQUEST_BODY)
        assert next(pages) == b"one"
        is_taken.set()
        assert list(pages) == [b"two"]
        thread.join()
        central.close()
