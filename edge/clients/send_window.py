"""How much may be on its way at once: little enough that a cut costs little, enough that the link is never idle.

What the kernel has taken from us and the other side has not confirmed is lost with the connection. On 2G the kernel
would take a whole bundle within a moment, and a cut would lose all that waits in it and in the modem. So a block is
handed over only when few bytes are unconfirmed. Linux tells how many are (SIOCOUTQ), and what the link takes
(`link_pace`); elsewhere the kernel's own buffer is made as small, by what earlier transfers have shown.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from edge.clients.answer_patience import Patience, PatientAnswer
from edge.clients.link_pace import LEAST_BYTES, MOST_BYTES, look, window_for
from edge.clients.socket_options import Option, collect

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

# Bytes that are handed to the kernel at once; the window is kept to within one of these.
BLOCK_BYTES: Final = 1024
# Between two looks at what is unconfirmed; at 50 kbit/s a packet takes 200 ms.
_LOOK_MILLISECONDS: Final = 10
# A link may be away for so many of the times that one wait may take before it must have made up for it.
_WAITS: Final = 4
# Whether the kernel says what is unconfirmed, so that its buffer needs no bound.
IS_COUNTED: Final = sys.platform == "linux"


class SendWindow:
    """What a link has shown, and the window that fits it, for a kernel that does not say what is unconfirmed.

    Attributes:
        size_bytes: how much may be unconfirmed.
    """

    def __init__(self) -> None:
        self.size_bytes = LEAST_BYTES
        self._round_trip_seconds: float | None = None

    @property
    def socket_options(self) -> list[Option]:
        """What a new connection is opened with."""
        return [(socket.SOL_SOCKET, socket.SO_SNDBUF, self.size_bytes // 2)]

    def note_round_trip(self, seconds: float) -> None:
        """A small call took so long; the shortest is nearest to the link's own."""
        known = self._round_trip_seconds
        self._round_trip_seconds = seconds if known is None else min(known, seconds)

    def note_sent(self, count: int, *, seconds: float) -> bool:
        """So many bytes went in so much time; says whether the window changed by half or more.

        A window that is too small limits the rate that is seen to window / round trip, and so is doubled each time.
        """
        if self._round_trip_seconds is None or seconds <= 0 or count < 2 * self.size_bytes:
            return False
        wanted = int(2 * count / seconds * self._round_trip_seconds)
        before, wanted = self.size_bytes, max(LEAST_BYTES, min(MOST_BYTES, wanted))
        if before / 2 < wanted < before * 3 / 2:
            return False
        self.size_bytes = wanted
        return True


class CountedBody:
    """The body of a request that says how far it has gone, as `requests` reads one.

    Args:
        content: all of it.
        sent: told how many bytes have been handed over, after each block.
    """

    def __init__(self, content: bytes, sent: Callable[[int], None]) -> None:
        self._content = memoryview(content)
        self._sent = sent
        self.taken = 0

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK_BYTES):
            yield block

    def read(self, count: int = BLOCK_BYTES) -> bytes:
        """The next bytes: those before have been taken by the kernel."""
        self._sent(self.taken)
        block = bytes(self._content[self.taken : self.taken + min(count, BLOCK_BYTES)])
        self.taken += len(block)
        return block


def _wait_for_room(connection: socket.socket, count: int, patience: Patience | None) -> None:
    """Wait until so many bytes more may be unconfirmed.

    Raises:
        BrokenPipeError: the other side has closed; its answer may be there.
        TimeoutError: nothing was confirmed for the time that the connection waits for anything, or too little for
            longer.
    """
    watch = select.poll()
    watch.register(connection, select.POLLRDHUP)
    longest = connection.gettimeout()
    before, since = -1, time.monotonic()
    while (unconfirmed := _unconfirmed(connection)) and unconfirmed + count > window_for(look(connection)):
        if watch.poll(_LOOK_MILLISECONDS):
            raise BrokenPipeError
        if unconfirmed != before:
            before, since = unconfirmed, time.monotonic()
        elif longest is not None and time.monotonic() - since > longest:
            raise TimeoutError("nothing was confirmed")
        if patience is not None and patience.is_over():
            raise TimeoutError("the other side takes drops")


def _unconfirmed(connection: socket.socket) -> int:
    return int.from_bytes(ioctl(connection, TIOCOUTQ, bytes(4)), sys.byteorder)


class _Taking:
    """How long the other side may take to take what is sent; for one request."""

    def __init__(self) -> None:
        self._patience: Patience | None = None

    def send(self, connection: socket.socket | None, send: Callable[[Any], None], data: Any) -> None:
        """Hand bytes over in blocks, each when there is room. Raises TimeoutError, BrokenPipeError."""
        if connection is None or not isinstance(data, bytes):
            # The head, with which the connection is opened.
            send(data)
            return
        longest = connection.gettimeout()
        if self._patience is None and longest is not None:
            self._patience = Patience(_WAITS * longest)
        collect(connection)
        for start in range(0, len(data), BLOCK_BYTES):
            block = data[start : start + BLOCK_BYTES]
            if self._patience is not None:
                self._patience.start()
            if IS_COUNTED:
                _wait_for_room(connection, len(block), self._patience)
            send(block)
            if self._patience is not None:
                self._patience.stop(len(block))
                self._patience.start()
                if self._patience.is_over():
                    raise TimeoutError("the other side takes drops")


class _Paced(HTTPConnection):
    response_class = PatientAnswer

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._taking = _Taking()

    def putrequest(self, *args: Any, **given: Any) -> None:
        # What one request has used up of the patience is no matter of the next one.
        self._taking = _Taking()
        super().putrequest(*args, **given)

    def send(self, data: Any) -> None:
        self._taking.send(self.sock, super().send, data)


class _PacedSecure(_Paced, HTTPSConnection):
    """The same with TLS."""


class PacedPool(HTTPConnectionPool):
    """Connections over which little is on its way."""

    ConnectionCls = _Paced


class PacedSecurePool(HTTPSConnectionPool):
    """The same with TLS."""

    ConnectionCls = _PacedSecure


POOLS: Final = {"http": PacedPool, "https": PacedSecurePool}
