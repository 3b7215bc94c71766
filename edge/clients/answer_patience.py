"""How long an answer may take altogether, head and body alike: a silence, and what so many bytes need on a poor link.

A time-out of a socket counts each wait alone, so that one byte every few seconds would keep a node for ever.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any, Final

from edge.clients.socket_options import release

# A link that brings less than this over the whole of an answer is no link.
LEAST_BYTES_A_SECOND: Final = 32


class Patience:
    """Begins now.

    Args:
        silence_seconds: how long nothing may come.
    """

    def __init__(self, silence_seconds: float) -> None:
        self._silence_seconds = silence_seconds
        self._begun = time.monotonic()
        self._count = 0

    def is_over(self, count: int) -> bool:
        """Whether too little has come in all this time, now that so many bytes more are there."""
        self._count += count
        return time.monotonic() - self._begun > self._silence_seconds + self._count / LEAST_BYTES_A_SECOND


class PatientAnswer(HTTPResponse):
    """An answer whose head is given up where it only drips; its body is `centre_answers.as_it_comes`'s to bound."""

    def __init__(self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        # Nothing more is sent before the answer: what the kernel still collects may leave.
        release(sock)
        super().__init__(sock, debuglevel, method, url)
        silence_seconds = sock.gettimeout()
        self._head = _Head(self.fp.detach(), None if silence_seconds is None else Patience(silence_seconds))
        self.fp = io.BufferedReader(self._head)

    def begin(self) -> None:
        """Read the head. Raises TimeoutError where it drips."""
        super().begin()
        self._head.patience = None


class _Head(io.RawIOBase):
    # What a socket gives, as long as there is patience; with None there is no end to it.
    def __init__(self, raw: io.RawIOBase, patience: Patience | None) -> None:
        super().__init__()
        self._raw = raw
        self.patience = patience

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        count = self._raw.readinto(buffer)
        if self.patience is not None and count and self.patience.is_over(count):
            raise TimeoutError("the head of the answer only drips")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
