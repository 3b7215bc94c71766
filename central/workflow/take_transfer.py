"""Takes in bundles that come over a link that breaks: the bytes as they arrive, kept up to the last one.

1. The signed request is read; nothing of what follows is kept before a node that may send has signed for it.
2. What arrives is appended to the spool at once, so that a cut loses nothing that came.
3. Each bundle that is whole is admitted, in the order of the chain, while the next ones are still on their way; the
   first that is not whole ends this.

The request itself is bounded in what it may name, the node in what it may leave, the process in how many it takes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine

from central.domain.admission import PlaceError
from central.domain.node import require_in
from central.store import bundles, nodes
from central.store.database import StoreError, read_transaction
from central.store.spool import Spool, SpoolFile
from sync_protocol.api import encode_problem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.transfer import (
    LENGTH_BYTES,
    TICKET_BYTES,
    Answered,
    Held,
    Part,
    PartAnswer,
    TransferRequest,
    TurnedAway,
    encode_transfer_answer,
    parse_transfer,
    verify_transfer,
)

# Uploads that go on at once; a slow one holds a connection and a slot, but no thread.
SLOTS: Final = 400
# A node whose connections broke without a word may leave some behind until they are given up.
NODE_SLOTS: Final = 8


@dataclass(slots=True)
class Slots:
    """Who is sending at this moment."""

    most: int = SLOTS
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _taken: Counter[str] = field(default_factory=Counter)

    def enter(self, node: str) -> None:
        """Takes a slot. Raises ProtocolError LATER."""
        with self._lock:
            if self._taken.total() >= self.most or self._taken[node] >= NODE_SLOTS:
                raise ProtocolError(Code.LATER, "transfer: too many are sending now")
            self._taken[node] += 1

    def leave(self, node: str) -> None:
        """Gives a slot back."""
        with self._lock:
            self._taken[node] -= 1
            if not self._taken[node]:
                del self._taken[node]


@dataclass(frozen=True, slots=True)
class TransferDesk:
    """What transfers need of a centre.

    Attributes:
        engine: the store.
        spool: where bytes wait for the rest.
        admit: takes in one sealed bundle and gives its answer, as `admit_bundle`.
        now: the clock.
        slots: bounds how many send at once.
    """

    engine: Engine
    spool: Spool
    admit: Callable[[bytes], bytes]
    now: Callable[[], int]
    slots: Slots = field(default_factory=Slots)

    def judge(self, ticket: bytes, *, length: int) -> TransferRequest:
        """Reads a request and says whether its sender may send.

        Args:
            ticket: the signed request, unverified.
            length: of the whole body, as its head states it.

        Raises:
            ProtocolError: codes of form, NODE_UNKNOWN, NODE_DENIED, SIGNATURE_INVALID, LEDGER_EPOCH.
            StoreError: the store is away or busy.
        """
        message, request = parse_transfer(ticket)
        with read_transaction(self.engine) as connection:
            node = require_in(nodes.known_node(connection, request.node, epoch=request.epoch), what="transfer")
        node.verified(request.epoch, lambda key: verify_transfer(message, key))
        if length != LENGTH_BYTES + len(ticket) + request.content_bytes:
            raise ProtocolError(Code.FIELD_INVALID, "transfer: the body is longer or shorter than it states")
        return request

    def answer_to(self, digest: bytes) -> bytes | None:
        """The first answer to sealed bytes that were admitted, or None."""
        with read_transaction(self.engine) as connection:
            return bundles.answer_to_sealed(connection, digest)


@dataclass(slots=True)
class _Rest:
    """A bundle of which bytes are still to come; `is_kept` says whether they are of use."""

    part: Part
    left: int
    is_kept: bool


class Intake:
    """The body of one transfer, taken as it comes.

    Whoever reads the connection calls `feed` with what arrives, `decide` as soon as `is_asking`, and `finish` at the
    end; `close` always. `feed` waits for nothing but the disk. `decide` and `finish` ask the store, and so does
    `admit_ready`, which may be called by another thread whenever `whole_parts` has grown.

    Args:
        desk: the centre's side.
        length: of the whole body, as its head states it.

    Attributes:
        refusal: why the transfer is not taken, once that is decided.
        whole_parts: bundles of which all bytes have come.
    """

    def __init__(self, desk: TransferDesk, *, length: int) -> None:
        self._desk = desk
        self._length = length
        self._head = bytearray()
        self._request: TransferRequest | None = None
        self._rest: list[_Rest] = []
        self._file: SpoolFile | None = None
        self._slot_of: str | None = None
        self.refusal: ProtocolError | StoreError | None = None
        self.whole_parts = 0
        # Held while a bundle is admitted, so that the end of the body waits for it and does not admit it again.
        self._admitting = threading.Lock()
        self._answers: list[PartAnswer] = []

    @property
    def is_asking(self) -> bool:
        """Whether the signed request is there and has not been decided."""
        if self._request is not None or self.refusal is not None or len(self._head) < LENGTH_BYTES:
            return False
        return len(self._head) >= LENGTH_BYTES + self._ticket_bytes or self._ticket_bytes > TICKET_BYTES

    @property
    def _ticket_bytes(self) -> int:
        return int.from_bytes(self._head[:LENGTH_BYTES])

    def feed(self, data: bytes) -> None:
        """Takes what arrived; what comes before the decision is held in memory, and the caller stops reading."""
        if self.refusal is not None:
            return
        if self._request is None:
            self._head += data
            return
        try:
            self._keep(data)
        except StoreError as error:
            self.refusal = error

    def decide(self) -> None:
        """Judges the request, then keeps what came behind it; afterwards there is a `refusal` or none."""
        ticket = bytes(self._head[LENGTH_BYTES : LENGTH_BYTES + self._ticket_bytes])
        try:
            request = self._desk.judge(ticket, length=self._length)
            if request.content_bytes:
                self._desk.slots.enter(request.node)
                self._slot_of = request.node
                self._make_room(request)
            self._rest = [
                _Rest(part, part.size - part.start, self._is_kept(request.node, part)) for part in request.parts
            ]
        except (ProtocolError, StoreError) as error:
            self.refusal = error
            return
        self._request = request
        behind = bytes(self._head[LENGTH_BYTES + len(ticket) :])
        self._head.clear()
        self.feed(behind)

    def finish(self) -> bytes:
        """Admits what is whole; gives the answer, encoded.

        Raises:
            ProtocolError: the request was refused, or the body ended within it.
            StoreError, TokenError: the centre cannot take it now; what came is kept.
        """
        if self.refusal is not None:
            raise self.refusal
        if self._request is None:
            raise ProtocolError(Code.FIELD_MISSING, "transfer: the body ends before its request does")
        self._close_file()
        node, parts = self._request.node, self._request.parts
        with self._admitting:
            self._admit(node, parts)
            rest = [
                Held(self._desk.spool.held(node, part.digest, size=part.size)) for part in parts[len(self._answers) :]
            ]
            return encode_transfer_answer([*self._answers, *rest])

    def admit_ready(self) -> None:
        """(3) Admits what is whole by now. What goes wrong is left to `finish`, which tries again and says so."""
        if self._request is not None:
            with self._admitting, suppress(StoreError, TokenError):
                self._admit(self._request.node, self._request.parts)

    def close(self) -> None:
        """Lets go of file and slot, whether all came or not; twice does no harm."""
        self._close_file()
        if self._slot_of is not None:
            self._desk.slots.leave(self._slot_of)
            self._slot_of = None

    def _make_room(self, request: TransferRequest) -> None:
        sizes = sum(part.size for part in request.parts)
        digests = [part.digest for part in request.parts]
        self._desk.spool.make_room(request.node, digests, size=sizes, now=self._desk.now())

    def _keep(self, data: bytes) -> None:
        """(2) Each byte goes to its bundle, or nowhere if what lies before it is missing."""
        while data and self._rest:
            rest = self._rest[0]
            mine, data = data[: rest.left], data[rest.left :]
            if mine and rest.is_kept:
                self._open_file(rest.part).write(mine)
            rest.left -= len(mine)
            if not rest.left:
                self._close_file()
                self._rest.pop(0)
                self.whole_parts += 1

    def _is_kept(self, node: str, part: Part) -> bool:
        # A gap would be filled with zeros; what is admitted is not kept twice.
        held = self._desk.spool.held(node, part.digest, size=part.size)
        return part.start <= held and self._desk.answer_to(part.digest) is None

    def _open_file(self, part: Part) -> SpoolFile:
        if self._file is None:
            assert self._request is not None
            node, now = self._request.node, self._desk.now()
            self._file = self._desk.spool.open(node, part.digest, start=part.start, size=part.size, now=now)
        return self._file

    def _admit(self, node: str, parts: Sequence[Part]) -> None:
        while len(self._answers) < len(parts) and not isinstance(next(reversed(self._answers), None), TurnedAway):
            answer = self._answer(node, parts[len(self._answers)])
            if answer is None:
                return
            self._answers.append(answer)

    def _answer(self, node: str, part: Part) -> PartAnswer | None:
        known = self._desk.answer_to(part.digest)
        if known is not None:
            self._desk.spool.drop(node, part.digest)
            return Answered(known)
        sealed = self._desk.spool.whole(node, part.digest, size=part.size)
        if sealed is None:
            return None
        try:
            answer = self._desk.admit(sealed)
        except ProtocolError as error:
            # It stays in the spool: offered again it is judged again, without a byte on the link.
            head = error.head if isinstance(error, PlaceError) else None
            return TurnedAway(encode_problem(error.code, rule=error.rule, head=head))
        self._desk.spool.drop(node, part.digest)
        return Answered(answer)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
