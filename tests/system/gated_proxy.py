"""A TCP proxy that lets through as many bytes as it is allowed, and whose plug may be pulled: a link as slow as wanted.

It waits for nobody's clock: what a page shows is looked at while the link stands still.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.system.proxies import RESET, listening

_PIECE_BYTES = 1_024


@dataclass(slots=True)
class GatedProxy:
    """Passes bytes on towards the target as long as there is an allowance; what comes back passes freely.

    Attributes:
        target: the port behind it.
        passed: bytes that went towards it.
    """

    target: int
    passed: int = 0
    _allowed: int = 0
    _is_plugged_in: bool = True
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _open: set[socket.socket] = field(default_factory=set)

    def allow(self, count: int) -> None:
        """Let so many bytes more through."""
        with self._changed:
            self._allowed += count
            self._changed.notify_all()

    def unplug(self) -> None:
        """Reset what stands, and everything that comes from now on."""
        with self._changed:
            self._is_plugged_in = False
            for end in self._open:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()

    def plug_in(self) -> None:
        """Let connections through again, however much they carry."""
        with self._changed:
            self._is_plugged_in, self._allowed = True, 2**40
            self._changed.notify_all()

    def carry(self, client: socket.socket) -> None:
        """Serve one connection to its end."""
        with suppress(OSError), client:
            if not self._is_plugged_in:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                with self._changed:
                    self._open |= {client, server}
                back = threading.Thread(target=self._back, args=[server, client], daemon=True)
                back.start()
                try:
                    self._forward(client, server)
                finally:
                    with self._changed:
                        self._open -= {client, server}
                    with suppress(OSError):
                        server.shutdown(socket.SHUT_WR)
                    back.join()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._allowed > 0 or not self._is_plugged_in)
                if not self._is_plugged_in:
                    return
                most = min(_PIECE_BYTES, self._allowed)
            piece = client.recv(most)
            if not piece:
                return
            with self._changed:
                self._allowed -= len(piece)
                self.passed += len(piece)
            server.sendall(piece)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(_PIECE_BYTES):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def gated_proxy(target: int) -> Iterator[tuple[GatedProxy, str]]:
    """A proxy in front of a port of this machine; gives it and its address."""
    proxy = GatedProxy(target)
    with listening(proxy.carry) as address:
        try:
            yield proxy, address
        finally:
            proxy.unplug()
