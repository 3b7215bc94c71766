"""How long a call may take altogether: a silence, and what its bytes need on the poorest link that still is one.

A time-out of a socket counts each wait alone, so that one byte every few seconds would keep a node for ever. Here all
waits are counted together, and only bytes that bring the call further make up for them: what came fast before does not
pay for a drip of hours, and what the caller does between two readings costs nothing.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any, Final

from edge.clients.socket_options import release

# A link that brings less than this for longer than a silence is no link; 2G brings ten times as much at its worst.
LEAST_BYTES_A_SECOND: Final = 128
# All heads of an answer together, those that only say to go on among them. Ours have some hundred bytes.
HEAD_BYTES: Final = 32 * 1024


class Patience:
    """How long it may still be waited; counts from `start` to `stop` only.

    Args:
        silence_seconds: how long nothing may come; it is never more than this.
    """

    def __init__(self, silence_seconds: float) -> None:
        self._most = self._left = silence_seconds
        self._since = time.monotonic()

    def start(self) -> None:
        """Somebody waits from now on."""
        self._since = time.monotonic()

    def stop(self, count: int) -> None:
        """Nobody waits any more; so many bytes were brought by it."""
        waited = time.monotonic() - self._since
        self._left = min(self._most, self._left - waited + count / LEAST_BYTES_A_SECOND)

    def is_over(self) -> bool:
        """Whether this wait is too long."""
        return time.monotonic() - self._since > self._left


class PatientAnswer(HTTPResponse):
    """An answer that is given up where it only drips, in its head, its body or between the pieces of the body."""

    def __init__(self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        # Nothing more is sent before the answer: what the kernel still collects may leave.
        release(sock)
        super().__init__(sock, debuglevel, method, url)
        self._silence_seconds: float | None = sock.gettimeout()
        self._patience = self._fresh()
        self._drip = _Drip(self.fp.detach(), self._patience)
        self.fp = io.BufferedReader(self._drip)

    def begin(self) -> None:
        """Read the head. Raises TimeoutError where it drips or does not end."""
        super().begin()
        # A centre may think for almost a silence before it says anything: the body has a patience of its own.
        self._patience = self._fresh()
        self._drip.end_head(self._patience)

    def read1(self, n: int = -1) -> bytes:
        """What there is of the body. Raises TimeoutError where it drips; heads and tails of its pieces are no body."""
        if self._patience is None:
            return super().read1(n)
        self._patience.start()
        data = super().read1(n)
        self._patience.stop(len(data))
        return data

    def _fresh(self) -> Patience | None:
        return None if self._silence_seconds is None else Patience(self._silence_seconds)


class _Drip(io.RawIOBase):
    # What a socket gives, as long as there is patience; with None there is no end to it.
    def __init__(self, raw: io.RawIOBase, patience: Patience | None) -> None:
        super().__init__()
        self._raw = raw
        self._patience = patience
        self._head_left: int | None = HEAD_BYTES

    def end_head(self, patience: Patience | None) -> None:
        """What comes from now on is of the body: only its reader knows what of it is of use."""
        self._head_left, self._patience = None, patience

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        if self._head_left is not None and self._head_left <= 0:
            raise TimeoutError("the head of the answer has no end")
        count = self._raw.readinto(buffer)
        if count and self._patience is not None:
            if self._head_left is not None:
                self._head_left -= count
                self._patience.stop(count)
                self._patience.start()
            if self._patience.is_over():
                raise TimeoutError("the answer only drips")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
