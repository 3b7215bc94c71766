"""Transfers and feeds over networks that are not what they seem: portals, proxies, other certificates, drips."""

from __future__ import annotations

import errno
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from edge.clients import answer_patience
from edge.clients.centre_tls import read_anchors
from edge.clients.http_central import HttpCentral
from edge.clients.link_pace import LEAST_BYTES, MOST_BYTES, LinkView, window_for
from edge.clients.send_window import SendWindow
from edge.clients.socket_options import dead_link_options
from edge.domain.network_words import NETWORK_WORDS
from edge.jobs import exchange_once, open_central
from edge.store import bundles, link, receipts
from sync_protocol.api import NetworkError, NetworkFault
from sync_protocol.endpoints import FEED, PROBLEM_MEDIA_TYPE, TRANSFERS
from tests.edge.http_centre import serve_centre
from tests.edge.station import NODE, Station, make_station
from tests.edge.strange_networks import Proxy, authority_pem, relay, served, tls_context
from tests.edge.test_jobs import open_node
from tests.simulator import Fault

AUTHORITY = "Gốc của trung tâm"
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlogin"
RIGHT = f"HTTP/1.1 200 OK\r\nContent-Type: {TRANSFERS.answer_type}\r\nConnection: close\r\n".encode()
RIGHT_FEED = f"HTTP/1.1 200 OK\r\nContent-Type: {FEED.answer_type}\r\nConnection: close\r\n".encode()
STRANGERS = {
    "portal": HTML,
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/\r\nContent-Length: 0\r\n\r\n",
    "511": b"HTTP/1.1 511 Network Authentication Required\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
    "another type": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "huge": RIGHT + b"Content-Length: 100000000\r\n\r\n" + bytes(TRANSFERS.answer_bytes + 2**16),
    "not our problem": (
        f"HTTP/1.1 409 X\r\nContent-Type: {PROBLEM_MEDIA_TYPE}\r\nContent-Length: 2\r\n\r\nhi".encode()
    ),
    "nonsense of our type": RIGHT + b"Content-Length: 5\r\n\r\nlogin",
}


def says(answer: bytes) -> Callable[[socket.socket], None]:
    """Reads a little, and says this whatever was asked."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        while connection.recv(65_536):
            pass

    return serve


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """With one signed bundle."""
    made = make_station(tmp_path)
    made.record(3)
    made.sign()
    return made


@contextmanager
def central_at(url: str, *, anchors: bytes = b"", silence_seconds: float = 5) -> Iterator[HttpCentral]:
    central = HttpCentral(url, connect_seconds=5, silence_seconds=silence_seconds, anchors=anchors)
    try:
        yield central
    finally:
        central.close()


def try_once(station: Station, tmp_path: Path, central: HttpCentral) -> NetworkFault:
    """One exchange that reaches nobody; gives what the page will say. Nothing is lost and nothing is believed."""
    with pytest.raises(NetworkError) as caught:
        exchange_once(open_node(station, tmp_path), central)
    with station.database.read() as tables:
        assert bundles.unsent(tables) == 1
        assert receipts.find(tables, 1, 1) is None
        state = link.state(tables)
    assert state.reached_at is None
    assert state.code == caught.value.fault.value
    assert "127.0.0.1" not in str(caught.value)
    return caught.value.fault


@pytest.mark.parametrize("answer", STRANGERS.values(), ids=STRANGERS)
def test_who_answers_and_is_not_the_centre_is_named_and_does_no_harm(
    station: Station, tmp_path: Path, answer: bytes
) -> None:
    with served(says(answer)) as port, central_at(f"http://127.0.0.1:{port}") as central:
        assert try_once(station, tmp_path, central) is NetworkFault.NOT_THE_CENTRE
    with serve_centre(station.centre) as url, central_at(url) as central:
        assert exchange_once(open_node(station, tmp_path), central).admitted == 1


@pytest.mark.parametrize("answer", STRANGERS.values(), ids=STRANGERS)
def test_the_feed_is_as_careful(answer: bytes) -> None:
    answer = answer.replace(RIGHT, RIGHT_FEED)
    with (
        served(says(answer)) as port,
        central_at(f"http://127.0.0.1:{port}") as central,
        pytest.raises(NetworkError) as caught,
    ):
        list(central.feed(b"asked"))
    assert caught.value.fault in (NetworkFault.NOT_THE_CENTRE, NetworkFault.UNREACHED)
    assert caught.value.try_again


def drips(whole: bytes, rest: bytes) -> Callable[[socket.socket], None]:
    """Says the first part at once and the rest byte by byte, twenty in a second, to its end."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(whole)
        for byte in rest:
            # Pauses that are shorter than any silence; what the client says meanwhile, its end among it, ends them.
            if select.select([connection], [], [], 0.05)[0] and not connection.recv(65_536):
                return
            connection.sendall(bytes([byte]))

    return serve


