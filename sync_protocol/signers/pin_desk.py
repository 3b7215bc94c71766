"""The desk at which a PIN is typed: a listener for one form, inside the signer process, on this machine alone.

The browser sends the PIN here and not to the node, so the web process never holds it. The desk takes the PIN from one
good request; what comes before that and is not the form of the node's page is turned away and spends no try. Nothing
is logged. When the PIN is there the desk listens no longer: the browser waits at its one open connection until it is
sent back to the node's page.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from sync_protocol.signers.pin_form import DeskAddress, FormRefusedError, read_pin, wipe
from sync_protocol.signers.token_errors import TokenCode, TokenError

LOOPBACK: Final = "127.0.0.1"
# A browser on the same machine sends its form in one piece; whoever needs longer is none.
CLIENT_SECONDS: Final = 5.0
# Browsers open a connection or two in advance; beyond these the oldest one is dropped.
MOST_CLIENTS: Final = 8
# So many requests that are no form of ours show that somebody is at work here; a person then has to look.
MOST_REFUSED: Final = 50
# How often the desk looks whether it is still wanted: a pipe and a socket cannot be waited for together on Windows.
_LOOK_SECONDS: Final = 0.1
_CHUNK_BYTES: Final = 4096
# What a client has sent beyond the verdict is read away, so that the verdict reaches it.
_REST_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    ends: float
    received: bytearray = field(default_factory=bytearray)


class PinDesk:
    """One desk for one PIN. It listens as soon as it is made; `port` says where.

    Args:
        origin: of the node's page, such as "http://127.0.0.1:8750"; no other page may send the form.
        back: the path of the node's page to which the browser is sent back.
        path: where the form goes; fresh, and nobody can guess it.
        client_seconds: how long one connection may take to send its form.

    Raises:
        TokenError: DESK_CLOSED if this machine lets nobody listen.
    """

    def __init__(self, *, origin: str, back: str, path: str, client_seconds: float = CLIENT_SECONDS) -> None:
        self._back = origin + back
        self._client_seconds = client_seconds
        self._clients: dict[socket.socket, _Client] = {}
        self._giver: socket.socket | None = None
        self._refused = 0
        try:
            self._listener = _listen()
        except OSError as error:
            raise TokenError(TokenCode.DESK_CLOSED, type(error).__name__) from None
        self.port: int = self._listener.getsockname()[1]
        self._address = DeskAddress(f"{LOOPBACK}:{self.port}", path=path, origin=origin)

    def await_pin(self, seconds: float, is_wanted: Callable[[], bool]) -> bytearray:
        """Wait for the one good request; the desk is closed afterwards, whatever came of it.

        Args:
            seconds: how long somebody may take to type.
            is_wanted: asked ten times a second.

        Returns:
            What was typed, unchecked, the bytes of its UTF-8.

        Raises:
            TokenError: PIN_NOT_TYPED, DESK_CLOSED after too many foreign requests.
            EOFError: nobody wants the PIN any more.
        """
        ends = time.monotonic() + seconds
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._listener, selectors.EVENT_READ)
                while (now := time.monotonic()) < ends:
                    if not is_wanted():
                        raise EOFError
                    self._drop_slow(selector, now)
                    for key, _ in selector.select(min(_LOOK_SECONDS, ends - now)):
                        pin = self._serve(selector, key.fileobj, now)
                        if pin is not None:
                            return pin
            raise TokenError(TokenCode.PIN_NOT_TYPED)
        finally:
            self._listener.close()
            for client in list(self._clients.values()):
                wipe(client.received)
                if client.connection is not self._giver:
                    client.connection.close()
            self._clients.clear()

    def send_back(self) -> None:
        """Send the browser that gave the PIN back to the node's page."""
        if self._giver is not None:
            _answer(self._giver, HTTPStatus.SEE_OTHER, f"Location: {self._back}\r\n")
            self._giver = None

    def close(self) -> None:
        """Listen no more; whoever still waits is let go without an answer."""
        self._listener.close()
        if self._giver is not None:
            self._giver.close()
            self._giver = None

    def _serve(self, selector: selectors.BaseSelector, ready: object, now: float) -> bytearray | None:
        if ready is self._listener:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                if len(self._clients) >= MOST_CLIENTS:
                    self._drop(selector, next(iter(self._clients)))
                self._clients[connection] = _Client(connection, now + self._client_seconds)
                selector.register(connection, selectors.EVENT_READ)
            return None
        assert isinstance(ready, socket.socket)
        client = self._clients.get(ready)
        # Dropped a moment ago, in favour of a newer one.
        return None if client is None else self._read(selector, client)

    def _read(self, selector: selectors.BaseSelector, client: _Client) -> bytearray | None:
        try:
            chunk = client.connection.recv(_CHUNK_BYTES)
        except OSError:
            chunk = b""
        if not chunk:
            self._drop(selector, client.connection)
            return None
        client.received += chunk
        try:
            pin = read_pin(client.received, self._address)
        except FormRefusedError as refused:
            selector.unregister(client.connection)
            del self._clients[client.connection]
            wipe(client.received)
            _read_away(client.connection)
            _answer(client.connection, HTTPStatus(refused.status))
            self._refused += 1
            if self._refused >= MOST_REFUSED:
                raise TokenError(TokenCode.DESK_CLOSED, "too many foreign requests") from None
            return None
        if pin is not None:
            self._giver = client.connection
        return pin

    def _drop_slow(self, selector: selectors.BaseSelector, now: float) -> None:
        for connection in [one.connection for one in self._clients.values() if one.ends <= now]:
            self._drop(selector, connection)

    def _drop(self, selector: selectors.BaseSelector, connection: socket.socket) -> None:
        selector.unregister(connection)
        wipe(self._clients.pop(connection).received)
        connection.close()


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # Without it another program could listen at the same port there, and be given the PIN.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        listener.bind((LOOPBACK, 0))
        listener.listen(MOST_CLIENTS)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _read_away(connection: socket.socket) -> None:
    """Without it the system would answer unread bytes with a reset, and the verdict would be lost."""
    with contextlib.suppress(OSError):
        connection.recv(_REST_BYTES)


def _answer(connection: socket.socket, status: HTTPStatus, more: str = "") -> None:
    """One short answer, if it can be sent at once; then the connection is closed."""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n{more}Content-Length: 0\r\n"
    rest = "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    with connection, contextlib.suppress(OSError):
        connection.sendall((head + rest).encode("ascii"))
        connection.shutdown(socket.SHUT_WR)
