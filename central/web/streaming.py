"""waitress, with the bodies of transfers handed over as they come.

waitress collects a request to its end before anybody sees a byte, so that slow senders hold no thread; and so a cut
loses all that came. Here the bodies of one call go to an `Intake` straight from the loop that reads all connections:

1. The head of the request is read as ever. If the call is a transfer with a stated length, its body gets a receiver of
   ours in place of the buffer.
2. When the signed request at its beginning is there, the connection is not read any further until a thread has
   judged it. A refusal is answered at once and the connection closed: its sender stops.
3. From then on each piece is written to the spool by the loop itself; a bundle that is whole is admitted by a thread
   while the next one comes.
4. At the end of the body the application is called like for any other request, and finds the `Intake` as its input.

A connection that says too little is closed; how slowly an honest sender may send stands in `_LEAST_BYTES`.
"""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer

from central.workflow.take_transfer import Intake, TransferDesk
from sync_protocol.endpoints import TRANSFERS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LOG: Final = logging.getLogger(__name__)
# A request that grows by fewer bytes in each of so many rounds is given up: after 30 seconds or a little more.
_ROUND_SECONDS: Final = 10
_ROUNDS: Final = 3
_LEAST_BYTES: Final = 256
# Bytes of one connection that wait to be read; Linux doubles it, and tells the sender half. It bounds what a sender may
# have on its way: 8 KB held a link of 1 Mbit/s and 100 ms to two thirds of what it takes.
RECEIVE_BYTES: Final = 32 * 1024
_IDLE_SECONDS: Final = 60
_CONNECTIONS: Final = 1_000
_DECIDERS: Final = 2
_ADMITTERS: Final = 2


class _Receiver:
    """What waitress gives a body to: a transfer's, in pieces."""

    error = None

    def __init__(self, channel: _Channel, request: _Parser) -> None:
        self.intake = Intake(channel.server.transfers, length=request.content_length)
        self.completed = False
        self._channel = channel
        self._left = request.content_length
        self._request = request
        self._whole_parts = 0

    def __len__(self) -> int:
        return 0

    def received(self, data: bytes) -> int:
        """(2), (3) Takes what belongs to this body; gives how many bytes that was."""
        mine = data[: self._left]
        self._left -= len(mine)
        self.intake.feed(mine)
        if self.intake.is_asking:
            self._channel.ask(self.intake)
        else:
            self.go_on()
        return len(mine)

    def go_on(self) -> None:
        """Looks whether this is the end, or the end of a bundle."""
        self.completed = self.intake.refusal is not None or (not self._left and not self._channel.is_waiting)
        if self.completed and self._left:
            # The answer goes out before the body is in, and is the last one of this connection.
            self._request.headers["CONNECTION"] = "close"
        if not self.completed and self.intake.whole_parts > self._whole_parts:
            self._whole_parts = self.intake.whole_parts
            self._channel.server.admitters.submit(self.intake.admit_ready)

    @property
    def is_cut_short(self) -> bool:
        return self._left > 0

    def getfile(self) -> Intake:
        """What the application reads from."""
        return self.intake

    def getbuf(self) -> Intake:
        """What is closed at the end."""
        return self.intake


class _Parser(HTTPRequestParser):
    # Not in the published types, or not as they are.
    path: str
    headers: dict[str, str]

    def __init__(self, adj: Any, channel: _Channel) -> None:
        super().__init__(adj)
        self._channel = channel

    def parse_header(self, header_plus: bytes) -> None:
        """(1)"""
        super().parse_header(header_plus)
        is_transfer = (str(self.command), self.path) == (TRANSFERS.method, TRANSFERS.path)
        if is_transfer and not self.chunked and 0 < self.content_length <= TRANSFERS.request_bytes:
            self.body_rcv = _Receiver(self._channel, self)  # type: ignore[assignment]


