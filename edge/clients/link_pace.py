"""How much a link takes, from what the kernel has seen of it: rate, shortest round trip, and whether anything queues.

What is on its way when a connection breaks is lost; what fits on the link (rate x round trip) must be on its way, or
the link is idle. On 2G that is 3.75 KB, and a packet more than that already waits in the modem.
"""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

# At 50 kbit/s and 600 ms the link holds 3.75 KB, and a packet that is being sent and confirmed takes 1.5 KB more. What
# waits for a packet to become full has not left, so that four or five packets are on their way with this.
LEAST_BYTES: Final = 7_680
MOST_BYTES: Final = 512 * 1024
# Beside what fits there is to be a packet that waits for its turn.
_SPARE_BYTES: Final = 1_536
_FREE_SPARE_BYTES: Final = 2 * 1024
# Nothing queues while round trips take at most a quarter more than the shortest.
_QUEUE_FACTOR: Final = 1.25
# A day of 3,000 doses is there in a third of a second: for a faster link no more is put at risk.
_ENOUGH_BYTES_A_SECOND: Final = 160_000
# Linux, `struct tcp_info`: rtt and min_rtt in microseconds, delivery_rate in bytes a second.
_INFO_BYTES: Final = 168
_RTT: Final = struct.Struct("=68xI76xI8xQ")


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the kernel knows of a connection; all are 0 where nothing was measured yet.

    Attributes:
        bytes_a_second: that were confirmed, at the best.
        round_trip_seconds: of late, smoothed.
        shortest_seconds: the shortest round trip.
    """

    bytes_a_second: int
    round_trip_seconds: float
    shortest_seconds: float


def look(connection: socket.socket) -> LinkView | None:
    """Ask the kernel; None where it does not say (only Linux does, since 4.9)."""
    if sys.platform != "linux":
        return None
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    if len(told) < _RTT.size:
        return None
    round_trip, shortest, rate = _RTT.unpack_from(told)
    return LinkView(rate, round_trip / 1e6, shortest / 1e6)


def window_for(view: LinkView | None) -> int:
    """How much may be unconfirmed.

    As long as nothing queues, what was confirmed says how much was sent rather than how much fits: then half as much
    again is allowed each time, until something does.
    """
    if view is None:
        return LEAST_BYTES
    fits = int(min(view.bytes_a_second, _ENOUGH_BYTES_A_SECOND) * view.shortest_seconds)
    if view.round_trip_seconds < _QUEUE_FACTOR * view.shortest_seconds:
        wanted = fits * 3 // 2 + _FREE_SPARE_BYTES
    else:
        wanted = fits * 17 // 16 + _SPARE_BYTES
    return max(LEAST_BYTES, min(MOST_BYTES, wanted))
