"""A TCP proxy that resets the first connection at a chosen byte of the request or of the answer, on both sides."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.system.proxies import RESET, WAITING_BYTES, listening

_MOST_BYTES = 2**20


class Direction(Enum):
    """Which bytes are counted."""

    REQUEST = auto()
    ANSWER = auto()


@dataclass(slots=True)
class CuttingProxy:
    """Passes bytes on until a cut that is planned; each plan is used up once.

    Attributes:
        target: the port behind it.
        plan: the direction and how many bytes of it go through before both sides are reset; None for no cut.
        passed: bytes of the latest connection in both directions.
        swallowed: bytes that the sender saw confirmed, and that never went on, at the latest cut.
    """

    target: int
    plan: tuple[Direction, int] | None = None
    passed: dict[Direction, int] = field(default_factory=dict)
    swallowed: int = 0

    def carry(self, client: socket.socket) -> None:
        """Serves one connection to its end."""
        plan, self.plan = self.plan, None
        passed = self.passed = dict.fromkeys(Direction, 0)
        with suppress(OSError):
            self._carry(client, plan, passed)

    def _carry(self, client: socket.socket, plan: tuple[Direction, int] | None, passed: dict[Direction, int]) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            # What waits here when the cut comes was confirmed, and a reset throws it away: little may wait.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WAITING_BYTES)
            ways = {client: (Direction.REQUEST, server), server: (Direction.ANSWER, client)}
            while True:
                if plan is not None and passed[plan[0]] >= plan[1]:
                    with suppress(BlockingIOError):
                        self.swallowed = len(client.recv(_MOST_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT))
                    for end in (client, server):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    return
                for end in select.select(list(ways), [], [])[0]:
                    direction, other = ways[end]
                    most = WAITING_BYTES
                    if plan is not None and plan[0] is direction:
                        most = min(most, plan[1] - passed[direction])
                    piece = end.recv(most)
                    if not piece:
                        return
                    # Counted first: whoever gets the last byte may look at once.
                    passed[direction] += len(piece)
                    other.sendall(piece)
                    if plan is not None and passed[plan[0]] >= plan[1]:
                        break


@contextmanager
def cutting_proxy(target: int) -> Iterator[tuple[CuttingProxy, str]]:
    """A proxy in front of a port of this machine; gives it and its address."""
    proxy = CuttingProxy(target)
    with listening(proxy.carry) as address:
        yield proxy, address