class _Channel(HTTPChannel):
    """One connection.

    Attributes:
        is_waiting: a decision is being made, and nothing is read meanwhile.
        is_refusing: the rest of a body that was refused is not read.
        poor_rounds: how often in a row too little came of the request that is being received.
        taken_bytes: what came altogether since the last round.
    """

    server: StreamingServer
    requests: list[HTTPRequestParser]
    requests_lock: threading.Lock
    is_waiting = False
    is_refusing = False
    poor_rounds = 0
    taken_bytes = 0

    def parser_class(self, adj: Any) -> _Parser:  # type: ignore[override]
        """A parser that knows its connection."""
        return _Parser(adj, self)

    def readable(self) -> bool:
        return not self.is_waiting and bool(super().readable())

    def received(self, data: bytes) -> bool:
        """Passes on what came, except what follows a refusal."""
        self.taken_bytes += len(data)
        if self.is_refusing:
            return False
        taken = bool(super().received(data))
        self._look_for_refusal()
        return taken

    def ask(self, intake: Intake) -> None:
        """(2) Has a transfer judged; nothing is read before the answer."""
        self.is_waiting = True
        self.server.deciders.submit(self._decide, intake)

    def _decide(self, intake: Intake) -> None:
        try:
            intake.decide()
        except Exception:  # noqa: BLE001 (our bug; the sender is told nothing, but it does not wait for ever)
            _LOG.exception("a transfer could not be judged")
            self.will_close = True
        finally:
            self.server.trigger.pull_trigger(partial(self._decided, intake))

    def _decided(self, intake: Intake) -> None:
        # In the loop's thread again; the lock is that of the threads which answer.
        with self.requests_lock:
            self.is_waiting = False
            request = self.request
            receiver = _receiver_of(request)
            if request is None or receiver is None or not self.connected:
                # The connection broke meanwhile: what the decision took is given back.
                intake.close()
                return
            receiver.go_on()
            if receiver.completed:
                request.completed = True
                self.request = None
                self.requests.append(request)
                if len(self.requests) == 1:
                    self.server.add_task(self)  # type: ignore[arg-type]
        self._look_for_refusal()

    def _look_for_refusal(self) -> None:
        # The answer goes out before the body is in: what still comes is no request.
        with self.requests_lock:
            last = self.requests[-1] if self.requests else None
            receiver = _receiver_of(last)
            if last is not None and receiver is not None and receiver.is_cut_short:
                self.is_refusing = True

    def handle_close(self) -> None:
        """Gives back what a transfer held that will not be finished."""
        super().handle_close()
        if self.request is not None:
            self.request.close()
            self.request = None


def _receiver_of(request: object) -> _Receiver | None:
    receiver = getattr(request, "body_rcv", None)
    return receiver if isinstance(receiver, _Receiver) else None


class StreamingServer(TcpWSGIServer):
    """Serves an application; `run()` blocks until `stop()`.

    Args:
        application: the centre's.
        transfers: what transfers need.
        host, port: where to listen; port 0 for any free one (`effective_port`).
        threads: how many requests are answered at once.
        body_bytes: the largest body of any call.
    """

    channel_class = _Channel
    trigger: Any
    active_channels: Any
    effective_port: int

    def __init__(
        self,
        application: WSGIApplication,
        transfers: TransferDesk,
        *,
        host: str,
        port: int,
        threads: int,
        body_bytes: int,
    ) -> None:
        self.transfers = transfers
        self.deciders = ThreadPoolExecutor(_DECIDERS, thread_name_prefix="decide")
        self.admitters = ThreadPoolExecutor(_ADMITTERS, thread_name_prefix="admit")
        super().__init__(
            application,
            host=host,
            port=port,
            ipv6=":" in host,
            ipv4=":" not in host,
            threads=threads,
            max_request_body_size=body_bytes + 1,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_SECONDS,
            cleanup_interval=_ROUND_SECONDS,
            asyncore_use_poll=True,
            ident=None,
        )

    def bind_server_socket(self) -> None:
        """What waits unread when a connection is reset is lost, though its sender saw it confirmed."""
        assert self.socket is not None
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        super().bind_server_socket()

    def maintenance(self, now: float) -> None:
        """Closes connections that are silent, or drip."""
        super().maintenance(int(now))
        for channel in list(self.active_channels.values()):
            is_poor = channel.request is not None and not channel.is_waiting and channel.taken_bytes < _LEAST_BYTES
            channel.poor_rounds = channel.poor_rounds + 1 if is_poor else 0
            channel.taken_bytes = 0
            if channel.poor_rounds >= _ROUNDS:
                channel.will_close = True

    def run(self) -> None:
        """Serves until `stop`, or until the process is told to end."""
        try:
            super().run()
        finally:
            self.task_dispatcher.shutdown()
            self.deciders.shutdown()
            self.admitters.shutdown()

    def stop(self) -> None:
        """Ends `run` from another thread: what is open is closed, requests that are being answered are finished."""
        self.trigger.pull_trigger(self._close_all)

    def _close_all(self) -> None:
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        self.close()
