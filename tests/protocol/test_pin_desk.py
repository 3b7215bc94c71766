"""The desk for the PIN: the one form of the node's page is taken, once; everything else costs no try of the token."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.signers.pin_desk import MOST_CLIENTS, MOST_REFUSED, PinDesk
from sync_protocol.signers.pin_form import BODY_BYTES, HEAD_BYTES, DeskAddress, FormRefusedError, read_pin
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.typist import ORIGIN, PLACE

ADDRESS = DeskAddress("127.0.0.1:49152", path=PLACE.path, origin=ORIGIN)
FORM = "application/x-www-form-urlencoded"
BODY = b"pin=83612954"


def request(address: DeskAddress = ADDRESS, body: bytes = BODY, method: str = "POST", **changes: str | None) -> bytes:
    """A request as a browser sends it; None leaves a field out, and a new one stands behind the others."""
    fields = {"Host": address.host, "Origin": address.origin, "Content-Type": FORM, "Content-Length": str(len(body))}
    path = changes.pop("path", None) or address.path
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}  # type: ignore[misc]
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


# What comes in the place of the form, and what HTTP calls it.
ATTACKS = {
    "it only looks": (request(method="GET", body=b""), 405),
    "a method that asks before": (request(method="OPTIONS", body=b""), 405),
    "another path": (request(path="/" + "0" * 32), 404),
    "the PIN in the address": (request(path=PLACE.path + "?pin=1234", method="GET", body=b""), 404),
    "a name that was pointed here": (request(Host="evil.example:49152"), 421),
    "another port's name": (request(Host="127.0.0.1:8750"), 421),
    "no host": (request(Host=None), 421),
    "a page of another origin": (request(Origin="http://evil.example"), 403),
    "a page of another port": (request(Origin="http://127.0.0.1:8751"), 403),
    "a page that hides": (request(Origin="null"), 403),
    "no page": (request(Origin=None), 403),
    "two origins": (request(origin="http://evil.example"), 400),
    "a blank before the colon": (request().replace(b"Origin:", b"Origin :"), 400),
    "a form of many parts": (request(Content_Type="multipart/form-data; boundary=x"), 400),
    "plain text": (request(Content_Type="text/plain"), 400),
    "no length": (request(Content_Length=None), 400),
    "a negative length": (request(Content_Length="-1"), 400),
    "digits of another script": (request().replace(b"Length: 12", b"Length: \xb2"), 400),
    "chunks": (request(Transfer_Encoding="chunked"), 400),
    "more than was said": (request() + b"x", 400),
    "too large": (request(body=b"pin=" + b"1" * BODY_BYTES), 413),
    "an endless length": (request(Content_Length="9" * 400), 413),
    "an endless head": (request(X_Filler="x" * HEAD_BYTES), 431),
    "no end of the head": (b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 4_000, 431),
    "another field": (request(body=b"passw=123456"), 400),
    "two fields": (request(body=b"pin=1234&pin=5678"), 400),
    "nothing": (request(body=b""), 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), ATTACKS.values(), ids=ATTACKS)
def test_what_is_not_the_form_of_our_page_is_refused(sent: bytes, status: int) -> None:
    with pytest.raises(FormRefusedError) as caught:
        read_pin(bytearray(sent), ADDRESS)
    assert caught.value.status == status


def test_a_form_that_has_not_all_come_is_waited_for() -> None:
    whole = request()
    assert {read_pin(bytearray(whole[:end]), ADDRESS) for end in range(len(whole))} == {None}
    assert read_pin(bytearray(whole), ADDRESS) == bytearray(b"83612954")


@given(st.text(max_size=80))
def test_whatever_is_typed_arrives_as_it_was_typed(typed: str) -> None:
    body = urlencode({"pin": typed}, errors="replace").encode()
    expected = bytearray(typed, "utf-8", errors="replace")
    assert len(body) > BODY_BYTES or read_pin(bytearray(request(body=body)), ADDRESS) == expected


@given(st.binary(max_size=200))
def test_nothing_that_comes_breaks_the_desk(noise: bytes) -> None:
    try:
        found = read_pin(bytearray(noise), ADDRESS)
    except FormRefusedError:
        found = None
    assert found is None


@contextmanager
def waiting(
    *, seconds: float = 60, client_seconds: float = 60, wanted: threading.Event | None = None
) -> Iterator[tuple[PinDesk, Future[bytearray], DeskAddress]]:
    """A desk that waits for the PIN in a thread of its own; whatever came of it, it listens no more afterwards."""
    desk = PinDesk(origin=ORIGIN, back=PLACE.back, path=PLACE.path, client_seconds=client_seconds)
    unwanted = wanted or threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(desk.await_pin, seconds, lambda: not unwanted.is_set())
        try:
            yield desk, future, DeskAddress(f"127.0.0.1:{desk.port}", path=PLACE.path, origin=ORIGIN)
        finally:
            unwanted.set()
            desk.send_back()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", desk.port))


def connect(desk: PinDesk) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", desk.port))
    connection.settimeout(30)
    return connection


def status_of(connection: socket.socket) -> int:
    """The status that comes back; 0 where the connection just ends."""
    try:
        first = connection.recv(64)
    except ConnectionResetError:
        first = b""
    return int(first.split()[1]) if first else 0


def test_the_browser_that_gave_the_pin_is_sent_back_when_the_login_begins() -> None:
    with waiting() as (desk, future, address), connect(desk) as browser:
        browser.sendall(request(address))
        assert future.result(30) == b"83612954"
        # Nobody else is listened to any more, also before the answer.
        with pytest.raises(ConnectionRefusedError):
            connect(desk)
        desk.send_back()
        answer = browser.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 303 ")
    assert f"\r\nLocation: {ORIGIN}{PLACE.back}\r\n" in answer
    assert "83612954" not in answer


def test_a_form_in_small_pieces_is_taken() -> None:
    with waiting() as (desk, future, address), connect(desk) as browser:
        browser.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(address):
            browser.sendall(bytes([byte]))
        assert future.result(30) == b"83612954"


def test_foreign_requests_before_it_do_no_harm() -> None:
    with waiting() as (desk, future, address):
        for origin in ("http://evil.example", "null", None):
            with connect(desk) as foreign:
                foreign.sendall(request(address, Origin=origin))
                assert status_of(foreign) == 403
        assert not future.done()
        with connect(desk) as browser:
            browser.sendall(request(address))
            assert future.result(30) == b"83612954"


def test_whoever_sends_slowly_is_dropped() -> None:
    with waiting(client_seconds=0.1) as (desk, future, address), connect(desk) as slow:
        slow.sendall(request(address)[:-1])
        assert slow.recv(1) == b""
        assert not future.done()


def test_many_connections_that_say_nothing_keep_nobody_out() -> None:
    with waiting() as (desk, future, address), ExitStack() as stack:
        for _ in range(3 * MOST_CLIENTS):
            stack.enter_context(connect(desk))
        browser = stack.enter_context(connect(desk))
        browser.sendall(request(address))
        assert future.result(30) == b"83612954"


def test_a_desk_at_which_somebody_guesses_is_closed() -> None:
    with waiting() as (desk, future, address):
        for number in range(MOST_REFUSED):
            with connect(desk) as guess:
                guess.sendall(request(address, path=f"/{100 + number:032x}"))
                assert status_of(guess) == 404
        with pytest.raises(TokenError) as caught:
            future.result(30)
    assert caught.value.code is TokenCode.DESK_CLOSED


def test_nobody_is_waited_for_longer_than_was_said() -> None:
    with waiting(seconds=0.05) as (_desk, future, _address), pytest.raises(TokenError) as caught:
        future.result(30)
    assert caught.value.code is TokenCode.PIN_NOT_TYPED


def test_a_desk_that_nobody_wants_any_more_ends() -> None:
    ended = threading.Event()
    with waiting(wanted=ended) as (_desk, future, _address):
        ended.set()
        with pytest.raises(EOFError):
            future.result(30)
