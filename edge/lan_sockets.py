"""Connections from the clinic's network, each bounded in the time that it may be waited for, and in their number.

TLS is put upon a connection by the thread that accepts, without waiting; the handshake is made by the thread that reads
the request, since whoever accepts serves everybody.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

from cheroot import errors
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HTTPConnection
from cheroot.ssl import Adapter

if TYPE_CHECKING:
    import socket

# How long one request is waited for altogether, its handshake and body counted, and how long its answer may take to be
# fetched. What the pages themselves take is not counted: signing waits for a token.
REQUEST_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 120.0
# A browser opens up to six connections at once.
ADDRESS_CONNECTIONS: Final = 16
CONNECTIONS: Final = 200
_HANDSHAKE_ERRORS: Final = (OSError, errors.FatalSSLAlert, errors.NoSSLError)


class _Socket(ssl.SSLSocket):
    """A TLS connection of which one request may be waited for so long and not longer, however it is dripped."""

    address = ""
    request_seconds = REQUEST_SECONDS
    _request_left = 0.0
    _answer_left = 0.0
    _is_greeted = False

    def begin(self) -> None:
        """Be ready for the next request; the first time this shakes hands. Raises OSError."""
        self._request_left, self._answer_left = self.request_seconds, ANSWER_SECONDS
        if not self._is_greeted:
            started = self._wait_at_most(self._request_left)
            self.do_handshake()
            self._request_left -= time.monotonic() - started
            self._is_greeted = True

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        started = self._wait_at_most(self._request_left)
        try:
            return super().recv_into(buffer, nbytes, flags)
        finally:
            self._request_left -= time.monotonic() - started

    def send(self, data: Any, flags: int = 0) -> int:
        started = self._wait_at_most(self._answer_left)
        try:
            return super().send(data, flags)
        finally:
            self._answer_left -= time.monotonic() - started

    def _wait_at_most(self, seconds: float) -> float:
        if seconds <= 0:
            # In the words by which cheroot knows a time-out.
            raise TimeoutError("timed out")
        self.settimeout(seconds)
        return time.monotonic()


class _Doors:
    """How many connections each address has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        with self._lock:
            if self._open[address] >= ADDRESS_CONNECTIONS or self._open.total() >= CONNECTIONS:
                return False
            self._open[address] += 1
            return True

    def leave(self, address: str) -> None:
        with self._lock:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


class Tls(Adapter):
    """Puts TLS upon a connection without waiting for the other side: the accepting thread is everybody's."""

    def __init__(self, context: ssl.SSLContext, request_seconds: float) -> None:
        super().__init__("", "")
        context.sslsocket_class = _Socket
        self.context = context
        self.request_seconds = request_seconds
        self.doors = _Doors()

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[_Socket, dict[str, str]]:
        try:
            address = str(sock.getpeername()[0])
            wrapped = cast("_Socket", self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False))
        except OSError as error:
            raise errors.FatalSSLAlert("gone") from error
        if not self.doors.enter(address):
            wrapped.close()
            raise errors.FatalSSLAlert("too many connections")
        wrapped.address, wrapped.request_seconds = address, self.request_seconds
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        return {"wsgi.url_scheme": "https"}

    def makefile(self, sock: _Socket, mode: str = "r", bufsize: int = -1) -> StreamReader | StreamWriter:
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)


class Connection(HTTPConnection):
    """One connection, which leaves its door when it is closed."""

    is_new = True
    _is_closed = False

    def communicate(self) -> bool:
        try:
            self.socket.begin()
        except _HANDSHAKE_ERRORS:
            # Plain HTTP, an older TLS, or silence: nothing is answered.
            return False
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        try:
            super().close()
        finally:
            if not self._is_closed:
                self._is_closed = True
                self.server.ssl_adapter.doors.leave(self.socket.address)
