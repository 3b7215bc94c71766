"""How connections to the centre are opened, where the platform has the options: dead ones end, packets are full.

A connection that lost its other side without a word (a modem that hung up, a router that forgot it) looks like one on
which nothing happens. What was sent and is not confirmed for a while, or a question of the kernel's own that nobody
answers, ends it.
"""

from __future__ import annotations

import socket
from typing import Any, Final

Option = tuple[int, int, int]

NO_DELAY: Final[Option] = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
# A modem that changes its cell may be away for many seconds.
DEAD_SECONDS: Final = 30.0
# Three questions over a silence; one of them costs 80 bytes on the link, both ways.
_QUESTIONS: Final = 3
_CORK: Final = getattr(socket, "TCP_CORK", None)


def dead_link_options(dead_seconds: float) -> list[Option]:
    """Ends a connection whose other side says nothing to what is sent for so long."""
    found: list[Option] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    pause = max(1, int(dead_seconds / _QUESTIONS))
    for name, value in (
        ("TCP_KEEPIDLE", 2 * pause),
        ("TCP_KEEPINTVL", pause),
        ("TCP_KEEPCNT", _QUESTIONS),
        ("TCP_USER_TIMEOUT", int(dead_seconds * 1_000)),
    ):
        number = getattr(socket, name, None)
        if number is not None:
            found.append((socket.IPPROTO_TCP, number, value))
    return found


def collect(connection: socket.socket) -> None:
    """From here on only full packets leave, or what has waited for a fifth of a second."""
    if _CORK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _CORK, 1)


def release(connection: Any) -> None:
    """The last bytes leave at once."""
    if _CORK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _CORK, 0)
