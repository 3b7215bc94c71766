"""The exchange of a running node: one at a time, in a thread of its own, with its progress in memory.

Whoever wants one asks: the schedule, a page, a pass that was just sealed. Nothing waits for it. What it did stands in
the rows; what is kept here is only how far the one that runs has come, and a restart forgets no more than that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from traceback import format_tb
from typing import Final, Protocol

from edge.bootstrap import Node
from edge.clients.http_central import HttpCentral
from edge.jobs import exchange_if_due, exchange_once
from edge.store.errors import StoreError
from edge.workflow.exchange_progress import Asked, OnItsWay, Phase
from sync_protocol.api import CentralApi, NetworkError

_LOG: Final = logging.getLogger(__name__)
# How long the end of the program waits for an exchange; the rows know what to do with one that is broken off.
_END_SECONDS: Final = 2.0


class ClosableCentral(CentralApi, Protocol):
    """The centre over something that is open."""

    def close(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True, slots=True)
class Going:
    """An exchange that runs.

    Attributes:
        started_at: epoch seconds UTC.
        asked: who wanted it.
        phase: what it is doing.
        bundles: the run that is being sent.
        sent_bytes, received_bytes: of HTTP so far, which the store counts when the exchange is over.
    """

    started_at: int
    asked: Asked
    phase: Phase = Phase.CONNECTING
    bundles: tuple[OnItsWay, ...] = ()
    sent_bytes: int = 0
    received_bytes: int = 0

    @property
    def done_bytes(self) -> int:
        """What the centre holds or the network has taken, of the run."""
        return sum(bundle.done_bytes for bundle in self.bundles)

    @property
    def size_bytes(self) -> int:
        """The whole run."""
        return sum(bundle.size_bytes for bundle in self.bundles)


class Exchanger:
    """Runs the exchanges of a node, safe to use from all threads.

    Args:
        node: stays the caller's to close, after `close`.
        connect: opens the centre, at the first exchange.
    """

    def __init__(self, node: Node, connect: Callable[[], ClosableCentral]) -> None:
        self._node = node
        self._connect = connect
        self._central: ClosableCentral | None = None
        # Guards what follows; the thread waits on it for somebody to ask.
        self._changed = threading.Condition()
        self._wanted: Asked | None = None
        self._going: Going | None = None
        # What all exchanges had moved when the one that runs began.
        self._before = (0, 0)
        self._is_busy = False
        self._is_closed = False
        # One thread for good: the store keeps a connection for each thread that has read it.
        self._thread: threading.Thread | None = None

    def ask(self, asked: Asked) -> bool:
        """Want an exchange; returns at once. False if one runs already: then another look follows it."""
        with self._changed:
            if self._is_closed:
                return False
            is_free = not self._is_busy and self._wanted is None
            if is_free:
                self._wanted = asked
                if asked is Asked.PERSON:
                    # Somebody looks on from the first moment.
                    self._going = Going(self._node.clock.now(), asked)
            elif self._wanted is None:
                # What was sealed meanwhile is looked for afterwards; pauses are kept, whoever asks.
                self._wanted = Asked.SEALED
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return is_free

    def going(self) -> Going | None:
        """The exchange that runs, as it stands at this moment, or None."""
        with self._changed:
            if self._going is None:
                return None
            sent, received = (now - then for now, then in zip(self._traffic(), self._before, strict=True))
            return replace(self._going, sent_bytes=sent, received_bytes=received)

    def wait(self) -> None:
        """Return when nothing is wanted and nothing runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or (self._wanted is None and not self._is_busy))

    def close(self) -> None:
        """Take no more; wait a moment for what runs."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_END_SECONDS)
        if self._central is not None:
            self._central.close()

    def _run(self) -> None:
        while (asked := self._next()) is not None:
            try:
                self._exchange(asked)
            except (NetworkError, StoreError) as error:
                _LOG.info("exchange: %s", error)
            except Exception as error:  # noqa: BLE001
                # A bug of ours must not end the thread; its text may hold anything, so its place alone is told.
                place = "".join(format_tb(error.__traceback__))
                _LOG.error("unexpected %s in an exchange\n%s", type(error).__name__, place)
            finally:
                with self._changed:
                    self._going, self._is_busy = None, False
                    self._changed.notify_all()

    def _traffic(self) -> tuple[int, int]:
        """Bytes of HTTP of all exchanges so far, sent and received; nothing for a centre that does not count them."""
        if not isinstance(self._central, HttpCentral):
            return 0, 0
        return self._central.traffic.sent_bytes, self._central.traffic.received_bytes

    def _next(self) -> Asked | None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._wanted is not None)
            if self._is_closed:
                return None
            asked, self._wanted, self._is_busy = self._wanted, None, True
            return asked

    def _exchange(self, asked: Asked) -> None:
        if self._central is None:
            self._central = self._connect()
        started_at = self._node.clock.now()
        with self._changed:
            self._before = self._traffic()

        def watch(phase: Phase, bundles: Sequence[OnItsWay]) -> None:
            with self._changed:
                going = self._going or Going(started_at, asked)
                self._going = replace(going, phase=phase, bundles=tuple(bundles))

        if asked is Asked.PERSON:
            exchange_once(self._node, self._central, asked=asked, watch=watch)
        else:
            exchange_if_due(self._node, self._central, asked=asked, watch=watch)
