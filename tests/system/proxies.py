"""The port of a TCP proxy that a test puts between a node and a centre."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

# Little waits in a proxy: what the sender has handed over is on its way or has arrived.
WAITING_BYTES: Final = 4_096
# With SO_LINGER: closing resets the connection.
RESET: Final = struct.pack("ii", 1, 0)


@contextmanager
def listening(carry: Callable[[socket.socket], None]) -> Iterator[str]:
    """Hands each connection to `carry`, in a thread of its own; gives the address of the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING_BYTES)
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                # One that is kept open by its client must not keep others waiting.
                threading.Thread(target=carry, args=[connection], daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