LONG_HEAD = RIGHT + b"".join(b"X-%d: slow\r\n" % number for number in range(60)) + b"Content-Length: 400\r\n\r\n"


IN_PIECES = RIGHT + b"Transfer-Encoding: chunked\r\n\r\n"
# The answer to a transfer may be larger than this.
FAST = bytes(40_000)


@pytest.mark.parametrize(
    ("whole", "rest"),
    [
        (b"", LONG_HEAD),
        (RIGHT + b"Content-Length: 400\r\n\r\n", bytes(400)),
        # What came fast does not pay for a drip.
        (RIGHT + b"Content-Length: 40400\r\n\r\n" + FAST, bytes(400)),
        # What is no part of the body brings nothing, however much of it comes.
        (IN_PIECES + b"9c40\r\n" + FAST + b"\r\n", b"1;" + b"x" * 400),
        (IN_PIECES + b"1\r\nx\r\n0\r\n", b"Trailer: of no use\r\n" * 20),
    ],
    ids=["head", "body", "body after a fast part", "head of a piece", "tail"],
)
def test_an_answer_that_only_drips_is_given_up(whole: bytes, rest: bytes) -> None:
    # Each byte comes long before the silence is over, so that only the time of all of them says that this is no link.
    given_on = []
    with (
        served(drips(whole, rest)) as port,
        central_at(f"http://127.0.0.1:{port}", silence_seconds=1) as central,
        pytest.raises(NetworkError) as caught,
    ):
        given_on.append(central.transfer(b"asked", b"", sent=lambda _: None))
    assert not given_on
    assert caught.value.try_again


def test_heads_that_only_say_to_go_on_have_an_end() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        with suppress(OSError):
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\nX: none of these is the answer\r\n\r\n")

    with (
        served(serve) as port,
        central_at(f"http://127.0.0.1:{port}") as central,
        pytest.raises(NetworkError) as caught,
    ):
        central.transfer(b"asked", b"", sent=lambda _: None)
    assert caught.value.try_again


def test_a_centre_that_takes_drops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # A faster world, in which ten kilobytes a second are drops: something is confirmed before any wait is too long.
    monkeypatch.setattr(answer_patience, "LEAST_BYTES_A_SECOND", 100_000)
    taken = [0]

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(1_024):
                taken[0] += len(data)
                select.select([], [], [], 0.1)

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_304)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        central = HttpCentral(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_seconds=1, silence_seconds=60)
        taker = threading.Thread(target=lambda: serve(listener.accept()[0]))
        taker.start()
        with pytest.raises(NetworkError) as caught:
            central.transfer(b"asked", bytes(200_000), sent=lambda _: None)
        central.close()
        taker.join()
    assert caught.value.is_cut
    # No single wait was too long: it went on for longer than one may take.
    assert taken[0] > 15_000


@pytest.mark.parametrize("pieces", [1, 20])
def test_a_poor_link_that_pauses_and_makes_up_for_it_is_borne(pieces: int) -> None:
    # Pauses of more than a silence together, each followed by what the link can bring then.
    body = FAST[: 1_000 * pieces]

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(RIGHT + f"Content-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), 1_000):
            select.select([connection], [], [], 0.2)
            connection.sendall(body[start : start + 1_000])

    with served(serve) as port, central_at(f"http://127.0.0.1:{port}", silence_seconds=1) as central:
        assert central.transfer(b"asked", b"", sent=lambda _: None) == body


def test_what_is_not_confirmed_ends_the_connection(tmp_path: Path) -> None:
    # The other side takes nothing: its window closes, and what waits stays unconfirmed. It would be silent for ever.
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        central = HttpCentral(
            f"http://127.0.0.1:{listener.getsockname()[1]}", connect_seconds=5, silence_seconds=60, dead_seconds=1
        )
        with pytest.raises(NetworkError) as caught:
            central.transfer(b"asked", bytes(200_000), sent=lambda _: None)
        central.close()
    assert caught.value.is_cut
    assert errno.ETIMEDOUT in errors_of(caught.value)


def errors_of(error: BaseException | None) -> list[int | None]:
    """The numbers of the system's errors that led to this one."""
    found = []
    while error is not None:
        found += [one.errno for one in (error, *error.args) if isinstance(one, OSError)]
        error = error.__cause__ or error.__context__
    return found


def test_a_dead_link_is_asked_after_as_far_as_the_platform_can() -> None:
    with socket.socket() as made:
        for level, name, value in dead_link_options(30):
            made.setsockopt(level, name, value)
            assert made.getsockopt(level, name) == value
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.mark.parametrize(
    ("rate", "late", "shortest", "low", "high"),
    [
        # Nothing is known; 50 kbit/s and 600 ms; the same with what a burst pretends.
        (0, 0.0, 0.0, LEAST_BYTES, LEAST_BYTES),
        (6_000, 1.2, 0.6, LEAST_BYTES, LEAST_BYTES),
        (7_000, 0.65, 0.6, LEAST_BYTES, 8_500),
        # 1 Mbit/s and 100 ms: half of what is on its way at a cut has arrived.
        (120_000, 0.14, 0.1, 12_500, 15_000),
        # As long as nothing queues the window grows.
        (60_000, 0.105, 0.1, 10_000, 12_000),
        # Faster than a day needs, over a satellite and in a house.
        (10**9, 0.6, 0.6, 100_000, MOST_BYTES),
        (10**9, 0.001, 0.001, LEAST_BYTES, LEAST_BYTES),
    ],
)
def test_the_window_is_what_fits_on_the_link_and_little_more(
    rate: int, late: float, shortest: float, low: int, high: int
) -> None:
    assert low <= window_for(LinkView(rate, late, shortest)) <= high


def test_a_busy_centre_is_obeyed_and_not_by_all_at_once(station: Station, tmp_path: Path) -> None:
    station.centre.faults = [Fault.LATER]
    with serve_centre(station.centre) as url, central_at(url) as central:
        assert try_once(station, tmp_path, central) is NetworkFault.BUSY
    with station.database.read() as tables:
        state = link.state(tables)
    assert state.next_try_at is not None
    assert 3_600 <= state.next_try_at - station.clock.at <= 3_660


def test_the_enrolled_authority_is_believed_and_no_other(station: Station, tmp_path: Path) -> None:
    anchors = read_anchors(authority_pem(AUTHORITY))
    with ExitStack() as stack:
        target = int(stack.enter_context(serve_centre(station.centre)).rpartition(":")[2])
        found = {}
        for name, context in {
            "other": tls_context(tmp_path, authority="Gốc của người khác"),
            "expired": tls_context(tmp_path, authority=AUTHORITY, days=(-30, -1)),
            "not yet": tls_context(tmp_path, authority=AUTHORITY, days=(5, 30)),
            "name": tls_context(tmp_path, authority=AUTHORITY, name="centre.example"),
        }.items():
            port = stack.enter_context(served(relay(target), context))
            central = stack.enter_context(central_at(f"https://127.0.0.1:{port}", anchors=anchors))
            found[name] = try_once(station, tmp_path, central)
        assert found == {
            "other": NetworkFault.TLS,
            "expired": NetworkFault.TLS_TIME,
            "not yet": NetworkFault.TLS_TIME,
            "name": NetworkFault.TLS_NAME,
        }
        port = stack.enter_context(served(relay(target), tls_context(tmp_path, authority=AUTHORITY)))
        # The system's list knows nothing of this authority.
        central = stack.enter_context(central_at(f"https://127.0.0.1:{port}"))
        assert try_once(station, tmp_path, central) is NetworkFault.TLS
        central = stack.enter_context(central_at(f"https://127.0.0.1:{port}", anchors=anchors))
        assert exchange_once(open_node(station, tmp_path), central).admitted == 1


@pytest.mark.parametrize("is_setting", [False, True])
def test_the_node_believes_the_authorities_of_its_enrolment_or_of_its_setting(
    station: Station, tmp_path: Path, is_setting: bool
) -> None:
    ours, other = authority_pem(AUTHORITY), authority_pem("Gốc của người khác")
    # The setting stands over the file.
    enrolled = station.centre.enrolment_file(
        NODE,
        facility="19042",
        facility_name="Trạm",
        centre_url="https://centre.example",
        anchors=other if is_setting else ours,
    )
    with station.database.write_transaction() as tables:
        tables.execute("UPDATE node SET enrolment_file = ?", (enrolled,))
    file = tmp_path / "goc.pem"
    file.write_bytes(ours)
    found: list[object] = []
    with serve_centre(station.centre) as url:
        target = int(url.rpartition(":")[2])
        for authority in ("Gốc của người khác", AUTHORITY):
            with served(relay(target), tls_context(tmp_path, authority=authority)) as port:
                node = open_node(station, tmp_path)
                config = replace(
                    node.config, centre_url=f"https://127.0.0.1:{port}", centre_ca=str(file) if is_setting else ""
                )
                central = open_central(replace(node, config=config))
                try:
                    found.append(exchange_once(node, central).admitted)
                except NetworkError as error:
                    found.append(error.fault)
                finally:
                    central.close()
    assert found == [NetworkFault.TLS, 1]


def test_what_the_surroundings_believe_adds_nothing_to_the_anchors(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(authority_pem("Gốc của người khác"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    context = tls_context(tmp_path, authority="Gốc của người khác")
    with (
        serve_centre(station.centre) as url,
        served(relay(int(url.rpartition(":")[2])), context) as port,
        central_at(f"https://127.0.0.1:{port}", anchors=authority_pem(AUTHORITY)) as central,
    ):
        assert try_once(station, tmp_path, central) is NetworkFault.TLS


@pytest.mark.parametrize("is_secure", [False, True])
def test_it_works_behind_a_proxy(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_secure: bool
) -> None:
    proxy = Proxy()
    context = tls_context(tmp_path, authority=AUTHORITY) if is_secure else None
    with (
        serve_centre(station.centre) as url,
        served(relay(int(url.rpartition(":")[2])), context) as port,
        served(proxy.answer) as proxy_port,
    ):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        address = f"{'https' if is_secure else 'http'}://127.0.0.1:{port}"
        with central_at(address, anchors=authority_pem(AUTHORITY)) as central:
            assert exchange_once(open_node(station, tmp_path), central).admitted == 1
    assert proxy.asked
    assert all(line.startswith("CONNECT " if is_secure else "POST http://") for line in proxy.asked)


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_lets_nobody_through_is_named(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    proxy = Proxy(refusal=f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
    with served(proxy.answer) as proxy_port, central_at("https://127.0.0.1:1") as central:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert try_once(station, tmp_path, central) is NetworkFault.PROXY


def test_the_window_follows_rate_and_round_trip_within_its_bounds() -> None:
    window = SendWindow()
    # Before a round trip is known nothing is concluded.
    assert not window.note_sent(10**6, seconds=1)
    window.note_round_trip(0.6)
    # 2G: twice what fits on 50 kbit/s is less than the least.
    assert not window.note_sent(46_000, seconds=7.4)
    assert window.size_bytes == LEAST_BYTES
    # 3G: 1 Mbit/s and 100 ms; the shortest round trip counts.
    window.note_round_trip(0.1)
    window.note_round_trip(0.5)
    assert window.note_sent(10**6, seconds=8)
    assert window.size_bytes == 25_000
    # A little more or less changes nothing, so that connections stay.
    assert not window.note_sent(10**6, seconds=7)
    assert window.note_sent(10**9, seconds=1)
    assert window.size_bytes == MOST_BYTES
    # What is shorter than the window says nothing of the rate.
    assert not window.note_sent(100, seconds=10)


def test_every_fault_has_words_and_a_cure() -> None:
    for fault in NetworkFault:
        said = NETWORK_WORDS[fault]
        assert said.vi.endswith(".")
        assert said.cure.endswith(".")
        assert said.en


def test_anchors_are_certificates_or_an_error() -> None:
    pem = authority_pem(AUTHORITY)
    assert read_anchors(b"# a note\n" + pem + pem) == pem + pem
    for wrong in (b"", b"no certificate", bytes(2**17), pem[:-40]):
        with pytest.raises(ValueError, match=r"."):
            read_anchors(wrong)
